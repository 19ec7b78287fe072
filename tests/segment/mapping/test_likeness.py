"""A scene that is unlike what a run learned from is told so first, and one that is like it is not."""

import json
import shutil
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from rasterio import Affine

from drawing import draw_mask, draw_picture, draw_scene, write_raster
from limner.colors.summary import ColorSummary, summarize
from limner.learning.runs.opening import open_run
from limner.learning.runs.run import Run
from limner.scenes.rasters import open_raster
from limner.scenes.statistics import Moments
from limner.scenes.windows import Pixels
from limner.segment.data.chips import Area, Chip
from limner.segment.data.learned_ground import ground_of
from limner.segment.mapping.likeness import FAR_GROUND, color_caution, color_distance
from limner.segment.mapping.map_scenes import map_scenes
from limner.segment.predicting.fit_to_run import learned_caution

FAR = Affine(0.5, 0, 510_000, 0, -0.5, 4_000_000)
SMALL = {"tile_px": 96, "overlap_px": 32, "polygons": "none"}


def moments(colors: np.ndarray) -> Moments:
    return Moments.of(colors)


def area(colors: np.ndarray) -> ColorSummary:
    return summarize([Pixels(colors[:, None], np.ones((1, colors.shape[1]), bool))])


def test_distance_counts_in_training_deviations_and_a_scene_of_its_own_colors_in_none() -> None:
    generator = np.random.default_rng(0)
    shared = generator.normal(size=(1, 5000))
    town = 100 + 20 * (shared + 0.3 * generator.normal(size=(3, 5000)))
    areas = {"far": area(town + 500), "town": area(town)}
    assert color_distance(moments(town), areas, "run") == pytest.approx((0, "town"), abs=1e-6)
    alone = {"town": areas["town"]}
    for shift in (10.0, 40.0):  # of each of three bands: shift / deviation, times the root of three
        expected = shift / town.std(1).mean() * np.sqrt(3)
        assert color_distance(moments(town + shift), alone, "run").distance == pytest.approx(expected, rel=0.05)
    dark = 3 + 0.2 * town
    assert color_distance(moments(dark), areas, "scene").distance == pytest.approx(0, abs=1e-6)
    assert color_distance(moments(dark), alone, "run").distance > 2
    noise = generator.normal(size=(3, 5000))
    assert color_distance(moments(noise), areas, "scene").distance > 0.5


def bright(path: Path) -> Path:
    """A scene of the town's squares, brighter than anything in it."""
    return write_raster(path, (230 + draw_picture(draw_mask(160, 192), 3, 7).astype(float) / 10).astype(np.uint8))


def noise(path: Path) -> Path:
    return write_raster(path, np.random.default_rng(0).integers(0, 256, (3, 160, 192)).astype(np.uint8))


def test_colors_unlike_the_training_are_told_first_and_kept(
    trained: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for again in (False, True):
        (made,) = map_scenes(trained / "run", bright(here / "bright.tif"), "maps", normalize="run", **SMALL)
        first = capsys.readouterr().err.splitlines()[0]
        assert first.startswith("Careful: bright.tif: its colors are unlike all that was learned from (")
        assert "from town, the nearest training area" in first and "--normalize scene" in first
        assert made.skipped is again and made.report()["cautions"] == [first.removeprefix("Careful: bright.tif: ")]
    assert json.loads((here / "maps" / "bright_map.json").read_text())["cautions"] == list(made.cautions)


def test_noise_is_told_where_a_scene_is_seen_in_its_own_colors(
    trained: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    map_scenes(trained / "run", noise(here / "noise.tif"), "maps", normalize="scene", **SMALL)
    assert capsys.readouterr().err.startswith("Careful: noise.tif: how its bands vary together is unlike")
    map_scenes(trained / "run", bright(here / "bright.tif"), "maps", normalize="scene", **SMALL)
    assert "Careful" not in capsys.readouterr().err


@pytest.mark.parametrize("normalize", ["run", "scene"])
def test_a_scene_like_the_training_is_not_doubted(
    trained: Path, here: Path, capsys: pytest.CaptureFixture[str], normalize: str
) -> None:
    (made,) = map_scenes(trained / "run", draw_scene(here / "s.tif"), "maps", normalize=normalize, **SMALL)
    assert "Careful" not in capsys.readouterr().err and made.cautions == ()
    assert "cautions" not in json.loads((here / "maps" / "s_map.json").read_text())


def test_a_scene_much_coarser_than_the_training_is_told_first(
    trained: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(trained / "run", here / "run")
    facts = json.loads((here / "run" / "model.json").read_text())
    (here / "run" / "model.json").write_text(json.dumps({**facts, "ground_m": 0.25, "ground_range_m": [0.2, 0.3]}))
    scene = draw_scene(here / "s.tif")
    for factor in (0.8 * FAR_GROUND, 1.2 * FAR_GROUND):
        map_scenes(here / "run", scene, f"maps-{factor:.1f}", ground_m=factor * 0.3, **SMALL)
        first = capsys.readouterr().err.splitlines()[0]
        told = f"{factor:.2g} times coarser than the coarsest picture that was learned from (0.3 m)" in first
        assert told is first.startswith("Careful: s.tif: ") is (factor > FAR_GROUND)


def test_pixels_of_another_type_than_the_training_are_told_where_standardizing_hides_them(
    trained: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = draw_picture(draw_mask(160, 192), 3, 7)
    eight = write_raster(here / "uint8.tif", picture.astype(np.uint8), place=False)
    sixteen = write_raster(here / "uint16.tif", picture.astype(np.uint16) * 8, place=False)
    shutil.copytree(trained / "run", here / "run")
    facts = json.loads((here / "run" / "model.json").read_text())
    (here / "run" / "model.json").write_text(json.dumps({**facts, "ground_m": 0.25, "ground_range_m": [0.2, 0.3]}))
    map_scenes(here / "run", eight, "maps", normalize="scene", **SMALL)
    assert "Careful" not in capsys.readouterr().err
    for ground_m in (None, 0.25):
        (made,) = map_scenes(here / "run", sixteen, f"{ground_m}", normalize="scene", ground_m=ground_m, **SMALL)
        first = capsys.readouterr().err.splitlines()[0]
        assert first.startswith("Careful: uint16.tif: its pixels are uint16, all that was learned from was uint8")
        assert ("nobody says what a pixel covers (0.2 m to 0.3 m in training)" in first) == (ground_m is None)
        assert made.report()["cautions"] == [first.removeprefix("Careful: uint16.tif: ")]


def test_a_scene_of_ground_that_was_learned_from_is_told_so_first(
    trained: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = draw_scene(here / "s.tif")
    shutil.copytree(trained / "run", here / "run")
    facts = json.loads((here / "run" / "model.json").read_text())
    assert facts["ground"] == {}  # its pictures say no place
    chip = Chip("town", scene, None, None, 160, 192)
    (here / "run" / "model.json").write_text(json.dumps({**facts, "ground": ground_of([Area("town", (chip,))])}))
    (made,) = map_scenes(here / "run", scene, "maps", **SMALL)
    first = capsys.readouterr().err.splitlines()[0]
    assert first.startswith("Careful: s.tif: 100% of it lies on ground whose pictures run learned from (town)")
    assert made.report()["cautions"] == [first.removeprefix("Careful: s.tif: ")]
    elsewhere = write_raster(here / "far.tif", draw_picture(draw_mask(160, 192), 3, 7), transform=FAR)
    map_scenes(here / "run", elsewhere, "maps", **SMALL)
    assert "learned from" not in capsys.readouterr().err


def test_the_bundled_model_knows_its_georeferenced_places_again() -> None:
    run, places = open_run("buildings"), resources.files("limner") / "bundled" / "places"
    told = {}
    for name in ("banepa", "kampala-2"):
        with open_raster(Path(str(places / name / "images" / f"{name}.tif"))) as picture:
            told[name] = learned_caution([run], picture) or ""
    assert told["banepa"].startswith("100% of it lies on ground whose pictures buildings learned from (banepa-")
    assert told["kampala-2"].startswith("100% of it lies on ground whose pictures buildings learned from (kampala-z19")


def test_runs_that_keep_no_colors_say_nothing_and_damaged_ones_say_so(trained: Path, tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    run.folder.mkdir()
    with open_raster(noise(tmp_path / "noise.tif")) as raster:
        assert color_caution([run], raster, "run") is None
        assert color_caution([Run(trained / "run")], raster, "scene") is not None
        (run.folder / "colors.safetensors").write_bytes(b"nothing")
        told = color_caution([run], raster, "run")
    assert told is not None and "cannot be compared" in told and "damaged" in told
