"""Every color transfer behind one signature, and all held to the same list."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from drawn_photos import DAY, EVENING, GOLD_AND_BLUE, draw_colors
from limner.colors.classic.mkl import mkl
from limner.foundation.errors import UserError
from limner.recolor.methods.global_map import fit_colors
from limner.recolor.methods.methods import METHODS, WHOLE, Mix, transfer_color
from limner.recolor.methods.pictures import Pictures
from limner.recolor.methods.sct import SctOptions
from limner.recolor.methods.superpixel import SuperpixelOptions


def picture(colors: tuple = DAY, height: int = 33, width: int = 47) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(draw_colors(colors, height, width).transpose(2, 0, 1))).float() / 255


def gray(height: int = 33, width: int = 47) -> Tensor:
    return picture(DAY, height, width)[1:2].expand(3, -1, -1)


ODD = {
    "33 x 47": picture(), "1 x 40": picture(height=1, width=40), "40 x 1": picture(height=40, width=1),
    "one pixel": picture(height=1, width=1), "constant": torch.full((3, 9, 12), 0.3), "black": torch.zeros(3, 9, 12),
    "white": torch.ones(3, 9, 12), "gray": gray(), "beyond the range": picture() * 1.5 - 0.2,
}  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
def test_odd_pictures_give_finite_pictures_of_their_size(method: str) -> None:
    usual = picture(EVENING, 20, 31)
    for name, odd in ODD.items():
        for target, reference in ((odd, usual), (usual, odd), (odd, odd)):
            done = transfer_color(target, reference, method)
            assert done.picture.shape == target.shape and done.picture.dtype == torch.float32, name
            assert torch.isfinite(done.picture).all(), name


@pytest.mark.parametrize("method", METHODS)
def test_a_method_says_what_it_did_and_changes_neither_picture(method: str) -> None:
    target, reference = picture(), picture(EVENING)
    kept = target.clone(), reference.clone()
    done = transfer_color(target, reference, method)
    assert method.startswith(done.method) and done.seconds and all(value >= 0 for value in done.seconds.values())
    assert torch.equal(target, kept[0]) and torch.equal(reference, kept[1])
    assert (done.color_map is not None) == (method not in ("superpixel", "sct", "histogram-analogy"))
    assert (done.matching is not None) == (method == "superpixel")


@pytest.mark.parametrize("method", METHODS)
def test_colors_come_nearer_and_the_same_call_gives_the_same(method: str) -> None:
    target, reference = picture(), picture(EVENING)
    done = transfer_color(target, reference, method).picture
    wanted = reference.mean((1, 2))
    assert (done.mean((1, 2)) - wanted).norm() < 0.8 * (target.mean((1, 2)) - wanted).norm()
    assert torch.equal(transfer_color(target, [reference], method).picture, done)


@pytest.mark.parametrize("method", METHODS)
def test_masks_say_where_to_change_and_where_to_take_from(method: str) -> None:
    target, reference = picture(), picture(GOLD_AND_BLUE, 30, 40)
    where, taken = torch.zeros(33, 47), torch.zeros(30, 40)
    where[:16], taken[15:] = 1, 1  # the sky; the blue
    done = transfer_color(target, reference, method, target_mask=where, reference_masks=[taken]).picture
    assert torch.equal(done[:, 16:], target[:, 16:])
    blue = torch.tensor(GOLD_AND_BLUE[1]) / 255
    assert (done[:, :16].mean((1, 2)) - blue).norm() < 0.25 < (target[:, :16].mean((1, 2)) - blue).norm()


@pytest.mark.parametrize("method", METHODS)
def test_several_references_of_unlike_sizes_are_one_palette(method: str) -> None:
    target, dark, light = gray(20, 30), torch.full((3, 9, 8), 0.1), torch.full((3, 30, 25), 0.9)
    masks = [None, torch.ones(30, 25)]
    both = transfer_color(
        target, [dark + 0.02 * gray(9, 8), light + 0.02 * gray(30, 25)], method, reference_masks=masks
    )
    assert 0.1 < both.picture.mean() < 0.95 and torch.isfinite(both.picture).all()


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("temperature", (1e-6, 1e6)), ("perplexity", (1.0, 1e6)), ("palette", (0.0, 1.0)), ("count", (1, 10**6)),
        ("smoothness", (0.0, 1e6)),
    ],
)  # fmt: skip
def test_options_at_their_limits_give_finite_pictures(name: str, values: tuple[float, ...]) -> None:
    for value in values:
        options = SuperpixelOptions(features="lab-gradient", **{name: value})
        done = transfer_color(picture(), picture(EVENING, 20, 31), options)
        assert torch.isfinite(done.picture).all() and done.picture.shape == (3, 33, 47)


def test_a_faint_mask_still_says_where_to_look() -> None:
    target, faint = picture(), torch.zeros(33, 47)
    faint[:16] = 0.3
    done = transfer_color(target, picture(EVENING), "mkl", target_mask=faint).picture
    assert torch.equal(done[:, 16:], target[:, 16:]) and not torch.equal(done[:, :16], target[:, :16])


def test_regrain_after_idt_takes_a_smoothness() -> None:
    target, reference = picture(), picture(EVENING)
    plain = transfer_color(target, reference, "idt").picture
    regrained = METHODS["idt-regrain"]
    assert torch.equal(transfer_color(target, reference, replace(regrained, smoothness=0.0)).picture, plain)
    apart = [
        float((transfer_color(target, reference, replace(regrained, smoothness=value)).picture - plain).abs().mean())
        for value in (0.3, 1.0, 3.0)
    ]
    assert torch.equal(
        transfer_color(target, reference, replace(regrained, smoothness=1.0)).picture,
        transfer_color(target, reference, "idt-regrain").picture,
    )
    assert 0 < apart[0] < apart[1] < apart[2]


def test_a_mix_goes_evenly_and_masks_multiply() -> None:
    target, result = picture(), picture(EVENING)
    assert torch.equal(Mix(0.0).of(target, result), target)
    assert torch.equal(WHOLE.of(target, result), result)
    mask = torch.rand(33, 47, generator=torch.Generator().manual_seed(0))
    share = (0.5 * mask).double()
    expected = target.double() * (1 - share) + result.double() * share
    assert (Mix(0.5).of(target, result, mask) - expected).abs().max() < 1e-6
    assert torch.equal(Mix(0.0, True).of(target, result, mask), target)


def test_a_global_map_is_fitted_to_an_even_share_of_large_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    target, reference = picture(height=60, width=70), picture(EVENING, 50, 90)
    pictures = Pictures(target, [reference])
    whole = fit_colors(pictures, mkl)(target.flatten(1))
    monkeypatch.setattr("limner.recolor.methods.global_map.FITTED_PX", 1500)
    assert (fit_colors(pictures, mkl)(target.flatten(1)) - whole).abs().mean() < 0.01


@pytest.mark.parametrize(
    ("says", "change"),
    [
        (
            r"no method is called 'idt-regrian'; did you mean 'idt-regrain'\?",
            {"method": "idt-regrian"},
        ),
        (r"strength is 1.5; needed: 0 \(nothing changes\) to 1", {"strength": 1.5}),
        (r"strength is nan; needed", {"strength": float("nan")}),
        (r"no reference; give at least one picture", {"references": []}),
        (r"2 masks for 1 references; give one for each, or none", {"reference_masks": [None, None]}),
        (r"a mask of 3 x 4 pixels for a picture of 33 x 47", {"target_mask": torch.ones(3, 4)}),
        (r"a mask of 33 x 47 pixels for a picture of 20 x 31", {"reference_masks": [torch.ones(33, 47)]}),
        (r"a mask leaves no visible pixel; needed: some white in it", {"target_mask": torch.zeros(33, 47)}),
        (r"a mask leaves no visible pixel; needed: some white in it", {"reference_masks": [torch.zeros(20, 31)]}),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(says: str, change: dict) -> None:
    arguments = {"target": picture(), "references": picture(EVENING, 20, 31), "method": "mkl", **change}
    with pytest.raises(UserError, match=f"^{says}") as raised:
        transfer_color(**arguments)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("says", "options", "change"),
    [
        (r"sct got 0 superpixels; needed: 1 to 4000", SctOptions(), {"count": 0}),
        (r"palette is 1.5; needed: 0 \(matched colors as they are\) to 1", SuperpixelOptions(), {"palette": 1.5}),
        (r"temperature is 0; needed: above 0", SuperpixelOptions(), {"temperature": 0.0}),
    ],
)
def test_options_that_cannot_be_are_refused_in_one_line(says: str, options: Any, change: dict) -> None:
    with pytest.raises(UserError, match=f"^{says}"):
        replace(options, **change)
