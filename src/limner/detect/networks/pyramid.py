"""EfficientNet-Lite's maps at strides 8, 16 and 32 and coarser, joined top down: what detectors read."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import timm
import torch
from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

from limner.foundation.errors import UserError
from limner.nn.pretrained import LITES, load_weights

LEVELS = (2, 3, 4)
"""Of timm's five maps: those at 1/8, 1/16 and 1/32."""
STAGES_OF_BLOCKS = (1, 2, 3, 5, 7)
"""How many of EfficientNet's seven groups of blocks stand before each halving, the stem with the first."""
MEAN, STD = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
"""Of pictures in 0..1, as these weights were learned."""


class LitePyramid(nn.Module):
    """EfficientNet-Lite with a feature pyramid (Lin et al. 2017): (B, 3, H, W) standardized -> maps by name, ``0`` at
    1/8, ``1`` at 1/16, ``2`` at 1/32, ``pool`` at 1/64, each of ``out_channels``.

    size: 0, 1 or 2. pretrained: begin with ImageNet's weights, which come as packages; the normalization then keeps its
    statistics, scale and shift, for batches of detectors are too small to measure them. frozen_stages: how many of the
    five resolutions, from the first, do not learn.
    """

    def __init__(self, size: int, width: int, pretrained: bool, frozen_stages: int) -> None:
        super().__init__()
        if not 0 <= size < len(LITES):
            raise UserError(f"the backbone efficientnet-lite has no size {size}; choose 0, 1 or 2")
        if not 0 <= frozen_stages <= len(STAGES_OF_BLOCKS):
            raise UserError(f"frozen_stages is {frozen_stages}; needed: 0 to {len(STAGES_OF_BLOCKS)}")
        body: Any = timm.create_model("tf_" + LITES[size].replace("-", "_"), features_only=True, out_indices=LEVELS)
        if pretrained and not next(body.parameters()).is_meta:
            weights = load_weights(LITES[size])
            body.load_state_dict({name: weights[name] for name in body.state_dict()})
        self.body, self.still = body, pretrained
        self.pyramid = FeaturePyramidNetwork(body.feature_info.channels(), width, LastLevelMaxPool())
        self.out_channels = width
        blocks = STAGES_OF_BLOCKS[frozen_stages - 1] if frozen_stages else 0
        frozen = tuple(f"blocks.{number}." for number in range(blocks))
        for name, parameter in body.named_parameters():
            if frozen_stages and name.startswith(("conv_stem.", "bn1.", *frozen)):
                parameter.requires_grad_(False)
        if pretrained:
            for module in body.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.requires_grad_(False)

    def train(self, mode: bool = True) -> LitePyramid:
        """Learning leaves the statistics of a pretrained body as they are."""
        super().train(mode)
        if self.still:
            self.body.eval()
        return self

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        maps = OrderedDict((str(place), each) for place, each in enumerate(self.body(image)))
        found: dict[str, Tensor] = self.pyramid(maps)
        return found


def standardized(image01: Tensor) -> Tensor:
    """Pictures in 0..1 as the body reads them."""
    mean, std = (torch.tensor(values, device=image01.device).view(3, 1, 1) for values in (MEAN, STD))
    return (image01 - mean) / std
