"""A transfer as a look-up table for other programs: which global map stands for it,
and how far it is from the real thing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from limner.colors.classic import FITS
from limner.colors.color_map import ColorMap
from limner.colors.spaces import srgb_to_lab
from limner.foundation.machine.threads import in_one_order
from limner.recolor.methods.global_map import FITTED_PX
from limner.recolor.recoloring.looks.cube import read_cube, write_cube

ONE_PHOTO = (
    "made of one photo: what becomes of colors that it lacks is extrapolated from those that it has; several photos "
    "make one table together, and --key PHOTO gives a series one look without a table"
)
"""What is said of such a table."""


@dataclass(frozen=True)
class LookMade:
    """A table that was written. method: of the full result. by: the global method that stands for it. error: mean
    Delta E (1976) of the table's pictures from the full results, and its 95th percentile."""

    method: str
    by: str
    error: float
    error_95: float

    def line(self) -> str:
        """For people."""
        stands = "" if self.by == self.method else f", a global {self.by} that stands for {self.method}"
        return (
            f"33 points an edge{stands}; "
            f"{self.error:.2f} Delta E from the full result on average, {self.error_95:.2f} at 95 %"
        )


def make_look(
    path: Path,
    method: str,
    targets: Sequence[Tensor],
    results: Sequence[Tensor],
    color_map: ColorMap | None = None,
    *,
    title: str = "limner",
) -> LookMade:
    """Write the table that comes nearest to what a transfer did to some pictures.

    A table knows a pixel's color alone. A global method without regrain is its own map; of a method that also looks
    at places, every global method is fitted to lead from the pictures to their results, and the nearest is taken.

    targets, results: (3, H, W) float32 pictures before and after, gamma-encoded, or (3, n) of the pixels that count.
    color_map: of a global method. title: by which programs list the table.
    """
    before, after = (_pooled(pictures) for pictures in (targets, results))
    with in_one_order():
        by, found, _ = (method, color_map, 0.0) if color_map is not None else _nearest(before, after)
        write_cube(path, found, title=title)
        apart = _apart(read_cube(path)(before), after)
        return LookMade(method, by, float(apart.mean()), float(torch.quantile(apart[:FITTED_PX], 0.95)))


def nearest_map(target: Tensor, result: Tensor) -> tuple[str, ColorMap, float]:
    """The global method whose map, fitted to lead from a picture to its result, comes nearest to it: its name, the map,
    and how far it is in mean Delta E (1976).

    target, result: (3, H, W) float32, or (3, n) of the pixels that count.
    """
    before, after = _pooled([target]), _pooled([result])
    with in_one_order():
        return _nearest(before, after)


def _nearest(before: Tensor, after: Tensor) -> tuple[str, ColorMap, float]:
    maps = {name: fit(before, after) for name, fit in FITS.items()}
    errors = {name: float(_apart(found(before), after).mean()) for name, found in maps.items()}
    by = min(errors, key=lambda name: errors[name])
    return by, maps[by], errors[by]


def _pooled(pictures: Sequence[Tensor]) -> Tensor:
    """(3, n) of all pictures, evenly thinned; the same pixels before and after."""
    colors = torch.cat([picture.flatten(1).cpu() for picture in pictures], dim=1).clamp(0, 1)
    step = -(-colors.shape[1] // FITTED_PX)
    return colors[:, ::step].contiguous()


def _apart(colors: Tensor, others: Tensor) -> Tensor:
    """(n,) Delta E (1976) between colors as they are shown."""
    return (srgb_to_lab(colors.clamp(0, 1)) - srgb_to_lab(others)).norm(dim=0)
