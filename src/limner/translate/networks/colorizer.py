"""The colors of a gray picture: a network that sees all of it small, and a picture that keeps its light and dark."""

from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.colors.luma import painted
from limner.foundation.errors import UserError
from limner.scenes.windows import Window
from limner.translate.degrading.looks import luma
from limner.translate.networks.translator import Norm, Translator, Upsampling, only_same_size
from limner.translate.networks.unet import UNet

Read = Callable[[Window], Tensor]


class Colorizer(Translator):
    """Two planes of color for a gray picture by a U-Net that sees it at one size; its luma stays, at its own size.

    What color a thing has is told by the whole picture, and the eye sees colors coarsely: so the picture is brought to
    a square of ``seen_px`` by means over areas, the U-Net gives Cb and Cr there (`limner.colors.luma`), and these are
    interpolated under the luma that was given. Isola, Zhu, Zhou and Efros (CVPR 2017) take the same U-Net from the
    lightness of CIELAB to its a and b at one size; with 8 levels and a width of 64 it has their 54,409,858 parameters.

    inputs: 1, or 3, of which the luma is taken. outputs: 3. seen_px: a multiple of 2^levels.
    levels, width, norm, dropout, upsample: of `UNet`.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        scale: int = 1,
        *,
        seen_px: int = 64,
        levels: int = 6,
        width: int = 32,
        norm: Norm = "batch",
        dropout: float = 0.0,
        upsample: Upsampling = "resize",
    ) -> None:
        super().__init__(inputs, outputs, scale)
        only_same_size(scale, "colorizer")
        if inputs not in (1, 3) or outputs != 3:
            raise UserError(
                f"the colorizer makes 3 channels of 1 (or of the luma of 3), and was asked for {outputs} of {inputs}; "
                "give pictures in color as targets, and leave --data.colors at rgb"
            )
        self.network = UNet(1, 2, levels=levels, width=width, norm=norm, dropout=dropout, upsample=upsample)
        if seen_px < self.network.stride or seen_px % self.network.stride:
            raise UserError(
                f"the colorizer got seen_px {seen_px} with {levels} levels; needed: a multiple of {self.network.stride}"
            )
        self.seen_px = seen_px

    def translate(self, image_pm1: Tensor) -> Tensor:
        """See `Translator.forward`. Takes any sides."""
        gray = gray_of(image_pm1)
        height, width = gray.shape[2:]
        planes = self.planes(functional.adaptive_avg_pool2d(gray, self.seen_px))
        return colored(gray, spread(planes, Window(0, 0, height, width), height, width))

    def planes(self, small_pm1: Tensor) -> Tensor:
        """Cb and Cr, (B, 2, seen_px, seen_px), -0.5 to 0.5, of a gray picture of that size, (B, 1, ...) in [-1, 1]."""
        return cast(Tensor, self.network(small_pm1)).float() / 2

    def of_picture(self, read: Read, height: int, width: int) -> tuple[nn.Module, Read]:
        """What colors windows of one picture, and what gives it these: the whole is looked at now, a strip at a time.

        read: gives windows of the picture, (inputs, h, w) float32 in [-1, 1].
        """
        side = self.seen_px
        rows = []
        for number in range(side):  # the strips of adaptive_avg_pool2d
            top, bottom = number * height // side, -(-(number + 1) * height // side)
            strip = gray_of(read(Window(top, 0, bottom - top, width))[None])
            rows.append(functional.adaptive_avg_pool2d(strip, (1, side)))
        with torch.no_grad():
            small = torch.cat(rows, dim=2).to(next(self.parameters()).device)
            planes = self.planes(small).cpu()

        def read_with_planes(window: Window) -> Tensor:
            gray = gray_of(read(window)[None])
            return torch.cat([gray, spread(planes, window, height, width)], dim=1)[0]

        return Painting(), read_with_planes


class Painting(nn.Module):
    """A luma and its planes of color, (B, 3, h, w), as a picture in [-1, 1]: nothing of it looks beyond a pixel."""

    stride = scale = least_px = 1
    reach_px = 0

    def forward(self, image: Tensor) -> Tensor:
        """(B, 3, h, w) in [-1, 1] of (B, 3, h, w): luma in [-1, 1], Cb and Cr in [-0.5, 0.5]."""
        return colored(image[:, :1], image[:, 1:])


def gray_of(image_pm1: Tensor) -> Tensor:
    """(B, 1, H, W) float32 in [-1, 1]: the luma of (B, 1 or 3, H, W)."""
    image = image_pm1.float()
    return image if image.shape[1] == 1 else torch.stack([luma(each) for each in image])


def spread(planes: Tensor, window: Window, height: int, width: int) -> Tensor:
    """(B, 2, h, w): planes (B, 2, s, s) of a picture of height x width, interpolated at a window of it."""
    rows, columns = (
        ((torch.arange(count, device=planes.device) + first + 0.5) * (2 / side) - 1).to(planes.dtype)
        for first, count, side in (
            (window.row, window.height, height), (window.column, window.width, width),
        )
    )  # fmt: skip
    grid = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1)[None].expand(len(planes), -1, -1, -1)
    return functional.grid_sample(planes, grid, mode="bilinear", padding_mode="border", align_corners=False)


def colored(gray_pm1: Tensor, planes: Tensor) -> Tensor:
    """(B, 3, h, w) in [-1, 1] of a luma in [-1, 1] and planes in [-0.5, 0.5]."""
    return painted((gray_pm1 + 1) / 2, planes) * 2 - 1
