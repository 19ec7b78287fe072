"""What a color transfer takes and gives: the words that every method of the room shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from limner.colors.color_map import ColorMap

if TYPE_CHECKING:
    from torch import Tensor

    from limner.recolor.fusion.fuse import Fusion
    from limner.recolor.matching.attention import Matching
    from limner.recolor.methods.analogy.grid import ColorGrid


@dataclass(frozen=True)
class Recolored:
    """A picture in the colors of another, and what happened on the way.

    picture: (3, H, W) float32, gamma-encoded like the target, NOT clipped: values outside [0, 1] are colors that the
    target's encoding cannot hold.
    """

    picture: Tensor
    method: str
    seconds: Mapping[str, float] = field(default_factory=dict)
    """Of each stage, in the order in which they ran."""
    numbers: Mapping[str, Any] = field(default_factory=dict)
    """What the method says of itself, such as the median perplexity of the attention."""
    color_map: ColorMap | None = None
    """Of a global method."""
    matching: Matching | None = None
    """Of a method that matches superpixels: labels, attention and matches."""
    fusion: Fusion | None = None
    """Of a method that ends in color fusion: the target's superpixels with what each became, to ask again."""
    grid: ColorGrid | None = None
    """Of a method that a network answers: the changes of color, to ask again."""
