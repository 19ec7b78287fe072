"""Sheets show what they are given, where it is expected, with its numbers."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from limner.recolor.scoring.score import TransferScore
from limner.recolor.scoring.sheet import (
    Transfers,
    comparison_sheet,
    method_sheet,
    numbers_line,
    sweep_sheet,
    trade_off_plot,
)

RED, GREEN, BLUE = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)


def plain(color, height=20, width=30):
    return torch.tensor(color)[:, None, None].expand(3, height, width)


def score(closed=0.5, ssim=0.9):
    return TransferScore(ssim, 0.9, 5.0, closed, 0.5, 1.0, 0.0, 0.0, 0.4, 0.3, 0.1)


def transfers(*names):
    return Transfers(
        plain(RED), plain(GREEN, 25, 18), {name: plain(BLUE) for name in names}, {name: score() for name in names}
    )


def shares_of(sheet):
    """How much of the sheet is red, green and blue."""
    return [float((sheet == np.array(color) * 255).all(axis=-1).mean()) for color in (RED, GREEN, BLUE)]


def test_a_sheet_of_methods_shows_target_reference_and_every_result():
    sheet = method_sheet(transfers("mkl", "idt", "superpixel"), columns=3, cell_px=60)
    red, green, blue = shares_of(sheet)
    assert sheet.dtype == np.uint8
    assert green > 0
    assert blue == pytest.approx(3 * red)


def test_a_result_without_a_score_is_shown_all_the_same():
    given = transfers("mkl", "idt")
    red, _, blue = shares_of(method_sheet(replace(given, scores={}), cell_px=60))
    assert blue == pytest.approx(2 * red) and red > 0


def test_colors_out_of_range_are_shown_clipped():
    beyond = Transfers(plain((1.5, -0.5, 0.0)), plain(GREEN), {}, {})
    assert shares_of(method_sheet(beyond, cell_px=60))[0] > 0


def test_a_comparison_has_a_row_for_each_pair():
    one, two = (comparison_sheet([transfers("mkl", "idt")] * count, cell_px=60) for count in (1, 2))
    assert two.shape[1] == one.shape[1]
    assert two.shape[0] > 1.5 * one.shape[0]


def test_a_sweep_of_many_values_takes_two_rows():
    few, many = (sweep_sheet(transfers(*(str(number) for number in range(count))), cell_px=60) for count in (4, 8))
    assert few.shape[1] > many.shape[1] > 5 * 60
    assert many.shape[0] > 1.5 * few.shape[0]


def test_numbers_keep_their_sign():
    assert numbers_line(score(closed=-0.25, ssim=0.955)) == "closes -25%, SSIM 0.95, blotches 0.4"


def test_the_trade_off_is_drawn_with_a_label_for_every_method(tmp_path, drawn_figures):
    scores = {f"method {number}": [score(0.5, 0.9), score(0.52, 0.91)] for number in range(12)}
    path = tmp_path / "trade-off.svg"
    trade_off_plot(path, {"identity": [score(0, 1)] * 2, **scores}, ours=["method 3"], title="two pairs")
    drawn = path.read_text()
    assert all(f"<!-- {name} -->" in drawn for name in ["identity", *scores])
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("against", "better_is_up"), [("ssim", 0.9), ("blotches", 0.1)])
def test_the_better_of_two_methods_is_drawn_higher(tmp_path, drawn_figures, against, better_is_up):
    path = tmp_path / "plot.svg"
    better, worse = (replace(score(), **{against: value}) for value in (better_is_up, 0.5))
    trade_off_plot(path, {"better": [better], "worse": [worse]}, against=against)
    height = {
        name: float(re.search(rf"<!-- {name} -->\s*<g [^>]*translate\([\d.]+ ([\d.]+)\)", path.read_text())[1])
        for name in ("better", "worse")
    }
    assert height["better"] < height["worse"] - 50  # from the top


def test_labels_of_points_at_one_place_do_not_cover_each_other(tmp_path, drawn_figures):
    path = tmp_path / "plot.svg"
    trade_off_plot(path, {f"method {number}": [score(0.5, 0.9)] for number in range(6)})
    places = re.findall(r"<!-- method \d -->\s*<g [^>]*translate\(([\d.]+) ([\d.]+)\)", path.read_text())
    assert len(places) == 6
    for (x, y), (other_x, other_y) in itertools.combinations([tuple(map(float, place)) for place in places], 2):
        assert abs(y - other_y) > 8 or abs(x - other_x) > 30
