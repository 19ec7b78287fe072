"""What networks of this room begin with: VGG-16 or EfficientNet-Lite, with ImageNet's weights where they are wanted."""

from typing import Any, Literal

import timm
from torch import Tensor, nn

from limner.foundation.errors import UserError
from limner.nn.pretrained import LITE0, load_weights
from limner.nn.pretraining import fit_bands
from limner.segment.networks.vgg import VggEncoder, refuse_narrow_weights

VGG = "vgg-16"
BACKBONES = (VGG, LITE0)
# Photographs of ImageNet as the encoder learned to read them, (x - 0.5) / 0.5, with x in [0, 1]: red, green, blue.
# From torchvision's mean (0.485, 0.456, 0.406) and deviation (0.229, 0.224, 0.225) of x.
IMAGENET_MEAN = (-0.030, -0.088, -0.188)
IMAGENET_STD = (0.458, 0.448, 0.450)
ENCODER_MAPS = (16, 24, 40, 112, 320)  # of EfficientNet-Lite0 at 1/2, 1/4, 1/8, 1/16 and 1/32 of the picture's size


def check_backbone(network: str, backbone: str) -> None:
    """Raise `UserError` for a backbone that is not there."""
    if backbone not in BACKBONES:
        raise UserError(f"{network} has no backbone '{backbone}'; choose one of {', '.join(BACKBONES)}")


def lite_encoder(channels: int, pretrained: bool, name: str = LITE0, output_stride: Literal[8, 32] = 32) -> Any:
    """EfficientNet-Lite that gives its maps at five resolutions, none of them coarser than ``output_stride``; bands are
    standardized, see `limner.segment.networks.lite_unet.LiteUNet`."""
    form = "tf_" + name.replace("-", "_")
    encoder = timm.create_model(form, features_only=True, in_chans=channels, output_stride=output_stride)
    if pretrained and not next(encoder.parameters()).is_meta:  # a network on the meta device has shapes only
        weights = standardized_input(load_weights(name), channels)
        encoder.load_state_dict({name: weights[name] for name in encoder.state_dict()})
    return encoder


def standardized_input(weights: dict[str, Tensor], channels: int) -> dict[str, Tensor]:
    """The encoder's weights for bands of mean 0 and deviation 1, ``channels`` of them; see
    `limner.segment.networks.lite_unet.LiteUNet`."""
    stem = weights["conv_stem.weight"]  # (32, 3, 3, 3)
    mean, deviation = (stem.new_tensor(values).view(1, 3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    lost = (stem * mean).sum(dim=(1, 2, 3))  # what the mean of a photograph added to each map
    stem = fit_bands(stem * deviation, channels)
    return {**weights, "conv_stem.weight": stem, "bn1.running_mean": weights["bn1.running_mean"] - lost}


def wide_convolutions(inputs: int, wide: int, dilation: int = 1) -> nn.Sequential:
    """VGG-16's two fully connected layers as convolutions: 7 x 7, which keeps the size, and 1 x 1."""
    return nn.Sequential(
        nn.Conv2d(inputs, wide, 7, padding=3 * dilation, dilation=dilation),
        nn.ReLU(inplace=True),
        nn.Dropout(0.5),
        nn.Conv2d(wide, wide, 1),
        nn.ReLU(inplace=True),
        nn.Dropout(0.5),
    )


def begin_with_imagenet(network: str, encoder: nn.Module, width: float) -> None:
    """Give VGG-16 ImageNet's weights, last of all; EfficientNet-Lite has them since it was made.

    Raises `UserError` for another width than 1, and where the weights are not on this machine.
    """
    if isinstance(encoder, VggEncoder):
        refuse_narrow_weights(network, True, width)
        encoder.load_imagenet()
