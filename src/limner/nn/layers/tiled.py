"""Tiled convolution: several kernels take turns over the picture (Gregor and LeCun 2010; Le et al. 2010)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.nn.layers.convolution import Border, begin_uniform, output_size


class TiledConvolution(nn.Module):
    """A layer between convolution and local connections: place (i, j) reads by kernel (i mod t, j mod t).

        Z[o, i, j] = sum over c, m, n of V[c, i + m, j + n] K[i mod t, j mod t, o, c, m, n]

    (Goodfellow, Bengio and Courville 2016, eq. 9.10). With t = 1 it is a convolution; where t reaches the output's
    size, a locally connected layer. Neighboring places may thus learn what a convolution cannot, such as a rotated
    kernel, while the layer still runs over pictures of any size. It costs as many multiplications as a convolution:
    each of the t^2 kernels is applied with stride t.

    channels, maps: of its input and output. kernel: its size along both axes. tiling: t. bias: one number a map and
    tile, shared along the same tiling. Parameters: t^2 maps (channels kernel^2 + 1).
    """

    def __init__(
        self, channels: int, maps: int, kernel: int, tiling: int, border: Border = "valid", bias: bool = True
    ) -> None:
        super().__init__()
        if tiling < 1:
            raise ValueError(f"tiling is {tiling}; needed: at least 1, which is a convolution")
        self.kernel, self.tiling, self.border = kernel, tiling, border
        self.weight = nn.Parameter(torch.empty(tiling, tiling, maps, channels, kernel, kernel))
        self.bias = nn.Parameter(torch.empty(tiling, tiling, maps)) if bias else None
        begin_uniform(self, channels * kernel**2)

    def forward(self, picture: Tensor) -> Tensor:
        """picture: (B, channels, H, W) floating. Gives (B, maps, H', W'), the places of `convolve` with stride 1."""
        tiling = self.tiling
        height, width = (output_size(each, self.kernel, self.border) for each in picture.shape[2:])
        if height < 1 or width < 1:
            raise ValueError(f"kernels of {self.kernel} do not fit into a picture of {tuple(picture.shape[2:])}")
        rows, columns = -(-height // tiling), -(-width // tiling)  # places of each kernel
        before = {"valid": 0, "same": (self.kernel - 1) // 2, "full": self.kernel - 1}[self.border]
        below, right = (
            count * tiling + self.kernel - 1 - size - before
            for count, size in zip((rows, columns), picture.shape[2:], strict=True)
        )
        padded = functional.pad(picture, (before, right, before, below))
        turns = [
            functional.conv2d(
                padded[:, :, row : row + (rows - 1) * tiling + self.kernel, column:][
                    ..., : (columns - 1) * tiling + self.kernel
                ],
                self.weight[row, column],
                None if self.bias is None else self.bias[row, column],
                stride=tiling,
            )
            for row in range(tiling)
            for column in range(tiling)
        ]
        tiles = torch.stack(turns, dim=-1).unflatten(-1, (tiling, tiling))  # (B, O, rows, columns, t, t)
        whole = tiles.permute(0, 1, 2, 4, 3, 5).flatten(4, 5).flatten(2, 3)  # (B, O, rows t, columns t)
        return whole[..., :height, :width]
