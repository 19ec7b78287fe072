"""Transfers as look-up tables: which map stands for them, and how far it is from the real thing."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from drawn_photos import DAY, EVENING, draw_colors
from limner.colors.classic import FITS
from limner.colors.spaces import srgb_to_lab
from limner.recolor.methods.methods import transfer_color
from limner.recolor.recoloring.looks.cube import read_cube
from limner.recolor.recoloring.looks.looks import make_look


def picture(colors: tuple, height: int = 33, width: int = 47) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(draw_colors(colors, height, width).transpose(2, 0, 1))).float() / 255


def warmed(before: Tensor) -> Tensor:
    return before * torch.tensor([0.9, 0.7, 0.4])[:, None, None] + 0.05


@pytest.mark.parametrize("method", sorted(FITS))
def test_a_global_method_is_its_own_table(tmp_path: Path, method: str) -> None:
    before = picture(DAY)
    done = transfer_color(before, picture(EVENING), method)
    made = make_look(tmp_path / "a.cube", method, [before], [done.picture], done.color_map)
    assert made.by == made.method == method and made.line().startswith("33 points an edge; ")
    shown = read_cube(tmp_path / "a.cube")(before.flatten(1)).view_as(before).clamp(0, 1)
    apart = (srgb_to_lab(shown) - srgb_to_lab(done.picture.clamp(0, 1))).norm(dim=0)
    assert made.error == pytest.approx(float(apart.mean()), abs=1e-3)
    assert made.error_95 == pytest.approx(float(apart.flatten().quantile(0.95)), abs=1e-3)
    moved = (srgb_to_lab(before) - srgb_to_lab(done.picture.clamp(0, 1))).norm(dim=0)
    assert made.error < (0.01 if method in ("mkl", "xiao") else 0.1) * moved.mean()  # linear maps, and curved ones


def test_without_a_map_the_nearest_global_method_stands_in(tmp_path: Path) -> None:
    before = picture(DAY)
    made = make_look(tmp_path / "a.cube", "superpixel", [before], [warmed(before)], title='dusk "2"')
    assert made.method == "superpixel" and made.by in FITS and made.error < 0.5
    assert f", a global {made.by} that stands for superpixel; " in made.line()
    assert (tmp_path / "a.cube").read_text().startswith("TITLE \"dusk '2'\"\n")
    errors = []
    for fit in FITS.values():
        mapped = fit(before.flatten(1), warmed(before).flatten(1))(before.flatten(1))
        errors.append(
            float((srgb_to_lab(mapped.clamp(0, 1)) - srgb_to_lab(warmed(before).flatten(1))).norm(dim=0).mean())
        )
    assert made.error < min(errors) + 0.3  # but for what the table's own steps add


def test_several_pictures_make_one_table_for_all(tmp_path: Path) -> None:
    pictures = [picture(DAY), picture(EVENING, 20, 31)]
    make_look(tmp_path / "a.cube", "sct", pictures, [warmed(one) for one in pictures])
    look = read_cube(tmp_path / "a.cube")
    for one in pictures:
        assert (look(one.flatten(1)).view_as(one) - warmed(one)).abs().mean() < 0.02


def test_what_lies_beyond_the_range_is_judged_as_it_is_shown(tmp_path: Path) -> None:
    before = picture(DAY)
    beyond = before * 1.8 - 0.3
    assert ((beyond < 0) | (beyond > 1)).any()
    made = make_look(tmp_path / "a.cube", "mkl", [before], [beyond], lambda colors: colors * 1.8 - 0.3)
    assert made.error < 0.01


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 40)])
def test_small_and_constant_pictures_make_tables(tmp_path: Path, height: int, width: int) -> None:
    before = torch.full((3, height, width), 0.4)
    made = make_look(tmp_path / "a.cube", "superpixel", [before], [before * 0.5])
    assert made.error < 1 and torch.isfinite(read_cube(tmp_path / "a.cube").table).all()
