"""Maps without a pretrained network, for tests of translations whose distances nobody reads."""

from typing import Any

import torch
from torch import nn


class FewMaps(nn.Module):
    """Takes the place of `limner.translate.measures.feature_distance.LiteMaps`: means of 4 x 4 pixels."""

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__()

    def forward(self, image01: torch.Tensor) -> list[torch.Tensor]:
        """One map (B, 3, H / 4, W / 4)."""
        return [nn.functional.avg_pool2d(image01, 4)]
