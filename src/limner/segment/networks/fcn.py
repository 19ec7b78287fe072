"""Fully convolutional networks (Long, Shelhamer and Darrell, CVPR 2015): a classifier's layers as convolutions."""

from typing import ClassVar

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

OUTPUT_STRIDES = (32, 16, 8)
SCORE_STD = 0.01


class FCN(MapNetwork):
    """A classifier's layers as convolutions, its scores summed over resolutions (Long et al. 2015).

    VGG-16, whose fully connected layers become a 7 x 7 and a 1 x 1 convolution to 4096 maps, each with ReLU and
    dropout; a 1 x 1 convolution to the classes' scores at 1/32 of the picture's size. FCN-32s enlarges these 32 times.
    FCN-16s enlarges them twice, adds scores of the fourth pooling, and enlarges the sum 16 times; FCN-8s adds those of
    the third pooling as well. All enlarging is bilinear and not learned, as in the release.

    channels: bands of the picture.
    classes: classes of the map, background included.
    output_stride: 32, 16 or 8: which of the three.
    backbone: ``vgg-16``, the paper's, or ``efficientnet-lite0``, whose last 320 maps are scored without the two wide
        convolutions.
    pretrained: begin with ImageNet's weights; VGG-16's are not bundled.
    width: of every layer of VGG-16 and of the wide convolutions, as a share of the paper's: 0.125 for a CPU.

    Where this differs from the paper: pictures are padded at each convolution instead of by 100 pixels at the first one
    (the 7 x 7 convolution by 3), so that no score lies outside and nothing is cropped. Scores begin as N(0, 0.01)
    instead of 0, from which layers below would learn nothing in the first step.

    Raises `UserError` for another output_stride, backbone or width, and ImageNet's weights in another width.
    """

    stride: ClassVar[int] = 32

    def __init__(
        self,
        channels: int = 3,
        classes: int = 2,
        output_stride: int = 8,
        backbone: str = VGG,
        pretrained: bool = False,
        width: float = 1.0,
    ) -> None:
        super().__init__()
        if output_stride not in OUTPUT_STRIDES:
            raise UserError(f"fcn has no output_stride {output_stride}; choose one of 32, 16, 8")
        check_backbone("fcn", backbone)
        self.channels = channels
        lite = backbone == LITE0
        self.encoder: nn.Module = lite_encoder(channels, pretrained) if lite else VggEncoder(channels, width)
        pools = list(ENCODER_MAPS) if lite else [scaled(maps, width) for maps in (64, 128, 256, 512, 512)]
        self.decoder = nn.ModuleDict()
        if not lite:
            wide = scaled(4096, width)
            self.decoder["wide"] = wide_convolutions(pools[-1], wide)
            he_initialize(self.encoder)
            he_initialize(self.decoder)
            pools[-1] = wide
        names = {32: "score32", 16: "score16", 8: "score8"}
        self.scored = [stride for stride in OUTPUT_STRIDES if stride >= output_stride]
        for stride in self.scored:
            score = nn.Conv2d(pools[{32: -1, 16: -2, 8: -3}[stride]], classes, 1)
            nn.init.normal_(score.weight, std=SCORE_STD)
            nn.init.zeros_(score.bias)  # type: ignore[arg-type]
            self.decoder[names[stride]] = score
        self.twice = BilinearUpsampling(2)
        self.enlarge = BilinearUpsampling(output_stride)
        if pretrained:
            begin_with_imagenet("fcn", self.encoder, width)

    def logits(self, image: Tensor) -> Tensor:
        """(B, channels, H, W) with H and W multiples of 32 -> (B, classes, H, W)."""
        *_, eighth, sixteenth, last = self.encoder(image)
        if "wide" in self.decoder:
            last = self.decoder["wide"](last)  # (B, 4096 width, H/32, W/32)
        score = self.decoder["score32"](last)
        if 16 in self.scored:
            score = self.twice(score) + self.decoder["score16"](sixteenth)
        if 8 in self.scored:
            score = self.twice(score) + self.decoder["score8"](eighth)
        return self.enlarge(score)
