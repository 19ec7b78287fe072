"""How much tiles show in a map: the measure itself, and the bundled model at the defaults."""

import json
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from test_map import Blur
from test_resolution import RoofsOfSixteen, predictor_of

from drawn import PLACE, draw_picture, save
from limner.learning.runs.opening import open_run
from limner.scenes.rasters import open_raster
from limner.scenes.windows import Window
from limner.segment.mapping import seams
from limner.segment.mapping.map_scenes import map_scenes
from limner.segment.mapping.options import TILE_PX, MapOptions
from limner.segment.predicting.predictor import load_predictor
from mapped import map_scene

BANEPA = Path(str(resources.files("limner") / "bundled" / "places" / "banepa" / "images" / "banepa.tif"))
SMALL = {"tile_px": 96, "overlap_px": 32, "margin_px": 8, "polygons": "none"}


def test_the_bundled_model_at_the_defaults_differs_from_one_pass_in_under_one_percent(tmp_path: Path) -> None:
    with open_raster(BANEPA) as raster:
        values = raster.read(Window(1298, 474, 1500, 1100)).values
    scene = save(tmp_path / "scene.tif", values, **PLACE)
    assert TILE_PX == 512  # as the promise says; the overlap is whatever keeps it
    made = map_scene(
        load_predictor(open_run("buildings")), scene, tmp_path, normalize="scene", polygons="none", check_seams=True
    )
    assert made.seams.against == "one pass over the whole scene"
    assert made.seams.pixels == 1500 * 1100
    assert made.seams.share < 0.01


def test_a_network_that_sees_less_than_the_margin_leaves_no_seams(tmp_path: Path) -> None:
    scene = save(tmp_path / "s.tif", draw_picture(200, 330, noise=40).values)
    made = map_scene(Blur(), scene, tmp_path, check_seams=True, **SMALL)
    assert made.seams == seams.Seams(0.0, 200 * 330, "one pass over the whole scene")


def whole_pass(predictor: object, path: Path) -> np.ndarray:
    with open_raster(path) as raster:
        pixels = raster.read()
    return predictor.classes_of(predictor.probabilities(pixels.values[None], pixels.valid[None]))[0]


@pytest.mark.parametrize("ground_m", [0.5, 0.7])
def test_the_share_is_that_of_the_pixels_that_differ(tmp_path: Path, ground_m: float) -> None:
    values = draw_picture(180, 260, noise=60).values
    values[:, 100:120, :50] = 0
    scene = save(tmp_path / "s.tif", values, nodata=0, **PLACE)
    predictor = predictor_of(RoofsOfSixteen()).at_ground(ground_m)
    made = map_scene(predictor, scene, tmp_path, check_seams=True, **{**SMALL, "margin_px": 0})
    with rasterio.open(made.classes) as dataset:
        found = dataset.read(1)
    different = (found != whole_pass(predictor, scene))[found != 255]
    assert 0 < different.mean() < 0.2
    assert made.seams.share == pytest.approx(different.mean(), abs=1e-12)
    assert made.seams.pixels == different.size == 180 * 260 - 20 * 50


def test_a_scene_too_large_for_one_pass_is_compared_with_larger_tiles_each_pixel_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seams, "WHOLE_PX", 10_000)
    scene = save(tmp_path / "s.tif", draw_picture(300, 330, noise=60).values)
    predictor = predictor_of(RoofsOfSixteen(), ground_range_m=None)
    made = map_scene(predictor, scene, tmp_path, check_seams=True, **SMALL)
    assert made.seams.against == "tiles of 192 px, 32 px from their edges"
    assert made.seams.pixels == 300 * 330
    assert 0 < made.seams.share < 0.2
    monkeypatch.setattr(seams, "MOST_TILES", 3)
    few = [
        map_scene(predictor, scene, tmp_path / name, check_seams=True, **SMALL).seams for name in ("first", "second")
    ]
    assert few[0] == few[1]
    assert few[0].against == "tiles of 192 px, 32 px from their edges, in 3 of 6 of them"
    assert 0 < few[0].pixels < 300 * 330


@pytest.mark.parametrize("length", [90, 192, 200, 201, 500, 1001])
def test_each_pixel_is_compared_in_one_larger_tile_far_from_its_edges(length: int) -> None:
    axis = MapOptions(192, 64, 32).axis(length, 4)
    owners = np.zeros(axis.padded_px, int)
    for index, start in enumerate(axis.origins):
        own = seams._nearest(axis, index)
        owners[start : start + axis.size_px] += own
        inner = np.flatnonzero(own)
        assert index == 0 or inner[0] >= 32
        assert index == len(axis.origins) - 1 or inner[-1] < axis.size_px - 32
    assert (owners == 1).all()


def test_the_record_keeps_the_seams_and_a_finished_map_gets_them_when_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scene = save(tmp_path / "s.tif", draw_picture(200, 330).values)
    made = map_scene(Blur(), scene, tmp_path, **SMALL)
    before = json.loads(made.files.record.read_text())
    assert made.seams is None
    assert "seams" not in before
    checked = map_scene(Blur(), scene, tmp_path, check_seams=True, **SMALL)
    assert checked.skipped
    after = json.loads(made.files.record.read_text())
    assert after == {**before, "seams": {"share": 0.0, "pixels": 200 * 330, "against": "one pass over the whole scene"}}
    again = Blur()
    assert map_scene(again, scene, tmp_path, check_seams=True, **SMALL).seams == checked.seams
    assert map_scene(again, scene, tmp_path, **SMALL).seams == checked.seams
    assert again.batches == []


def test_the_seams_of_many_classes_are_those_of_the_likeliest(tmp_path: Path) -> None:
    scene = save(tmp_path / "s.tif", draw_picture(200, 200, noise=40).values)
    made = map_scene(Blur(class_names=("water", "field", "town")), scene, tmp_path, check_seams=True, **SMALL)
    assert made.seams.share == 0
    assert made.seams.pixels == 200 * 200


def test_the_command_says_the_seams_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scene = save(tmp_path / "s.tif", draw_picture(70, 90).values)
    torch.manual_seed(0)
    map_scenes("buildings", [scene], tmp_path / "maps", check_seams=True, ground_m=0.15, polygons="none")
    said = capsys.readouterr()
    assert said.out == ""
    assert "s.tif: 0.00% of 6,300 pixels have another class than in one pass over the whole scene\n" in said.err
