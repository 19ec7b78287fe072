"""Local connections: a window at each place as in a convolution, but weights of its own (LeCun 1986, 1989)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.nn.layers.convolution import begin_uniform


class LocallyConnected(nn.Module):
    """A layer that reads windows as a convolution does, with other weights at each place.

        Z[o, i, j] = sum over c, m, n of V[c, s i + m, s j + n] W[i, j, o, c, m, n] + b[o, i, j]

    (Goodfellow, Bengio and Courville 2016, eq. 9.9). For pictures in which each place means something else, such as
    faces laid eye upon eye. It takes pictures of one size only.

    channels, maps: of its input and output. size: (height, width) of its input. kernel: of the window. padding: zeros
    on each side. bias: one number a map and place. Parameters: H' W' maps (channels kernel^2 + 1).

    >>> sum(each.numel() for each in LocallyConnected(16, 4, (7, 7), 3, padding=1).parameters()) == 49 * 4 * (16 * 9 +
    1) True
    """

    def __init__(
        self,
        channels: int,
        maps: int,
        size: tuple[int, int],
        kernel: int,
        stride: int = 1,
        padding: int = 0,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.size, self.kernel, self.stride, self.padding = size, kernel, stride, padding
        self.places = tuple((each + 2 * padding - kernel) // stride + 1 for each in size)
        if min(self.places) < 1:
            raise ValueError(f"windows of {kernel} do not fit into pictures of {size[0]} x {size[1]}")
        self.weight = nn.Parameter(torch.empty(*self.places, maps, channels, kernel, kernel))
        self.bias = nn.Parameter(torch.empty(maps, *self.places)) if bias else None
        begin_uniform(self, channels * kernel**2)

    def forward(self, picture: Tensor) -> Tensor:
        """picture: (B, channels, *size) floating. Gives (B, maps, H', W'). Raises `ValueError` for another size."""
        if tuple(picture.shape[2:]) != tuple(self.size):
            raise ValueError(
                f"a picture of {tuple(picture.shape[2:])} for a locally connected layer of {tuple(self.size)}; "
                "it has weights for each place: resize the picture, or take a convolution"
            )
        windows = functional.unfold(
            picture, self.kernel, stride=self.stride, padding=self.padding
        )  # (B, C k k, places)
        weight = self.weight.flatten(0, 1).flatten(2)  # (places, O, C k k)
        found = torch.bmm(windows.permute(2, 0, 1), weight.transpose(1, 2))  # (places, B, O)
        result = found.permute(1, 2, 0).unflatten(2, self.places)
        return result if self.bias is None else result + self.bias
