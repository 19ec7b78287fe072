"""The command line as a user meets it: help, streams, exit codes, and one scene's way from training to map."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
from PIL import Image

import limner as api
from contracts import CONTRACTS, draw_no_curves
from drawing import CRS, draw_area, draw_mask, draw_picture, draw_scene, write_raster
from limner import __version__
from limner.cli import app
from limner.learning.library import bundled_recipes, load_recipe
from limner.learning.rooms import rooms_with
from limner.learning.runs import outcome
from limner.learning.runs.opening import bundled_models
from quick_runs import QUICK, copy_run

VERBS = (
    "demo", "recipes", "networks", "inspect", "look", "check", "train", "study", "evaluate", "compare", "export",
    "push", "segment", "refine", "score",
    "recolor", "cutouts", "generate", "caption", "fid", "classify", "detect", "translate", "degrade", "draw", "doctor",
    "studio",
)  # fmt: skip
PARAMETERS = {  # residual-unet at 4 bands and 2 classes: sums of its layers' weights, biases and BN pairs
    18: 14_853_506, 34: 24_961_666, 50: 78_699_010, 101: 97_691_138, 152: 113_334_786, 200: 117_815_810,
}  # fmt: skip
TINY_GAN = (
    "train", "generate/tiny", "--data", "real", "--out", "makes", "--kimg", "0.02", "--batch", "5", "--scores.samples",
    "16",
    "--generator.width", "2", "--discriminator.width", "2", "--data.held-out", "10", "--loop.precision", "fp32",
)  # fmt: skip
"""Four rounds on the pictures of `save_pictures`."""
CommandLine = Callable[..., tuple[int, str, str]]


def save_pictures(folder: Path, count: int) -> None:
    """Pictures of noise, 32 px."""
    folder.mkdir()
    for number in range(count):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8, 3), np.uint8)
        Image.fromarray(pixels).resize((32, 32)).save(folder / f"{number}.png")


def save_instances(folder: Path) -> None:
    """A picture with the mask of its one car."""
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    Image.new("RGB", (40, 30), "gray").save(folder / "images/a.png")
    mask = np.zeros((30, 40), np.uint8)
    mask[5:25, 8:30] = 1
    Image.fromarray(mask).save(folder / "masks/a.png")


def python(code: str, *arguments: str, **options: object) -> "subprocess.CompletedProcess[str]":
    """A fresh interpreter."""
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=60, check=False, **options
    )  # type: ignore[call-overload, no-any-return]


def test_help_answers_in_less_than_half_a_second_without_torch() -> None:
    code = (
        "import sys; from limner.cli import main\n"
        "try: main(['--help'])\n"
        "finally: sys.exit(bool({'torch', 'numpy', 'rasterio'} & set(sys.modules)))"
    )
    best_s = 60.0
    for _ in range(8):  # the least of them: on a shared machine one call takes up to twice as long as the next
        before = os.times()
        done = python(code)
        after = os.times()
        # Of the processor, not of the clock: the machine may be busy with other things.
        spent = after.children_user + after.children_system - before.children_user - before.children_system
        best_s = min(best_s, spent)
        assert done.returncode == 0
        if best_s < 0.5:
            break
    assert "Start with: limner demo" in done.stdout
    assert best_s < 0.5


def test_importing_limner_imports_no_torch_and_offers_the_verbs() -> None:
    done = python(
        """
import sys
import limner
heavy = {"torch", "numpy", "rasterio", "lightning_fabric", "timm"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
assert set(dir(limner)) >= {"train", "load", "evaluate", "compare", "check", "map_scenes", "refine", "score"}
limner.check, limner.score, limner.open_run, limner.compare, limner.segment  # these need none either
assert "torch" not in sys.modules
"""
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_network_is_built_in_python_by_its_name() -> None:
    network = api.segment.networks.NETWORKS["residual-unet"](depth=18, channels=4, classes=2)
    assert sum(parameter.numel() for parameter in network.parameters()) == PARAMETERS[18]
    with pytest.raises(AttributeError, match=r"limner\.segment has no 'network'"):
        _ = api.segment.network


def test_every_name_of_the_api_is_there_and_an_unknown_one_is_not() -> None:
    for name in api.__all__:
        assert getattr(api, name) is not None
    assert set(dir(api)) == set(api.__all__)
    with pytest.raises(AttributeError, match="limner has no 'trian'"):
        _ = api.trian
    assert (Path(str(api.__file__)).parent / "py.typed").exists()


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str, limner: CommandLine) -> None:
    code, out, error = limner(verb, "--help")
    assert (code, error) == (0, "")
    assert out.startswith(f"Usage: limner {verb}")


def test_help_names_every_verb_and_no_other(limner: CommandLine) -> None:
    assert {name for name in app if not name.startswith("-")} == set(VERBS)
    _, out, _ = limner("--help")
    assert all(f"│ {verb} " in out for verb in VERBS)
    assert limner()[1] == out  # nothing given: the same
    assert limner("--version") == (0, f"limner {__version__}\n", "")


def test_recipes_lists_every_bundled_recipe(limner: CommandLine) -> None:
    code, out, error = limner("recipes")
    assert (code, error) == (0, "* to begin with\n")
    assert [line[2:].split()[0] for line in out.splitlines()] == list(bundled_recipes())
    starred = [line[2:].split()[0] for line in out.splitlines() if line.startswith("* ")]
    assert starred == [
        "classify/lenet-digits", "classify/tune", "detect/faster-rcnn-light", "detect/mask-rcnn-light", "generate/best",
        "generate/tiny", "segment/demo", "segment/modern", "translate/pairs", "translate/upscale",
    ]  # fmt: skip
    depths = re.findall(r"segment/residual-(\d+)", out)
    assert depths == ["18", "34", "50", "101", "152", "200"]
    assert "generate/" not in limner("recipes", "segment")[1]
    line_of_best = next(line for line in out.splitlines() if "generate/best" in line)[2:].partition(" ")[2].strip()
    as_json = {each["name"]: each for each in json.loads(limner("recipes", "generate", "--json")[1])}
    assert as_json["generate/best"] == {"name": "generate/best", "line": line_of_best, "begin_with": True}


def test_networks_lists_every_network_with_its_exact_parameters(limner: CommandLine) -> None:
    code, out, error = limner("networks", "segment", "--channels", "4")
    assert (code, error) == (0, "")
    form = re.compile(r"    depth (\d+) +([\d,]+) parameters, sees [\d,]+ px")
    entry = out[out.index("\n  residual-unet: ") : out.index("\n  unet: ")]  # the paper's six depths
    assert {int(depth): int(count.replace(",", "")) for depth, count in form.findall(entry)} == PARAMETERS
    assert len(re.findall(r"^  \S", out, re.MULTILINE)) == 8  # an entry a network


def test_networks_without_a_room_lists_those_of_all(limner: CommandLine) -> None:
    code, out, error = limner("networks")
    assert (code, error) == (0, "")
    assert re.findall(r"^(\w+): ", out, re.MULTILINE) == list(rooms_with("networks"))
    assert limner("networks", "--channels", "4") == (
        2, "", "limner: --channels is no option of limner networks; rooms that have it: "
            "segment, generate, classify, translate, detect\n",
    )  # fmt: skip


def test_a_reader_that_stops_reading_is_no_error(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as pipe:
        done = subprocess.run(
            [sys.executable, "-c", "from limner.cli import main; main(['recipes'])"],
            stdout=pipe, stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_debug_shows_where_a_mistake_was_noticed() -> None:
    done = python("from limner.cli import main; main(['score', 'map.tif', '--debug', 'truth.tif'])")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Traceback" in done.stderr
    assert "UserError: map.tif: no such file or folder" in done.stderr


def test_an_unforeseen_answer_of_the_system_is_one_line_too(
    here: Path, limner: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(5, "Input/output error", "runs/model.safetensors")

    monkeypatch.setattr("limner.learning.library.list_recipes", full)
    assert limner("recipes") == (2, "", "limner: runs/model.safetensors: Input/output error\n")


def test_ctrl_c_outside_of_training_says_that_it_stopped(limner: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("limner.learning.library.list_recipes", interrupted)
    assert limner("recipes") == (130, "", "limner: stopped\n")


def test_check_reports_data_that_can_be_used(here: Path, limner: CommandLine) -> None:
    draw_area(here / "town")
    code, out, error = limner("check", "town")
    assert (code, error) == (0, "")
    assert "1 area, 6 pictures of 3 bands of uint8." in out
    assert "Next: limner train segment/modern --data town" in out
    assert (here / "check.png").exists()


def test_check_reports_all_that_is_wrong_at_once_and_exits_with_1(here: Path, limner: CommandLine) -> None:
    area = draw_area(here / "town")
    (area / "images/1.tif").write_bytes(b"")
    (area / "images/2.tif").write_text("hello")
    write_raster(area / "masks/3.png", draw_mask(64, 96))
    code, out, error = limner("check", "town", "--json")
    found = json.loads(out)
    assert (code, error, found["usable"], len(found["problems"])) == (1, "", False, 3)
    assert all(f"/{number}." in line for number, line in zip((1, 2, 3), found["problems"], strict=True))
    code, out, error = limner("check", "town")
    assert (code, error) == (1, "")
    assert out.count("\n- ") == 3
    assert limner("check", "nowhere")[::2] == (1, "")


def test_json_can_be_read_wherever_it_is_offered(
    here: Path, trained: Path, limner: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outcome, "draw_curves", draw_no_curves)  # of seven trainings
    for room in ("generate", "translate"):
        CONTRACTS[room].slim(monkeypatch)  # scores that nobody reads
    copy_run(trained, here / "run")
    write_raster(here / "map.tif", draw_mask())
    write_raster(here / "truth.tif", draw_mask())
    draw_scene(here / "scene.tif", 128, 128)
    write_raster(here / "photo.png", draw_picture(draw_mask()), place=False)
    write_raster(here / "like.png", draw_picture(draw_mask(), seed=1), place=False)
    recolor = "recolor photo.png --like like.png --method mkl"
    save_pictures(here / "real", 20)
    assert limner(*TINY_GAN)[0] == 0
    fid = "fid real makes --features efficientnet-lite0 --samples 12"
    cutouts = "cutouts annotated --object car --no-filter --min-width 1 --min-height 1"
    save_instances(here / "annotated")
    made = "generate makes -n 2"
    digits = ["train", "classify/lenet-digits", "--data", CONTRACTS["classify"].draw(here / "kinds"), "--out", "digits"]
    few = CONTRACTS["classify"].settings(load_recipe("classify/lenet-digits"))
    assert limner(*digits, *few, "--loop.precision", "fp32")[0] == 0
    enlarge = "train translate/upscale --data real --data.crop-px 16 --epochs 1 --steps-per-epoch 1 --batch 2"
    light = "--out larger --generator.blocks 1 --generator.width 2 --data.held-out 0 --loop.precision fp32"
    assert limner(*f"{enlarge} {light} --scores.border-px 1".split())[0] == 0
    objects = CONTRACTS["detect"]
    boxes = ["train", "detect/faster-rcnn-light", "--data", objects.draw(here / "objects"), "--out", "finds"]
    assert limner(*boxes, *objects.settings(None), "--loop.precision", "fp32")[0] == 0
    clips = CONTRACTS["generate"]
    told = ["train", "generate/captions", "--data", clips.draw(here / "clips"), "--out", "tells"]
    assert limner(*told, *clips.settings(load_recipe("generate/captions")), "--loop.precision", "fp32")[0] == 0
    (here / "frames").mkdir()
    for number in range(2):
        Image.new("RGB", (16, 16), ("red", "blue")[number]).save(here / f"frames/{number}.png")
    train = ["train", "segment/demo", "--data", str(trained / "town"), "--out", "trained", *QUICK]
    refine = "refine run scene.tif --labels truth.tif --epochs 1 --steps-per-epoch 1 --data.validation-share 0.2"
    commands = (
        "check run ../town", "evaluate run", "compare run", "networks generate", "score map.tif truth.tif", recolor,
        made, fid, cutouts, "doctor", "recipes", "segment run scene.tif --tile-px 96 --overlap-px 32", refine,
        shlex.join(train),
        "inspect unet --input 3x32x32", "look lenet photo.png --input 1x28x28", "classify digits photo.png",
        "detect finds photo.png",
        "export run --format torch --out run.pt", "push run --out hub", "translate larger photo.png",
        "degrade photo.png --gray",
        "draw world --pictures 2 --size-px 16", "caption tells frames",
        f"study segment/demo --data {trained / 'town'} --seeds 1 --out study {shlex.join(QUICK)}",
    )  # fmt: skip
    for command in commands:
        verb, *words = shlex.split(command)
        words = [str(trained / "town")] if verb == "check" else words
        code, out, _ = limner(verb, *words, "--json")
        assert code == 0
        assert json.loads(out)
    waits = {"demo", "studio"}  # one takes minutes, the other works until it is stopped
    assert {command.split()[0] for command in commands} == set(VERBS) - waits
    assert all("--json" in limner(verb, "--help")[1] for verb in VERBS)


def test_a_score_is_exact_and_its_error_map_is_drawn(here: Path, limner: CommandLine) -> None:
    truth = draw_mask()
    found = truth.copy()
    found[16:32, 16:32] = 0  # one of sixteen squares is missed
    write_raster(here / "map.tif", found)
    write_raster(here / "truth.tif", truth)
    code, out, error = limner("score", "map.tif", "truth.tif", "--errors", "errors.tif", "--json")
    assert (code, error) == (0, "")
    (area,) = json.loads(out)["areas"].values()
    assert area["counts"] == [[128 * 128 - 16 * 256, 0], [256, 15 * 256]]
    with rasterio.open(here / "errors.tif") as file:
        assert np.bincount(file.read(1).ravel()).tolist() == [128 * 128 - 16 * 256, 15 * 256, 0, 256]
    code, out, error = limner("score", "map.tif", "truth.tif")
    assert (code, error) == (0, "")
    assert f"{100 * 30 / 31:.2f}" in out  # F1 = 2 * 15 / (2 * 15 + 1)


def test_evaluate_and_compare_print_tables_and_write_what_they_are_asked(
    here: Path, trained: Path, limner: CommandLine
) -> None:
    run = copy_run(trained, here / "run")
    before = (run / "evaluation.json").read_text()
    code, out, error = limner("evaluate", "run")
    assert (code, error) == (0, "")
    assert out.startswith("| area | pixels | F1 |")
    assert (run / "evaluation.json").read_text() == before  # scored again: the same
    assert limner("evaluate", "run", "--data", trained / "town", "--out", "all.json")[0] == 0
    assert json.loads((here / "all.json").read_text())["protocol"]["pixels"] == "all labelled pixels"
    assert (run / "evaluation.json").read_text() == before
    code, out, error = limner("compare", "run", "again=run", "--out", "table.csv")
    assert (code, error) == (0, "")
    names = [line.split(",")[0] for line in (here / "table.csv").read_text().splitlines()]
    assert names == ["run", "run", "again", "all background", "all building"]
    assert "| again |" in out


def test_a_geotiff_and_a_picture_are_mapped_then_found_mapped_then_mapped_anew(
    here: Path, trained: Path, limner: CommandLine
) -> None:
    draw_scene(here / "scene.tif")
    draw_scene(here / "photo.png", 100, 75)
    run = copy_run(trained, here / "runs/mine")
    command = [
        "segment", "last", "scene.tif", "photo.png", "--tile-px", "96", "--overlap-px", "32", "--probabilities",
        "--threshold", "0.45", "--minimum-area-px", "1", "--precision", "fp32", "--normalize",
    ]  # fmt: skip
    code, out, error = limner(*command, "run")
    assert (code, out) == (0, "maps/scene_classes.tif\nmaps/photo_classes.tif\n")
    assert [line.split(":")[0] for line in error.splitlines()] == ["last", "scene.tif", "photo.png", "photo.png"]
    assert "columns and rows, counted downward" in error
    assert error.startswith("last: runs/mine\n")
    with rasterio.open(here / "scene.tif") as scene, rasterio.open(here / "maps/scene_classes.tif") as made:
        assert (made.crs, made.transform, made.shape) == (scene.crs, scene.transform, scene.shape)
        assert made.crs.to_string() == CRS
        classes = made.read(1)
    with rasterio.open(here / "maps/scene_probability.tif") as made:
        assert made.shape == (160, 192)
    with rasterio.open(here / "maps/photo_classes.tif") as made:
        assert (made.crs, made.shape) == (None, (100, 75))
    polygons = pyogrio.read_info(here / "maps/scene_building.gpkg")
    assert polygons["crs"] == CRS
    assert (polygons["features"] > 0) == bool((classes == 1).any())

    written = {path: path.stat().st_mtime_ns for path in (here / "maps").iterdir()}
    code, out, error = limner(*command, "run")
    assert (code, out) == (0, "maps/scene_classes.tif\nmaps/photo_classes.tif\n")
    assert error.count("was mapped before") == 2
    assert {path: path.stat().st_mtime_ns for path in (here / "maps").iterdir()} == written
    code, out, error = limner(*command, "scene")
    assert (code, out) == (2, "")
    assert "normalize run, now scene" in error
    assert limner(*command, "scene", "--overwrite")[0] == 0
    assert not {path: path.stat().st_mtime_ns for path in (here / "maps").iterdir()}.items() & written.items()
    assert sorted(path.name for path in run.parent.iterdir()) == ["mine"]


def test_the_bundled_model_maps_at_once_and_is_left_as_it_is(here: Path, limner: CommandLine) -> None:
    folder = bundled_models()["buildings"]
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    draw_scene(here / "scene.tif")
    code, out, _ = limner("segment", "buildings", "scene.tif", "--polygons", "geojson")
    assert (code, out) == (0, "maps/scene_classes.tif\n")
    assert (here / "maps/scene_building.geojson").exists()
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_refining_prints_before_and_after_on_the_rest_of_the_scene(
    here: Path, trained: Path, limner: CommandLine
) -> None:
    copy_run(trained, here / "run")
    draw_scene(here / "scene.tif", 320, 320)
    write_raster(here / "truth.tif", draw_mask(320, 320))
    command = ["refine", "run", "scene.tif", "--truth", "truth.tif", "--fraction", "0.2"]
    command += ["--epochs", "1", "--steps-per-epoch", "2"]
    code, out, error = limner(*command)
    assert code == 0
    assert out.splitlines()[-1] == "runs/run-refined-001"
    assert [row.split("|")[1].strip() for row in out.splitlines() if row.startswith("| ")][2:6] == [
        "before, training colors",
        "before, scene's colors",
        "before, scene's colors, threshold auto",
        "refined",
    ]
    assert "kept out of all scores" in error
    assert (here / "runs/run-refined-001/annotated.tif").exists()
