"""What a color transfer works on: a picture, those whose colors it takes, and masks of both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Pictures:
    """A target and its references.

    target: (3, H, W) float32, gamma-encoded, 0..1. references: one or more such, of any sizes. target_mask: (H, W)
    float 0..1, where the target will be changed and by how much. target_seen: (H, W) bool, False where the target is
    transparent. reference_masks: for each reference (H, W) float 0..1 of how much its pixels may be taken, or None;
    none at all: all of all. reference_weights: how much each reference's colors count beside the others', numbers above
    0; none at all: each as its method has it, by its pixels or alike.
    """

    target: Tensor
    references: Sequence[Tensor]
    target_mask: Tensor | None = None
    target_seen: Tensor | None = None
    reference_masks: Sequence[Tensor | None] = ()
    reference_weights: Sequence[float] = ()

    @property
    def shares(self) -> list[float]:
        """Of each reference, where weights were given: of 1 altogether."""
        return [weight / sum(self.reference_weights) for weight in self.reference_weights]

    def masked_references(self) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Each reference with its mask, or None."""
        return zip(self.references, self.reference_masks or [None] * len(self.references), strict=True)
