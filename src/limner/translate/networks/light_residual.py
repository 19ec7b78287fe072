"""A small network for computers without an accelerator that learns what a plain enlargement lacks."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.foundation.errors import UserError
from limner.translate.networks.translator import Translator


class LightResidual(Translator):
    """The picture itself, enlarged by bicubic interpolation, plus what residual blocks add to it.

    No normalization: the answer depends on what is near alone, so tiles fit together exactly. Its last convolution
    begins at zero, so an untrained network is the plain enlargement (or changes nothing), and all that it learns is
    gain over that bar. The form is that of EDSR (Lim et al., CVPR workshops 2017) with a skip around all as in VDSR
    (Kim et al., CVPR 2016).

    blocks: residual blocks. width: channels. squeeze: blocks work at the size divided by this, 1, 2 or 4, on as many
        times squeeze^2 channels of the picture: quicker, and they see farther.
    """

    def __init__(
        self, inputs: int, outputs: int, scale: int = 1, *, blocks: int = 8, width: int = 32, squeeze: int = 1
    ) -> None:
        super().__init__(inputs, outputs, scale)
        if blocks < 1 or width < 1 or squeeze not in (1, 2, 4):
            raise UserError(
                f"light-residual got blocks {blocks}, width {width}, squeeze {squeeze}; needed: 1 or more, 1 or more, "
                "and 1, 2 or 4"
            )
        if inputs < outputs:
            raise UserError(
                f"light-residual adds to what it is given, and {inputs} channels cannot become {outputs}; use unet"
            )
        self.stride = self.squeeze = squeeze
        self.reach_px = (2 * blocks + 3) * squeeze + 2
        self.first = nn.Conv2d(inputs * squeeze**2, width, 3, padding=1)
        self.blocks = nn.Sequential(*(PlainBlock(width) for _ in range(blocks)))
        self.last = nn.Conv2d(width, outputs * (scale * squeeze) ** 2, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def translate(self, image_pm1: Tensor) -> Tensor:
        """See `Translator.forward`."""
        base = image_pm1[:, : self.outputs]  # a further channel is a mask
        if self.scale > 1:
            base = functional.interpolate(base.float(), scale_factor=self.scale, mode="bicubic", align_corners=False)
        x = self.first(functional.pixel_unshuffle(image_pm1, self.squeeze))
        x = x + self.blocks(x)
        return torch.add(base, functional.pixel_shuffle(self.last(x), self.scale * self.squeeze)).float()


class PlainBlock(nn.Module):
    """x + F(x), F of two 3 x 3 convolutions with a ReLU between."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.one = nn.Conv2d(width, width, 3, padding=1)
        self.other = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, width, h, w)."""
        y: Tensor = x + self.other(functional.relu(self.one(x)))
        return y
