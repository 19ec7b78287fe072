"""Maps from colors to colors, and what fits one to two pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor


class ColorMap(Protocol):
    """A global transfer: one function of a color, the same at every pixel.

    So it can be fitted on a sample and applied to a scene of any size, to every frame of a clip, or to the corners of
    a look-up table.
    """

    def __call__(self, colors: Tensor) -> Tensor:
        """New colors for ``colors``: both (bands, n) floating, in the unit of the fit, not clipped."""


Fit = Callable[..., ColorMap]
"""``fit(target, reference, **options)``: the map that brings the colors ``target`` (bands, n) to those of ``reference``
(bands, m). Both floating, any number of bands, any unit, the same for both, unless the method says otherwise; no NaN.

Raises `UserError` for unlike numbers of bands, and for a cloud without a color."""
