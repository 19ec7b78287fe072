"""Pictures with something missing."""

from typing import Literal, get_args

import torch
from torch import Tensor

from limner.foundation.errors import UserError
from limner.translate.degrading.degradation import Degradation, Degraded, between, check_range
from limner.translate.degrading.sizes import resized

Form = Literal["center", "box", "blobs"]
Fill = Literal["mean", "rest", "gray"]
IMAGENET_MEAN = (123 / 255, 117 / 255, 104 / 255)
"""Red, green and blue of the mean picture by which the context encoder's code fills holes."""
COARSE_PX = 8
"""Side of the noise that blobs are cut from, whatever the picture's."""


class Hole(Degradation):
    """A hole: a square in the middle, a box anywhere, or blobs.

    form: ``center`` (a square), ``box`` or ``blobs``. least, most: between which its share of the area is drawn; of a
        box in the middle only ``least`` counts. fill: ``mean`` (ImageNet's mean color), ``rest`` (the mean color of
        what is not missing) or ``gray``.
    """

    line = "with a hole"

    def __init__(self, form: Form = "center", least: float = 0.25, most: float = 0.25, fill: Fill = "mean") -> None:
        for name, value, known in (("form", form, get_args(Form)), ("fill", fill, get_args(Fill))):
            if value not in known:
                raise UserError(f"{name} of the hole is '{value}'; choose one of {', '.join(known)}")
        check_range("the hole's share of the area", least, max(least, most), 0.001, 0.9)
        self.form, self.least, self.most, self.fill = form, least, max(least, most), fill

    def __call__(self, picture01: Tensor, generator: torch.Generator) -> Degraded:
        """See `Degradation`."""
        mask = self.mask(picture01.shape[1], picture01.shape[2], generator)
        return Degraded(filled(picture01, mask, self.fill), mask)

    def mask(self, height: int, width: int, generator: torch.Generator) -> Tensor:
        """(1, height, width) float32, 1 where pixels are missing: at least one, and not all."""
        if self.form == "blobs":
            return _blobs(height, width, between(self.least, self.most, generator), generator)
        share = self.least if self.form == "center" else between(self.least, self.most, generator)
        rows, columns = (max(1, min(side - 1, round(side * share**0.5))) for side in (height, width))
        top, left = (height - rows) // 2, (width - columns) // 2
        if self.form == "box":
            top = int(torch.randint(height - rows + 1, (), generator=generator))
            left = int(torch.randint(width - columns + 1, (), generator=generator))
        mask = torch.zeros(1, height, width)
        mask[:, top : top + rows, left : left + columns] = 1
        return mask


def filled(picture01: Tensor, mask: Tensor, fill: Fill) -> Tensor:
    """(C, H, W): the picture with one color where the mask (1, H, W) is 1."""
    return torch.where(mask > 0.5, hole_color(picture01, mask, fill)[:, None, None], picture01)


def hole_color(picture01: Tensor, mask: Tensor, fill: Fill) -> Tensor:
    """(C,): the color that a hole is filled with. picture01: (C, H, W). mask: (1, H, W), 1 in the hole."""
    channels = len(picture01)
    if fill == "rest":
        kept = mask[0] < 0.5
        count = int(kept.sum())
        if not count:
            return picture01.new_full((channels,), 0.5)
        return torch.stack([(band * kept).sum() for band in picture01]) / count  # no copy of all bands, no indices
    if fill == "mean" and channels == 3:
        return picture01.new_tensor(IMAGENET_MEAN)
    return picture01.new_full((channels,), 0.5)


def _blobs(height: int, width: int, share: float, generator: torch.Generator) -> Tensor:
    """Where smooth noise is largest, as much of the area as ``share``."""
    noise = torch.rand(1, COARSE_PX, COARSE_PX, generator=generator)
    smooth = resized(noise, height, width)[0]
    smooth = smooth + 1e-6 * torch.rand(height, width, generator=generator)  # what was cut off at 0 or 1 is no tie
    count = max(1, min(height * width - 1, round(share * height * width)))
    limit = smooth.flatten().kthvalue(height * width - count).values
    return (smooth > limit).float()[None]
