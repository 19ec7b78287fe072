"""The residual generator of CycleGAN and DeblurGAN (after Johnson, Alahi and Fei-Fei, ECCV 2016)."""

from typing import Literal

from torch import Tensor, nn

from limner.foundation.errors import UserError
from limner.translate.networks.translator import (
    Norm,
    Translator,
    Upsampling,
    bounded,
    check_norm,
    check_upsampling,
    doubled,
    normalization,
    only_same_size,
)


class ResNet(Translator):
    """CycleGAN's generator: two halvings, residual blocks at a quarter of the size, two doublings.

    Zhu, Park, Isola and Efros, ICCV 2017, sec. 7.1: 7 x 7 convolutions at both ends, reflected borders, instance
    normalization. 9 blocks for 256 px have 11,378,179 parameters, 6 blocks for 128 px 7,837,699. DeblurGAN's generator
    is the same with dropout 0.5 in its blocks (Kupyn et al., CVPR 2018); since March 2019 its code has one convolution
    a block by a slip (``convolutions: 1``, 6,067,459), which its paper's figure has as well.

    blocks: residual blocks. width: channels at the picture's size. norm: ``instance``, ``batch`` or ``none``.
    convolutions: of a block, 2 or 1.
    dropout: share of the values that a block drops between its convolutions (behind its only one).
    residual_out: add the picture that it is given to what it makes, cut off at -1 and 1 (DeblurGAN's
        ``learn_residual``).
    upsample: ``transposed`` as in the paper, or ``resize``.
    """

    stride = 4
    least_px = 8  # a border of one pixel cannot be reflected

    def __init__(
        self,
        inputs: int,
        outputs: int,
        scale: int = 1,
        *,
        blocks: int = 9,
        width: int = 64,
        norm: Norm = "instance",
        convolutions: Literal[1, 2] = 2,
        dropout: float = 0.0,
        residual_out: bool = False,
        upsample: Upsampling = "transposed",
    ) -> None:
        super().__init__(inputs, outputs, scale)
        only_same_size(scale, "resnet")
        check_norm(norm)
        check_upsampling(upsample)
        if blocks < 1 or width < 1 or not 0 <= dropout < 1 or convolutions not in (1, 2):
            raise UserError(
                f"the resnet got blocks {blocks}, width {width}, dropout {dropout}, convolutions {convolutions}; "
                "needed: 1 or more, 1 or more, 0 to below 1, 1 or 2"
            )
        if residual_out and inputs != outputs:
            raise UserError(f"residual_out adds {inputs} channels to {outputs}; they must be equally many")
        self.residual_out = residual_out
        self.reach_px = 3 + 1 + 2 + 4 * blocks * convolutions + 8 + 3
        bias = norm != "batch"

        def convolve(one: int, other: int, kernel: int, stride: int = 1) -> nn.Module:
            return nn.Conv2d(one, other, kernel, stride, padding=1 if stride > 1 else 0, bias=bias)

        layers: list[nn.Module] = [nn.ReflectionPad2d(3), convolve(inputs, width, 7), normalization(norm, width)]
        layers.append(nn.ReLU(inplace=True))
        for channels in (width, 2 * width):
            layers += [convolve(channels, 2 * channels, 3, 2), normalization(norm, 2 * channels), nn.ReLU(inplace=True)]
        layers += [ResidualBlock(4 * width, norm, convolutions, dropout) for _ in range(blocks)]
        for channels in (4 * width, 2 * width):
            layers += [doubled(channels, channels // 2, upsample, kernel=3, bias=bias)]
            layers += [normalization(norm, channels // 2), nn.ReLU(inplace=True)]
        layers += [nn.ReflectionPad2d(3), nn.Conv2d(width, outputs, 7)]
        self.layers = nn.Sequential(*layers)

    def translate(self, image_pm1: Tensor) -> Tensor:
        """See `Translator.forward`."""
        made = bounded(self.layers(image_pm1))
        return (image_pm1 + made).clamp(-1, 1) if self.residual_out else made


class ResidualBlock(nn.Module):
    """x + F(x), F of one or two 3 x 3 convolutions with reflected borders. x: (B, channels, h, w)."""

    def __init__(self, channels: int, norm: Norm, convolutions: int, dropout: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for number in range(convolutions):
            layers += [nn.ReflectionPad2d(1), nn.Conv2d(channels, channels, 3, bias=norm != "batch")]
            layers += [normalization(norm, channels)]
            if number == 0:
                layers += [nn.ReLU(inplace=True), nn.Dropout(dropout)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """(B, channels, h, w)."""
        y: Tensor = x + self.layers(x)
        return y
