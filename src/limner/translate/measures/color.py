"""How near made colors come to the true ones, and how colorful a picture is."""

from collections.abc import Sequence

import torch
from torch import Tensor

from limner.colors.spaces import srgb_to_lab


def color_error(made01: Tensor, true01: Tensor) -> float:
    """Mean distance of the colors of two pictures in the plane (a, b) of CIELAB, whatever their lightness.

    made01, true01: (3, H, W) in [0, 1]. About 2 is seen when two areas touch; 0 is the same color.
    """
    one, other = (srgb_to_lab(each.float())[1:] for each in (made01, true01))
    return float((one - other).square().sum(0).sqrt().mean())


def colorfulness(picture01: Tensor) -> float:
    """How colorful people find a picture: 0 is gray, about 33 averagely, 59 quite colorful.

    Hasler and Süsstrunk, "Measuring colourfulness in natural images", SPIE 5007, 2003: of red - green and of yellow -
    blue, in levels of 255, the spread over the pixels and 0.3 of the mean's distance from gray. picture01: (3, H, W).
    """
    red, green, blue = picture01.double() * 255
    both = torch.stack([red - green, (red + green) / 2 - blue]).flatten(1)
    return float(both.std(dim=1, correction=0).norm() + 0.3 * both.mean(dim=1).norm())


def color_spread(pictures01: Sequence[Tensor]) -> float:
    """How far colors lie around their mean in (a, b) of CIELAB, over all pixels of all pictures: about 0 where all is
    gray, or all of one tint. Each: (3, H, W) in [0, 1]."""
    colors = torch.cat([srgb_to_lab(each.float().cpu())[1:].flatten(1) for each in pictures01], dim=1)
    return float(colors.var(dim=1, correction=0).sum().sqrt())
