"""Annotated ground is divided so that what is tested was not learned from, and lies apart from it."""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from drawn import Picture, draw_picture, save_area
from limner.reporting.pictures import IGNORE
from limner.scenes.windows import Window, covered
from limner.segment.data.areas import find_data
from limner.segment.data.blocks import Block
from limner.segment.data.chips import DataSet
from limner.segment.data.folds import fold_ground, halve
from limner.segment.labels.reading import Reading


def annotated(folder: Path, *places: Window, height: int = 256, width: int = 384) -> tuple[DataSet, np.ndarray]:
    """An area of one picture with labels on ``places`` alone, and its mask."""
    values, drawn = draw_picture(height, width)
    mask = np.full_like(drawn, IGNORE)
    for place in places:
        mask[place.slices] = drawn[place.slices]
    return find_data([save_area(folder / "town", [Picture(values, mask)])], Reading(target="building")), mask


@pytest.mark.parametrize(
    "places",
    [
        [Window(0, 0, 256, 384)],
        [Window(32, 64, 96, 96)],
        [Window(0, 0, 64, 64), Window(192, 320, 64, 64), Window(0, 320, 64, 64)],
    ],
)
def test_what_one_division_learns_the_other_holds_out(tmp_path: Path, places: list[Window]) -> None:
    data, mask = annotated(tmp_path, *places)
    folds = fold_ground(data, tile_px=64)
    assert len(folds) == 2
    whole = Window(0, 0, *mask.shape)
    labelled = mask != IGNORE
    learned = [fold.split.training_ground(0, whole) & labelled for fold in folds]
    assert ((learned[0] ^ learned[1]) | ~labelled).all() and not (learned[0] & learned[1]).any()
    for fold, ours, others in zip(folds, learned, learned[::-1], strict=True):
        tested = covered([block.window for block in fold.tested], whole) & labelled
        assert not (tested & ours).any() and not (tested & ~others).any()
        assert tested.sum() >= 0.4 * others.sum()  # but for the gap beside what is learned from
        assert 0.3 < others.sum() / labelled.sum() < 0.7
        (share,) = fold.split.shares
        assert (share.training_px, share.validation_px) == (ours.sum(), others.sum())
        grown = ndimage.binary_dilation(ours, np.ones((3, 3)))
        if len(places) > 1 or len(fold.tested) > 12:
            assert not (grown & tested).any()


def test_halves_of_several_places_are_whole_places(tmp_path: Path) -> None:
    places = [Window(0, 0, 64, 96), Window(192, 256, 64, 96), Window(0, 256, 64, 64)]
    data, mask = annotated(tmp_path, *places)
    folds = fold_ground(data, tile_px=64)
    whole = Window(0, 0, *mask.shape)
    for fold in folds:
        learned = fold.split.training_ground(0, whole) & (mask != IGNORE)
        assert {bool(learned[place.slices].any()) for place in places} == {True, False}
        assert all(learned[place.slices].all() == learned[place.slices].any() for place in places)
    assert len({block.place for fold in folds for block in fold.tested}) == 3


def test_one_place_that_holds_nearly_all_is_cut_itself(tmp_path: Path) -> None:
    data, mask = annotated(tmp_path, Window(0, 0, 192, 192), Window(224, 352, 32, 32))
    whole = Window(0, 0, *mask.shape)
    for fold in fold_ground(data, tile_px=64):
        learned = fold.split.training_ground(0, whole) & (mask != IGNORE)
        assert 0.3 < learned.sum() / (mask != IGNORE).sum() < 0.7


def test_halves_lie_on_both_sides_of_a_line_across_the_longer_extent() -> None:
    blocks = [Block(0, Window(row, column, 64, 64), 4096) for row in (0, 64) for column in range(0, 640, 64)]
    half = halve(blocks, dict.fromkeys(blocks, 0))
    assert half == {block for block in blocks if block.window.column < 320}
    tall = [Block(0, Window(row, 0, 64, 64), 100 if row else 1000) for row in range(0, 640, 64)]
    assert halve(tall, dict.fromkeys(tall, 0)) == {tall[0]}  # as many labels on both sides as can be


def test_of_several_pictures_a_half_is_whole_pictures() -> None:
    blocks = [Block(chip, Window(0, column, 64, 64), 4096) for chip in range(4) for column in (0, 64)]
    assert {block.chip for block in halve(blocks, {block: block.chip for block in blocks})} == {0, 1}


def test_much_ground_holds_out_a_quarter_once(tmp_path: Path) -> None:
    data, mask = annotated(tmp_path, Window(0, 0, 640, 640), height=640, width=640)
    (fold,) = fold_ground(data, tile_px=64)
    tested = covered([block.window for block in fold.tested], Window(0, 0, *mask.shape))
    assert tested.mean() == pytest.approx(0.25, abs=0.03)
    assert not (fold.split.training_ground(0, Window(0, 0, *mask.shape)) & tested).any()


def test_a_share_that_is_asked_for_is_held_out_once(tmp_path: Path) -> None:
    data, mask = annotated(tmp_path, Window(0, 0, 256, 384))
    (fold,) = fold_ground(data, tile_px=64, share=0.4)
    tested = covered([block.window for block in fold.tested], Window(0, 0, *mask.shape))
    assert tested.mean() == pytest.approx(0.4, abs=0.05)


def test_a_single_block_cannot_be_divided(tmp_path: Path) -> None:
    data, _ = annotated(tmp_path, Window(0, 0, 30, 30))
    assert fold_ground(data, tile_px=64) == ()
