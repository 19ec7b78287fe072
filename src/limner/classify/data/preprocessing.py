"""How a picture becomes what a network reads: its contrast, its range, its correlations."""

from dataclasses import dataclass
from typing import Literal, Self

import torch
from torch import Tensor, nn

from limner.foundation.errors import UserError
from limner.nn.layers.contrast import normalize_global, normalize_local
from limner.nn.layers.whitening import Whitening

Contrast = Literal["none", "global", "local"]
MOST_WHITENED = 4096
"""Numbers of a picture whose correlations can be taken out: of so many the matrix holds 16.8 million, and grows by the
square."""


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """Contrast normalization, then mean and deviation of each channel, then ZCA whitening; differentiable.

    mean, std: of each channel, of pictures in 0..1 whose contrast is normalized. contrast: `normalize_global` of the
    whole picture, or `normalize_local` of each neighborhood. whitening: of flattened pictures of one size.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    contrast: Contrast = "none"
    whitening: Whitening | None = None

    def __call__(self, image01: Tensor) -> Tensor:
        """(B, C, H, W) floating in 0..1, or a little beyond, as the network reads it."""
        image = normalize_contrast(image01, self.contrast)
        mean, std = (image.new_tensor(values).view(1, -1, 1, 1) for values in (self.mean, self.std))
        image = (image - mean) / std
        if self.whitening is None:
            return image
        whitening = self.whitening.to(image.device)
        return whitening(image.flatten(1)).view_as(image)


def normalize_contrast(image01: Tensor, contrast: Contrast) -> Tensor:
    """Pictures (B, C, H, W) with their contrast taken out as said."""
    if contrast == "global":
        return normalize_global(image01)
    return normalize_local(image01) if contrast == "local" else image01


def fit_whitening(images: Tensor, regularizer: float) -> Whitening:
    """ZCA whitening of pictures (n, C, S, S) as they are before it.

    Raises `UserError` for pictures of more than `MOST_WHITENED` numbers, and for fewer than two.
    """
    check_whitened(images[0].numel())
    if len(images) < 2:
        raise UserError("whiten needs two pictures or more to learn from; give --whiten none")
    return Whitening.fit(images.flatten(1), regularizer)


def check_whitened(size: int) -> None:
    """Raise `UserError` for pictures of too many numbers to be whitened."""
    if size > MOST_WHITENED:
        raise UserError(
            f"whiten is for small pictures: these are of {size:,} numbers, and at most {MOST_WHITENED:,} can be "
            "whitened; give a smaller --data.size-px, or --whiten none"
        )


class KeptWhitening(nn.Module):
    """A whitening as tensors that a run keeps beside its network's."""

    mean: Tensor
    matrix: Tensor
    inverse: Tensor

    def __init__(self, whitening: Whitening) -> None:
        super().__init__()
        for name in ("mean", "matrix", "inverse"):
            self.register_buffer(name, getattr(whitening, name))

    @classmethod
    def of_size(cls, size: int) -> Self:
        """One that changes nothing, to be filled."""
        return cls(Whitening(torch.zeros(size), torch.eye(size), torch.eye(size)))

    def whitening(self) -> Whitening:
        """The map itself."""
        return Whitening(self.mean, self.matrix, self.inverse)
