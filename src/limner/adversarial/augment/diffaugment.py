"""DiffAugment (Zhao et al., "Differentiable Augmentation for Data-Efficient GAN Training", NeurIPS 2020)."""

from dataclasses import dataclass

import torch
from torch import Tensor

from limner.adversarial.augment.augmentation import Augmentation, colors_and_alpha
from limner.adversarial.augment.shifts import box, shift_zero, sources

SHIFT_SHARE = 8
"""Pictures move by up to their side divided by this, rounded, each way."""


@dataclass(frozen=True)
class DiffAugment(Augmentation):
    """Color, then translation, then cutout, always at full strength, with the ranges of the authors' code.

    color: brightness moves by U(-0.5, 0.5), saturation is multiplied by U(0, 2), contrast by U(0.5, 1.5). translation:
    by up to an eighth of the side; what this uncovers becomes 0. cutout: a square of half the side, centered anywhere,
    becomes 0. Alpha is moved and cut out, not colored.

    The draws depend on the generator and the pictures' number and size alone, so that equal seeds do the same to real
    and generated pictures.
    """

    color: bool = True
    translation: bool = True
    cutout: bool = True

    def __call__(self, image: Tensor, strength: Tensor, generator: torch.Generator) -> Tensor:
        """See `Augmentation`; ``strength`` means nothing here."""
        draws = torch.rand(7, len(image), generator=generator, device=generator.device).to(image.device)
        if self.color:
            image = color(image, draws[0] - 0.5, 2 * draws[1], draws[2] + 0.5)
        if self.translation:
            image = translate(image, draws[3], draws[4])
        if self.cutout:
            image = cut_out(image, draws[5], draws[6])
        return image


def color(image: Tensor, brightness: Tensor, saturation: Tensor, contrast: Tensor) -> Tensor:
    """Brightness added, then saturation multiplied around each pixel's gray, then contrast around the picture's mean.

    image: (B, C, H, W). The others: (B,). The three are one weighted sum, x s c + gray (1 - s) c + mean (1 - c) + b.
    """
    picture, alpha = colors_and_alpha(image)
    b, s, c = (each[:, None, None, None] for each in (brightness, saturation, contrast))
    gray = picture.mean(1, keepdim=True)
    changed = picture * (s * c) + (gray * ((1 - s) * c) + (gray.mean((2, 3), keepdim=True) * (1 - c) + b))
    return changed if alpha is None else torch.cat([changed, alpha], dim=1)


def translate(image: Tensor, down: Tensor, right: Tensor) -> Tensor:
    """Pictures (B, C, H, W) moved to a whole pixel that ``down`` and ``right``, (B,) in [0, 1), choose."""
    moves = []
    for side, draw in zip(image.shape[2:], (down, right), strict=True):
        farthest = int(side / SHIFT_SHARE + 0.5)
        moves.append((draw * (2 * farthest + 1)).long() - farthest)
    return shift_zero(image, *moves)


def cut_out(image: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """Pictures (B, C, H, W) with a square of half their side at 0, centered where ``row`` and ``column``, (B,) in [0,
    1), choose; it may reach over the edge."""
    inside = []
    for side, draw in zip(image.shape[2:], (row, column), strict=True):
        length = int(side / 2 + 0.5)
        # Even lengths have their middle between two pixels, and so one place more to stand.
        first = (draw * (side + 1 - length % 2)).long() - length // 2
        places = sources(side, first)
        inside.append((places >= 0) & (places < length))
    return image.masked_fill(box(*inside, either=False), 0)
