"""Orders of an epoch: reproducible, areas in turn, and classes sought as often as the closed form says."""

from pathlib import Path

import numpy as np
import pytest
import torch

from drawn import draw_picture, save, save_area
from limner.scenes.windows import Window
from limner.segment.data.areas import find_data
from limner.segment.data.blocks import hold_out
from limner.segment.data.crops import CropSource
from limner.segment.data.sampling import by_class
from limner.segment.labels.reading import Reading

SMALL = {"tile_px": 92, "stride_px": 30, "crop_px": 64}
# fmt: off
FIRST_IN_TURN = [30, 31, 31, 16, 27, 30, 21, 4, 1, 6, 31, 30, 32, 11, 20, 26, 30, 30, 32, 30, 30, 30, 32, 30, 31, 32,
                 31, 17, 30, 32, 30, 32, 23]
FIRST_PLAIN = [20, 28, 21, 13, 27, 19, 22, 16, 32, 15, 7, 4, 17, 31, 9, 18, 14, 26, 30, 25, 12, 11, 29, 23, 2, 10, 6,
               24, 0, 5, 8, 3, 1]
# fmt: on


def rare_class_source(folder: Path, **options: object) -> CropSource:
    """Two areas; class 1 lies in one corner of the first, class 2 all over the second; unlabelled ground in both."""
    generator = np.random.default_rng(0)
    for area, (height, width) in {"large": (200, 230), "small": (92, 152)}.items():
        values = generator.random((1, height, width)).astype(np.float32)
        mask = np.zeros((height, width), np.uint8)
        if area == "large":
            mask[10:40, 12:31] = 1
        else:
            mask[::3] = 2
        mask[:, 60:63] = 255
        save(folder / area / "images/a.tif", values)
        save(folder / area / "masks/a.tif", mask)
    data = find_data([folder], Reading(classes=("ground", "roof", "road", "water")))
    return CropSource(data, hold_out(data, 0.25, 92), **SMALL, **options)


def seen_by_training(source: CropSource, number: int, window: Window) -> np.ndarray:
    (_, valid), mask = source.read(number, window)
    return mask[valid & source.split.training_ground(number, window) & (mask != 255)]


def test_class_pixels_are_the_labelled_ones_on_training_ground(tmp_path):
    source = rare_class_source(tmp_path)
    expected = [
        np.bincount(seen_by_training(source, number, window), minlength=4) for number, window in source.pictures()
    ]
    np.testing.assert_array_equal(source.class_pixels(), expected)
    whole = sum(int((source.read(number, window)[1] != 255).sum()) for number, window in source.pictures())
    assert source.split.validation[0]
    assert 0 < source.class_pixels().sum() < whole
    assert source.class_pixels()[:, 3].tolist() == [0, 0]


def expected_chances(source: CropSource, tiles: list[int]) -> np.ndarray:
    """1/K sum over the classes that occur of the tile's share of the class, from each tile by itself."""
    counts = np.array([np.bincount(seen_by_training(source, *source.tiles[tile]), minlength=4) for tile in tiles])
    present = counts[:, counts.sum(0) > 0]
    return (present / present.sum(0)).mean(1)


@pytest.mark.parametrize("areas_balanced", [False, True])
def test_tiles_are_drawn_as_often_as_their_share_of_each_class_says(tmp_path, areas_balanced):
    source = rare_class_source(tmp_path, classes_balanced=True, areas_balanced=areas_balanced)
    orders = [source.order(epoch) for epoch in range(600)]
    assert {len(order) for order in orders} == {len(source)}
    drawn = np.bincount(np.concatenate(orders), minlength=len(source)) / (600 * len(source))
    areas = np.array([source.chips[number].area for number, _ in source.tiles])
    groups = (
        [np.nonzero(areas == area)[0] for area in ("large", "small")] if areas_balanced else [np.arange(len(areas))]
    )
    chance = np.zeros(len(source))
    for group in groups:
        chance[group] = expected_chances(source, group.tolist()) / len(groups)
    error = np.sqrt(chance / (600 * len(source)))
    assert (np.abs(drawn - chance) < 5 * error + 1e-12).all()
    if areas_balanced:
        places = [np.bincount(areas[order] == "small", minlength=2) for order in orders]
        assert np.ptp(places, axis=1).max() <= 1


def test_balanced_classes_show_a_rare_class_more_often_and_the_order_depends_only_on_seed_and_epoch(tmp_path):
    plain, balanced = (rare_class_source(tmp_path, classes_balanced=on, areas_balanced=False) for on in (False, True))
    share = [
        np.mean(
            [(seen_by_training(source, *source.tiles[tile]) == 1).mean() for e in range(20) for tile in source.order(e)]
        )
        for source in (plain, balanced)
    ]
    assert share[1] > 1.5 * share[0] > 0
    again = rare_class_source(tmp_path, classes_balanced=True, areas_balanced=False)
    for epoch in (3, 0, 3):
        np.testing.assert_array_equal(again.order(epoch), balanced.order(epoch))
    other = rare_class_source(tmp_path, classes_balanced=True, areas_balanced=False, seed=1)
    assert other.order(0).tolist() != balanced.order(0).tolist() != balanced.order(1).tolist()


def test_without_balanced_classes_the_orders_are_those_of_the_first_version(tmp_path):
    for area, (height, width) in {"large": (200, 230), "small": (92, 92), "two": (92, 122)}.items():
        save_area(tmp_path / area, [draw_picture(height, width)])
    data = find_data([tmp_path])
    in_turn, plain = (CropSource(data, hold_out(data, 0), **SMALL, areas_balanced=on) for on in (True, False))
    assert in_turn.order(0).tolist() == FIRST_IN_TURN
    assert plain.order(0).tolist() == FIRST_PLAIN


def test_a_tile_of_the_class_that_is_sought_is_drawn_by_its_pixels_alone():
    pixels = np.array([[5, 0], [0, 0], [95, 1], [0, 3]])
    drawn = by_class(pixels, 40_000, torch.Generator().manual_seed(0))
    chance = [0.05 / 2, 0, (0.95 + 0.25) / 2, 0.75 / 2]
    np.testing.assert_allclose(np.bincount(drawn, minlength=4) / 40_000, chance, atol=0.013)
    assert 1 not in drawn
    assert by_class(pixels, 0, torch.Generator()).tolist() == []
