"""Feature maps of a network over pictures of any size, tile by tile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.foundation.errors import UserError
from limner.foundation.machine.threads import in_turn
from limner.foundation.nearest import near_names
from limner.scenes.windows import Window

TILE_PX, GPU_TILE_PX = 256, 1024
"""Side of a tile: on a processor what a layer puts out shall stay in the cache until the next one takes it."""


HALOS = 8
"""A tile is at least as many halos wide, so that the halo does not cost more than what it surrounds."""


PROBE_PX = 256
"""Side of the picture on which the reach of a layer is looked up: more than any layer with maps worth matching sees."""


IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class TileMaps(NamedTuple):
    """What one tile gives. inner: the pixels of the picture that it answers for. outer: those that went in, halo
    included. maps: for each layer (C, h, w) float32 over ``outer``, whose edge is a multiple of the layer's stride or
    padded to one.
    """

    inner: Window
    outer: Window
    maps: list[Tensor]


@dataclass(frozen=True)
class FeatureSource:
    """A function from pictures to feature maps, with what is needed to run it by tiles.

    run: (1, 3, H, W) float32, gamma-encoded 0..1, H and W multiples of ``stride`` -> a list of (1, C, h, w), one for
    each
        layer; of several tiles at once. stride: of the coarsest layer. reach_px: how far from a cell the pixels lie
        that can change it.
    """

    name: str
    run: Callable[[Tensor], list[Tensor]]
    stride: int
    reach_px: int
    layers: tuple[str, ...] = ()

    def tiles(self, picture: Tensor, tile_px: int | None = None) -> Iterator[TileMaps]:
        """Maps of a picture of any size, tile after tile; the same as in one pass wherever no tile ends (but for
        rounding). On a processor several tiles are worked on at once, each by one thread: maps do not depend on how
        many there are.

        picture: (3, H, W) float32. The picture's own edge is padded as the network pads it. tile_px: by default what
        the device is quickest with.
        """
        height, width = picture.shape[1:]
        halo = -(-(self.reach_px + self.stride) // self.stride) * self.stride
        if tile_px is None:
            tile_px = max(TILE_PX, HALOS * halo) if picture.device.type == "cpu" else GPU_TILE_PX
        tile_px = max(tile_px // self.stride, 1) * self.stride

        def work(inner: Window) -> TileMaps:
            reaching = Window(inner.row - halo, inner.column - halo, inner.height + 2 * halo, inner.width + 2 * halo)
            outer = reaching.clipped(height, width)
            rows, columns = outer.slices
            image = picture[None, :, rows, columns]
            padding = (0, -outer.width % self.stride, 0, -outer.height % self.stride)
            image = functional.pad(image, padding, mode="replicate") if any(padding) else image
            # no_grad, not inference_mode: threads of a source's own may write to its tensors, and they do not share a
            # mode.
            with torch.no_grad():
                return TileMaps(inner, outer, [found[0].float() for found in self.run(image)])

        cells = Window(0, 0, height, width).cells(tile_px)
        yield from in_turn(work, cells) if picture.device.type == "cpu" else map(work, cells)


def network_features(
    network: nn.Module,
    layers: Sequence[str],
    *,
    mean: Sequence[float] = IMAGENET[0],
    std: Sequence[float] = IMAGENET[1],
    name: str = "network",
    device: torch.device | str = "cpu",
) -> FeatureSource:
    """Features of any convolutional network that takes (B, 3, H, W), listened to at layers named as in
    ``named_modules``.

    mean, std: of red, green, blue in 0..1, with which the network was trained. Its stride and reach are measured on
    a picture of noise.

    Raises `UserError` for a layer that the network does not have.
    """
    network = network.eval().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    known = dict(network.named_modules())
    for layer in layers:
        if layer not in known or not layer:
            close = near_names(layer, known)[:6] or [key for key in known if key][:6]
            raise UserError(f"{name} has no layer {layer!r}; near it: {', '.join(close)}")
    listener = _Listener(network, tuple(layers), tuple(mean), tuple(std))
    stride, reach = _stride_and_reach(listener, torch.device(device))
    return FeatureSource(name, listener, stride, reach, tuple(layers))


class _Enough(Exception):
    """Raised within a forward pass once the last layer that is listened to has spoken."""


@dataclass(frozen=True)
class _Listener:
    """Runs a network as far as its deepest wanted layer and gives what the wanted layers put out, in their order."""

    network: nn.Module
    layers: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __call__(self, image: Tensor) -> list[Tensor]:
        mean, std = (image.new_tensor(values)[:, None, None] for values in (self.mean, self.std))
        image = ((image - mean) / std).contiguous(memory_format=torch.channels_last)
        heard: dict[str, Tensor] = {}

        own = threading.get_ident()

        def listen(layer: str) -> Callable[..., None]:
            def hook(_module: nn.Module, _given: Any, output: Tensor) -> None:
                if threading.get_ident() != own:
                    return  # of another tile
                heard[layer] = output.clone()  # the next layer may work in place
                if len(heard) == len(self.layers):
                    raise _Enough

            return hook

        modules = dict(self.network.named_modules())
        handles = [modules[layer].register_forward_hook(listen(layer)) for layer in self.layers]
        try:
            self.network(image)
        except _Enough:
            pass
        finally:
            for handle in handles:
                handle.remove()
        return [heard[layer] for layer in self.layers]


def _stride_and_reach(run: Callable[[Tensor], list[Tensor]], device: torch.device) -> tuple[int, int]:
    """The coarsest stride, and how far from the middle of a cell pixels can change it, over all layers."""
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(1, 3, PROBE_PX, PROBE_PX, generator=generator).to(device).requires_grad_()
    strides, reach = [], 0
    with torch.enable_grad():
        for found in run(image):
            stride = PROBE_PX // found.shape[-1]
            strides.append(stride)
            cell = found.shape[-1] // 2
            (gradient,) = torch.autograd.grad(found[0, :, cell, cell].sum(), image, retain_graph=True)
            rows = gradient[0].abs().amax(dim=(0, 2)).nonzero()[:, 0]
            middle = cell * stride + stride // 2
            if len(rows):
                reach = max(reach, middle - int(rows.min()), int(rows.max()) - middle)
    return max(strides), reach
