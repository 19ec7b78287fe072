"""What a network learns beside the class of each pixel, to tell objects apart that touch: where their insides are.

One more output says of each pixel, from 0 to 1, how far inside its own object it lies. Where two roofs touch it falls
to 0 between them, though both are buildings. Mapping finds objects by its peaks
(`limner.segment.footprints.objects.split`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from limner.foundation.errors import UserError
from limner.reporting.pictures import IGNORE


@dataclass(frozen=True)
class Borders:
    """What the further output learns.

    It is 0 up to ``least_px`` pixels inside an object, 1 from ``most_px`` on, and rises evenly between them. weight: of
    its loss beside that of the classes.
    """

    least_px: int
    most_px: int
    weight: float

    def target(self, depth: Tensor) -> Tensor:
        """What the output should be, float32 in 0..1. depth: uint8, see `limner.segment.labels.depths.read_depths`."""
        return ((depth.float() - self.least_px) / (self.most_px - self.least_px)).clamp(0, 1)

    def loss(self, logit: Tensor, mask: Tensor, depth: Tensor, counted: Tensor | None = None) -> Tensor:
        """``weight`` times the binary cross-entropy: its mean over the labelled pixels, a 0-d tensor in float32.

        logit: (B, H, W), any float type. mask: (B, H, W) int64, 255 = ignore. depth: (B, H, W) uint8. counted: the
        labelled pixels of the whole batch, where this is a part of it.
        """
        labelled = mask != IGNORE
        apart = functional.binary_cross_entropy_with_logits(logit.float(), self.target(depth), reduction="none")
        total = labelled.sum() if counted is None else counted.to(mask.device)
        return self.weight * (apart * labelled).sum() / total.clamp(min=1)


def no_borders() -> None:
    """Nothing but the classes is learned."""


def interior(border_px: int = 3, weight: float = 1.0) -> Borders:
    """The inside of each object without its outermost ``border_px`` pixels (as RAMP and solaris learn it: interior and
    boundary)."""
    return _checked(Borders(border_px, border_px + 1, weight), "interior", "border_px", border_px)


def distance(reach_px: int = 12, weight: float = 1.0) -> Borders:
    """The distance to the object's own border, as a share of ``reach_px`` pixels (Bai and Urtasun 2017 learn it in
    steps)."""
    return _checked(Borders(0, reach_px, weight), "distance", "reach_px", reach_px)


def _checked(borders: Borders, name: str, option: str, value: int) -> Borders:
    if not 1 <= value <= 120:
        raise UserError(f"borders {name} got {option} {value}; it must be from 1 to 120 px")
    if not 0 < borders.weight < math.inf:
        raise UserError(f"borders {name} got weight {borders.weight}; it must be a number above 0")
    return borders


BORDERS: dict[str, Callable[..., Borders | None]] = {"none": no_borders, "interior": interior, "distance": distance}


def fit_outputs(weights: dict[str, Tensor], own: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a network that learned no borders, for the same network with one more output.

    own: the larger network's weights, whose last output begins with what stands there.
    """
    fitted = dict(weights)
    for name, ours in own.items():
        theirs = weights.get(name)
        if theirs is not None and ours.ndim and ours.shape[1:] == theirs.shape[1:] and len(ours) == len(theirs) + 1:
            fitted[name] = torch.cat([theirs, ours[-1:].to(theirs)])
    return fitted
