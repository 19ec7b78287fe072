"""Annotated ground is divided so that what is tested was not learned from, and lies apart from it."""

from pathlib import Path

import numpy as np
import pytest

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
def test_each_labelled_pixel_is_tested_once_and_never_learned_from_there(tmp_path: Path, places: list[Window]) -> None:
    data, mask = annotated(tmp_path, *places)
    folds = fold_ground(data, tile_px=64)
    assert len(folds) == 2
    whole = Window(0, 0, *mask.shape)
    tested = [covered([window for _, window in fold.tested], whole) for fold in folds]
    labelled = mask != IGNORE
    assert ((tested[0] ^ tested[1]) | ~labelled).all()
    for fold, ours, others in zip(folds, tested, tested[::-1], strict=True):
        learned = fold.split.training_ground(0, whole) & labelled
        np.testing.assert_array_equal(learned, others & labelled)
        assert not (learned & ours).any()
        assert 0.3 < (ours & labelled).sum() / labelled.sum() < 0.7
        (share,) = fold.split.shares
        assert (share.training_px, share.validation_px) == (learned.sum(), (ours & labelled).sum())


def test_halves_lie_on_both_sides_of_a_line_across_the_longer_extent() -> None:
    blocks = [Block(0, Window(row, column, 64, 64), 4096) for row in (0, 64) for column in range(0, 640, 64)]
    half = halve(blocks)
    assert half == {block for block in blocks if block.window.column < 320}
    tall = [Block(0, Window(row, 0, 64, 64), 100 if row else 1000) for row in range(0, 640, 64)]
    assert halve(tall) == {tall[0]}  # as many labels on both sides as can be


def test_of_several_pictures_a_half_is_whole_pictures() -> None:
    blocks = [Block(chip, Window(0, column, 64, 64), 4096) for chip in range(4) for column in (0, 64)]
    assert {block.chip for block in halve(blocks)} == {0, 1}


def test_much_ground_holds_out_a_quarter_once(tmp_path: Path) -> None:
    data, mask = annotated(tmp_path, Window(0, 0, 640, 640), height=640, width=640)
    (fold,) = fold_ground(data, tile_px=64)
    tested = covered([window for _, window in fold.tested], Window(0, 0, *mask.shape))
    assert tested.mean() == pytest.approx(0.25, abs=0.03)
    assert not (fold.split.training_ground(0, Window(0, 0, *mask.shape)) & tested).any()


def test_a_share_that_is_asked_for_is_held_out_once(tmp_path: Path) -> None:
    data, mask = annotated(tmp_path, Window(0, 0, 256, 384))
    (fold,) = fold_ground(data, tile_px=64, share=0.4)
    tested = covered([window for _, window in fold.tested], Window(0, 0, *mask.shape))
    assert tested.mean() == pytest.approx(0.4, abs=0.05)


def test_a_single_block_cannot_be_divided(tmp_path: Path) -> None:
    data, _ = annotated(tmp_path, Window(0, 0, 30, 30))
    assert fold_ground(data, tile_px=64) == ()
