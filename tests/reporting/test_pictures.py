"""Pictures: what is shown for which values, overlays, sheets, and files that are whole or not there."""

import numpy as np
import pytest
from PIL import Image

from limner.foundation.errors import UserError
from limner.reporting.pictures import (
    ERROR_COLORS,
    FALSE_NEGATIVE,
    FALSE_POSITIVE,
    GRAY,
    TRUE_POSITIVE,
    captioned_rows,
    class_colors,
    contact_sheet,
    error_kinds,
    error_map,
    legend,
    overlay,
    resized,
    to_display,
    write_picture,
)


def random_picture(height=33, width=47, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3)).astype(np.uint8)


# --- display --------------------------------------------------------------------------------------------------------


def test_8_bit_rgb_is_shown_as_it_is():
    picture = random_picture()
    assert np.array_equal(to_display(np.moveaxis(picture, -1, 0)), picture)


@pytest.mark.parametrize("bands", [1, 2, 3, 4, 13])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
def test_any_number_of_bands_of_any_type_gives_a_picture(bands, dtype):
    values = np.random.default_rng(0).integers(0, 255, (bands, 33, 47)).astype(dtype)
    shown = to_display(values)
    assert (shown.shape, shown.dtype) == ((33, 47, 3), np.uint8)
    assert (shown[..., 0] == shown[..., 1]).all() == (bands < 3)


def test_16_bit_is_stretched_between_its_2nd_and_98th_percentile():
    ramp = np.arange(10_000, dtype=np.uint16).reshape(1, 100, 100) + 3000
    shown = to_display(ramp)[..., 0].ravel()
    assert (shown[:200] == 0).all() and (shown[-200:] == 255).all()
    assert shown[5000] in (127, 128)
    assert (np.diff(shown.astype(int)) >= 0).all()


def test_chosen_bands_are_shown_in_their_order():
    values = np.stack([np.full((4, 5), number, np.uint8) for number in range(5)])
    assert to_display(values, bands=(3, 0, 4))[0, 0].tolist() == [3, 0, 4]
    assert to_display(values, bands=(2,))[0, 0].tolist() == [2, 2, 2]


def test_nodata_neither_stretches_nor_shows():
    values = np.linspace(0, 1, 100, dtype=np.float32).reshape(1, 10, 10)
    expected = to_display(values[:, :5])
    values[:, 5:] = 1e9
    values[0, 9, 9] = np.nan
    valid = np.zeros((10, 10), bool)
    valid[:5] = True
    shown = to_display(values, valid)
    assert np.array_equal(shown[:5], expected)
    assert (shown[5:] == 255).all()


def test_a_constant_or_empty_band_is_shown_without_complaint():
    assert (to_display(np.full((1, 4, 4), 7.0)) == 128).all()
    assert (to_display(np.full((1, 4, 4), 7.0), np.zeros((4, 4), bool)) == 255).all()


@pytest.mark.parametrize("bands", [(0, 1), (5,), (0, 1, 9)])
def test_bands_that_cannot_be_shown_are_refused(bands):
    with pytest.raises(ValueError, match="one or three"):
        to_display(np.zeros((4, 3, 3), np.uint8), bands=bands)


# --- colors, overlays, errors ---------------------------------------------------------------------------------------


def test_every_class_has_a_color_of_its_own_that_never_changes():
    colors = class_colors(255)
    assert len({tuple(color) for color in colors.tolist()}) == 255
    assert np.array_equal(class_colors(9), colors[:9])
    with pytest.raises(ValueError, match="256 classes"):
        class_colors(256)


def test_an_overlay_colors_classes_and_hatches_ignored_ground():
    picture = np.full((20, 20, 3), 100, np.uint8)
    mask = np.zeros((20, 20), np.uint8)
    mask[:5], mask[5:10], mask[10:] = 0, 1, 255
    shown = overlay(picture, mask, np.array([[0, 0, 0], [200, 0, 100]]), alpha=0.5)
    assert (shown[:5] == 100).all()
    assert (shown[5:10] == (150, 50, 100)).all()
    gray = (shown[10:] == GRAY).all(axis=-1)
    assert 0.2 < gray.mean() < 0.6 and (shown[10:][~gray] == 100).all()
    assert (picture == 100).all(), "the picture given must not change"


def test_an_overlay_can_color_the_background_too():
    shown = overlay(np.full((2, 2, 3), 100, np.uint8), np.zeros((2, 2), np.int64), alpha=1.0, background=None)
    assert (shown == 0).all()


def test_a_mask_without_a_known_pixel_can_be_laid_over():
    assert overlay(random_picture(4, 4), np.full((4, 4), 255, np.uint8)).shape == (4, 4, 3)


def test_an_error_map_shows_found_green_invented_red_missed_blue():
    picture = np.full((1, 5, 3), 90, np.uint8)
    shown = error_map(picture, np.array([[1, 0, 1, 0, 2]]), np.array([[1, 1, 0, 0, 1]]))[0].astype(int)
    for place, kind in ((0, TRUE_POSITIVE), (1, FALSE_POSITIVE), (2, FALSE_NEGATIVE)):
        assert shown[place].argmax() == np.argmax(ERROR_COLORS[kind])
    assert len(set(shown[3])) == 1, "what is rightly background stays gray"
    assert shown[4].argmin() == 2, "a wrong class is orange"


def test_errors_of_many_classes_have_the_color_of_the_class_that_was_called():
    truth, prediction = np.array([[0, 1, 3, 3, 255, 0]]), np.array([[0, 3, 0, 3, 1, 255]])
    shown = error_map(np.full((1, 6, 3), 90, np.uint8), truth, prediction, classes=4)[0].astype(int)
    right = shown[0]
    assert len(set(right)) == 1 and (shown[3] == right).all()
    colors = class_colors(4).astype(int)
    for place, number in ((1, 3), (2, 0)):
        assert np.abs(shown[place] - (0.15 * right + 0.85 * colors[number])).max() <= 1
    hatched = error_map(np.full((8, 8, 3), 90, np.uint8), np.full((8, 8), 255), np.full((8, 8), 2), classes=4)
    assert {tuple(color) for color in hatched.reshape(-1, 3).tolist()} == {GRAY, tuple(right.tolist())}


def test_an_object_of_the_wrong_class_is_an_error_of_its_own():
    assert error_kinds(np.array([1, 2, 2]), np.array([2, 2, 0])).tolist() == [4, 1, 3]


def test_masks_of_another_size_are_refused():
    with pytest.raises(ValueError, match="one size"):
        overlay(random_picture(4, 4), np.zeros((4, 5), np.uint8))
    with pytest.raises(ValueError, match="one size"):
        error_map(random_picture(4, 4), np.zeros((4, 4), np.uint8), np.zeros((2, 2), np.uint8))


# --- sheets ---------------------------------------------------------------------------------------------------------


def test_resizing_bounds_the_longest_edge_and_never_enlarges():
    assert resized(random_picture(100, 400), 80).shape == (20, 80, 3)
    assert resized(random_picture(300, 1), 30).shape == (30, 1, 3)
    small = random_picture(10, 20)
    assert resized(small, 80) is small


def test_a_contact_sheet_holds_every_picture_and_writes_its_label():
    colors = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (200, 200, 30), (200, 30, 200)]
    pictures = [np.full((16, 16, 3), color, np.uint8) for color in colors]
    bare = contact_sheet(pictures, columns=3, cell_px=64)
    for color in colors:
        assert (bare == color).all(axis=-1).sum() == 64 * 64, "small pictures grow by whole factors"
    labelled = contact_sheet(pictures, [f"chip {number}" for number in range(5)], columns=3, cell_px=64)
    assert labelled.shape[1] == bare.shape[1] and labelled.shape[0] > bare.shape[0]
    assert (labelled < 100).all(axis=-1).any(), "labels are dark ink"


def test_labels_never_reach_into_the_next_cell():
    pictures = [np.full((8, 8, 3), 255, np.uint8)] * 2
    sheet = contact_sheet(pictures, ["a name that is much too long for so small a cell", ""], columns=2, cell_px=80)
    assert (sheet[:, 8 + 80 :] == 255).all()
    assert (sheet[:, : 8 + 80] < 255).any()


def test_rows_are_as_high_as_their_highest_picture():
    tall, wide = np.full((80, 40, 3), 10, np.uint8), np.full((20, 80, 3), 10, np.uint8)
    heights = [captioned_rows(rows, cell_px=80).shape[0] for rows in ([[wide]], [[wide, tall]], [[wide], [tall]])]
    assert heights == [20 + 16, 80 + 16, 20 + 80 + 24]


def test_a_legend_shows_every_color_and_breaks_into_lines_where_it_is_narrow():
    entries = {
        f"a long name of a class, number {number}": tuple(color)
        for number, color in enumerate(class_colors(11).tolist())
    }
    wide, narrow = legend(entries, 4000), legend(entries, 500)
    assert (wide.shape[1], narrow.shape[1]) == (4000, 500) and narrow.shape[0] > 4 * wide.shape[0]
    for strip in (wide, narrow):
        for color in entries.values():
            assert (strip == color).all(axis=-1).sum() >= 15 * 15


def test_sheets_refuse_labels_that_do_not_fit_the_pictures():
    with pytest.raises(ValueError, match="2 pictures and 1 labels"):
        contact_sheet([random_picture()] * 2, ["one"])
    with pytest.raises(ValueError, match="0 pictures"):
        contact_sheet([])


def test_a_sheet_of_nothing_still_says_its_title() -> None:
    titled, plain = captioned_rows([], cell_px=80, title="0 objects kept"), captioned_rows([], cell_px=80)
    assert titled.shape[1] == plain.shape[1] == captioned_rows([[random_picture()]], cell_px=80).shape[1]
    assert titled.shape[0] > plain.shape[0] and titled.min() < 128


def test_rows_of_unequal_length_line_up_under_their_heads():
    rows = captioned_rows([[random_picture()] * 3, [random_picture()]], [["one"], []], heads=["a", "b", "c"], title="t")
    assert (rows.shape[2], rows.dtype) == (3, np.uint8)
    assert rows.shape[1] == 3 * (320 + 8) + 8


# --- files ----------------------------------------------------------------------------------------------------------


def test_png_keeps_every_value_and_jpeg_is_close(tmp_path):
    picture = np.repeat(np.repeat(random_picture(8, 8), 16, 0), 16, 1)
    write_picture(tmp_path / "new" / "a.png", picture)
    write_picture(tmp_path / "a.jpg", picture)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "new" / "a.png")), picture)
    assert np.abs(np.asarray(Image.open(tmp_path / "a.jpg")).astype(int) - picture).mean() < 8


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path):
    with pytest.raises(UserError, match=r"a\.bmp.*\.png or \.jpg"):
        write_picture(tmp_path / "a.bmp", random_picture())
    with pytest.raises(ValueError, match="float64"):
        write_picture(tmp_path / "a.png", np.zeros((4, 4, 3)))
    assert list(tmp_path.iterdir()) == []
