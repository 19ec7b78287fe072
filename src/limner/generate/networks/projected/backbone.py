"""EfficientNet-Lite0 as a fixed function of pictures: four of its stages, never trained, never kept in a run."""

import copy
import functools
from contextlib import nullcontext
from itertools import pairwise
from typing import Any

import timm
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from limner.nn.pretrained import LITE0, load_weights

STAGES = (1, 2, 4, 6)
"""Its blocks after which features are taken: the last of each side length, at a 4th, 8th, 16th and 32nd."""
MAPS = (24, 40, 112, 320)
STRIDES = (4, 8, 16, 32)


class FrozenLite0(nn.Module):
    """Features of pictures at four sizes, by the EfficientNet-Lite0 that is installed with limner.

    stages: how many of the four sizes.

    Pictures in [-1, 1] are what it was trained with. Batch normalization is put into the convolutions before it: the
    same function but for rounding, and quicker. It computes in float32: on a processor, half precision makes the
    backward of its depthwise convolutions slower.
    """

    def __init__(self, stages: int = len(STAGES)) -> None:
        super().__init__()
        self.taken = STAGES[:stages]
        body = copy.deepcopy(_folded_lite0())
        self.stem = nn.Sequential(body.conv_stem, body.bn1)
        self.blocks = nn.Sequential(*body.blocks[: self.taken[-1] + 1])
        self.to(torch.empty(0).device).requires_grad_(False)  # where the network around it is being made

    def forward(self, image_pm1: Tensor) -> list[Tensor]:
        """image_pm1: (B, 3, S, S) float in [-1, 1]. Gives (B, 24, S/4, S/4), (B, 40, S/8, S/8), (B, 112, S/16, S/16)
        and (B, 320, S/32, S/32) float32, rounded up where S does not divide."""
        found = []
        on_nothing = image_pm1.is_meta  # where only shapes are asked for, there is no autocast to leave
        with nullcontext() if on_nothing else torch.autocast(image_pm1.device.type, enabled=False):
            x = self.stem(image_pm1.float())
            for number, block in enumerate(self.blocks):
                x = block(x)
                if number in self.taken:
                    found.append(x)
        return found


@functools.cache
def _folded_lite0() -> Any:
    """On the CPU, read once: whatever the network around it is made on."""
    with torch.device("cpu"), torch.random.fork_rng(devices=[]):  # it draws weights, which are replaced
        body: Any = timm.create_model("tf_efficientnet_lite0", pretrained=False)
        body.load_state_dict(load_weights(LITE0))
        body.eval()
        fold_normalizations(body)
    return body


def fold_normalizations(network: nn.Module) -> None:
    """Put each batch normalization into the convolution before it, in place; what is left of it is its activation."""
    for module in list(network.modules()):
        for (_, layer), (name, after) in pairwise(list(module.named_children())):
            if isinstance(layer, nn.Conv2d) and isinstance(after, nn.BatchNorm2d):
                fused = fuse_conv_bn_eval(layer, after)
                layer.weight, layer.bias = fused.weight, fused.bias
                setattr(module, name, getattr(after, "act", nn.Identity()))
