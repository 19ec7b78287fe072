"""Crops lie where the paper says, images and masks stay together, and held-out ground never shows."""

import itertools
import math
import threading
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from limner.foundation.errors import UserError
from limner.scenes.statistics import Statistics
from limner.scenes.windows import Window
from limner.segment.data.areas import find_data
from limner.segment.data.augmentation import Draws, crop_affine, cut_offsets, whole_footprint
from limner.segment.data.blocks import hold_out
from limner.segment.data.chips import DataSet
from limner.segment.data.crops import Crops, CropSource, tile_starts
from limner.segment.data.tones import draw_tones, toned

SMALL = {"tile_px": 92, "stride_px": 30, "crop_px": 64}  # 92 >= 64 * sqrt(2), as 364 >= 256 * sqrt(2)


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # crops this small are drawn faster so
    yield
    torch.set_num_threads(threads)


def write_chip(area: Path, name: str, values: np.ndarray, mask: np.ndarray, **profile: object) -> None:
    for folder, content in (("images", values), ("masks", mask[None])):
        path = area / folder / f"{name}.tif"
        path.parent.mkdir(parents=True, exist_ok=True)
        count, height, width = content.shape
        more = profile if folder == "images" else {}
        with rasterio.open(
            path, "w", driver="GTiff", height=height, width=width, count=count, dtype=content.dtype, **more
        ) as file:
            file.write(content)


def ramp(height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """A picture whose two bands say row and column of each pixel, and a checkerboard mask of 8 px squares.

    A bilinear blend of a ramp is exact: each pixel of a crop tells where in the picture it was taken.
    """
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns]).astype(np.float32), checkerboard(rows, columns)


def checkerboard(rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    return ((rows // 8 + columns // 8) % 2).astype(np.uint8)


def ramp_source(folder: Path, height: int = 200, width: int = 230, **options: object) -> CropSource:
    write_chip(folder / "town", "a", *ramp(height, width))
    data = find_data([folder])
    return CropSource(data, hold_out(data, 0), **{**SMALL, **options})


def noise_data(folder: Path, sizes: dict[str, list[tuple[int, int]]], seed: int = 0) -> DataSet:
    generator = np.random.default_rng(seed)
    for area, chips in sizes.items():
        for number, (height, width) in enumerate(chips):
            values = generator.integers(1, 60_000, (3, height, width)).astype(np.uint16)
            mask = generator.integers(0, 2, (height, width)).astype(np.uint8) * 255
            write_chip(folder / area, f"c{number}", values, mask, nodata=0)
    return find_data([folder])


def same(one: Crops, other: Crops) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def unflipped(place: torch.Tensor) -> torch.Tensor:
    """(2, crop, crop) rows and columns of an exact crop, mirrored back to rise."""
    if place[0, 0, 0] > place[0, -1, 0]:
        place = place.flip(1)
    return place.flip(2) if place[1, 0, 0] > place[1, 0, -1] else place


def is_exact(place: torch.Tensor) -> bool:
    """Whether a crop of the ramp was cut at whole pixels, not turned."""
    return torch.equal(place[0, :, :1].expand_as(place[0]), place[0])


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 2000), st.integers(1, 400), st.integers(1, 200))
def test_tiles_leave_no_pixel_out_and_never_lie_further_apart_than_the_stride(length, tile_px, stride_px):
    starts = tile_starts(length, tile_px, stride_px)
    assert starts == sorted(set(starts))
    if length <= tile_px:
        (start,) = starts
        assert abs((-start) - (tile_px - length + start)) <= 1  # as much before as after
    else:
        assert (starts[0], starts[-1]) == (0, length - tile_px)
        assert all(0 < b - a <= stride_px for a, b in itertools.pairwise(starts))
        if stride_px <= tile_px:
            assert set().union(*(range(start, start + tile_px) for start in starts)) == set(range(length))


def draws(angle: float, size: int = 1) -> Draws:
    ones = torch.ones(size)
    flips = torch.zeros(size, 2, dtype=torch.bool)
    return Draws(ones.bool(), ones * angle, torch.rand(size, 2), ones, flips, ones[:, None], 0 * ones[:, None])


@pytest.mark.parametrize(("tile_px", "crop_px"), [(364, 256), (92, 64)])
def test_no_turned_crop_reaches_beyond_its_tile(tile_px, crop_px):
    assert tile_px >= crop_px * math.sqrt(2)
    corner = torch.tensor([(x, y, 1.0) for x in (-1, 1) for y in (-1, 1)], dtype=torch.float64) * (
        torch.tensor([1 - 1 / crop_px, 1 - 1 / crop_px, 1])  # centers of the crop's corner pixels
    )
    for angle in torch.linspace(0, 2 * math.pi, 721):
        theta = crop_affine(draws(float(angle)), tile_px, crop_px)[0].double()
        pixel = ((corner @ theta.T + 1) * tile_px - 1) / 2  # (4, 2) columns and rows in the tile
        assert pixel.min() >= 0
        assert pixel.max() <= tile_px - 1  # so that all four pixels of every blend are in the tile


def test_a_smaller_tile_would_not_hold_every_turned_crop():
    theta = crop_affine(draws(math.pi / 4), 361, 256)[0]
    assert (theta[:, :2] @ torch.tensor([1.0, 1.0])).abs().max() > 1


def test_a_quarter_turn_about_the_center_is_numpys_rot90():
    image = torch.rand(1, 3, 364, 364)
    for quarters in range(4):
        theta = crop_affine(draws(quarters * math.pi / 2), 364, 256)
        grid = functional.affine_grid(theta, [1, 3, 256, 256], align_corners=False)
        turned = functional.grid_sample(image, grid, align_corners=False)
        expected = torch.rot90(image[:, :, 54:310, 54:310], quarters, (2, 3))
        torch.testing.assert_close(turned, expected, atol=2e-4, rtol=0)


def test_offsets_of_a_cut_reach_every_place_of_the_tile_and_no_other():
    places = {cut_offsets(torch.tensor([u, 1 - u]), 364, 256) for u in np.linspace(0, 1, 2000)}
    assert {row for row, _ in places} == {column for _, column in places} == set(range(109))


def test_the_papers_tile_gives_the_papers_crop(tmp_path):
    write_chip(tmp_path / "town", "a", *ramp(500, 620))
    data = find_data([tmp_path])
    source = CropSource(data, hold_out(data, 0))
    assert source.tiles == [
        (0, Window(row, column, 364, 364)) for row in (0, 120, 136) for column in (0, 120, 240, 256)
    ]
    crops = source.batch(0, 0, 8)
    assert crops.image.shape == (8, 2, 256, 256) and crops.image.dtype == torch.float32
    assert crops.valid.shape == crops.mask.shape == (8, 256, 256)
    assert (crops.valid.dtype, crops.mask.dtype) == (torch.bool, torch.int64)
    assert crops.valid.all()


def test_half_of_the_crops_are_cut_at_whole_pixels_bit_for_bit(tmp_path):
    source = ramp_source(tmp_path, areas_balanced=False)
    values, mask = (torch.from_numpy(array) for array in ramp(200, 230))
    exact = []
    for index in range(20):
        crops = source.batch(index, 0, 20)
        for image, labels in zip(crops.image, crops.mask, strict=True):
            exact.append(is_exact(image))
            if exact[-1]:
                rows, columns = image.long()
                assert torch.equal(image, values[:, rows, columns])
                assert torch.equal(labels, mask[rows, columns].long())
                rising = unflipped(image)
                assert torch.equal(rising - rising[:, :1, :1], values[:, :64, :64])
    assert sum(exact) == pytest.approx(200, abs=50)  # five deviations of 400 tosses


def test_turned_crops_are_rotations_about_a_tiles_center_by_any_angle_with_their_masks(tmp_path):
    source = ramp_source(tmp_path)
    centers = {(tile.row + 45.5, tile.column + 45.5) for _, tile in source.tiles}
    grid = torch.stack(torch.meshgrid(torch.arange(64.0), torch.arange(64.0), indexing="ij")) - 31.5
    angles, mirrored, seen = [], [], set()
    for index in range(15):
        crops = source.batch(index, 0, 20)
        assert crops.valid.all()
        for image, labels in zip(crops.image, crops.mask, strict=True):
            if is_exact(image):
                continue
            center = image.mean((1, 2))
            seen.add(tuple((center * 2).round().div(2).tolist()))
            # The places of a crop are a linear map of the grid: orthogonal, hence a turn, perhaps mirrored.
            flat, around = grid.flatten(1), (image - center[:, None, None]).flatten(1)
            matrix = around @ flat.T @ torch.linalg.inv(flat @ flat.T)
            torch.testing.assert_close(matrix @ matrix.T, torch.eye(2), atol=1e-3, rtol=0)
            torch.testing.assert_close(around, matrix @ flat, atol=2e-2, rtol=0)
            mirrored.append(bool(torch.linalg.det(matrix) < 0))
            angles.append(math.atan2(matrix[1, 0], matrix[0, 0]) % (2 * math.pi))
            rows, columns = image.round().long().numpy()
            expected = torch.from_numpy(checkerboard(rows, columns)).long()
            between = ((image % 1 - 0.5).abs() < 0.02).any(0)  # at a half, rounding decides which neighbor is nearest
            assert torch.equal(labels[~between], expected[~between])
    assert seen <= centers and len(seen) > len(centers) / 2
    counts, _ = np.histogram(angles, bins=6, range=(0, 2 * math.pi))
    assert counts.sum() > 100
    assert counts.min() > counts.mean() / 2
    assert np.mean(mirrored) == pytest.approx(0.5, abs=0.2)


def test_each_flip_happens_half_of_the_time(tmp_path):
    source = ramp_source(tmp_path)
    crops = [source.batch(index, 0, 20) for index in range(20)]
    exact = [image for batch in crops for image in batch.image if is_exact(image)]
    for band, last in ((0, (0, -1, 0)), (1, (1, 0, -1))):
        fell = [bool(image[band, 0, 0] > image[last]) for image in exact]
        assert np.mean(fell) == pytest.approx(0.5, abs=0.18)


def test_a_batch_depends_on_seed_epoch_and_index_alone(tmp_path):
    source = ramp_source(tmp_path, scale_range=(0.8, 1.25), jitter=0.2)
    first = source.batch(3, 1, 4)
    source.batch(7, 0, 4)
    assert same(source.batch(3, 1, 4), first)
    assert same(ramp_source(tmp_path, scale_range=(0.8, 1.25), jitter=0.2).batch(3, 1, 4), first)
    for other in (source.batch(3, 2, 4), source.batch(4, 1, 4), ramp_source(tmp_path, seed=1).batch(3, 1, 4)):
        assert not same(other, first)


def test_threads_draw_what_one_thread_draws(tmp_path):
    source = ramp_source(tmp_path)
    expected = [source.batch(number % 3, number, 4) for number in range(12)]
    found: dict[int, Crops] = {}

    def draw(numbers: range) -> None:
        for number in numbers:
            found[number] = source.batch(number % 3, number, 4)

    threads = [threading.Thread(target=draw, args=(range(start, 12, 3),)) for start in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(same(found[number], expected[number]) for number in range(12))


def test_crops_from_files_are_those_from_memory(tmp_path):
    data = noise_data(tmp_path, {"north": [(150, 170), (50, 60)], "south": [(130, 100)]})
    split = hold_out(data, 0.3, 92)
    held, read = (CropSource(data, split, **SMALL, memory_bytes=limit) for limit in (10**9, 0))
    assert held.in_memory and not read.in_memory
    assert held.tiles == read.tiles
    assert all(same(held.batch(1, index, 5), read.batch(1, index, 5)) for index in range(4))
    assert held.statistics() == read.statistics()
    for number, window in held.validation_blocks() + held.pictures() + [(1, Window(-9, 40, 30, 99))]:
        ((values, valid), mask), ((values2, valid2), mask2) = held.read(number, window), read.read(number, window)
        np.testing.assert_array_equal(values, values2)
        np.testing.assert_array_equal(valid, valid2)
        np.testing.assert_array_equal(mask, mask2)


def test_an_epoch_shows_every_tile_once_and_its_last_batch_begins_anew(tmp_path):
    source = ramp_source(tmp_path, areas_balanced=False)
    assert len(source) == len(tile_starts(200, 92, 30)) * len(tile_starts(230, 92, 30)) == 30
    assert [source.batches_per_epoch(size) for size in (1, 5, 30, 31)] == [30, 6, 1, 1]
    order = source.order(0)
    assert sorted(order.tolist()) == list(range(30))
    assert source.order(1).tolist() != order.tolist()
    assert len(source.batch(0, 5, 7).image) == 7
    assert len(source.batch(0, 0, 80).image) == 80


def test_balanced_areas_are_drawn_equally_often(tmp_path):
    sizes = {"large": [(200, 230)], "small": [(92, 92)], "two": [(92, 122)]}
    source = CropSource(data := noise_data(tmp_path, sizes), hold_out(data, 0), **SMALL)
    areas = [chip.area for chip in data.chips]
    for epoch in range(3):
        drawn = [areas[source.tiles[tile][0]] for tile in source.order(epoch)]
        assert len(drawn) == len(source) == 33
        assert {area: drawn.count(area) for area in sizes} == dict.fromkeys(sizes, 11)
    plain = CropSource(data, hold_out(data, 0), **SMALL, areas_balanced=False)
    assert sorted(plain.order(0).tolist()) == list(range(33))
    assert set(source.batch(0, 0, 33).chip.tolist()) == {0, 1, 2}


@pytest.mark.parametrize("options", [{}, {"scale_range": (0.8, 1.25)}])
def test_no_value_of_held_out_or_empty_ground_ever_shows(tmp_path, options):
    values, mask = np.full((1, 300, 300), 100.0, np.float32), np.ones((300, 300), np.uint8)
    values[0, 120:140, 30:200] = np.nan
    write_chip(tmp_path / "town", "a", values, mask)
    data = find_data([tmp_path])
    split = hold_out(data, 0.3, 92)
    for block in split.validation[0]:
        values[(0, *block.slices)] = 1e6  # what must never be seen
    write_chip(tmp_path / "town", "a", values, mask)
    source = CropSource(data, split, **SMALL, **options)
    hidden = 0
    for index in range(8):
        crops = source.batch(index, 0, 16)
        assert torch.equal(crops.mask == 255, ~crops.valid)
        assert (crops.image[:, 0][~crops.valid] == 0).all()
        torch.testing.assert_close(crops.image[:, 0][crops.valid], torch.tensor(100.0).expand(crops.valid.sum()))
        hidden += int((~crops.valid).sum())
    assert hidden > 0
    assert all(split.training_ground(0, tile).sum() >= 0.1 * 92 * 92 for _, tile in source.tiles)


def test_a_footprint_is_whole_where_all_nine_pixels_are_valid():
    valid = np.random.default_rng(0).random((17, 23)) < 0.9
    expected = valid.copy()
    for row in range(17):
        for column in range(23):
            around = valid[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
            expected[row, column] = around.all()
    np.testing.assert_array_equal(whole_footprint(valid), expected)


def test_a_chip_smaller_than_a_tile_lies_in_its_middle_and_is_padded_with_ignore(tmp_path):
    source = ramp_source(tmp_path, 40, 50)
    assert source.tiles == [(0, Window(-26, -21, 92, 92))]
    for index in range(10):
        crops = source.batch(index, 0, 4)
        assert torch.equal(crops.mask == 255, ~crops.valid)
        seen = crops.valid.sum((1, 2))
        assert (seen > 0.3 * 40 * 50).all()
        assert (seen <= 40 * 50 * 1.01).all()


def test_tiles_without_a_label_are_not_drawn(tmp_path):
    values, mask = ramp(92, 400)
    mask[:, 100:] = 255
    mask[0, 0] = 1
    write_chip(tmp_path / "town", "a", values, mask)
    data = find_data([tmp_path])
    split = hold_out(data, 0)
    assert {tile.column for _, tile in CropSource(data, split, **SMALL).tiles} == {0, 30, 60, 90}
    write_chip(tmp_path / "town", "a", values, np.full_like(mask, 255))
    with pytest.raises(UserError, match="no training tile holds a labelled pixel"):
        CropSource(data, split, **SMALL)
    with pytest.raises(UserError, match="a crop of 64 px does not fit in a tile of 60 px"):
        CropSource(data, split, tile_px=60, crop_px=64)


def test_statistics_are_those_of_the_training_ground(tmp_path):
    data = noise_data(tmp_path, {"north": [(150, 170), (60, 60)], "south": [(130, 100)]})
    split = hold_out(data, 0.3, 92)
    source = CropSource(data, split, **SMALL)
    kept: dict[str, list[np.ndarray]] = {}
    for number, window in source.pictures():
        (values, valid), _ = source.read(number, window)
        ground = valid & split.training_ground(number, window)
        kept.setdefault(data.chips[number].area, []).append(values[:, ground].astype(np.float64))
    found = {**source.area_statistics(), "all": source.statistics()}
    parts = {area: np.concatenate(values, axis=1) for area, values in kept.items()}
    parts["all"] = np.concatenate(list(parts.values()), axis=1)
    assert found.keys() == parts.keys()
    for name, values in parts.items():
        np.testing.assert_allclose(found[name].mean, values.mean(axis=1))
        np.testing.assert_allclose(found[name].std, values.std(axis=1))


def test_scaled_crops_step_through_the_picture_by_one_over_their_scale(tmp_path):
    source = ramp_source(tmp_path, 500, 500, scale_range=(0.8, 1.25))
    steps = []
    for index in range(10):
        crops = source.batch(index, 0, 16)
        step = crops.image[:, :, 32, 33] - crops.image[:, :, 32, 32]
        steps += step.norm(dim=1)[crops.valid[:, 32, 32] & crops.valid[:, 32, 33]].tolist()
    assert 0.799 < min(steps) < 0.85
    assert 1.18 < max(steps) < 1.251
    assert np.median(steps) == pytest.approx(1, abs=0.06)


def test_jitter_is_a_gain_about_the_mean_and_an_offset_in_deviations(tmp_path):
    plain, jittered = ramp_source(tmp_path), ramp_source(tmp_path, jitter=0.1)
    statistics = plain.statistics()
    before, after = plain.batch(0, 0, 30), jittered.batch(0, 0, 30)
    assert torch.equal(before.mask, after.mask) and torch.equal(before.valid, after.valid)
    gains = []
    for band in range(2):
        mean, deviation = statistics.mean[band], statistics.std[band]
        for x, y in zip(before.image[:, band].double(), after.image[:, band].double(), strict=True):
            gain = (((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()).item()
            shift = ((y.mean() - mean) - gain * (x.mean() - mean)).item() / deviation
            gains.append(gain)
            assert abs(gain - 1) <= 0.1001 and abs(shift) <= 0.1001
            torch.testing.assert_close(y, mean + gain * (x - mean) + shift * deviation, atol=1e-2, rtol=1e-4)
    assert np.std(gains) == pytest.approx(0.2 / math.sqrt(12), rel=0.35)  # uniform


def test_tones_bend_each_band_upwards_only_and_keep_gray_gray(tmp_path):
    plain = ramp_source(tmp_path)
    statistics = plain.statistics()
    mean, std = (torch.tensor(values, dtype=torch.float64) for values in (statistics.mean, statistics.std))
    before, after = plain.batch(0, 0, 12), ramp_source(tmp_path, curves=0.5).batch(0, 0, 12)
    assert torch.equal(before.mask, after.mask) and torch.equal(before.valid, after.valid)
    assert (after.image[~after.valid[:, None].expand_as(after.image)] == 0).all()
    bent = 0.0
    for x, y, valid in zip(before.image.double(), after.image.double(), before.valid, strict=True):
        for band in range(len(x)):
            old, new = ((z[band][valid] - mean[band]) / std[band] for z in (x, y))
            order = old.argsort()
            assert (new[order].diff() >= -1e-3).all()  # a brighter pixel stays brighter
            line = np.polyfit(torch.asinh(old), torch.asinh(new), 1)  # the curve is a line between these
            assert math.exp(-0.5) - 1e-3 <= line[0] <= math.exp(0.5) + 1e-3 and abs(line[1]) <= 0.501
            bent = max(bent, abs(line[0] - 1))
    assert bent > 0.2
    mixed = ramp_source(tmp_path, band_mixing=0.3).batch(0, 0, 12).image
    gray = torch.ones(12, plain.data.channels, 2, 2)
    tones = draw_tones(torch.Generator().manual_seed(0), 12, plain.data.channels, 0.0, 0.3)
    unit = Statistics((0.0,) * plain.data.channels, (1.0,) * plain.data.channels)
    torch.testing.assert_close(toned(gray, torch.ones(12, 2, 2, dtype=torch.bool), tones, unit), gray)
    assert not torch.allclose(mixed, before.image, rtol=0.01)
