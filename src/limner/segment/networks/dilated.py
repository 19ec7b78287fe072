"""Dilated convolutions (Yu and Koltun, ICLR 2016): a front end that pools less, and a module that sees context."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from limner.foundation.errors import UserError
from limner.nn.initialize import he_initialize
from limner.nn.layers.upsampling import BilinearUpsampling
from limner.nn.pretrained import LITE0
from limner.segment.networks.backbones import (
    ENCODER_MAPS,
    VGG,
    begin_with_imagenet,
    check_backbone,
    lite_encoder,
    wide_convolutions,
)
from limner.segment.networks.map_network import MapNetwork
from limner.segment.networks.vgg import VggEncoder, scaled

DILATIONS = (1, 1, 2, 4, 8, 16, 1)
"""Of the context module's 3 x 3 convolutions; a 1 x 1 convolution follows."""
CONTEXTS = {"basic": (1, 1, 1, 1, 1, 1, 1), "large": (2, 2, 4, 8, 16, 32, 32)}
"""Maps that each of them gives, as multiples of the classes (the paper's table 1)."""
NOISE_STD = 0.01


class Dilated(MapNetwork):
    """VGG-16 that pools three times and is dilated behind, with a module that sees context (Yu and Koltun 2016).

    The front end is FCN's without the last two poolings: behind the fourth that is missing convolutions are dilated by
    2, and the 7 x 7 one by 4, so that scores stand at 1/8 of the picture's size and see as much. The context module
    reads the classes' scores and gives scores, through 3 x 3 convolutions dilated by 1, 1, 2, 4, 8, 16, 1. Scores are
    enlarged 8 times, bilinearly.

    channels: bands of the picture.
    classes: classes of the map, background included.
    context: ``none`` (the front end alone), ``basic`` (as many maps as classes), ``large`` (up to 32 times as many).
    backbone: ``vgg-16``, the paper's, or ``efficientnet-lite0``, dilated to 1/8 and scored without the wide layers.
    pretrained: begin with ImageNet's weights; VGG-16's are not bundled.
    width: of VGG-16 and the wide convolutions, as a share of the paper's: 0.125 for a CPU.

    Where this differs from the paper: every convolution is padded so that it keeps the size; there none is, and the
    picture is mirrored by 186 pixels around it, which costs several times more. Front end and context learn together.

    Raises `UserError` for another context, backbone or width, and ImageNet's weights in another width.
    """

    stride: ClassVar[int] = 8

    def __init__(
        self,
        channels: int = 3,
        classes: int = 2,
        context: str = "none",
        backbone: str = VGG,
        pretrained: bool = False,
        width: float = 1.0,
    ) -> None:
        super().__init__()
        if context != "none" and context not in CONTEXTS:
            raise UserError(f"dilated has no context '{context}'; choose one of none, {', '.join(CONTEXTS)}")
        check_backbone("dilated", backbone)
        self.channels = channels
        lite = backbone == LITE0
        self.encoder: nn.Module = (
            lite_encoder(channels, pretrained, output_stride=8) if lite else VggEncoder(channels, width, pools=3)
        )
        self.decoder = nn.ModuleDict()
        if not lite:
            he_initialize(self.encoder)
            self.decoder["wide"] = wide_convolutions(scaled(512, width), scaled(4096, width), dilation=4)
        self.decoder["score"] = nn.Conv2d(ENCODER_MAPS[-1] if lite else scaled(4096, width), classes, 1)
        he_initialize(self.decoder)
        if context != "none":
            self.decoder["context"] = ContextModule(classes, context)
        self.enlarge = BilinearUpsampling(8)
        if pretrained:
            begin_with_imagenet("dilated", self.encoder, width)

    def logits(self, image: Tensor) -> Tensor:
        """(B, channels, H, W) with H and W multiples of 8 -> (B, classes, H, W)."""
        x = self.encoder(image)[-1]
        for part in self.decoder.values():  # scores at (B, classes, H/8, W/8)
            x = part(x)
        return self.enlarge(x)


class ContextModule(nn.Module):
    """Seven 3 x 3 convolutions, dilated by 1, 1, 2, 4, 8, 16, 1 and each with ReLU, and a 1 x 1: each place sees 67 x
    67.

    It begins as the identity (the paper's eqs. 4 and 5): each map of a layer reads the maps before it that stand for
    the same class, in the middle of the kernel. With more maps, a map stands for class floor(map classes / maps), and
    weights are classes / maps of the layer. All other weights are noise, N(0, noise_std). Two readings follow: without
    noise, and for scores of 0 and above, it changes nothing at all; the seven ReLUs take what is below 0, and with
    noise it is nearly so.

    classes: maps in and out. form: a key of `CONTEXTS`. noise_std: 0.01 as released.
    """

    def __init__(self, classes: int, form: str = "basic", noise_std: float = NOISE_STD) -> None:
        super().__init__()
        widths = [classes, *(classes * times for times in CONTEXTS[form])]
        layers: list[nn.Module] = []
        for inputs, outputs, dilation in zip(widths, widths[1:], DILATIONS, strict=False):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation), nn.ReLU(inplace=True)]
        layers.append(nn.Conv2d(widths[-1], classes, 1))
        self.layers = nn.Sequential(*layers)
        for layer in self.layers:
            if isinstance(layer, nn.Conv2d):
                begin_as_identity(layer, classes, noise_std)

    def forward(self, scores: Tensor) -> Tensor:
        """scores: (B, classes, h, w). Gives the same shape."""
        return self.layers(scores)


@torch.no_grad()
def begin_as_identity(layer: nn.Conv2d, classes: int, noise_std: float) -> None:
    """Let each output map read the input maps of its own class in the middle of the kernel; noise elsewhere."""
    inputs, outputs, middle = layer.in_channels, layer.out_channels, layer.kernel_size[0] // 2
    nn.init.normal_(layer.weight, std=noise_std) if noise_std else nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    if layer.weight.is_meta:
        return
    mine = torch.arange(outputs) * classes // outputs
    theirs = torch.arange(inputs) * classes // inputs
    same = mine[:, None] == theirs[None]  # (outputs, inputs)
    layer.weight[:, :, middle, middle][same] = classes / outputs
