"""Networks of this room: a picture in, the logits of each pixel's class out.

Each takes ``channels`` and ``classes`` and then options of its own, reads (B, channels, H, W) of any height and width,
and gives (B, classes, H, W): see `MapNetwork`. Its ``encoder`` holds all that may be pretrained.
"""

from torch import nn

from limner.segment.networks.lite_unet import LiteUNet
from limner.segment.networks.map_network import MapNetwork
from limner.segment.networks.residual_unet import ResidualUNet
from limner.segment.networks.unet import UNet

NETWORKS: dict[str, type[nn.Module]] = {"residual-unet": ResidualUNet, "lite-unet": LiteUNet, "unet": UNet}

__all__ = ["NETWORKS", "LiteUNet", "MapNetwork", "ResidualUNet", "UNet"]
