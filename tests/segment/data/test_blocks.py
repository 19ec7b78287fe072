"""Validation ground is about a fifth of each area, in whole blocks, and no pixel of it is ever on both sides."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import from_origin

from limner.foundation.errors import UserError
from limner.scenes.windows import Window
from limner.segment.data.areas import find_data
from limner.segment.data.blocks import choose, grid, hold_out
from limner.segment.data.chips import DataSet


def write_chip(
    area: Path, name: str, height: int, width: int, mask: np.ndarray | None = None, **profile: object
) -> None:
    """A picture of ones with a mask of zeros and one labelled 255."""
    if mask is None:
        mask = np.zeros((height, width), np.uint8)
        mask[0, 0] = 255
    values = np.ones((height, width), np.uint8)
    for folder, content, driver in (("images", values, "GTiff"), ("masks", mask, "PNG")):
        path = area / folder / (name + (".tif" if driver == "GTiff" else ".png"))
        path.parent.mkdir(parents=True, exist_ok=True)
        more = profile if driver == "GTiff" else {}
        with rasterio.open(
            path, "w", driver=driver, height=height, width=width, count=1, dtype="uint8", **more
        ) as file:
            file.write(content, 1)


def pixels(windows: tuple[Window, ...], height: int, width: int) -> np.ndarray:
    """How many of the windows hold each pixel."""
    count = np.zeros((height, width), int)
    for window in windows:
        count[window.slices] += 1
    return count


def sides_px(edge_px: int) -> st.SearchStrategy[tuple[int, int, int]]:
    """Height, width and edge of a grid of at most 60 x 60 blocks: of 900 x 900 it would take seconds."""
    side = st.integers(1, min(900, 60 * edge_px))
    return st.tuples(side, side, st.just(edge_px))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 364).flatmap(sides_px))
def test_a_grid_holds_every_pixel_once_in_blocks_no_smaller_than_asked(sizes):
    height, width, edge_px = sizes
    windows = tuple(grid(height, width, edge_px))
    assert (pixels(windows, height, width) == 1).all()
    assert min(window.height for window in windows) >= min(edge_px, height)
    assert min(window.width for window in windows) >= min(edge_px, width)
    assert max(w.height for w in windows) - min(w.height for w in windows) <= 1


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 10_000), min_size=2, max_size=30), st.floats(0.01, 0.9), st.integers(0, 2**20))
def test_some_blocks_are_chosen_never_all_and_none_could_be_added_to_come_nearer(sizes, share, seed):
    sizes = np.array(sizes)
    wanted = share * sizes.sum()
    chosen = choose(sizes, wanted, np.random.default_rng(seed))
    total = sizes[chosen].sum()
    assert 1 <= len(set(chosen)) == len(chosen) < len(sizes)
    if len(chosen) < len(sizes) - 1 and len(chosen) > 1:
        rest = np.delete(sizes, chosen)
        assert (abs(total + rest - wanted) >= abs(total - wanted)).all()


def test_nothing_is_chosen_for_no_share_or_of_a_single_block():
    assert choose(np.array([4, 4]), 0, np.random.default_rng(0)) == []
    assert choose(np.array([4]), 0.8, np.random.default_rng(0)) == []


@pytest.fixture
def data(tmp_path) -> DataSet:
    write_chip(tmp_path / "scene", "a", 1900, 1500)  # 5 x 4 blocks of a tile or more
    for number in range(10):
        write_chip(tmp_path / "chips", f"c{number}", 100, 120)  # each a block of its own
    write_chip(tmp_path / "alone", "a", 400, 300)  # smaller blocks, so that one of five can be held out
    return find_data([tmp_path])


def test_a_fifth_of_each_area_is_held_out_in_blocks_that_training_never_sees(data):
    split = hold_out(data)
    for number, chip in enumerate(data.chips):
        held = pixels(split.validation[number], chip.height, chip.width)
        assert held.max() <= 1
        ground = split.training_ground(number, Window(0, 0, chip.height, chip.width))
        np.testing.assert_array_equal(ground, held == 0)
        assert not ground.all() or not split.validation[number]
    for share, area in zip(split.shares, data.areas, strict=True):
        total = sum(chip.height * chip.width for chip in area.chips)
        assert share.area == area.name
        assert share.training_px + share.validation_px == total
        assert share.validation_px / total == pytest.approx(0.2, abs=0.06)


def test_blocks_are_as_large_as_a_tile_where_possible_and_small_chips_are_blocks(data):
    split = hold_out(data)
    by_area = {area.name: [] for area in data.areas}
    for chip, blocks in zip(data.chips, split.validation, strict=True):
        by_area[chip.area] += blocks
    assert all(min(block.height, block.width) >= 364 for block in by_area["scene"])
    assert [tuple(block) for block in by_area["chips"]] == [(0, 0, 100, 120)] * 2
    assert all(64 <= min(block.height, block.width) <= 182 for block in by_area["alone"])


def test_the_same_seed_holds_out_the_same_ground_whatever_other_areas_there_are(data):
    split = hold_out(data, seed=3)
    assert hold_out(data, seed=3) == split
    assert hold_out(data, seed=4) != split
    scene = next(area for area in data.areas if area.name == "scene")
    alone = DataSet((scene,), *(getattr(data, name) for name in list(data.__dataclass_fields__)[1:]))
    assert hold_out(alone, seed=3).validation == split.validation[-1:]


def test_a_share_of_zero_holds_nothing_out(data):
    split = hold_out(data, 0)
    assert not any(split.validation)
    assert not any(split.erased)
    assert [share.validation_px for share in split.shares] == [0, 0, 0]


def test_only_labelled_pixels_that_hold_data_count(tmp_path):
    mask = np.full((800, 800), 255, np.uint8)
    mask[300:700, 100:600] = 1
    mask[300:310, 100:110] = 0
    write_chip(tmp_path / "town", "a", 800, 800, mask)
    split = hold_out(find_data([tmp_path]))
    (share,) = split.shares
    assert share.training_px + share.validation_px == 400 * 500
    labelled = np.zeros((800, 800), bool)
    labelled[300:700, 100:600] = True
    assert all(labelled[block.slices].any() for block in split.validation[0])
    for nodata, expected in ((1, 0), (None, 400 * 500)):
        write_chip(tmp_path / "town", "a", 800, 800, mask, nodata=nodata)
        if expected:
            assert sum((s.training_px + s.validation_px) for s in hold_out(find_data([tmp_path])).shares) == expected
        else:
            with pytest.raises(UserError, match="too small to hold out"):
                hold_out(find_data([tmp_path]))


def test_ground_too_small_to_divide_is_the_users_error_only_when_there_is_no_other(tmp_path):
    write_chip(tmp_path / "tiny", "a", 100, 90)
    with pytest.raises(UserError, match="too small to hold out"):
        hold_out(find_data([tmp_path]))
    with pytest.raises(UserError, match=r"a validation share of 1\.5"):
        hold_out(find_data([tmp_path]), 1.5)
    write_chip(tmp_path / "large", "a", 500, 500)
    split = hold_out(find_data([tmp_path]))
    assert [share.area for share in split.shares if share.validation_px == 0] == ["tiny"]


@pytest.mark.parametrize("seed", range(5))
def test_overlapping_pictures_share_no_ground_between_training_and_validation(tmp_path, seed):
    origins = [(0, 0), (60, 0), (0, 70), (60, 70), (300, 300), (130, 20)]  # columns and rows on one ground of 1 m
    for number, (column, row) in enumerate(origins):
        place = from_origin(500_000 + column, 100_000 - row, 1, 1)
        area = tmp_path / ("east" if number == 5 else "west")
        write_chip(area, f"c{number}", 100, 100, crs="EPSG:32636", transform=place)
    data = find_data([tmp_path])
    split = hold_out(data, 0.3, seed=seed)
    training, validation = np.zeros((400, 400), int), np.zeros((400, 400), int)
    counted = 0
    for number, chip in enumerate(data.chips):
        column, row = origins[int(chip.image.stem[1:])]
        ground = split.training_ground(number, Window(0, 0, 100, 100))
        training[row : row + 100, column : column + 100] += ground
        counted += np.count_nonzero(ground)
        for block in split.validation[number]:
            validation[Window(block.row + row, block.column + column, block.height, block.width).slices] += 1
    assert validation.any() and training.any()
    assert not ((training > 0) & (validation > 0)).any()
    assert sum(share.training_px for share in split.shares) == counted
