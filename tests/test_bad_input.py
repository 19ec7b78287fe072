"""Mistakes on the command line: one clear line each, exit code 2, and not a file made, changed or left behind."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rasterio import Affine
from safetensors.numpy import save_file

from drawing import NORTH, PIXEL_M, WEST, draw_area, draw_mask, draw_picture, draw_polygons, draw_scene, write_raster
from mistakes import Case, check_mistake
from quick_runs import copy_run

pytestmark = pytest.mark.filterwarnings("ignore:'crs' was not provided")


def recipe(text: str) -> Callable[[Path], object]:
    return lambda here: (here / "mine.yaml").write_text(text)


def town(here: Path) -> Path:
    return draw_area(here / "town", 4)


def town_and(change: Callable[[Path], object]) -> Callable[[Path], object]:
    return lambda here: change(town(here))


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def edit_json(path: Path, **changes: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def write_again(path: Path, values: np.ndarray) -> Path:
    path.unlink()
    return write_raster(path, values, place=False)


def unlabelled(area: Path) -> None:
    """All masks full of 255, but the first, which is of one class."""
    for mask in sorted((area / "masks").iterdir()):
        write_again(mask, np.full((96, 96), 255, np.uint8))
    write_again(area / "masks/0.png", np.full((96, 96), 1, np.uint8))


def scene(here: Path) -> Path:
    return draw_scene(here / "scene.tif")


def scene_and(change: Callable[[Path], object]) -> Callable[[Path], object]:
    return lambda here: (scene(here), change(here))


def scene_in_colors(change: Callable[[Path], object]) -> Callable[[Path], object]:
    def build(here: Path) -> None:
        write_raster(here / "scene.tif", draw_picture(draw_mask(160, 192)), photometric="rgb")
        change(here)

    return build


def trained_on(**facts: object) -> Callable[[Path], object]:
    return lambda here: edit_json(here / "run/model.json", **facts)


def pictures_only(here: Path) -> None:
    write_raster(here / "town/images/0.png", draw_picture(draw_mask()))


def color_masks(area: Path) -> None:
    """Masks of black and red in place of 0 and 255."""
    for mask in sorted((area / "masks").iterdir()):
        red = draw_mask(96, 96)
        write_again(mask, np.stack([red, red * 0, red * 0]))


def classes_of(text: str) -> Callable[[Path], object]:
    return lambda here: (here / "classes.yaml").write_text(text)


def town_with_classes(text: str) -> Callable[[Path], object]:
    return lambda here: (town(here), classes_of(text)(here))


def masks_of_other_names(area: Path) -> None:
    for mask in sorted((area / "masks").iterdir()):
        mask.rename(mask.with_stem(mask.stem + "-mask"))


def polygons_instead_of_masks(
    names: list[str], crs: str | None = "EPSG:32636", east_m: float = 0
) -> Callable[[Path], object]:
    def build(here: Path) -> None:
        draw_scene(here / "town/images/scene.tif")
        for name in names:
            draw_polygons(here / "town" / name, crs=crs, east_m=east_m)

    return build


def polygons_on_a_plain_picture(here: Path) -> None:
    draw_scene(here / "town/images/scene.png")
    draw_polygons(here / "town/labels.geojson")


def complex_pixels(area: Path) -> None:
    write_again(area / "images/1.tif", np.zeros((3, 96, 96), np.complex64))


def another_run(here: Path) -> None:
    town(here)
    (here / "out").mkdir()
    (here / "out/run.json").write_text('{"status": "finished", "data_fingerprint": "other"}')
    (here / "out/recipe.yaml").write_text("task: segment\n")


def two_scores(here: Path) -> None:
    first = here / "run/evaluation.json"
    second = json.loads(first.read_text())
    second["areas"]["town"]["counts"][0][0] += 1
    (here / "other.json").write_text(json.dumps(second))


def two_masks(width: int, other_width: int) -> Callable[[Path], object]:
    def build(here: Path) -> None:
        for name, pixels in (("map.tif", width), ("truth.tif", other_width)):
            write_raster(here / name, draw_mask(64, pixels))

    return build


def data_that_moved(here: Path) -> None:
    text = (here / "run/recipe.yaml").read_text()
    (here / "run/recipe.yaml").write_text(re.sub(r"/[^\s\]]*/town", str(here / "gone/town"), text))


def earlier_map(here: Path) -> None:
    scene(here)
    (here / "maps").mkdir()
    (here / "maps/scene_map.json").write_text('{"limner": "0.1.0", "request": {"tile_px": 256}}')


def chips(*names: str) -> Callable[[Path], object]:
    return lambda here: [write_raster(here / "chips" / name, draw_picture(draw_mask(64, 64))) for name in names]


def one_gray_chip(here: Path) -> None:
    chips("z3_6_0.png")(here)
    write_raster(here / "chips/z3_7_0.png", draw_mask(64, 64))


def chips_beside_the_grid(here: Path) -> None:
    chips("a.tif")(here)
    beside = Affine(PIXEL_M, 0, WEST + 64.5 * PIXEL_M, 0, -PIXEL_M, NORTH)
    write_raster(here / "chips/b.tif", draw_picture(draw_mask(64, 64)), transform=beside)


TRAIN = "train segment/demo --epochs 1 --steps-per-epoch 1 --batch 1 --data town"  # quick, should it be trained
TRAIN_SCENE = "train segment/demo --data scene.tif --labels roofs.gpkg"
RESIDUAL = f"{TRAIN} --network.name residual-unet"
SEGMENT = "segment run scene.tif"
REFINE = "refine run scene.tif --epochs 1 --steps-per-epoch 1"
RECIPES = [
    Case("unknown recipe", "train segment/modren --data town",
         r"no recipe 'segment/modren'.* did you mean 'segment/modern'\?", town),
    Case("folder as recipe", "train town", r"'town' is a folder.* a recipe is a YAML file", town),
    Case("unknown key", "train mine.yaml", r"mine.yaml:2: unknown setting 'epoch'; did you mean 'epochs'\?",
         recipe("task: segment\nepoch: 3\n")),
    Case("unknown nested key", "train mine.yaml", r"mine.yaml:3: unknown setting 'data.tile'; did you mean",
         recipe("task: segment\ndata:\n  tile: 3\n")),
    Case("wrong type", "train mine.yaml", r"mine.yaml:2: epochs is 'many'; it must be a whole number",
         recipe("task: segment\nepochs: many\n")),
    Case("list for a value", "train mine.yaml", r"mine.yaml:2: epochs needs one value",
         recipe("task: segment\nepochs: [1, 2]\n")),
    Case("list for a section", "train mine.yaml", r"mine.yaml:2: 'data' needs 'key: value' lines below it, got a list$",
         recipe("task: segment\ndata: [town]\n")),
    Case("out of bounds", "train mine.yaml", r"mine.yaml:2: epochs is 0; it must be at least 1",
         recipe("task: segment\nepochs: 0\n")),
    Case("key given twice", "train mine.yaml", r"mine.yaml:3: 'epochs' is given twice",
         recipe("task: segment\nepochs: 1\nepochs: 2\n")),
    Case("broken YAML", "train mine.yaml", r"mine.yaml:3: not YAML", recipe("task: segment\ndata: {paths: [\n")),
    Case("a list as key", "train mine.yaml", r"mine.yaml:2: a list or a section stands where a key is needed",
         recipe("task: segment\n[a, b]: 1\n")),
    Case("unknown task", "train mine.yaml", r"mine.yaml:1: unknown task 'paint'", recipe("task: paint\n")),
    Case("list as task", "train mine.yaml", r"mine.yaml:1: task needs one name, got a list",
         recipe("task: [segment]\n")),
    Case("no task", "train mine.yaml", r"mine.yaml:1: no 'task:'", recipe("epochs: 1\n")),
    Case("empty recipe", "train mine.yaml", r"mine.yaml:1: a recipe is 'key: value' lines", recipe("")),
    Case("binary recipe", "train mine.yaml", r"mine.yaml: not a text file",
         lambda here: (here / "mine.yaml").write_bytes(bytes(range(128, 256)))),
    Case("control characters", "train mine.yaml", r"mine.yaml: not YAML",
         lambda here: (here / "mine.yaml").write_bytes(b"task: \x00\x01")),
]  # fmt: skip
OVERRIDES = [
    Case("override of wrong type", f"{TRAIN} --epochs many", r"--epochs: epochs is 'many'", town),
    Case("override of unknown key", f"{TRAIN} --data.tile 64",
         r"--data.tile: no such setting; did you mean --data.tile-px\?", town),
    Case("unknown network", f"{TRAIN} --network.name lite-unit",
         r"--network.name: unknown network 'lite-unit'; did you mean 'lite-unet'\?", town),
    Case("unknown network option", f"{TRAIN} --network.depth 34",
         r"--network.depth: unknown option 'depth' of network lite-unet", town),
    Case("impossible depth", f"{TRAIN} --network.name residual-unet --network.depth 35",
         r"residual-unet has no depth 35; choose one of 18, 34", town),
    Case("impossible depth of unet", f"{TRAIN} --network.name unet --network.depth 23",
         r"unet has no depth 23; choose one of 19, 35", town),
    Case("no weights of that depth", f"{RESIDUAL} --network.depth 200 --network.pretrained",
         r"no ImageNet weights of depth 200; pretrained takes a depth of 18", town),
    Case("weights that pool otherwise", f"{RESIDUAL} --network.pretrained --network.pool 2",
         r"pretrained with pool 2; ImageNet's weights need pool 3", town),
    Case("weights twice", f"{RESIDUAL} --network.pretrained --network.weights own.pth",
         r"both pretrained and weights; give one", town),
    Case("weights missing", f"{RESIDUAL} --network.weights gone.pth",
         r"gone.pth: no such file; give the path of a file of weights", town),
    Case("text as weights", f"{RESIDUAL} --network.weights town/own.pth", r"own.pth: cannot be read as weights",
         town_and(lambda area: (area / "own.pth").write_text("hello"))),
    Case("encoder weights of another network", f"{RESIDUAL} --network.weights town/own.safetensors",
         r"own.safetensors: has no conv1.weight; needed",
         town_and(lambda area: save_file({"a": np.zeros(2)}, area / "own.safetensors"))),
    Case("loose word", f"{TRAIN} --epochs 3 4", r"'4'.*expected a setting", town),
    Case("loose word first", "train segment/demo 34 --data town", r"'34'.*expected a setting", town),
    Case("crop not a multiple of 32", f"{TRAIN} --data.crop-px 65", r"data.crop_px is 65; it must be a multiple of 32",
         town),
    Case("crop larger than tile", f"{TRAIN} --data.crop-px 512", r"data.crop_px 512 is larger than data.tile_px 364",
         town),
    Case("negative learning rate", f"{TRAIN} --optimizer.learning-rate -1",
         r"optimizer adamw cannot be made: invalid learning rate: -1.0", town),
    Case("impossible smoothing", f"{TRAIN} --loss.name cross-entropy --loss.label-smoothing 2",
         r"label_smoothing 2.0; it must be between 0 and 1", town),
    Case("too many class weights", f"{TRAIN} --loss.name cross-entropy --loss.weights 1,2,3",
         r"a loss got weights \[1, 2, 3\] for 2 classes; give one weight for each", town),
    Case("negative class weight", f"{TRAIN} --loss.name cross-entropy --loss.weights 1,-2",
         r"weights \[1, -2\]; each must be a number of 0 or more", town),
    Case("class weights all 0", f"{TRAIN} --loss.name cross-entropy-dice --loss.weights 0,0",
         r"weights \[0, 0\]; .*one above 0", town),
    Case("unknown rule of class weights", f"{TRAIN} --loss.name cross-entropy --loss.class-weights median-frequencies",
         r"loss.class_weights is 'median-frequencies'; did you mean 'median-frequency'\?", town),
    Case("class weights given twice",
         f"{TRAIN} --loss.name cross-entropy --loss.weights 1,2 --loss.class-weights median-frequency",
         r"both weights and class_weights median-frequency; give one", town),
    Case("option that dice has not", f"{TRAIN} --loss.name dice --loss.weights 1,2",
         r"unknown option 'weights' of loss dice", town),
    Case("boundary without width", f"{TRAIN} --loss.name cross-entropy-boundary --loss.sigma-px 0",
         r"sigma_px 0.0; it must be above 0 and at most 100 px", town),
    Case("negative boundary weight", f"{TRAIN} --loss.name cross-entropy-boundary --loss.boundary-weight -1",
         r"boundary_weight -1.0; it must be a number of 0 or more", town),
    Case("negative dice weight", f"{TRAIN} --loss.name cross-entropy-dice --loss.dice-weight -1",
         r"dice_weight -1.0; it must be a number of 0 or more", town),
    Case("unknown loss", f"{TRAIN} --loss.name focal", r"--loss.name: unknown loss 'focal'; known: cross-entropy, ",
         town),
    Case("balance of neither", f"{TRAIN} --data.classes-balanced maybe",
         r"data.classes_balanced is 'maybe'; it must be true or false", town),
    Case("impossible schedule", f"{TRAIN} --schedule.name staircase --schedule.every-epochs 0",
         r"staircase got every_epochs 0.0", town),
    Case("one class", f"{TRAIN} --data.classes building", r"data.classes is building; give at least two", town),
    Case("unknown option", f"{SEGMENT} --tilepx 64",
         r"limner segment has no option --tilepx; did you mean '--tile-px'", scene, run=True),
]  # fmt: skip
COMMANDS = [
    Case("unknown verb", "trian segment/modern", r"no verb 'trian'; did you mean 'train'\?"),
    Case("no arguments", "segment", r"RUN is missing: A run's folder.*; for example: limner segment"),
    Case("text for a number", f"{SEGMENT} --batch many", r"--batch is 'many'; needed: a whole number", scene, run=True),
    Case("unknown word", f"{SEGMENT} --normalize sometimes",
         r"--normalize is 'sometimes'; needed: auto, run or scene", scene, run=True),
    Case("no bands", "networks segment --channels 0", r"channels is 0"),
    Case("one class of network", "networks segment --classes 1", r"classes is 1"),
    Case("no network", "inspect unett", r"no run and no network 'unett'; did you mean 'unet'\?; your own: FILE"),
    Case("no file of a network", "inspect mine.py:Net", r"mine.py: no such file; needed: FILE.py:NAME"),
    Case("no size", "inspect unet --input 3x", r"--input is '3x'; needed: bands x height x width, such as 3x224x224"),
    Case("no option of a network", "inspect unet --network.depht 3", r"unknown option 'depht'.*did you mean 'depth'"),
    Case("a setting for a network", "inspect unet --depth 3", r"--depth: needed: an option of the network"),
    Case("no way of sharing", "inspect unet --compare sparse", r"'sparse'; needed: dense, local, tiled"),
]  # fmt: skip
STUDIES = [
    Case("experiment without its prefix", "study pooling",
         r"no recipe 'pooling'; did you mean the experiment convnets/pooling"),
]  # fmt: skip
DATA = [
    Case("no data", "train segment/demo", r"no data: add --data FOLDER"),
    Case("no such folder", TRAIN, r"town: no such file or folder"),
    Case("empty folder", TRAIN, r"town: the folder is empty", lambda here: (here / "town").mkdir()),
    Case("folder without pictures", TRAIN, r"town: no pictures found",
         lambda here: (here / "town/notes").mkdir(parents=True)),
    Case("folders of classes", TRAIN, r"town: its folders hold pictures and no masks, as of classes: .*classify/\.\.\.",
         lambda here: write_raster(here / "town/roofs/1.png", draw_mask(32, 32))),
    Case("pictures without masks", TRAIN, r"town: pictures without any labels; needed is masks/", pictures_only),
    Case("masks of other names", TRAIN, r"masks: no mask has the name of a picture", town_and(masks_of_other_names)),
    Case("mask of another size", TRAIN, r"1.png: is 64 x 96 pixels, but its picture .*1.tif is 96 x 96",
         town_and(lambda area: write_again(area / "masks/1.png", draw_mask(64, 96)))),
    Case("class number too high", TRAIN, r"the labels are 8 classes without names; name them with --classes",
         town_and(lambda area: write_again(area / "masks/1.png", draw_mask(96, 96) // 36))),
    Case("colored masks", TRAIN, r"1.png: a color picture of \d+ colors is a photograph or was saved as JPEG",
         town_and(lambda area: write_again(area / "masks/1.png", draw_picture(draw_mask(96, 96))))),
    Case("colors that nothing explains", TRAIN,
         r"0.png: a mask that is a color picture of 2 colors; say what they mean in a classes.yaml",
         town_and(color_masks)),
    Case("a color without a meaning", TRAIN,
         r"0.png: the color #FF0000 \(\d+.\d% of its pixels\) means no class; add it to a class, or to 'ignore'",
         lambda here: (color_masks(town(here)), classes_of('classes: {a: "#000000", b: "#00FF00"}')(here))),
    Case("colors given as numbers", TRAIN, r"0.png: is a color picture, but the classes are given as numbers",
         lambda here: (color_masks(town(here)), classes_of("classes: [a, b]")(here))),
    Case("a number without a meaning", TRAIN, r"1.png: a mask with the value 7, which means no class",
         lambda here: (write_again(town(here) / "masks/1.png", draw_mask(96, 96) // 255 * 7),
                       classes_of("classes: {a: 0, b: 255}")(here))),
    Case("class file that ignores the objects", TRAIN,
         r"0.png: holds 0 and 255, and classes.yaml leaves 255 ignored; write what it means, such as 'b: 255'",
         town_with_classes("classes: [a, b]")),
    Case("left out and other data", "evaluate run --left-out --data town",
         r"--left-out scores the areas that the recipe left out", town, run=True),
    Case("no meters to bring pictures to", f"{TRAIN} --to-ground-m 0", r"--to-ground-m is 0; needed: meters", town),
    Case("class file with a comment for a color", TRAIN, r"classes.yaml:1: class a has no meaning; colors need quotes",
         town_with_classes("classes: {a: , b: 1}")),
    Case("class file with a strange key", TRAIN, r"classes.yaml:2: 'colours' is neither 'classes' nor 'ignore'",
         town_with_classes("classes: [a, b]\ncolours: {}")),
    Case("class file of one class", TRAIN, r"classes.yaml:1: 1 classes \(a\); needed are 2 or more",
         town_with_classes("classes: [a]")),
    Case("class file that is no YAML", TRAIN, r"classes.yaml:1: not YAML", town_with_classes("classes: [a")),
    Case("color that is none", TRAIN, r"classes.yaml:1: '#12345' is no color",
         town_with_classes('classes: {a: "#12345", b: 1}')),
    Case("class file that is not there", f"{TRAIN} --classes gone.yaml",
         r"gone.yaml: no such file; needed is a classes.yaml", town),
    Case("target of another name", f"{TRAIN} --target building",
         r"--target building: no class is called so; known: land, roof",
         town_with_classes("classes: {land: 0, roof: 255}")),
    Case("masks elsewhere", "train segment/modern --data town --masks labels",
         r"town: pictures without any labels; needed is labels/", town),
    Case("groups that say nothing", "train segment/modern --data town --group ^night",
         r"--group \^night: says no area for 0.tif", town),
    Case("groups of a broken expression", f"{TRAIN} --group [", r"--group \[: not a regular expression", town),
    Case("groups by unknown ground", f"{TRAIN} --group ground", r"--group ground: .*0.tif has no georeference", town),
    Case("area that is not there", f"{TRAIN} --leave-out villlage",
         r"--leave-out villlage: no area is called so; known: town", town),
    Case("all areas left out", f"{TRAIN} --leave-out town", r"no area is left of town", town),
    Case("nothing left out to score", "evaluate run --left-out", r"run: its recipe left no area out", run=True),
    Case("reading without data", "evaluate run --masks labels",
         r"--masks says how --data is read, but there is no --data", run=True),
    Case("field that is not there", TRAIN_SCENE + " --label-field kind",
         r"roofs.gpkg: has no field 'kind' to tell the class; its fields are none",
         scene_and(lambda here: draw_polygons(here / "roofs.gpkg"))),
    Case("ground of plain pictures", f"{TRAIN} --to-ground-m 0.5",
         r"0.tif: does not say how many meters a pixel covers", town),
    Case("mosaic of plain pictures", f"{TRAIN} --mosaic", r"0.tif: has no georeference, so its folder is not one scene",
         town),
    Case("band to train on that is not there", f"{TRAIN} --bands 1,2,9", r"0.tif: has no band 9", town),
    Case("words for bands to train on", f"{TRAIN} --bands red,green",
         r"--bands got 'red'; needed: numbers of bands from 1", town),
    Case("mask of another place", "train segment/demo --data scene.tif --labels mask.tif",
         r"mask.tif: lies elsewhere than its picture",
         scene_and(lambda here: write_raster(here / "mask.tif", draw_mask(160, 192),
                                             transform=Affine(0.5, 0, 900_000, 0, -0.5, 4_000_000)))),
    Case("truncated picture", TRAIN, r"1.tif: cannot read its pixels .*is the file whole",
         town_and(lambda area: cut_short(area / "images/1.tif"))),
    Case("truncated mask", TRAIN, r"1.png: the file is cut short",
         town_and(lambda area: cut_short(area / "masks/1.png"))),
    Case("empty file", TRAIN, r"1.tif: the file is empty \(0 bytes\)",
         town_and(lambda area: (area / "images/1.tif").write_bytes(b""))),
    Case("text named .tif", TRAIN, r"1.tif: not a picture that can be read",
         town_and(lambda area: (area / "images/1.tif").write_text("hello"))),
    Case("different bands", TRAIN, r"1.tif: has 4 bands of uint8, but .* has 3",
         town_and(lambda area: write_again(area / "images/1.tif", draw_picture(draw_mask(96, 96), 4)))),
    Case("complex numbers", TRAIN, r"1.tif: pixels of type complex64; needed", town_and(complex_pixels)),
    Case("nothing labelled", TRAIN, r"label", town_and(unlabelled)),
    Case("polygons elsewhere", TRAIN, r"labels.geojson: none of its polygons lies on scene.tif",
         polygons_instead_of_masks(["labels.geojson"], east_m=9000)),
    Case("polygons without reference system", TRAIN, r"labels.gpkg: has no coordinate reference system",
         polygons_instead_of_masks(["labels.gpkg"], None)),
    Case("polygons on a plain picture", TRAIN, r"scene.png: has no georeference", polygons_on_a_plain_picture),
    Case("two vector files", TRAIN, r"town: 2 vector files \(a.geojson, b.geojson\)",
         polygons_instead_of_masks(["a.geojson", "b.geojson"])),
    Case("scene without labels", "train segment/demo --data scene.tif", r"scene.tif: a single scene needs its labels",
         scene),
    Case("labels missing", "train segment/demo --data scene.tif --labels gone.gpkg", r"gone.gpkg: no such file", scene),
    Case("within missing", f"{TRAIN} --within gone.gpkg", r"gone.gpkg: no such file", town),
    Case("the same place twice", f"{TRAIN} --data town", r"town: given twice", town),
]  # fmt: skip
OUT = [
    Case("out below a file", f"{TRAIN} --out town/images/0.tif/run", r"cannot write below .*0.tif: it is a file", town),
    Case("out is a file", f"{TRAIN} --out town/images/0.tif", r"--out .*0.tif: is a file; a run needs a folder", town),
    Case("out holds another run", f"{TRAIN} --out out",
         r"--out out: holds a run with another recipe or other data.*--overwrite", another_run),
    Case("out holds other files", f"{TRAIN} --out town", r"--out town: holds other files", town),
    Case("maps below a file", f"{SEGMENT} --out scene.tif/maps", r"cannot write below .*scene.tif: it is a file", scene,
         run=True),
    Case("maps into a file", f"{SEGMENT} --out scene.tif", r"cannot write below .*scene.tif: it is a file", scene,
         run=True),
    Case("another map there", SEGMENT, r"maps/scene_map.json: is of an earlier limner.*--overwrite",
         earlier_map, run=True),
    Case("evaluation below a file", "evaluate run --out run/run.json/x.json", r"cannot write below .*run.json",
         run=True),
    Case("errors as png", "score map.tif truth.tif --errors wrong.png", r"wrong.png: error maps are GeoTIFFs",
         two_masks(64, 64)),
    Case("sheet below a file", "check town --out town/images/0.tif/sheet.png", r"cannot write below .*0.tif", town),
    Case("sheet as text", "check town --out sheet.txt", r"sheet.txt: .*\.png", town),
    Case("errors onto a file", "evaluate run --data town --errors run/run.json",
         r"run/run.json: the pictures of errors need a folder, but run/run.json is a file", town, run=True),
    Case("errors below a file", "evaluate run --errors run/run.json/errors",
         r"need a folder, but run/run.json is a file", run=True),
    Case("unknown column", "compare run --columns f1,dice",
         r"no column 'dice'; choose of f1, acc, iou, precision, recall", run=True),
    Case("no columns", "compare run --columns ,", r"no columns; choose of f1", run=True),
    Case("unknown class", "compare run --class roof", r"no class 'roof'; the evaluations have background, ", run=True),
    Case("gains of one run", "compare run --gains", r"gains need something to gain on, but there is only run",
         run=True),
    Case("comparison below a file", "compare run --out run/run.json/t.md", r"cannot write below .*run.json", run=True),
    Case("comparison as spreadsheet", "compare run --out table.xlsx",
         r"table.xlsx: tables are written as .md, .csv, .tex", run=True),
]  # fmt: skip
RUNS = [
    Case("no such run", "segment runs/gone scene.tif",
         r"no run 'runs/gone': give a run's folder, 'last', or a bundled model", scene),
    Case("scenes and no run", "segment scene.tif other.tif",
         r"scene.tif: a file, not a run: give a run's folder, 'last', or a bundled model", scene),
    Case("a run's name mistyped", "segment lsat scene.tif", r"no run 'lsat': did you mean 'last'\?", scene),
    Case("no such run of a room without bundled models", "generate runs/gone",
         r"no run 'runs/gone': give a run's folder or 'last'$"),
    Case("a folder in the place of what is drawn", "draw world2",
         r"WHAT is 'world2'; needed: world; for example: limner draw world"),
    Case("not a run", "segment town scene.tif", r"town: no model.json \(it is not a run's folder\)",
         town_and(lambda area: scene(area.parent))),
    Case("no model yet", SEGMENT, r"run: no model.json \(its training has not got that far\)",
         scene_and(lambda here: (here / "run/model.json").unlink()), run=True),
    Case("no weights", SEGMENT, r"model.safetensors: cannot be read",
         scene_and(lambda here: (here / "run/model.safetensors").unlink()), run=True),
    Case("damaged weights", SEGMENT, r"model.safetensors: cannot be read",
         scene_and(lambda here: cut_short(here / "run/model.safetensors")), run=True),
    Case("weights of another network", SEGMENT, r"model.safetensors does not fit model.json",
         scene_and(trained_on(channels=4, bands=None, statistics={"mean": [9] * 4, "deviation": [1] * 4})),
         run=True),
    Case("newer format", SEGMENT, r"written by a newer limner \(format 99",
         scene_and(lambda here: edit_json(here / "run/model.json", format_version=99)), run=True),
    Case("broken model.json", SEGMENT, r"model.json: not valid JSON",
         scene_and(lambda here: cut_short(here / "run/model.json")), run=True),
    Case("incomplete model.json", SEGMENT, r"model.json: says nothing of network, channels.*damaged",
         scene_and(lambda here: (here / "run/model.json").write_text('{"format_version": 1, "task": "segment"}')),
         run=True),
    Case("list as model.json", SEGMENT, r"model.json: holds no named values",
         scene_and(lambda here: (here / "run/model.json").write_text("[]")), run=True),
    Case("last without runs", "segment last scene.tif", r"'last' names the newest run in runs/, and there is none yet",
         scene),
    Case("run without recipe", "evaluate run", r"recipe", lambda here: (here / "run/recipe.yaml").unlink(), run=True),
    Case("data that has gone", "evaluate run", r"gone/town: no such file or folder", data_that_moved, run=True),
    Case("data of other bands", "evaluate run --data town", r"4 bands.* trained on 3",
         lambda here: draw_area(here / "town", 2, bands=4), run=True),
]  # fmt: skip
SCENES = [
    Case("no such scene", SEGMENT, r"scene.tif: no such scene", run=True),
    Case("folder as scene", "segment run town",
         r"town/images/0.tif: has no georeference, so its folder is not one scene", town, run=True),
    Case("truncated scene", SEGMENT, r"scene.tif: cannot read its pixels",
         scene_and(lambda here: cut_short(here / "scene.tif")), run=True),
    Case("text as scene", SEGMENT, r"scene.tif: not a picture", lambda here: (here / "scene.tif").write_text("hello"),
         run=True),
    Case("second scene broken", "segment run scene.tif other.tif", r"other.tif: not a picture",
         scene_and(lambda here: (here / "other.tif").write_text("hello")), run=True),
    Case("two scenes of one name", "segment run scene.tif other/scene.tif", r"two scenes called scene .*another --out",
         scene_and(lambda here: draw_scene(here / "other/scene.tif", seed=1)), run=True),
    Case("all nodata", f"{SEGMENT} --normalize run", r"no data in scene.tif",
         lambda here: write_raster(here / "scene.tif", np.zeros((3, 160, 160), np.uint8), nodata=0), run=True),
    Case("all nodata, own colors", f"{SEGMENT} --normalize scene", r"scene.tif: no pixel holds data",
         lambda here: write_raster(here / "scene.tif", np.zeros((3, 160, 160), np.uint8), nodata=0), run=True),
    Case("too many bands", SEGMENT, r"scene.tif: has 4 bands, the network was trained on 3",
         lambda here: draw_scene(here / "scene.tif", bands=4), run=True),
    Case("too few bands", SEGMENT, r"scene.tif: has 1 band, the network was trained on 3",
         lambda here: draw_scene(here / "scene.tif", bands=1), run=True),
    Case("scene without such a band", f"{SEGMENT} --bands 3,2,7",
         r"scene.tif: has no band 7 \(its bands are 1 to 3; alpha is not counted\)", scene, run=True),
    Case("chips folder without pictures", "segment run chips", r"chips: is a folder without pictures; name a scene",
         lambda here: (here / "chips").mkdir(), run=True),
    Case("folder of plain pictures", "segment run chips",
         r"chips/a.png: has no georeference, so its folder is not one scene", chips("a.png", "b.png"), run=True),
    Case("tile beyond the map", "segment run chips", r"chips/z3_8_0.png: has no georeference",
         chips("z3_7_0.png", "z3_8_0.png"), run=True),
    Case("chips of several zooms", "segment run chips",
         r"chips: holds chips of several resolutions .*put each zoom in a folder of its own",
         chips("z3_7_0.png", "z4_15_0.png"), run=True),
    Case("chips of different bands", "segment run chips",
         r"chips/z3_7_0.png: bands 1, but z3_6_0.png has 3; all chips need the same bands", one_gray_chip, run=True),
    Case("chips on several grids", "segment run chips",
         r"chips/b.tif: lies 0.50 pixels beside the grid of a.tif; .*gdalwarp", chips_beside_the_grid, run=True),
    Case("chip cut short", "segment run chips", r"chips/z3_6_0.png: the file is cut short",
         lambda here: (chips("z3_6_0.png", "z3_7_0.png")(here), cut_short(here / "chips/z3_6_0.png")), run=True),
    Case("bands that are no numbers", f"{SEGMENT} --bands red,green,blue",
         r"--bands got 'red'; needed: numbers of bands from 1, such as 3,2,1", scene, run=True),
    Case("band zero", f"{SEGMENT} --bands 0,1,2", r"--bands got '0'; needed: numbers of bands from 1", scene, run=True),
    Case("a band twice", f"{SEGMENT} --bands 1 --bands 2,2", r"--bands 1,2,2 names a band twice", scene, run=True),
    Case("a band that is not there", f"{SEGMENT} --bands 1,2,4", r"scene.tif: has no band 4 \(its bands are 1 to 3",
         scene, run=True),
    Case("two bands for three", f"{SEGMENT} --bands 3,2", r"--bands 3,2 has 2; the network was trained on 3", scene,
         run=True),
    Case("infrared beside the colors", SEGMENT,
         r"scene.tif: has 4 bands, .*trained on 3.*; choose those that stand for them, such as --bands 1,2,3",
         lambda here: draw_scene(here / "scene.tif", bands=4), run=True),
    Case("bands in another order", SEGMENT,
         r"its bands are red, green, blue; the run was trained on blue, green, red; add --bands 3,2,1",
         scene_in_colors(trained_on(bands=["blue", "green", "red"])), run=True),
    Case("other bands", SEGMENT,
         (r"its bands are red, green, blue; the run was trained on nir, red, green; say which stand for them, such as "
          r"--bands 1,2,3"), scene_in_colors(trained_on(bands=["nir", "red", "green"])), run=True),
    Case("second scene of other bands", "segment run scene.tif other.tif", r"other.tif: has 4 bands",
         scene_and(lambda here: draw_scene(here / "other.tif", bands=4)), run=True),
    Case("no meters", f"{SEGMENT} --ground-m 0", r"--ground-m is 0; needed: the meters that a pixel covers, above 0",
         scene, run=True),
    Case("meters with a unit", f"{SEGMENT} --ground-m 0.3m",
         r"--ground-m is '0.3m'; needed: a number", scene, run=True),
    Case("far too coarse", SEGMENT,
         (r"scene.tif: 0.5 m a pixel is 10 times coarser than what the run was trained at \(0.05 m\); 8 times can be "
          r"resampled"), scene_and(trained_on(ground_range_m=[0.05, 0.05])), run=True),
    Case("far too fine", f"{SEGMENT} --ground-m 0.01",
         r"scene.tif: 0.01 m a pixel is 50 times finer than .*\(0.5 to 0.6 m\)",
         scene_and(trained_on(ground_range_m=[0.5, 0.6])), run=True),
    Case("tile not a multiple of 32", f"{SEGMENT} --tile-px 100", r"tile_px is 100; needed: a multiple of 32", scene,
         run=True),
    Case("overlap as large as the tile", f"{SEGMENT} --tile-px 128 --overlap-px 128",
         r"overlap_px is 128 and tile_px 128", scene, run=True),
    Case("no batch", f"{SEGMENT} --batch 0", r"batch is 0; needed: 1 tile or more", scene, run=True),
    Case("negative area", f"{SEGMENT} --minimum-area-px -1", r"minimum_area_px is -1", scene, run=True),
    Case("threshold 2", f"{SEGMENT} --threshold 2", r"--threshold 2.0: needs .* between 0 and 1", scene, run=True),
    Case("unknown device", f"{SEGMENT} --device banana", r"device is 'banana'; needed: auto, cpu or cuda", scene,
         run=True),
    Case("absent GPU", f"{SEGMENT} --device cuda:99", r"device is 'cuda:99', but \d+ CUDA devices are here", scene,
         run=True),
    Case("refine without labels", f"{REFINE}", r"give either --labels FILE .* or --fraction", scene, run=True),
    Case("refine without truth", f"{REFINE} --fraction 0.1", r"--fraction annotates from the truth: add --truth", scene,
         run=True),
    Case("fraction 1.5", f"{REFINE} --fraction 1.5 --truth truth.tif", r"--fraction is 1.5; it must be a share",
         scene_and(lambda here: write_raster(here / "truth.tif", draw_mask())), run=True),
    Case("refine with missing labels", f"{REFINE} --labels gone.gpkg", r"gone.gpkg: no such file", scene, run=True),
    Case("refine with missing truth", f"{REFINE} --labels some.geojson --truth gone.tif", r"gone.tif: no such file",
         scene_and(lambda here: draw_polygons(here / "some.geojson")), run=True),
    Case("refine with polygons elsewhere", f"{REFINE} --labels some.gpkg",
         r"some.gpkg: none of its polygons lies on scene.tif",
         scene_and(lambda here: draw_polygons(here / "some.gpkg", east_m=9000)), run=True),
    Case("refine on other bands", f"{REFINE} --labels some.gpkg",
         r"scene.tif: has 4 bands, the network was trained on 3.*; choose those that stand for them, such as --bands",
         lambda here: (draw_scene(here / "scene.tif", bands=4), draw_polygons(here / "some.gpkg")), run=True),
]  # fmt: skip
SCORES = [
    Case("maps of another size", "score map.tif truth.tif", r"map.tif and truth.tif: 64 x 64 and 96 x 64 pixels",
         two_masks(64, 96)),
    Case("no map", "score map.tif truth.tif", r"map.tif: no such file or folder"),
    Case("truth without reference system", "score map.tif truth.gpkg",
         r"truth.gpkg: has no coordinate reference system",
         lambda here: (write_raster(here / "map.tif", draw_mask()), draw_polygons(here / "truth.gpkg", crs=None))),
    Case("within missing in a score", "score map.tif truth.tif --within gone.gpkg", r"gone.gpkg: .*(?i:no such file)",
         two_masks(64, 64)),
    Case("folders that do not pair", "score maps truth", r"maps: no map for 1 of 1 truths",
         lambda here: (write_raster(here / "maps/a.tif", draw_mask()),
                       write_raster(here / "truth/b.tif", draw_mask()))),
    Case("text as truth", "score map.tif truth.txt", r"truth.txt: cannot be scored",
         lambda here: (write_raster(here / "map.tif", draw_mask()), (here / "truth.txt").write_text("hello"))),
    Case("text as map", "score map.txt truth.tif", r"map.txt: cannot be scored",
         lambda here: (write_raster(here / "truth.tif", draw_mask()), (here / "map.txt").write_text("hello"))),
    Case("scored on other pixels", "compare run other.json", r"run and other are not scored alike: area town",
         two_scores, run=True),
    Case("not evaluated", "compare run", r"evaluation.json: no evaluation there; run limner evaluate run",
         lambda here: (here / "run/evaluation.json").unlink(), run=True),
    Case("not an evaluation", "compare some.json", r"some.json: holds no scores of pictures",
         lambda here: (here / "some.json").write_text("{}")),
    Case("nothing to compare", "compare", r"(?i)runs"),
]  # fmt: skip
CASES = [*COMMANDS, *STUDIES, *RECIPES, *OVERRIDES, *DATA, *OUT, *RUNS, *SCENES, *SCORES]


@pytest.mark.parametrize("case", CASES, ids=[case.name.replace(" ", "-") for case in CASES])
def test_a_mistake_gives_one_line_and_leaves_nothing(
    case: Case, here: Path, limner: Callable[..., tuple[int, str, str]], trained: Path
) -> None:
    if case.run:
        copy_run(trained, here / "run")
    check_mistake(case, here, limner)


def test_the_table_has_no_two_cases_of_one_name() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 35
