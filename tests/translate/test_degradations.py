"""Degradations: pure functions of (picture, number), with the sizes, kernels and shares that they promise."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from limner.foundation.errors import UserError
from limner.translate.degrading.blurs import Defocus, MotionBlur, line_kernel
from limner.translate.degrading.degradation import degrade
from limner.translate.degrading.holes import Hole
from limner.translate.degrading.looks import luma
from limner.translate.degrading.sizes import Smaller
from limner.translate.degrading.ways import DEGRADATIONS

NAMES = [name for name in DEGRADATIONS if name != "none"]


def picture(channels: int = 3, height: int = 33, width: int = 47) -> torch.Tensor:
    return torch.rand(channels, height, width, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", NAMES)
def test_the_same_picture_and_number_give_the_same_and_stay_in_range(name: str) -> None:
    made: Any = DEGRADATIONS[name]()
    before = picture()
    kept = before.clone()
    one, again, other = (degrade(made, before, number) for number in (5, 5, 6))
    assert torch.equal(before, kept)
    assert torch.equal(one.picture, again.picture)
    assert one.picture.shape == (made.channels(3), 33 // made.scale, 47 // made.scale)
    assert one.picture.dtype == torch.float32 and one.picture.min() >= 0 and one.picture.max() <= 1
    if name in ("motion-blur", "defocus", "noise", "night", "jpeg"):
        assert not torch.equal(one.picture, other.picture)
        assert not torch.equal(one.picture, degrade(made, before, 5, seed=1).picture)


@pytest.mark.parametrize("channels", [1, 4, 13])
@pytest.mark.parametrize("name", [name for name in NAMES if name != "jpeg"])
def test_any_number_of_channels_is_taken(name: str, channels: int) -> None:
    made: Any = DEGRADATIONS[name]()
    assert len(degrade(made, picture(channels), 0).picture) == made.channels(channels)


def test_smaller_is_what_pillow_makes_of_the_file() -> None:
    before = (picture(3, 64, 48) * 255).round() / 255
    small = degrade(Smaller(4), before, 0).picture
    pixels = (before * 255).byte().permute(1, 2, 0).numpy()
    pillow = np.asarray(Image.fromarray(pixels).resize((12, 16), Image.Resampling.BICUBIC))
    assert (small * 255 - torch.from_numpy(pillow.copy()).permute(2, 0, 1)).abs().max() <= 1


def test_a_crop_made_worse_is_the_crop_of_the_worse_picture() -> None:
    before = picture(3, 96, 96)
    for made in (Smaller(4), Smaller(2, "lanczos")):
        margin, scale = -(-made.margin_px // made.scale) * made.scale, made.scale
        whole = degrade(made, before, 0).picture
        part = degrade(made, before[:, 32 - margin : 64 + margin, 32 - margin : 64 + margin], 0).picture
        inner = part[:, margin // scale : -(margin // scale), margin // scale : -(margin // scale)]
        assert (inner - whole[:, 32 // scale : 64 // scale, 32 // scale : 64 // scale]).abs().max() <= 1.01 / 255


@pytest.mark.parametrize("angle", [0.0, 0.3, math.pi / 2, 2.5])
def test_motion_kernels_add_up_to_one_are_as_long_as_said_and_centered(angle: float) -> None:
    kernel = line_kernel(9.0, angle)
    assert kernel.sum() == pytest.approx(1, abs=1e-5) and kernel.min() >= 0
    steps = torch.arange(len(kernel)) - len(kernel) // 2
    rows, columns = (kernel.sum(1) * steps).sum(), (kernel.sum(0) * steps).sum()
    assert abs(float(rows)) < 1e-4 and abs(float(columns)) < 1e-4
    spread = float((kernel * (steps[:, None] ** 2 + steps**2)).sum())
    assert spread == pytest.approx(8.0**2 / 12, rel=0.12)  # of a line of 8 px between its ends


def test_blurs_leave_one_color_alone_and_a_disk_is_round() -> None:
    flat = torch.full((3, 40, 40), 0.4)
    for blur in (MotionBlur(noise=0), Defocus(noise=0)):
        assert (degrade(blur, flat, 3).picture - 102 / 255).abs().max() < 1e-6
        generator = torch.Generator().manual_seed(0)
        assert blur.kernel(generator).sum() == pytest.approx(1, abs=1e-5)
    disk = Defocus(3, 3).kernel(torch.Generator())
    assert torch.equal(disk, disk.T) and torch.equal(disk, disk.flip(0))


@pytest.mark.parametrize("form", ["center", "box", "blobs"])
def test_holes_have_their_share_and_leave_the_rest_alone(form: Any) -> None:
    before = picture(3, 64, 64)
    for number in range(3):
        made = degrade(Hole(form, 0.2, 0.3 if form != "center" else 0.2), before, number)
        mask = made.mask
        assert mask is not None and mask.shape == (1, 64, 64) and set(mask.unique().tolist()) == {0.0, 1.0}
        assert 0.17 <= float(mask.mean()) <= 0.33
        assert torch.equal(made.picture[:, mask[0] == 0], before[:, mask[0] == 0])
        assert made.picture[:, mask[0] == 1].std(dim=1).max() < 1e-6
    assert float(degrade(Hole(), before, 0).mask[0, 16:48, 16:48].sum()) == 32 * 32  # type: ignore[index]


def test_gray_is_luma_and_edges_are_found() -> None:
    image = torch.zeros(3, 32, 32)
    image[:, :, 16:] = 1
    edges = degrade(DEGRADATIONS["edges"](), image, 0).picture  # type: ignore[arg-type]
    assert set(edges.unique().tolist()) == {0.0, 1.0}
    assert bool((edges[0, 5:-5, 15:17].sum(1) >= 1).all())
    assert edges[0, :, :14].sum() == 0 and edges[0, :, 18:].sum() == 0
    assert float(luma(torch.tensor([1.0, 0, 0])[:, None, None])) == pytest.approx(0.299)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Smaller(3), "needed: 2, 4 or 8"),
        (lambda: Smaller(4, "cubic"), "kernel is 'cubic'"),  # type: ignore[arg-type]
        (lambda: MotionBlur(9, 5), "motion blur from 9 to 5"),
        (lambda: MotionBlur(noise=-1), "noise from -1"),
        (lambda: Defocus(0.1, 2), "defocus from 0.1"),
        (lambda: Hole("round"), "form of the hole is 'round'"),  # type: ignore[arg-type]
        (lambda: Hole(fill="red"), "fill of the hole is 'red'"),  # type: ignore[arg-type]
        (lambda: Hole(least=0), "share of the area from 0"),
        (lambda: DEGRADATIONS["jpeg"](0, 40), "quality from 0"),
        (lambda: degrade(DEGRADATIONS["jpeg"](), picture(4), 0), "1 or 3 channels; these have 4"),  # type: ignore[arg-type]
        (lambda: degrade(Smaller(8), picture(3, 5, 9), 0), "5 x 9 px cannot be made 8 times smaller"),
        (lambda: DEGRADATIONS["night"](exposure=2), "exposure from 2"),
        (lambda: DEGRADATIONS["edges"](blur=0), "blur from 0"),
    ],
)
def test_wrong_options_are_told_in_one_line(make: Any, says: str) -> None:
    with pytest.raises(UserError, match=says):
        make()
