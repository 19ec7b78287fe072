"""What a fully connected CRF believes of neighbors."""

import math
from dataclasses import dataclass, fields

from limner.foundation.errors import UserError


@dataclass(frozen=True)
class CrfOptions:
    """How strongly pixels pull each other into one class, and how far. Raises `UserError` for values that cannot be.

    Weights are of normalized kernels: a pixel all of whose neighbors are surely of one class gains that much for it in
    its log-probability. 0 turns a kernel off. The defaults were chosen by measurement, see docs/results/doubt.md.
    """

    smooth_weight: float = 1.0  # of the kernel of position alone, which wipes out specks
    smooth_px: float = 3.0  # its standard deviation, pixels of the scene
    color_weight: float = 15.0  # of the kernel of position and color, which draws borders where colors change
    color_px: float = 6.0  # its standard deviation in position, pixels of the scene
    color_std: float = 0.1  # its standard deviation in color: root mean square over the bands, each in its own std
    steps: int = 5  # of mean-field inference

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name.endswith("_weight") and not 0 <= value < math.inf:
                raise UserError(f"crf {field.name} is {value:g}; needed: 0 or more")
            if field.name.endswith(("_px", "_std")) and not 0 < value < math.inf:
                raise UserError(f"crf {field.name} is {value:g}; needed: above 0")
        if self.steps < 1:
            raise UserError(f"crf steps is {self.steps}; needed: 1 or more")

    @property
    def halo_px(self) -> int:
        """How far around a tile pixels must be seen for its answer to be nearly that of the whole scene."""
        reach = max(
            self.color_px if self.color_weight else 0.0,
            self.smooth_px if self.smooth_weight else 0.0,
        )
        return math.ceil(HALO * reach)


HALO = 3.0
"""Standard deviations of the wider kernel that a tile sees around it, chosen by measurement: see the tests."""
