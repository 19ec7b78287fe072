"""The plan of tiles, the shares of neighbors, and the blend against one pass over the whole scene."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from limner.foundation.errors import UserError
from limner.segment.predicting.blending import Blend, Rows
from limner.segment.predicting.tiles import Axis, check_tiling, origins, padded_length, strips

STRIDE = 32


@st.composite
def axes(draw: st.DrawFn) -> Axis:
    """Any axis that `check_tiling` allows, up to a few dozen tiles."""
    stride = draw(st.sampled_from([1, 4, 32]))
    tile = draw(st.integers(1, 8))
    overlap = draw(st.integers(0, tile - 1))
    margin = draw(st.integers(0, overlap * stride // 2))
    length = draw(st.integers(1, 40 * stride))
    return Axis(length, tile * stride, overlap * stride, margin, stride)


@given(axes())
def test_tiles_start_on_multiples_of_the_stride_and_cover_the_padded_axis(axis: Axis) -> None:
    starts = axis.origins
    assert all(start % axis.stride == 0 for start in starts)
    assert starts[0] == 0
    assert starts[-1] + axis.size_px == axis.padded_px
    steps = np.diff(starts)
    assert (steps > 0).all()
    assert (steps <= axis.tile_px - axis.overlap_px).all()
    assert axis.padded_px - axis.length in range(axis.stride)


@given(axes())
def test_the_shares_of_all_tiles_sum_to_one_at_every_pixel(axis: Axis) -> None:
    total = np.zeros(axis.padded_px)
    for index, start in enumerate(axis.origins):
        share = axis.share(index)
        assert share.dtype == np.float32
        assert share.shape == (axis.size_px,)
        assert (share >= 0).all()
        total[start : start + axis.size_px] += share
    np.testing.assert_allclose(total, 1, atol=1e-6)


@given(axes())
def test_a_tile_says_nothing_within_the_margin_of_its_inner_edges(axis: Axis) -> None:
    last = len(axis.origins) - 1
    for index in range(last + 1):
        share = axis.share(index)
        if index > 0:
            assert not share[: axis.margin_px].any()
        if index < last:
            assert not share[axis.size_px - axis.margin_px :].any()


def test_a_tile_at_the_scene_edge_answers_for_its_outermost_pixels() -> None:
    axis = Axis(length=1000, tile_px=512, overlap_px=128, margin_px=64, stride=STRIDE)
    assert axis.share(0)[0] == 1
    assert axis.share(len(axis.origins) - 1)[-1] == 1


def test_a_ramp_fades_between_the_margins_of_two_neighbors() -> None:
    axis = Axis(length=14, tile_px=8, overlap_px=4, margin_px=1, stride=1)
    assert axis.origins == (0, 4, 6)
    plain = Axis(length=12, tile_px=8, overlap_px=4, margin_px=1, stride=1)
    np.testing.assert_allclose(plain.share(0), [1, 1, 1, 1, 1, 0.75, 0.25, 0])
    np.testing.assert_allclose(plain.share(1), [0, 0.25, 0.75, 1, 1, 1, 1, 1])


@pytest.mark.parametrize(
    ("length", "expected"),
    [(1, (0,)), (512, (0,)), (500, (0,)), (513, (0, 32)), (896, (0, 384)), (897, (0, 384, 416)), (1000, (0, 384, 512))],
)
def test_origins_of_known_lengths(length: int, expected: tuple[int, ...]) -> None:
    assert origins(length, tile_px=512, step_px=384, stride=STRIDE) == expected


def test_padding_reaches_the_next_multiple_and_no_further() -> None:
    assert [padded_length(length, 32) for length in (1, 31, 32, 33, 64)] == [32, 32, 32, 64, 64]


@pytest.mark.parametrize(
    ("tile", "overlap", "margin", "words"),
    [
        (500, 128, 32, "tile_px is 500; needed: a multiple of 32, such as 480 or 512"),
        (0, 0, 0, "tile_px is 0"),
        (-32, 0, 0, "tile_px is -32"),
        (512, 100, 32, "overlap_px is 100; needed: a multiple of 32, such as 96 or 128"),
        (512, -32, 0, "overlap_px is -32"),
        (512, 512, 32, "an overlap smaller than the tile, such as 128"),
        (512, 128, 65, "margin_px is 65; needed: 0 to 64"),
        (512, 128, -1, "margin_px is -1"),
    ],
)
def test_a_tiling_that_cannot_be_is_refused_with_advice(tile: int, overlap: int, margin: int, words: str) -> None:
    with pytest.raises(UserError, match=words):
        check_tiling(tile, overlap, margin, STRIDE)


def network(image: np.ndarray) -> np.ndarray:
    """(B, 1, H, W) -> (B, 2, H, W): two zero-padded 5x5 convolutions around a nonlinearity, so a radius of 4."""
    generator = torch.Generator().manual_seed(0)
    first = torch.randn(3, 1, 5, 5, generator=generator) / 5
    second = torch.randn(2, 3, 5, 5, generator=generator) / 8
    hidden = torch.nn.functional.conv2d(torch.from_numpy(image), first, padding=2).tanh()
    return torch.nn.functional.conv2d(hidden, second, padding=2).softmax(1).numpy()


def blended(scene: np.ndarray, rows: Axis, columns: Axis, block_px: int) -> tuple[np.ndarray, np.ndarray]:
    """The blend of the network's answers over all tiles, and the valid mask, put together from the rows it gives."""
    padded = np.zeros((1, 1, rows.padded_px, columns.padded_px), np.float32)
    padded[0, 0, : rows.length, : columns.length] = scene
    valid = np.zeros(padded.shape[2:], bool)
    valid[: rows.length, : columns.length] = scene > 0
    blend = Blend(rows, columns, 2, block_px)
    parts = []
    for index, top in enumerate(rows.origins):
        blend.mark_valid(index, valid[top : top + rows.size_px])
        for column, left in enumerate(columns.origins):
            tile = padded[:, :, top : top + rows.size_px, left : left + columns.size_px]
            blend.add(index, [column], network(tile))
        parts.append(blend.take(index))
    starts = [part.row for part in parts if len(part.valid)]
    assert starts == sorted(set(starts))
    assert all(start % block_px == 0 for start in starts)
    return np.concatenate([part.planes for part in parts], axis=1), np.concatenate([part.valid for part in parts])


@pytest.mark.parametrize("size", [(33, 47), (200, 330), (1, 300), (300, 1), (64, 64), (97, 96), (256, 129)])
@pytest.mark.parametrize(("overlap", "margin"), [(32, 4), (32, 16), (64, 8)])
def test_blended_tiles_give_the_answer_of_one_pass_over_the_whole_scene(
    size: tuple[int, int], overlap: int, margin: int
) -> None:
    scene = np.random.default_rng(0).normal(size=size).astype(np.float32)
    rows, columns = (Axis(length, 96, overlap, margin, STRIDE) for length in size)
    padded = np.zeros((1, 1, rows.padded_px, columns.padded_px), np.float32)
    padded[0, 0, : size[0], : size[1]] = scene
    whole = network(padded)[0, :, : size[0], : size[1]]
    planes, valid = blended(scene, rows, columns, block_px=32)
    np.testing.assert_allclose(planes, whole, atol=1e-5, rtol=0)
    np.testing.assert_array_equal(valid, scene > 0)


def test_without_a_margin_the_padding_of_the_tiles_spoils_the_answer() -> None:
    """The test above would see a wrong margin."""
    scene = np.random.default_rng(0).normal(size=(200, 200)).astype(np.float32)
    axis = Axis(200, 96, 32, 0, STRIDE)
    padded = np.zeros((1, 1, 224, 224), np.float32)
    padded[0, 0, :200, :200] = scene
    planes, _ = blended(scene, axis, axis, block_px=32)
    assert np.abs(planes - network(padded)[0, :, :200, :200]).max() > 1e-3


@given(st.integers(1, 200), st.integers(1, 200), st.sampled_from([(64, 32, 16), (64, 0, 0), (96, 64, 5), (32, 0, 0)]))
def test_constant_answers_blend_to_the_same_constant(height: int, width: int, tiling: tuple[int, int, int]) -> None:
    rows, columns = Axis(height, *tiling, STRIDE), Axis(width, *tiling, STRIDE)
    blend = Blend(rows, columns, 1, block_px=48)
    parts = []
    for index in range(len(rows.origins)):
        for column in range(len(columns.origins)):
            blend.add(index, [column], np.full((1, 1, rows.size_px, columns.size_px), 0.3, np.float32))
        parts.append(blend.take(index))
    whole = np.concatenate([part.planes for part in parts], axis=1)
    assert whole.shape == (1, height, width)
    np.testing.assert_allclose(whole, 0.3, atol=1e-6)


def test_rows_in_parts_are_the_same_rows() -> None:
    planes, valid = np.arange(2 * 5 * 3, dtype=np.float32).reshape(2, 5, 3), np.eye(5, 3, dtype=bool)
    parts = list(Rows(7, planes, valid, 11).parts(2))
    assert [(part.row, part.column, len(part.valid)) for part in parts] == [(7, 11, 2), (9, 11, 2), (11, 11, 1)]
    np.testing.assert_array_equal(np.concatenate([part.planes for part in parts], axis=1), planes)
    np.testing.assert_array_equal(np.concatenate([part.valid for part in parts]), valid)


def test_a_strip_takes_no_tile_without_a_share_and_memory_is_bounded_by_its_width() -> None:
    axis = Axis(length=100_000, tile_px=512, overlap_px=192, margin_px=72, stride=32)
    parts = strips(axis, 10_240, 256)
    assert [part.start for part in parts[1:]] == [part.start + part.length for part in parts[:-1]]
    assert parts[-1].start + parts[-1].length == axis.length
    assert all(part.start % 256 == 0 for part in parts)
    assert max(part.padded_px for part in parts) < 10_240 + 2 * 512 + 256
    computed = sum(len(part.origins) for part in parts)
    assert computed < 1.06 * len(axis.origins)
    assert strips(axis, 100_000, 256) == [axis]
