"""Mistakes with `limner recolor`: one clear line each, and nothing left behind; odd photos that are no mistakes."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from PIL import Image

from broken_photos import all_nan, huge_png, of_bands, of_type, transparent
from drawing import draw_mask as draw_squares
from drawing import draw_picture, draw_scene, write_raster
from drawn_photos import DAY, EVENING, draw_colors, draw_mask, draw_photo, pixels_of
from drawn_videos import encode, moving_gradient
from limner.photos.deep_files import write_tiff
from limner.photos.photos import read_photo
from mistakes import Case, check_mistake, everything_below
from profile_files import cmyk_profile
from quick_runs import copy_run

PLAIN = "recolor a.png --like b.png"
QUICK = f"{PLAIN} --method mkl"


def photos(here: Path) -> None:
    """The target a.png and the reference b.png."""
    draw_photo(here / "a.png")
    draw_photo(here / "b.png", EVENING, 30, 40)


def photos_and(*more: Callable[[Path], object]) -> Callable[[Path], object]:
    def build(here: Path) -> None:
        photos(here)
        for change in more:
            change(here)

    return build


def target(write: Callable[[Path], object], name: str = "a.png") -> Callable[[Path], object]:
    """The reference, and a target written by ``write``."""

    def build(here: Path) -> None:
        draw_photo(here / "b.png", EVENING, 30, 40)
        write(here / name)

    return build


def file(name: str, content: str | bytes = "") -> Callable[[Path], object]:
    return lambda here: (here / name).write_bytes(content.encode() if isinstance(content, str) else content)


def photo(name: str, **drawn: object) -> Callable[[Path], object]:
    return lambda here: draw_photo(here / name, **drawn)


def mask(name: str, rows: slice = slice(0, 9), **size: int) -> Callable[[Path], object]:
    return lambda here: draw_mask(here / name, rows, **size)


def folder(name: str) -> Callable[[Path], object]:
    return lambda here: (here / name).mkdir()


def first_half(name: str) -> Callable[[Path], object]:
    def cut(here: Path) -> None:
        draw_photo(here / name, EVENING)
        (here / name).write_bytes((here / name).read_bytes()[:400])

    return cut


def clip(here: Path) -> None:
    encode(here / "clip.mp4", moving_gradient(3))


def two_folders(here: Path) -> None:
    photos(here)
    for name in ("first/frames/1.png", "second/frames/1.png"):
        draw_photo(here / name)


def scenes(bands: int = 3) -> Callable[[Path], object]:
    def build(here: Path) -> None:
        draw_scene(here / "scene.tif", 64, 64)
        draw_scene(here / "other.tif", 64, 64, bands=bands, seed=1)

    return build


def two_scenes_of_one_name(here: Path) -> None:
    draw_scene(here / "north/scene.tif", 64, 64)
    draw_scene(here / "south/scene.tif", 64, 64)
    draw_scene(here / "other.tif", 64, 64)


def without_colors(here: Path) -> None:
    draw_scene(here / "scene.tif", 64, 64)
    (here / "run/colors.safetensors").unlink()
    text = (here / "run/recipe.yaml").read_text()
    (here / "run/recipe.yaml").write_text(text.replace("/town", "/gone"))


SMALL_LOOK = "LUT_3D_SIZE 2\n" + "0.5 0.5 0.5\n" * 8
PICTURES = [
    Case("text as picture", PLAIN, r"a.png: not a photo, whatever its name; needed: JPEG, PNG",
         target(lambda path: path.write_text("hello"))),
    Case("empty picture", PLAIN, r"a.png: the file is empty \(0 bytes\)", target(lambda path: path.write_bytes(b""))),
    Case("truncated picture", PLAIN, r"a.png: the photo is cut short or damaged",
         target(lambda path: first_half(path.name)(path.parent))),
    Case("transparent picture", PLAIN, r"a.png: no visible pixel", target(transparent)),
    Case("nothing but NaN", "recolor a.tif --like b.png", r"a.tif: no visible pixel", target(all_nan, "a.tif")),
    Case("huge dimensions", PLAIN, r"a.png: 60000 x 60000 pixels; a photo has at most 500 million", target(huge_png)),
    Case("two bands", "recolor a.tif --like b.png", r"a.tif: 2 bands, of which the last is not marked as alpha",
         target(of_bands(2), "a.tif")),
    Case("five bands", "recolor a.tif --like b.png", r"a.tif: 5 bands; a photo has gray or RGB",
         target(of_bands(5), "a.tif")),
    Case("whole numbers below 0", "recolor a.tif --like b.png", r"a.tif: pixels of type int16",
         target(of_type("int16"), "a.tif")),
    Case("no such picture", "recolor gone.png --like b.png", r"gone.png: no such file or folder", photos),
    Case("no such folder", "recolor gone/ --like b.png", r"gone: no such file or folder", photos),
    Case("empty folder", "recolor town --like b.png", r"town: no photos in this folder", photos_and(folder("town"))),
    Case("no pictures", "recolor --like b.png", r"PICTURES is missing: Photos", photos),
]  # fmt: skip
REFERENCES = [
    Case("no reference", "recolor a.png", r"--like is missing: .*; for example: limner recolor photo.jpg", photos),
    Case("no such reference", "recolor a.png --like gone.png", r"gone.png: no such file or folder", photos),
    Case("text as reference", "recolor a.png --like c.png", r"c.png: not a photo", photos_and(file("c.png", "hello"))),
    Case("second reference broken", f"{PLAIN} c.png", r"c.png: the photo is cut short",
         photos_and(first_half("c.png"))),
    Case("reference folder without photos", "recolor a.png --like looks", r"looks: no photos in this folder",
         photos_and(folder("looks"))),
    Case("animation as reference", "recolor a.png --like c.gif", r"c.gif: a GIF", photos_and(photo("c.gif"))),
    Case("broken look", "recolor a.png --like c.cube", r"c.cube, line 2: '0 nan 0'; needed: 3 finite numbers",
         photos_and(file("c.cube", "LUT_3D_SIZE 2\n0 nan 0\n"))),
    Case("look without a size", "recolor a.png --like c.cube", r"c.cube, line 1: no LUT_3D_SIZE or LUT_1D_SIZE",
         photos_and(file("c.cube", "0 0 0\n"))),
    Case("empty look", "recolor a.png --like c.cube", r"c.cube, line 1: no LUT_3D_SIZE", photos_and(file("c.cube"))),
    Case("picture as look", "recolor a.png --like c.cube", r"c.cube: not a .cube look-up table",
         photos_and(file("c.cube", bytes(range(128, 256))))),
    Case("no such look", "recolor a.png --like gone.cube", r"gone.cube: no such file", photos),
    Case("two looks", "recolor a.png --like c.cube d.cube", r"c.cube and others; a look-up table stands alone",
         photos_and(file("c.cube", SMALL_LOOK), file("d.cube", SMALL_LOOK))),
    Case("look with a method", "recolor a.png --like c.cube --method mkl",
         r"c.cube is a look of its own, to which --method means nothing", photos_and(file("c.cube", SMALL_LOOK))),
    Case("look with superpixels", "recolor a.png --like c.cube --superpixels 9",
         r"c.cube is a look of its own, to which --superpixels means nothing", photos_and(file("c.cube", SMALL_LOOK))),
    Case("look explained", "recolor a.png --like c.cube --explain",
         r"--explain shows what superpixel looks at; look looks at no regions", photos_and(file("c.cube", SMALL_LOOK))),
]  # fmt: skip
OPTIONS = [
    Case("unknown method", f"{PLAIN} --method superpixels",
         r"no method is called 'superpixels'; did you mean 'superpixel'\?",
         photos),
    Case("word that is near no method", f"{PLAIN} --method z", r"no method is called 'z'; known: superpixel",
         photos),
    Case("strength 2", f"{QUICK} --strength 2", r"--strength is 2; needed: 0 \(nothing changes\) to 1", photos),
    Case("strength below 0", f"{QUICK} --strength -0.5", r"--strength is -0.5; needed", photos),
    Case("strength in words", f"{QUICK} --strength much", r"--strength is 'much'; needed: a number", photos),
    Case("temperature 0", f"{PLAIN} --temperature 0", r"--temperature is 0; needed: above 0, such as 0.02", photos),
    Case("temperature below 0", f"{PLAIN} --temperature -1", r"--temperature is -1; needed: above 0", photos),
    Case("temperature without a number", f"{PLAIN} --temperature nan", r"--temperature is nan; needed: above 0",
         photos),
    Case("perplexity below 1", f"{PLAIN} --perplexity 0.5",
         r"--perplexity is 0.5; needed: how many regions to look at, 1 or more", photos),
    Case("temperature and perplexity", f"{PLAIN} --temperature 1 --perplexity 4",
         r"--temperature and --perplexity are two ways to say one thing; give one of them", photos),
    Case("palette 2", f"{PLAIN} --palette 2", r"--palette is 2; needed: 0 .* to 1", photos),
    Case("superpixels 0", f"{PLAIN} --superpixels 0", r"--superpixels is 0; needed: 1 or more", photos),
    Case("superpixels below 0", f"{PLAIN} --superpixels -5", r"--superpixels is -5; needed: 1 or more", photos),
    Case("too many superpixels of sct", f"{PLAIN} --method sct --superpixels 5000",
         r"sct got 5000 superpixels; needed: 1 to 4000", photos),
    Case("smoothness below 0", f"{PLAIN} --smoothness -1", r"--smoothness is -1; needed: 0 .* or more", photos),
    Case("smoothness of what does not regrain", f"{QUICK} --smoothness 1",
         r"--smoothness is of methods that regrain, which mkl does not", photos),
    Case("superpixels of a global method", f"{QUICK} --superpixels 9",
         r"--superpixels is of the methods superpixel and sct, not of mkl", photos),
    Case("features of a global method", f"{QUICK} --features vgg19",
         r"--features is of the method superpixel, not of mkl", photos),
    Case("option beside all methods", f"{PLAIN} --method all --palette 1",
         r"--palette is for one method, --method all shows each by default", photos),
    Case("unknown layer", f"{PLAIN} --layers block9",
         r"efficientnet-lite0 has no layer 'block9'; did you mean 'block\d'", photos),
    Case("layers of what has none", f"{PLAIN} --features lab-gradient --layers stem",
         r"lab-gradient have no layers, got stem", photos),
    Case("unknown features", f"{PLAIN} --features vgg-19", r"no features are called 'vgg-19'; did you mean 'vgg19'\?",
         photos),
    Case("unknown centering", f"{PLAIN} --centering mean",
         r"--centering is 'mean'; needed: standard, channel or descriptor", photos),
    Case("weights that are not here", f"{PLAIN} --features vgg19", r"vgg19.*(574|575|548).*MB.*--download", photos),
    Case("no such device", f"{QUICK} --device gpu", r"gpu.*(cpu|cuda)", photos),
    Case("explaining a global method", f"{QUICK} --explain",
         r"--explain shows what superpixel looks at; mkl looks at no regions", photos),
    Case("explaining all methods", f"{PLAIN} --method all --explain",
         r"--explain shows what superpixel looks at; all looks at no regions", photos),
    Case("area of a photo", f"{QUICK} --to town", r"--to is for scenes; for photos it means nothing", photos),
    Case("bands of a photo", f"{QUICK} --bands 3,2,1", r"--bands is for scenes", photos),
    Case("frames of a photo", f"{QUICK} --frame-by-frame", r"--frame-by-frame is for clips", photos),
    Case("unknown option", f"{QUICK} --strenght 1",
         r"limner recolor has no option --strenght; did you mean '--strength'", photos),
]  # fmt: skip
PLACES = [
    Case("match of half a pair", f"{PLAIN} --match 3,4", r"--match got '3,4'; needed: row,column=row,column", photos),
    Case("match in words", f"{PLAIN} --match sky=sky", r"--match got 'sky=sky'", photos),
    Case("match of reference 0", f"{PLAIN} --match 1,1=2,2@0", r"--match got '1,1=2,2@0'", photos),
    Case("match outside the picture", f"{PLAIN} --match 33,0=2,2",
         r"33,0 in the picture of 33 x 47 pixels; rows come first", photos),
    Case("match outside the reference", f"{PLAIN} --match 0,0=2,40", r"2,40 in the reference of 30 x 40 pixels",
         photos),
    Case("match of a reference too many", f"{PLAIN} --match 1,1=2,2@2", r"a match names reference 2 of 1", photos),
    Case("match of a global method", f"{QUICK} --match 1,1=2,2", r"--match is of the method superpixel, not of mkl",
         photos),
    Case("match under the mask", f"{PLAIN} --match 1,1=29,2 --like-mask m.png",
         r"a match names 29,2, which the reference's mask leaves out",
         photos_and(mask("m.png", slice(0, 9), height=30, width=40))),
    Case("no such mask", f"{QUICK} --mask gone.png", r"gone.png: no such file or folder; give a mask", photos),
    Case("mask of another size", f"{QUICK} --mask m.png", r"m.png: a mask of 40 x 30 pixels for a.png of 47 x 33",
         photos_and(mask("m.png", height=30, width=40))),
    Case("black mask", f"{PLAIN} --mask m.png", r"m.png: a mask that is black all over leaves nothing of a.png",
         photos_and(mask("m.png", slice(0, 0)))),
    Case("black mask of the reference", f"{PLAIN} --like-mask m.png",
         r"m.png: a mask that is black all over leaves nothing of b.png",
         photos_and(mask("m.png", slice(0, 0), height=30, width=40))),
    Case("text as mask", f"{QUICK} --mask m.png", r"m.png: not a photo", photos_and(file("m.png", "hello"))),
    Case("folder without the mask", f"{QUICK} --mask masks", r"masks: no mask called a in this folder",
         photos_and(folder("masks"))),
    Case("masks of too many references", f"{QUICK} --like-mask m.png m.png",
         r"2 --like-mask for 1 references; give one for each", photos_and(mask("m.png", height=30, width=40))),
    Case("masks of too few references", f"{QUICK} --like a.png --like-mask m.png", r"1 --like-mask for 2 references",
         photos_and(mask("m.png", height=30, width=40))),
]  # fmt: skip
OUT = [
    Case("out is the picture", f"{QUICK} --out a.png --overwrite", r"a.png: is what is read; choose another --out",
         photos),
    Case("out is the reference", f"{QUICK} --out b.png --overwrite", r"b.png: is what is read; choose another --out",
         photos),
    Case("out is the mask", f"{QUICK} --mask m.png --out m.png --overwrite", r"m.png: is what is read",
         photos_and(mask("m.png"))),
    Case("one file for two pictures", "recolor a.png b.png --like b.png --out c.png",
         r"--out c.png is one file for 2 pictures; give a folder", photos),
    Case("unknown suffix", f"{QUICK} --out c.xyz",
         r"--out c.xyz: photos are written as .jpg, .*; give a name that ends so, or a folder", photos),
    Case("something else is there", f"{QUICK} --out c.png",
         r"c.png: is there already, made from something else .it has no record.; choose another --out or add --over",
         photos_and(photo("c.png"))),
    Case("out below a file", f"{QUICK} --out notes.txt/c", r"cannot write below notes.txt: it is a file",
         photos_and(file("notes.txt", "x"))),
    Case("folder of the pictures", "recolor town --like b.png --out town",
         r"--out town is a folder of pictures: results would be pictures next time", photos_and(photo("town/1.png"))),
    Case("look of all methods", f"{PLAIN} --method all --out c.cube",
         r"--out c.cube is one look, --method all are many", photos),
    Case("look of a look", "recolor a.png --like c.cube --out d.cube",
         r"are both look-up tables; give photos after --like", photos_and(file("c.cube", SMALL_LOOK))),
    Case("look of a place", f"{QUICK} --mask m.png --out c.cube",
         r"--mask is a place in a photo, and a look-up table knows no places", photos_and(mask("m.png"))),
    Case("look explained by pictures", f"{PLAIN} --explain --out c.cube",
         r"--explain is for photos; for look-up tables it means nothing", photos),
    Case("another look is there", f"{QUICK} --out c.cube", r"c.cube: is there already",
         photos_and(file("c.cube", SMALL_LOOK))),
]  # fmt: skip
CLIPS = [
    Case("clip with a mask", "recolor clip.mp4 --like b.png --mask m.png",
         r"--mask is a place in a photo; in a clip places move", photos_and(clip, mask("m.png"))),
    Case("clip with a match", "recolor clip.mp4 --like b.png --match 1,1=2,2", r"--match is a place in a photo",
         photos_and(clip)),
    Case("clip by all methods", "recolor clip.mp4 --like b.png --method all",
         r"--method all makes a sheet of one photo", photos_and(clip)),
    Case("clip explained", "recolor clip.mp4 --like b.png --explain", r"--explain is for photos; for clips",
         photos_and(clip)),
    Case("clip as a look", "recolor clip.mp4 --like b.png --out c.cube",
         r"--out c.cube is made from photos; give frames of the clip", photos_and(clip)),
    Case("photo among clips", "recolor clip.mp4 a.png --like b.png",
         r"a.png: a photo among clips; recolor photos and clips by commands of their own", photos_and(clip)),
    Case("photo as a clip", "recolor a.png --clip --like b.png", r"a.png: a photo among clips", photos),
    Case("folder among clips", "recolor clip.mp4 town --like b.png",
         r"town: a folder among clips; add --clip if it holds the frames of one",
         photos_and(clip, photo("town/1.png"))),
    Case("clip as a photo", "recolor clip.mp4 --like b.png --out c.png",
         r"--out c.png: clips are written as .mp4, .mov, .mkv", photos_and(clip)),
    Case("clip onto itself", "recolor clip.mp4 --like b.png --out clip.mp4 --overwrite", r"clip.mp4: is what is read",
         photos_and(clip)),
    Case("text as clip", "recolor c.mp4 --like b.png", r"c.mp4: ", photos_and(file("c.mp4", "hello"))),
    Case("two folders of frames of one name", "recolor first/frames second/frames --clip --like b.png",
         r"recolored/frames: two inputs have this name", two_folders),
    Case("folder without frames", "recolor town --clip --like b.png", r"town: a folder without frames",
         photos_and(folder("town"))),
    Case("frames of two sizes", "recolor town --clip --like b.png --method mkl", r"frames differ in size",
         photos_and(photo("town/1.png"), photo("town/2.png", width=30))),
]  # fmt: skip
SCENES = [
    Case("scene with a strength", "recolor scene.tif --like other.tif --strength 0.5",
         r"--strength is for photos; a scene is harmonized as a whole", scenes()),
    Case("scene with a mask", "recolor scene.tif --like other.tif --like-mask scene.tif", r"--like-mask is for photos",
         scenes()),
    Case("scene explained", "recolor scene.tif --like other.tif --explain", r"--explain is for photos; for scenes",
         scenes()),
    Case("scene like two", "recolor scene.tif --like other.tif scene.tif",
         r"--like names 2 references; a scene is harmonized to one run or scene", scenes()),
    Case("method that no scene takes", "recolor scene.tif --like other.tif --method superpixel",
         r"'superpixel' is no way to harmonize; needed: one of mkl", scenes()),
    Case("other bands", "recolor scene.tif --like other.tif",
         r"scene.tif: has 3 bands, other.tif has 4; choose the scene's with --bands", scenes(bands=4)),
    Case("bands that do not exist", "recolor scene.tif --like other.tif --bands 1,2,7", r"7", scenes()),
    Case("bands in words", "recolor scene.tif --like other.tif --bands red,green", r"red", scenes()),
    Case("scene onto itself", "recolor scene.tif --like other.tif --out scene.tif --overwrite",
         r"scene.tif: is what is read", scenes()),
    Case("scene as a photo", "recolor scene.tif --like other.tif --out c.png",
         r"--out c.png: scenes are written as .tif, .tiff", scenes()),
    Case("two scenes of one name", "recolor north/scene.tif south/scene.tif --like other.tif",
         r"recolored/scene.tif: two inputs have this name", two_scenes_of_one_name),
    Case("one file for two scenes", "recolor scene.tif other.tif --like other.tif --out c.tif",
         r"--out c.tif is one file for 2 scenes", scenes()),
    Case("area of a scene", "recolor scene.tif --like other.tif --to town",
         r"other.tif is a scene: it has no training area 'town'", scenes()),
    Case("area that was not trained on", "recolor scene.tif --like run --to pisa", r"no training area is called 'pisa'",
         scenes(), run=True),
]  # fmt: skip
CASES = [*PICTURES, *REFERENCES, *OPTIONS, *PLACES, *OUT, *CLIPS, *SCENES]


@pytest.fixture(autouse=True)
def no_weights(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hub cache in which nothing lies."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path_factory.getbasetemp() / "no-hub"))


@pytest.mark.parametrize("case", CASES, ids=[case.name.replace(" ", "-") for case in CASES])
def test_a_mistake_gives_one_line_and_leaves_nothing(
    case: Case, here: Path, limner: Callable[..., tuple[int, str, str]], request: pytest.FixtureRequest
) -> None:
    if case.run:
        copy_run(request.getfixturevalue("trained"), here / "run")
    check_mistake(case, here, limner)


def test_the_table_has_no_two_cases_of_one_name() -> None:
    assert len({case.name for case in CASES}) == len(CASES) >= 100


def test_a_run_whose_colors_cannot_be_had_says_so_and_leaves_nothing(
    here: Path, limner: Callable[..., tuple[int, str, str]], trained: Path
) -> None:
    copy_run(trained, here / "run")
    without_colors(here)
    before = everything_below(here)
    code, out, error = limner("recolor", "scene.tif", "--like", "run")
    assert (code, out) == (2, "")
    assert re.fullmatch(r"run: measuring .*\nlimner: run: keeps no colors of its training areas, .*\n", error), error
    assert everything_below(here) == before


def one_pixel(path: Path) -> None:
    draw_photo(path, height=1, width=1)


def gray(path: Path) -> None:
    Image.fromarray(draw_colors(DAY)[..., 1]).save(path)


def gray_with_alpha(path: Path) -> None:
    Image.fromarray(draw_colors(DAY)[..., 1]).convert("LA").save(path)


def palette(path: Path) -> None:
    Image.fromarray(draw_colors(DAY)).quantize(16).save(path)


def cmyk(path: Path) -> None:
    Image.fromarray(draw_colors(DAY)).convert("CMYK").save(path)


def cmyk_with_profile(path: Path) -> None:
    Image.fromarray(draw_colors(DAY)).convert("CMYK").save(path, icc_profile=cmyk_profile())


def half_transparent(path: Path) -> None:
    alpha = np.full((33, 47, 1), 255, np.uint8)
    alpha[:, :20] = 0
    Image.fromarray(np.concatenate([draw_colors(DAY), alpha], axis=2)).save(path)


def sixteen_bits(path: Path) -> None:
    write_raster(path, draw_colors(DAY).astype(np.uint16).transpose(2, 0, 1) * 257, place=False)


def floats_with_nan(path: Path) -> None:
    values = draw_colors(DAY).astype(np.float32) / 255
    values[3:5, 7] = np.nan
    write_tiff(path, values)


def one_bit(path: Path) -> None:
    Image.fromarray(draw_colors(DAY)[..., 1]).convert("1").save(path)


ODD = {
    "one pixel": ("a.png", one_pixel), "gray": ("a.png", gray), "gray with alpha": ("a.png", gray_with_alpha),
    "palette": ("a.png", palette), "CMYK": ("a.jpg", cmyk), "CMYK with a profile": ("a.jpg", cmyk_with_profile),
    "half transparent": ("a.png", half_transparent), "16 bits": ("a.png", sixteen_bits),
    "16 bits in a TIFF": ("a.tif", sixteen_bits), "floats with NaN": ("a.tif", floats_with_nan),
    "one bit": ("a.png", one_bit),
}  # fmt: skip


@pytest.mark.parametrize("method", ["superpixel", "sct", "idt-regrain"])
@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("side", ["picture", "reference"])
def test_odd_photos_are_recolored_and_give_colors(
    here: Path, limner: Callable[..., tuple[int, str, str]], kind: str, method: str, side: str
) -> None:
    name, write = ODD[kind]
    write(here / name)
    draw_photo(here / "b.png", EVENING, 30, 40)
    picture, like = (name, "b.png") if side == "picture" else ("b.png", name)
    code, out, error = limner("recolor", picture, "--like", like, "--method", method)
    assert (code, out) == (0, f"recolored/{picture}\n"), error
    before, after = read_photo(here / picture), read_photo(here / out.strip())
    assert after.picture.shape == before.picture.shape
    assert (after.bits, after.has_alpha) == (before.bits, before.has_alpha)
    assert torch.equal(before.missing, after.missing) if before.missing is not None else after.missing is None
    assert torch.equal(before.alpha, after.alpha) if before.alpha is not None else after.alpha is None
    assert torch.isfinite(after.picture).all()
    if kind != "one pixel":
        seen = slice(None) if before.alpha is None else before.alpha > 0
        assert (after.picture - before.picture).abs()[:, seen].mean() > 0.02


def test_transparent_pixels_are_written_as_they_were(here: Path, limner: Callable[..., tuple[int, str, str]]) -> None:
    half_transparent(here / "a.png")
    draw_photo(here / "b.png", EVENING)
    assert limner("recolor", "a.png", "--like", "b.png")[0] == 0
    assert (pixels_of(here / "recolored/a.png")[:, :20] == pixels_of(here / "a.png")[:, :20]).all()


def test_a_scene_that_says_nothing_of_its_ground_is_a_photo_and_four_bands_are_a_scene(
    here: Path, limner: Callable[..., tuple[int, str, str]]
) -> None:
    squares = draw_squares(64, 64)
    write_raster(here / "a.tif", draw_picture(squares), place=False)
    write_raster(here / "b.tif", draw_picture(squares, bands=4), place=False)
    write_raster(here / "c.tif", draw_picture(squares, bands=4, seed=1) // 2, place=False)
    assert limner("recolor", "a.tif", "--like", "a.tif", "--method", "mkl", "--out", "photos")[0] == 0
    assert (here / "photos/a.tif.json").exists()
    assert limner("recolor", "b.tif", "--like", "c.tif", "--out", "scenes")[0] == 0
    with rasterio.open(here / "scenes/b.tif") as made, rasterio.open(here / "c.tif") as like:
        assert np.allclose(made.read().mean((1, 2)), like.read().mean((1, 2)), atol=1)
