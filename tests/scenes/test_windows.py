"""Windows know their common pixels, cover what they are asked to cover once, and cut as slices do."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from limner.scenes.windows import Window, covered, cut, row_bands

WINDOWS = st.builds(Window, st.integers(-30, 30), st.integers(-30, 30), st.integers(0, 25), st.integers(0, 25))
SIZES = st.integers(1, 40)


def test_windows_know_their_common_pixels():
    assert Window(-5, 3, 10, 10).clipped(8, 8) == Window(0, 3, 5, 5)
    assert Window(20, 20, 5, 5).clipped(8, 8) == Window(8, 8, 0, 0)
    assert Window(0, 0, 4, 4).intersects(Window(3, 3, 4, 4))
    assert not Window(0, 0, 4, 4).intersects(Window(4, 0, 4, 4))
    assert Window(1, 2, 3, 4).slices == (slice(1, 4), slice(2, 6))


def test_rasterio_takes_the_same_window_column_first():
    window = Window(1, 2, 3, 4).rasterio
    assert (window.row_off, window.col_off, window.height, window.width) == (1, 2, 3, 4)


@given(height=st.integers(1, 200), width=st.integers(1, 200), band_px=st.integers(1, 5000))
@settings(max_examples=50, deadline=None)
def test_row_bands_cover_every_row_once(height, width, band_px):
    rows = [row for band in row_bands(height, width, band_px) for row in range(band.row, band.row + band.height)]
    assert rows == list(range(height))


@given(window=WINDOWS, edge_px=st.integers(1, 9))
@settings(max_examples=50, deadline=None)
def test_cells_cover_every_pixel_once_and_are_no_larger_than_asked(window, edge_px):
    seen = np.zeros((60, 60), int)
    for cell in window.cells(edge_px):
        assert 0 < cell.height <= edge_px and 0 < cell.width <= edge_px
        seen[cell.seen_from(Window(-30, -30, 60, 60)).slices] += 1
    expected = np.zeros_like(seen)
    expected[window.seen_from(Window(-30, -30, 60, 60)).slices] = 1
    assert np.array_equal(seen, expected)


@given(window=WINDOWS, others=st.lists(WINDOWS, max_size=3))
@settings(max_examples=100, deadline=None)
def test_a_pixel_is_covered_where_any_window_holds_it(window, others):
    for row, column in np.ndindex(window.height, window.width):
        pixel = Window(window.row + row, window.column + column, 1, 1)
        assert covered(others, window)[row, column] == any(pixel.intersects(other) for other in others)


@given(window=WINDOWS, height=SIZES, width=SIZES)
@settings(max_examples=100, deadline=None)
def test_a_cut_holds_the_arrays_own_values_and_the_filling_beyond(window, height, width):
    array = np.arange(2 * height * width).reshape(2, height, width)
    found = cut(array, window, fill=-1)
    assert found.shape == (2, window.height, window.width)
    for row, column in np.ndindex(window.height, window.width):
        there = window.row + row, window.column + column
        inside = 0 <= there[0] < height and 0 <= there[1] < width
        assert np.array_equal(found[:, row, column], array[:, *there] if inside else [-1, -1])
