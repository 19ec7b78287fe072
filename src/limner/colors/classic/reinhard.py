"""Mean and deviation of each channel (Reinhard et al. 2001)."""

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from limner.colors.blocks import by_blocks
from limner.colors.classic.clouds import AffineMap, check_clouds, moments, variance_floors
from limner.colors.spaces import ruderman_to_srgb, srgb_to_ruderman
from limner.foundation.errors import UserError

Space = Literal["auto", "lab", "bands"]
FITTED = 1 << 17
"""Colors of each side that are brought to lab, evenly taken."""


@dataclass(frozen=True)
class LabMap:
    """An affine map of Ruderman's lab, between two conversions."""

    inside: AffineMap

    def __call__(self, colors: Tensor) -> Tensor:
        """See `limner.colors.color_map.ColorMap`; colors (3, n), gamma-encoded sRGB."""
        return by_blocks(lambda block: ruderman_to_srgb(self.inside(srgb_to_ruderman(block))), colors)


def reinhard(target: Tensor, reference: Tensor, space: Space = "auto") -> AffineMap | LabMap:
    """Each channel x becomes (x - mean_t) deviation_r / deviation_t + mean_r.

    Args:
        target: (bands, n) floating.
        reference: (bands, m), in the same unit.
        space: ``lab``: the channels of Ruderman's lab of linear light, as in the paper; needs three bands,
            gamma-encoded sRGB in [0, 1]. ``bands``: the bands as they are, in any unit. ``auto``: lab for
            three bands, else bands.

    Raises:
        UserError: unlike numbers of bands, a cloud without a color, or lab asked for other than three bands.
    """
    check_clouds(target, reference)
    bands = target.shape[0]
    if space == "lab" and bands != 3:
        raise UserError(f"reinhard got {bands} bands and space=lab, which needs red, green and blue; use space=bands")
    if space == "bands" or bands != 3:
        return match_deviations(target, reference)
    # Mean and deviation of so many colors are known to a few thousandths of the deviation; the logarithms cost most.
    target, reference = (cloud[:, :: -(-cloud.shape[1] // FITTED)] for cloud in (target, reference))
    return LabMap(match_deviations(srgb_to_ruderman(target), srgb_to_ruderman(reference)))


def match_deviations(target: Tensor, reference: Tensor) -> AffineMap:
    """The map that gives each channel of ``target`` the mean and standard deviation of ``reference``'s.

    Variances get the floors of `variance_floors` first, which bound the gain of a nearly flat channel.
    """
    mean_target, cov_target = moments(target)
    mean_reference, cov_reference = moments(reference)
    variance_target, variance_reference = cov_target.diagonal(), cov_reference.diagonal()
    floor_target, floor_reference = variance_floors(variance_target, variance_reference)
    gain = ((variance_reference + floor_reference) / (variance_target + floor_target)).sqrt()
    return AffineMap(gain.diag(), mean_target, mean_reference)
