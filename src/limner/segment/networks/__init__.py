"""Networks of this room: a picture in, the logits of each pixel's class out.

Each takes ``channels`` and ``classes`` and then options of its own, reads (B, channels, H, W) with H and W
multiples of its ``stride``, and gives (B, classes, H, W). Its ``encoder`` holds all that may be pretrained.
"""

from torch import nn

from limner.segment.networks.lite_unet import LiteUNet
from limner.segment.networks.residual_unet import ResidualUNet

NETWORKS: dict[str, type[nn.Module]] = {"residual-unet": ResidualUNet, "lite-unet": LiteUNet}

__all__ = ["NETWORKS", "LiteUNet", "ResidualUNet"]
