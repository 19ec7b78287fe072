"""Networks of this room: a picture in, the logits of each pixel's class out.

Each takes ``channels`` and ``classes`` and then options of its own, reads (B, channels, H, W) of any height and width,
and gives (B, classes, H, W): see `MapNetwork`. Its ``encoder`` holds all that may be pretrained.
"""

from torch import nn

from limner.segment.networks.deconvnet import DeconvNet
from limner.segment.networks.dilated import Dilated
from limner.segment.networks.fcn import FCN
from limner.segment.networks.lite_unet import LiteUNet
from limner.segment.networks.map_network import MapNetwork
from limner.segment.networks.residual_unet import ResidualUNet
from limner.segment.networks.segnet import SegNet
from limner.segment.networks.unet import UNet
from limner.segment.networks.unet_valid import ValidUNet

NETWORKS: dict[str, type[nn.Module]] = {
    "residual-unet": ResidualUNet,
    "lite-unet": LiteUNet,
    "unet": UNet,
    "unet-valid": ValidUNet,
    "fcn": FCN,
    "segnet": SegNet,
    "deconvnet": DeconvNet,
    "dilated": Dilated,
}

__all__ = [
    "FCN",
    "NETWORKS",
    "DeconvNet",
    "Dilated",
    "LiteUNet",
    "MapNetwork",
    "ResidualUNet",
    "SegNet",
    "UNet",
    "ValidUNet",
]
