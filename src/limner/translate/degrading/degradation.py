"""What every way to make a picture worse shares: a pure function of (picture, number)."""

from typing import ClassVar, Literal, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from limner.foundation.draws import Draws
from limner.foundation.errors import UserError


class Degraded(NamedTuple):
    """picture: (C, h, w) float32 in [0, 1]. mask: (1, h, w) float32, 1 where pixels are missing; None where none are.
    kernel: (k, k) float32, by which it was blurred; None where it was not."""

    picture: Tensor
    mask: Tensor | None = None
    kernel: Tensor | None = None


class Degradation:
    """A way to make pictures worse. Options stand in its constructor, what it draws comes from a generator.

    scale: how many times smaller the picture becomes. margin_px: how far beyond a crop it looks, so that a crop of a
    picture made worse is the same as a worse picture's crop. line: what it does, in a few words.
    """

    line: ClassVar[str] = ""
    scale: int = 1
    margin_px: int = 0

    def __call__(self, picture01: Tensor, generator: torch.Generator) -> Degraded:
        """picture01: (C, H, W) float32 in [0, 1], H and W multiples of ``scale``. generator: on the CPU."""
        raise NotImplementedError

    def channels(self, of: int) -> int:
        """How many channels the worse picture has."""
        return of


def degrade(degradation: Degradation, picture01: Tensor, number: int, seed: int = 0) -> Degraded:
    """A picture made worse: the same whenever and wherever picture ``number`` of a seed is asked for.

    picture01: (C, H, W) float32 in [0, 1]; rows and columns beyond a multiple of the scale are cut off below and to the
    right first.
    """
    _, height, width = picture01.shape
    scale = degradation.scale
    whole = picture01[:, : height // scale * scale, : width // scale * scale]
    if not whole.numel():
        raise UserError(
            f"a picture of {height} x {width} px cannot be made {scale} times smaller; needed: {scale} or more"
        )
    return degradation(whole, Draws(seed, torch.device("cpu")).of("degrade", number))


def between(low: float, high: float, generator: torch.Generator) -> float:
    """One number from U(low, high)."""
    return low + (high - low) * float(torch.rand((), generator=generator))


def add_noise(picture01: Tensor, levels: float, generator: torch.Generator) -> Tensor:
    """White noise of so many levels of 255 as standard deviation, cut off at 0 and 1."""
    if not levels:
        return picture01
    return (picture01 + torch.randn(picture01.shape, generator=generator) * (levels / 255)).clamp(0, 1)


def filtered(picture01: Tensor, kernel: Tensor) -> Tensor:
    """Each channel of (C, H, W) correlated with an odd kernel (k, k) that adds up to 1; borders are reflected, or
    repeated where the picture is too small for that."""
    reach = len(kernel) // 2
    mode: Literal["reflect", "replicate"] = "reflect" if min(picture01.shape[1:]) > reach else "replicate"
    padded = functional.pad(picture01[:, None], (reach,) * 4, mode=mode)
    return functional.conv2d(padded, kernel[None, None].to(picture01))[:, 0]


def check_range(name: str, low: float, high: float, least: float, most: float = float("inf")) -> None:
    """Raise `UserError` unless least <= low <= high <= most."""
    if not least <= low <= high <= most:
        bound = f"{least:g} or more" if most == float("inf") else f"{least:g} to {most:g}"
        raise UserError(f"{name} from {low:g} to {high:g}; needed: {bound}, the smaller first")
