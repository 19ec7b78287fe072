"""A picture of any size through a network that translates, tile by tile, in memory that its size does not change.

Each tile goes in with a halo as wide as the network sees, begins at a multiple of its stride, and keeps only its
middle: what comes out is what one pass over the whole picture gives. Instance normalization sees whole pictures; its
statistics are then measured once on tiles from all over the picture, and held for all (`PictureNorm`).
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.scenes.windows import Window

Read = Callable[[Window], Tensor]
"""Gives a window of a source, (C, height, width) float32 in [-1, 1]."""
TILE_PX = 256
MEASURED_TILES = 9
MEASURED_PX = 256


def translated_tiles(
    network: nn.Module, read: Read, height: int, width: int, *, tile_px: int = TILE_PX,
    wanted: Callable[[Window], bool] | None = None,
) -> Iterator[tuple[Window, Tensor]]:  # fmt: skip
    """Windows of the source that cover it once, each with what is made of it: (C, scale h, scale w) float32, about in
    [-1, 1], on the CPU.

    network: a `limner.translate.networks.Translator` in evaluation mode. read: is asked for windows within the picture.
    wanted: whether a window's answer is asked for; others are left out, and cost nothing.
    """
    device = next(network.parameters()).device
    if callable(of_picture := getattr(network, "of_picture", None)):  # it looks at the whole first
        network, read = of_picture(read, height, width)
    stride, scale = int(network.stride), int(network.scale)  # type: ignore[arg-type]
    halo = -(-int(network.reach_px) // stride) * stride  # type: ignore[arg-type]
    edge = max(tile_px // stride, 1) * stride
    least = int(network.least_px)  # type: ignore[arg-type]
    rows, columns = (max(-(-side // stride) * stride, least) for side in (height, width))
    norms = [layer for layer in network.modules() if isinstance(layer, PictureNorm)]
    if norms and max(rows, columns) > edge + 2 * halo:
        _measure(network, norms, read, height, width, stride)
    try:
        for inner in Window(0, 0, rows, columns).cells(edge):
            if wanted is not None and not wanted(inner.clipped(height, width)):
                continue
            reaching = Window(inner.row - halo, inner.column - halo, inner.height + 2 * halo, inner.width + 2 * halo)
            outer = reaching.clipped(rows, columns)
            image = padded(read, outer, height, width).to(device)
            with torch.no_grad():
                made = network(image[None])[0].float().cpu()
            shown = inner.clipped(height, width)
            top, left = (shown.row - outer.row) * scale, (shown.column - outer.column) * scale
            yield shown, made[:, top : top + shown.height * scale, left : left + shown.width * scale]
    finally:
        for layer in norms:
            layer.held = None


def padded(read: Read, window: Window, height: int, width: int) -> Tensor:
    """(C, window's height, width): what lies below and to the right of the picture is the picture reflected, or its
    border repeated where it is too small for that."""
    inside = window.clipped(height, width)
    image = read(inside)
    below, right = window.height - inside.height, window.width - inside.width
    for axis, more in ((1, below), (2, right)):
        while more > 0:
            step = min(more, image.shape[axis] - 1) or more
            mode = "reflect" if image.shape[axis] > 1 else "replicate"
            padding = (0, 0, 0, step) if axis == 1 else (0, step, 0, 0)
            image = functional.pad(image[None], padding, mode=mode)[0]
            more -= step
    return image


class PictureNorm(nn.Module):
    """Instance normalization whose statistics can be measured over several tiles at once, and then held.

    Without either it is the layer that it stands for.
    """

    def __init__(self, layer: nn.InstanceNorm2d) -> None:
        super().__init__()
        self.weight, self.bias, self.eps = layer.weight, layer.bias, layer.eps
        self.held: tuple[Tensor, Tensor] | None = None
        self.measures = False

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, h, w)."""
        if self.measures:
            self.held = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
        if self.held is None:
            return functional.instance_norm(x, weight=self.weight, bias=self.bias, eps=self.eps)
        return functional.batch_norm(x, *self.held, self.weight, self.bias, eps=self.eps)


def with_picture_norms(network: nn.Module) -> nn.Module:
    """The network itself, with a `PictureNorm` in place of each instance normalization."""
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.InstanceNorm2d):
                setattr(parent, name, PictureNorm(child))
    return network


def _measure(network: nn.Module, norms: list[PictureNorm], read: Read, height: int, width: int, stride: int) -> None:
    """Measure the statistics of all layers on tiles that are spread over the picture, in one pass."""
    side = max(MEASURED_PX // stride, 1) * stride
    per_axis = round(MEASURED_TILES**0.5)
    places = [
        [round(number * max(0, length - side) / (per_axis - 1)) for number in range(per_axis)]
        for length in (height, width)
    ]
    tiles = [padded(read, Window(row, column, side, side), height, width) for row in places[0] for column in places[1]]
    for layer in norms:
        layer.measures = True
    try:
        with torch.no_grad():
            network(torch.stack(tiles).to(next(network.parameters()).device))
    finally:
        for layer in norms:
            layer.measures = False
