"""Scenes of another ground resolution, other bands or another type than the training pictures."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import torch
from torch import nn
from torch.nn import functional

from drawn import PLACE, TinyNetwork, draw_picture, save
from limner.foundation.errors import UserError
from limner.scenes.bands import parse_bands
from limner.scenes.rasters import open_raster
from limner.scenes.statistics import Statistics
from limner.segment.mapping.options import MapOptions
from limner.segment.predicting.ensemble import together
from limner.segment.predicting.fit_to_run import Match, match_scene, network_scale
from limner.segment.predicting.predictor import SegmentPredictor
from limner.segment.predicting.tiles import whole_steps
from mapped import map_scene

SMALL = {"tile_px": 128, "overlap_px": 32, "polygons": "none"}


def mean_around(image: torch.Tensor, reach: int) -> torch.Tensor:
    """The mean of the pixels up to ``reach`` away, the picture's own only: along rows, then along columns."""
    edge, options = 2 * reach + 1, {"stride": 1, "count_include_pad": False}
    rows = functional.avg_pool2d(image.contiguous(), (1, edge), padding=(0, reach), **options)
    return functional.avg_pool2d(rows, (edge, 1), padding=(reach, 0), **options)


class RoofsOfSixteen(nn.Module):
    """Class 1 where the red mean over 13 x 13 pixels exceeds the mean over 45 x 45:
    it knows roofs of 16 px and no others.
    """

    stride = 4

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        red = image[:, :1]
        building = 20 * (mean_around(red, 6) - mean_around(red, 22) - 0.35)
        return torch.cat([-building, building], 1)


def predictor_of(network: nn.Module, **options: object) -> SegmentPredictor:
    values = {
        "network": network.eval(),
        "channels": 3,
        "class_names": ("background", "building"),
        "statistics": Statistics((90.0, 105.0, 70.0), (55.0, 15.0, 12.0)),
        "threshold": 0.5,
        "ground_m": 0.5,
        "ground_range_m": (0.5, 0.5),
        "normalize": "run",
        "device": torch.device("cpu"),
        "precision": "32-true",
        "dtype": "uint8",
    }
    return SegmentPredictor(**{**values, **options})  # type: ignore[arg-type]


def georeferenced(path: Path, values: np.ndarray, pixel_m: float = 0.5, **options: object) -> Path:
    """A scene whose pixels cover ``pixel_m`` meters."""
    place = {**PLACE, "transform": rasterio.Affine(pixel_m, 0, 350_000, 0, -pixel_m, 3_060_000), **options}
    return save(path, values, **place)


def halved(values: np.ndarray) -> np.ndarray:
    """(..., H, W) at half the resolution: means of 2 x 2."""
    height, width = values.shape[-2:]
    return values.reshape(*values.shape[:-2], height // 2, 2, width // 2, 2).mean((-3, -1)).astype(np.uint8)


def f1(found: np.ndarray, truth: np.ndarray) -> float:
    return 2 * ((found == 1) & (truth == 1)).sum() / ((found == 1).sum() + (truth == 1).sum())


def classes(path: Path) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return dataset.read(1)


@pytest.mark.parametrize("size", [(320, 256), (301, 260)])
def test_a_scene_at_half_the_resolution_maps_nearly_as_well_as_at_full(tmp_path: Path, size: tuple[int, int]) -> None:
    values, mask = draw_picture(*(2 * (side // 2) for side in size), seed=3)
    coarse, coarse_mask = halved(values), mask[::2, ::2]
    predictor = predictor_of(RoofsOfSixteen())
    full = map_scene(predictor, georeferenced(tmp_path / "full.tif", values), tmp_path, **SMALL)
    scene = georeferenced(tmp_path / "coarse.tif", coarse, 1.0)
    plain = map_scene(predictor, scene, tmp_path / "plain", **SMALL)
    resampled = map_scene(predictor.at_ground(1.0), scene, tmp_path, **SMALL)
    at_full = f1(classes(full.classes), mask)
    assert at_full > 0.85
    assert f1(classes(resampled.classes), coarse_mask) > at_full - 0.05
    assert f1(classes(plain.classes), coarse_mask) < at_full - 0.1


@pytest.mark.parametrize("ground_m", [0.07, 0.11, 0.25, 0.37, 1.0, 1.8, 3.9])
def test_a_resampled_map_keeps_the_scenes_grid_and_its_probabilities_sum_to_one(
    tmp_path: Path, ground_m: float
) -> None:
    scene = georeferenced(tmp_path / "s.tif", draw_picture(203, 301).values, ground_m)
    torch.manual_seed(0)
    predictor = predictor_of(TinyNetwork()).at_ground(ground_m)
    made = map_scene(predictor, scene, tmp_path, probabilities=True, **SMALL)
    with rasterio.open(scene) as before, rasterio.open(made.classes) as after, rasterio.open(made.probability) as sure:
        assert after.shape == sure.shape == before.shape == (203, 301)
        assert after.transform == sure.transform == before.transform
        assert after.crs == before.crs
        assert set(np.unique(after.read())) <= {0, 1}
        assert 0 <= sure.read().min() <= sure.read().max() <= 1
    pixels, valid = draw_picture(33, 47).values[None], np.ones((1, 33, 47), bool)
    probabilities = predictor.probabilities(pixels, valid)
    assert probabilities.shape == (1, 2, 33, 47)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-6)


def test_tiles_of_a_resampled_scene_give_the_answer_of_one_pass(tmp_path: Path) -> None:
    values = draw_picture(230, 310, seed=5).values
    for ground_m in (0.31, 0.9):
        scene = georeferenced(tmp_path / f"{ground_m}.tif", values, ground_m)
        predictor = predictor_of(RoofsOfSixteen()).at_ground(ground_m)
        whole = predictor.probabilities(values[None], np.ones((1, 230, 310), bool))[0, 1]
        made = map_scene(
            predictor, scene, tmp_path, tile_px=256, overlap_px=128, polygons="none", probabilities=True, batch=3
        )
        with rasterio.open(made.probability) as dataset:
            np.testing.assert_allclose(dataset.read(1), whole, atol=1e-4)


def test_within_ten_percent_or_without_knowledge_nothing_is_resampled() -> None:
    torch.manual_seed(0)
    predictor = predictor_of(TinyNetwork())
    pixels, valid = draw_picture(50, 70).values[None], np.ones((1, 50, 70), bool)
    plain = predictor.probabilities(pixels, valid)
    for other in (0.5, 0.455, 0.549, None):
        same = predictor.at_ground(other)
        assert same.scale == 1.0
        np.testing.assert_array_equal(same.probabilities(pixels, valid), plain)
    assert replace(predictor, ground_range_m=None).at_ground(7.0).scale == 1.0
    image = (torch.from_numpy(pixels).float() - torch.tensor([90.0, 105, 70]).view(3, 1, 1)) / torch.tensor(
        [55.0, 15, 12]
    ).view(3, 1, 1)
    with torch.inference_mode():
        by_hand = predictor.network(image.contiguous(memory_format=torch.channels_last)).softmax(1).numpy()
    np.testing.assert_array_equal(plain, by_hand)


@pytest.mark.parametrize(
    ("ground_m", "scale"), [(0.05, 0.5), (0.1, 1.0), (0.15, 1.0), (0.21, 1.0), (0.24, 1.2), (0.4, 2.0)]
)
def test_the_nearest_resolution_of_the_training_is_aimed_at(ground_m: float, scale: float) -> None:
    assert network_scale(ground_m, (0.1, 0.2)) == pytest.approx(scale)


@pytest.mark.parametrize(("ground_m", "scale"), [(0.1, 1 / 3), (0.2, 2 / 3), (0.24, 1.0), (0.43, 1.0), (0.6, 2.0)])
def test_beyond_what_random_crops_showed_the_pictures_own_resolution_is_aimed_at(ground_m: float, scale: float) -> None:
    predictor = predictor_of(TinyNetwork(), ground_range_m=(0.225, 0.4), pictures_ground_m=(0.3, 0.3))
    assert predictor.at_ground(ground_m).scale == pytest.approx(scale)
    assert together([predictor, predictor]).pictures_ground_m == (0.3, 0.3)
    assert together([predictor, predictor_of(TinyNetwork())]).pictures_ground_m is None


@pytest.mark.parametrize("ground_m", [0.0124, 1.61])
def test_beyond_a_factor_of_eight_a_scene_is_refused(ground_m: float) -> None:
    with pytest.raises(UserError, match=r"8 times (finer|coarser) than .*0.1 to 0.2 m.*--ground-m"):
        network_scale(ground_m, (0.1, 0.2))


@pytest.mark.parametrize("stride", [1, 4, 16, 32])
def test_steps_of_a_resampled_scene_are_whole_strides_of_the_network(stride: int) -> None:
    for scale in np.geomspace(1 / 8, 8, 60):
        step, seen = whole_steps(stride, scale)
        assert seen % stride == 0
        assert seen <= 128
        assert abs(seen / step / scale - 1) < 0.035
        axis = MapOptions(512, 128, 48).axis(3000, stride, scale)
        assert axis.tile_px * scale == pytest.approx(512, rel=0.15)
        assert axis.overlap_px * scale == pytest.approx(128, rel=0.15)
        assert all(start % step == 0 for start in axis.origins)


def test_pixels_without_data_do_not_bleed_into_a_resampled_scene() -> None:
    torch.manual_seed(0)
    predictor = predictor_of(TinyNetwork()).at_ground(1.0)
    pixels, valid = draw_picture(64, 64).values[None], np.ones((1, 64, 64), bool)
    valid[:, 20:40] = False
    wild = pixels.copy()
    wild[:, :, 20:40] = 255
    np.testing.assert_array_equal(predictor.probabilities(pixels, valid), predictor.probabilities(wild, valid))


def matched(predictor: SegmentPredictor, scene: Path, *, bands: tuple[int, ...] | None = None, **options: Any) -> Match:
    with open_raster(scene, bands=bands) as raster:
        return match_scene(predictor, raster, **options)


def test_what_is_done_about_the_resolution_is_said_in_a_line(tmp_path: Path) -> None:
    values = draw_picture(64, 64).values
    coarse = georeferenced(tmp_path / "coarse.tif", values, 1.0)
    plain = save(tmp_path / "plain.tif", values)
    predictor = predictor_of(TinyNetwork())

    def said(scene: Path, **options: object) -> str:
        return "\n".join(matched(predictor, scene, **options).advice)

    assert "coarse.tif: 1 m a pixel, the run was trained at 0.5 m: the network sees it 2 times enlarged" in said(coarse)
    assert said(coarse, ground_m=0.5).endswith("the file says 1 m a pixel; taken as 0.5 m, as --ground-m has it")
    assert "plain.tif: does not say what a pixel covers, the run was trained at 0.5 m" in said(plain)
    nowhere = f"{plain}: has no georeference: the map and its polygons are in columns and rows, counted downward"
    assert said(plain, ground_m=0.5) == nowhere
    assert "4 times shrunk" in said(plain, ground_m=0.125)
    predictor = predictor_of(TinyNetwork(), ground_range_m=None)
    assert (said(coarse), said(plain)) == ("", nowhere)
    assert "--ground-m changes nothing" in said(plain, ground_m=0.5)
    picture = save(tmp_path / "picture.png", values)
    assert said(picture) == nowhere.replace("plain.tif", "picture.png")


def test_a_transform_without_a_reference_system_is_a_place_that_lacks_one(tmp_path: Path) -> None:
    values, place = draw_picture(64, 64).values, rasterio.Affine(0.15, 0, 9_519_926, 0, -0.15, 3_202_940)
    scene = save(tmp_path / "scene.tif", values, transform=place)
    lacking, size = matched(predictor_of(TinyNetwork()), scene).advice
    assert "has a place, but names no reference system: the map and its polygons have the file's own coord" in lacking
    assert lacking.endswith("set it (gdal_edit.py -a_srs EPSG:N FILE)")
    assert "does not say what a pixel covers (it is 0.15 of units that nobody names), the run was" in size
    (told,) = matched(predictor_of(TinyNetwork()), scene, ground_m=0.5).advice
    assert told == lacking


def test_another_type_of_pixels_is_advised_on_unless_the_scenes_own_colors_are_used(tmp_path: Path) -> None:
    scene = georeferenced(tmp_path / "s.tif", draw_picture(64, 64).values.astype(np.uint16) * 20)
    predictor = predictor_of(TinyNetwork())
    (line,) = matched(predictor, scene).advice
    assert "pixels of uint16, the run was trained on uint8" in line
    assert "--normalize scene" in line
    assert matched(predictor, scene, normalize="scene").advice == ()


def test_bands_in_another_order_give_the_identical_map_when_they_are_named(tmp_path: Path) -> None:
    values = draw_picture(130, 150).values
    torch.manual_seed(0)
    predictor = predictor_of(TinyNetwork())
    plain = map_scene(predictor, georeferenced(tmp_path / "rgb.tif", values), tmp_path, **SMALL)
    turned = georeferenced(tmp_path / "bgr.tif", np.concatenate([values[::-1], values[:1]]))
    made = map_scene(predictor, turned, tmp_path, bands=(3, 2, 1), **SMALL)
    np.testing.assert_array_equal(classes(plain.classes), classes(made.classes))
    assert plain.preview.read_bytes() == made.preview.read_bytes()
    assert map_scene(predictor, turned, tmp_path, bands=(3, 2, 1), **SMALL).skipped
    with pytest.raises(UserError, match=r"bands \[3, 2, 1\], now \[1, 2, 3\].*--overwrite"):
        map_scene(predictor, turned, tmp_path, bands=(1, 2, 3), **SMALL)
    np.testing.assert_array_equal(predictor.predict(turned, bands="3,2,1"), predictor.predict(tmp_path / "rgb.tif"))


def test_a_map_at_another_scale_or_of_a_version_that_knew_no_contents_is_refused(tmp_path: Path) -> None:
    scene = georeferenced(tmp_path / "s.tif", draw_picture(130, 150).values)
    torch.manual_seed(0)
    predictor = predictor_of(TinyNetwork())
    record = map_scene(predictor, scene, tmp_path, **SMALL).files.record
    with pytest.raises(UserError, match=r"scale 1.0, now 2.0"):
        map_scene(predictor.at_ground(1.0), scene, tmp_path, **SMALL)
    text = record.read_text()
    record.write_text(text.replace('  "format": 2,\n', ""))
    assert record.read_text() != text
    with pytest.raises(UserError, match=r"s_map.json: is of an earlier limner, which knew files by .*--overwrite"):
        map_scene(predictor, scene, tmp_path, **SMALL)
    assert not map_scene(predictor, scene, tmp_path, overwrite=True, **SMALL).skipped
    assert map_scene(predictor, scene, tmp_path, **SMALL).skipped


def named_scene(path: Path, names: tuple[str, ...]) -> Path:
    georeferenced(path, np.zeros((len(names), 64, 64), np.uint8))
    with rasterio.open(path, "r+") as dataset:
        dataset.descriptions = names
    return path


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (
            ("blue", "green", "red"),
            "its bands are blue, green, red; the run was .* red, green, blue; add --bands 3,2,1",
        ),
        (("red", "green", "nir"), "its bands are red, green, nir; .*say which stand for them, such as --bands 1,2,3"),
        (("nir", "blue", "green", "red"), r"has 4 bands, .* on 3 \(red, green, blue\); choose them with --bands 4,3,2"),
    ],
)
def test_named_bands_in_another_order_or_set_are_refused_with_what_to_type(
    tmp_path: Path, names: tuple[str, ...], words: str
) -> None:
    predictor = predictor_of(TinyNetwork(), bands=("red", "green", "blue"))
    scene = named_scene(tmp_path / "s.tif", names)
    with pytest.raises(UserError, match=words):
        matched(predictor, scene)
    matched(predictor, scene, bands=(3, 2, 1))
    matched(predictor, named_scene(tmp_path / "same.tif", ("Red", "green", "blue")))


@pytest.mark.parametrize("wanted", ["3;2;1", "", "0,1,2", "1,1,2", "1,2,x", [], "-1,2,3", "1.5,2,3"])
def test_what_names_no_bands_is_refused(wanted: str) -> None:
    with pytest.raises(UserError, match="--bands"):
        parse_bands(wanted)
