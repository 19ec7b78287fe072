"""What of a detector reads a picture, by itself: what `limner look` and `limner inspect` show."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from limner.detect.networks.pyramid import standardized


class PictureReader(nn.Module):
    """The layers of a detector that read a picture, without what chooses regions and decodes boxes.

    network: takes (B, 3, H, W) float32 in 0..1, or ``standardized`` as EfficientNet-Lite0 learned; gives maps, alone or
    several by name, from the finest to the coarsest. side_px: of the square that it reads, None for any size.
    """

    unit_range = True
    """Pictures are given in 0..1; see `limner.learning.networks.known.KnownNetwork`."""
    tells_classes = False

    def __init__(
        self,
        network: nn.Module,
        side_px: int | None = None,
        *,
        standardized: bool = False,
    ) -> None:
        super().__init__()
        self.network, self.standardized = network, standardized
        self.input_size = None if side_px is None else (3, side_px, side_px)

    def forward(self, image01: Tensor) -> Tensor:
        """The maps, of several the coarsest."""
        read: Any = self.network(standardized(image01) if self.standardized else image01)
        maps = list(read.values()) if isinstance(read, dict) else read
        coarsest: Tensor = maps[-1] if isinstance(maps, list | tuple) else maps
        return coarsest
