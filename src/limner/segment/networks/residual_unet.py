"""The residual encoder-decoder of Ghassemi, Sandu, Fiandrotti, Tonolo, Boccardo, Francini and Magli (EUSIPCO 2018)."""

from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from limner.foundation.errors import UserError
from limner.nn.initialize import he_initialize
from limner.nn.pretrained import WEIGHTS, load_weights, read_weights
from limner.nn.pretraining import load_encoder
from limner.nn.receptive_field import receptive_field
from limner.segment.networks.map_network import MapNetwork

# depth -> kind of unit, units in the blocks 2 to 5 (Table I); the depth counts the classifier, which is dropped.
UNITS: dict[int, tuple[type[BasicBlock] | type[Bottleneck], list[int]]] = {
    18: (BasicBlock, [2, 2, 2, 2]),
    34: (BasicBlock, [3, 4, 6, 3]),
    50: (Bottleneck, [3, 4, 6, 3]),
    101: (Bottleneck, [3, 4, 23, 3]),
    152: (Bottleneck, [3, 8, 36, 3]),
    200: (Bottleneck, [3, 24, 36, 3]),
}
MAPS = (64, 128, 256, 512)
"""Of the blocks 2 to 5, before a bottleneck multiplies them by four."""
FULL_RESOLUTION_MAPS = 64


class ResidualEncoder(ResNet):
    """torchvision's ResNet up to its last feature maps, for any number of bands.

    Names and shapes are torchvision's, so that its weights load as they are (for three bands, all but ``fc``).
    """

    def __init__(self, channels: int, depth: int, pool: int, stride_in_1x1: bool) -> None:
        unit, units = UNITS[depth]
        super().__init__(unit, units)
        self.conv1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
        nn.init.kaiming_normal_(self.conv1.weight, mode="fan_out", nonlinearity="relu")
        self.maxpool = nn.MaxPool2d(pool, stride=2, padding=(pool - 1) // 2)
        del self.avgpool, self.fc
        if stride_in_1x1:
            for module in self.modules():
                if isinstance(module, Bottleneck):
                    module.conv1.stride, module.conv2.stride = module.conv2.stride, module.conv1.stride

    def forward(self, image: Tensor) -> list[Tensor]:
        """image: (B, channels, H, W). Gives the maps at 1/2, 1/4, 1/8, 1/16 and 1/32 of its size."""
        x1 = self.relu(self.bn1(self.conv1(image)))  # (B, 64, H/2, W/2): before the pool, or it would not balance
        x2 = self.layer1(self.maxpool(x1))
        x3 = self.layer2(x2)
        x4 = self.layer3(x3)
        x5 = self.layer4(x4)
        return [x1, x2, x3, x4, x5]


class ResidualUNet(MapNetwork):
    """ResNet encoder, mirrored by five transposed convolutions with balanced skips (Ghassemi et al. 2018).

    Each decoder block is one 4 x 4 transposed convolution of stride 2 with BN and ReLU, whose maps are as many as
    those of the skip they are concatenated with. The last skip is a 3 x 3 convolution of the picture itself at full
    resolution. A 1 x 1 convolution on its 128 maps gives the logits.

    channels: bands of the picture.
    classes: classes of the map, background included.
    depth: 18, 34 (basic units), 50, 101, 152 or 200 (bottleneck units, a decoder of 55 M parameters).
    pool: edge of the max pooling after the first convolution. 3 is ResNet's, which its weights expect; 2 is the
        paper's word. The sizes are the same.
    stride_in_1x1: whether a bottleneck steps in its first 1 x 1 convolution (the paper, and ResNet in 2016) or in
        its 3 x 3 (torchvision's weights).
    pretrained: begin the encoder with torchvision's ImageNet weights of this depth; there are none of depth 200. They
        expect ``pool`` 3 and ``stride_in_1x1`` false.
    weights: begin the encoder with a file of yours instead: .safetensors or .pth, under the names that torchvision and
        timm share; its classifier (``fc.*``) is left out.

    Pretrained encoders learned on photographs of mean 0 and deviation 1 per band, which is what this network is given.
    For other than three bands the first convolution is fitted by `fit_bands`.

    Where the paper is silent or contradicts itself: the second block does not halve, so that the deepest maps are
    H/32 x W/32 as its Table I says; the skip of the first block leaves before the pool, after BN and ReLU; every
    depth is post-activation; weights begin as He et al. 2015 draw them.

    Raises `UserError` for a depth that is not in the table, options that do not go together, and weights that are not
    there or do not fit.
    """

    stride: ClassVar[int] = 32

    def __init__(
        self,
        channels: int = 4,
        classes: int = 2,
        depth: int = 34,
        pool: int = 3,
        stride_in_1x1: bool = False,
        pretrained: bool = False,
        weights: Path | None = None,
    ) -> None:
        super().__init__()
        if depth not in UNITS:
            raise UserError(f"residual-unet has no depth {depth}; choose one of {', '.join(map(str, UNITS))}")
        if pool not in (2, 3):
            raise UserError(f"residual-unet pools 2 x 2 or 3 x 3 pixels, not {pool} x {pool}; set pool to 2 or 3")
        if pretrained:
            _check_pretrained(depth, pool, stride_in_1x1, weights)
        self.channels = channels
        self.encoder = ResidualEncoder(channels, depth, pool, stride_in_1x1)
        expansion = UNITS[depth][0].expansion
        *shallow, deepest = (maps * expansion for maps in MAPS)
        skips = [*reversed(shallow), 64, FULL_RESOLUTION_MAPS]
        inputs = [deepest, *(2 * maps for maps in skips)]
        self.decoder = nn.ModuleList(_decoder_block(*maps) for maps in zip(inputs, skips, strict=False))
        self.full_resolution = nn.Sequential(
            nn.Conv2d(channels, FULL_RESOLUTION_MAPS, 3, padding=1, bias=False),
            nn.BatchNorm2d(FULL_RESOLUTION_MAPS),
            nn.ReLU(inplace=True),
        )
        self.head = nn.Conv2d(2 * FULL_RESOLUTION_MAPS, classes, 1)
        for part in (self.decoder, self.full_resolution, self.head):
            he_initialize(part)
        if not self.head.weight.is_meta:  # a network on the meta device has shapes only
            if weights is not None:
                load_encoder(self.encoder, read_weights(weights), "conv1.weight", str(weights))
            elif pretrained:
                load_encoder(self.encoder, load_weights(f"resnet{depth}"), "conv1.weight", f"resnet{depth}")

    def logits(self, image: Tensor) -> Tensor:
        """(B, channels, H, W) with H and W multiples of 32 -> (B, classes, H, W)."""
        *skips, x = self.encoder(image)  # x: (B, 512 or 2048, H/32, W/32)
        skips.insert(0, self.full_resolution(image))
        for block, skip in zip(self.decoder, reversed(skips), strict=True):
            x = torch.cat([block(x), skip], dim=1)  # as many maps from below as from the side
        return self.head(x)

    def receptive_field(self) -> int:
        """How many pixels in a row can change one pixel's logits."""
        encoder = [  # a unit's shortcut sees less than its convolutions
            module
            for name, module in self.encoder.named_modules()
            if "downsample" not in name and next(module.children(), None) is None
        ]
        return receptive_field([*encoder, self.decoder, self.head])


def _decoder_block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def _check_pretrained(depth: int, pool: int, stride_in_1x1: bool, weights: Path | None) -> None:
    if weights is not None:
        raise UserError("residual-unet got both pretrained and weights; give one: ImageNet's, or a file of yours")
    if f"resnet{depth}" not in WEIGHTS:
        there = ", ".join(str(known) for known in UNITS if f"resnet{known}" in WEIGHTS)
        raise UserError(f"residual-unet has no ImageNet weights of depth {depth}; pretrained takes a depth of {there}")
    if pool != 3 or stride_in_1x1:
        got = f"pool {pool}" if pool != 3 else "stride_in_1x1 true"
        raise UserError(f"residual-unet got pretrained with {got}; ImageNet's weights need pool 3, stride_in_1x1 false")
