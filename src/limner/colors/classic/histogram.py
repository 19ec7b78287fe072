"""Each band's histogram, matched by itself."""

from dataclasses import dataclass

from torch import Tensor

from limner.colors.blocks import by_blocks
from limner.colors.classic.clouds import check_clouds
from limner.colors.classic.curves import Curves, match_distributions

BINS = 1 << 16  # every value of 16 bits has its own


@dataclass(frozen=True)
class BandCurves:
    """A monotone curve for each band."""

    curves: Curves

    def __call__(self, colors: Tensor) -> Tensor:
        """See `limner.colors.color_map.ColorMap`."""
        return by_blocks(self.curves, colors)


def histogram(target: Tensor, reference: Tensor) -> BandCurves:
    """Cumulative matching of each band: x becomes F_r^-1(F_t(x)), F being the share of values up to x.

    Takes and raises what `limner.colors.color_map.Fit` says.
    """
    check_clouds(target, reference)
    return BandCurves(match_distributions(target, reference, BINS))
