"""What every network that translates pictures shares: sizes at the door, and what tiling must know of it."""

from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from limner.foundation.errors import UserError

Norm = Literal["batch", "instance", "none"]
Upsampling = Literal["transposed", "resize"]
"""How sides are doubled: by a transposed convolution, as papers print it, or by nearest neighbors and a convolution,
which leaves no checkerboard (Odena et al., "Deconvolution and Checkerboard Artifacts", Distill 2016)."""


class Translator(nn.Module):
    """A network that makes a picture of a picture.

    A subclass sets what stands below and writes `translate`.

    inputs, outputs: channels of the picture that it is given, and of the one that it makes.
    scale: how many times the made picture is larger: 1, 2, 4 or 8.

    Raises `UserError` for numbers that are not these.
    """

    stride: int = 1
    """Sides of what it is given must be multiples of this."""
    least_px: int = 1
    """The smallest side that it takes, a multiple of the stride."""
    reach_px: int = 0
    """How far from a pixel of what it is given those lie, at most, that can change what is made there; instance
    normalization, which sees all, left out."""
    takes_center: ClassVar[bool] = False
    """Whether it makes only the middle of the picture, half as high and wide."""
    side_px: int = 0
    """Not 0: the side that it brings every picture to, and what it makes back. 0: it takes each at its own size."""

    def __init__(self, inputs: int, outputs: int, scale: int = 1) -> None:
        super().__init__()
        for name, value in (("inputs", inputs), ("outputs", outputs)):
            if value < 1:
                raise UserError(f"{name} is {value}; needed: 1 channel or more")
        if scale not in (1, 2, 4, 8):
            raise UserError(
                f"the made picture shall be {scale} times as large; networks here enlarge 1, 2, 4 or 8 times"
            )
        self.inputs, self.outputs, self.scale = inputs, outputs, scale

    def forward(self, image_pm1: Tensor) -> Tensor:
        """The translated pictures.

        image_pm1: (B, inputs, h, w) float in [-1, 1], h and w multiples of `stride`. Gives (B, outputs, scale h,
        scale w), about in [-1, 1] (networks without a final tanh may leave it a little); the middle half of it where
        `takes_center`.

        Raises `UserError` for other channels and for sides that are no multiples of the stride.
        """
        if image_pm1.ndim != 4 or image_pm1.shape[1] != self.inputs:
            raise UserError(
                f"the network got a tensor of shape {tuple(image_pm1.shape)}; it needs (B, {self.inputs}, H, W)"
            )
        height, width = image_pm1.shape[2:]
        if height % self.stride or width % self.stride or min(height, width) < 1:
            raise UserError(
                f"the network got {height} x {width} px; its sides must be multiples of {self.stride}: pad to "
                f"{-(-height // self.stride) * self.stride} x {-(-width // self.stride) * self.stride}"
            )
        if min(height, width) < self.least_px:
            raise UserError(f"the network got {height} x {width} px; needed: {self.least_px} at least")
        return self.translate(image_pm1)

    def translate(self, image_pm1: Tensor) -> Tensor:
        """See `forward`."""
        raise NotImplementedError


def only_same_size(scale: int, network: str) -> None:
    """Raise `UserError` where a network that keeps the size is asked to enlarge."""
    if scale != 1:
        raise UserError(
            f"the {network} makes pictures of the size that it is given, not {scale} times as large; "
            "use light-residual or srresnet"
        )


def check_norm(norm: str) -> None:
    """Raise `UserError` for a normalization that is not here."""
    if norm not in get_args(Norm):
        raise UserError(f"norm is '{norm}'; choose one of {', '.join(get_args(Norm))}")


def check_upsampling(upsample: str) -> None:
    """Raise `UserError` for a way to double sides that is not here."""
    if upsample not in get_args(Upsampling):
        raise UserError(f"upsample is '{upsample}'; choose one of {', '.join(get_args(Upsampling))}")


def normalization(norm: Norm, channels: int, *, affine: bool = False) -> nn.Module:
    """The layer of a name. affine: whether an instance normalization has gains and shifts."""
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    return nn.InstanceNorm2d(channels, affine=affine) if norm == "instance" else nn.Identity()


def uses_picture_statistics(network: nn.Module) -> bool:
    """Whether a network's answer at a place depends on the whole picture through instance normalization."""
    return any(isinstance(layer, nn.modules.instancenorm._InstanceNorm) for layer in network.modules())


def doubled(inputs: int, outputs: int, upsample: Upsampling, *, kernel: int, bias: bool) -> nn.Module:
    """Twice the side. kernel: 4 or 3, of the transposed convolution; the other way has 3 x 3."""
    if upsample == "resize":
        return nn.Sequential(nn.Upsample(scale_factor=2), nn.Conv2d(inputs, outputs, 3, padding=1, bias=bias))
    more = 1 if kernel == 3 else 0
    return nn.ConvTranspose2d(inputs, outputs, kernel, stride=2, padding=1, output_padding=more, bias=bias)


def bounded(image_pm1: Tensor) -> Tensor:
    """tanh in float32, under autocast too."""
    return torch.tanh(image_pm1.float())
