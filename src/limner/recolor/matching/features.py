"""Feature maps of named layers of a network, or made by hand, tile by tile so that memory stays bounded.

A `FeatureSource` says how pictures go in and which layers are listened to; `limner.recolor.superpixels.pooling` averages what comes
out over superpixels.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.colors.spaces import srgb_to_lab
from limner.foundation.errors import UserError
from limner.nn.pretrained import LITE0, load_weights
from limner.scenes.windows import Window

TILE_PX, GPU_TILE_PX = 256, 1024
"""Side of a tile: on a processor what a layer puts out shall stay in the cache until the next one takes it."""
HALOS = 8
"""A tile is at least as many halos wide, so that the halo does not cost more than what it surrounds."""
PROBE_PX = 256
"""Side of the picture on which the reach of a layer is looked up: more than any layer with maps worth matching sees."""
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class TileMaps(NamedTuple):
    """What one tile gives. inner: the pixels of the picture that it answers for. outer: those that went in, halo included.
    maps: for each layer (C, h, w) float32 over ``outer``, whose edge is a multiple of the layer's stride or padded to one."""

    inner: Window
    outer: Window
    maps: list[Tensor]


@dataclass(frozen=True)
class FeatureSource:
    """A function from pictures to feature maps, with what is needed to run it by tiles.

    run: (1, 3, H, W) float32, gamma-encoded 0..1, H and W multiples of ``stride`` -> a list of (1, C, h, w), one for each
        layer. stride: of the coarsest layer. reach_px: how far from a cell the pixels lie that can change it.
    """

    name: str
    run: Callable[[Tensor], list[Tensor]]
    stride: int
    reach_px: int
    layers: tuple[str, ...] = ()

    def tiles(self, picture: Tensor, tile_px: int | None = None) -> Iterator[TileMaps]:
        """Maps of a picture of any size, tile after tile; the same as in one pass wherever no tile ends (but for rounding).

        picture: (3, H, W) float32. The picture's own edge is padded as the network pads it. tile_px: by default what
        the device is quickest with.
        """
        height, width = picture.shape[1:]
        halo = -(-(self.reach_px + self.stride) // self.stride) * self.stride
        if tile_px is None:
            tile_px = max(TILE_PX, HALOS * halo) if picture.device.type == "cpu" else GPU_TILE_PX
        tile_px = max(tile_px // self.stride, 1) * self.stride
        for inner in Window(0, 0, height, width).cells(tile_px):
            reaching = Window(inner.row - halo, inner.column - halo, inner.height + 2 * halo, inner.width + 2 * halo)
            outer = reaching.clipped(height, width)
            rows, columns = outer.slices
            image = picture[None, :, rows, columns]
            padding = (0, -outer.width % self.stride, 0, -outer.height % self.stride)
            image = functional.pad(image, padding, mode="replicate") if any(padding) else image
            # no_grad, not inference_mode: threads of a source's own may write to its tensors, and they do not share a mode.
            with torch.no_grad():
                maps = [found[0].float() for found in self.run(image)]
            yield TileMaps(inner, outer, maps)


def features_of(
    name: str = LITE0, layers: Sequence[str] = (), *, device: torch.device | str = "cpu", download: bool | None = None
) -> FeatureSource:
    """The feature source that a name means: a key of `SOURCES`, listening to ``layers`` (default: the source's own).

    Raises `UserError` for an unknown name or layer, and where the weights are not on this machine.
    """
    if name not in SOURCES:
        close = difflib.get_close_matches(name, SOURCES, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise UserError(f"no features are called {name!r}{hint}; there are {', '.join(SOURCES)}")
    return SOURCES[name](tuple(layers), torch.device(device), download)


def network_features(
    network: nn.Module,
    layers: Sequence[str],
    *,
    mean: Sequence[float] = IMAGENET[0],
    deviation: Sequence[float] = IMAGENET[1],
    name: str = "network",
    device: torch.device | str = "cpu",
) -> FeatureSource:
    """Features of any convolutional network that takes (B, 3, H, W), listened to at layers named as in ``named_modules``.

    mean, deviation: of red, green, blue in 0..1, with which the network was trained. Its stride and reach are measured on
    a picture of noise.

    Raises `UserError` for a layer that the network does not have.
    """
    network = network.eval().to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    known = dict(network.named_modules())
    for layer in layers:
        if layer not in known or not layer:
            close = difflib.get_close_matches(layer, known, n=3) or [key for key in known if key][:6]
            raise UserError(f"{name} has no layer {layer!r}; near it: {', '.join(close)}")
    listener = _Listener(network, tuple(layers), tuple(mean), tuple(deviation))
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
    deviation: tuple[float, ...]

    def __call__(self, image: Tensor) -> list[Tensor]:
        mean, deviation = (image.new_tensor(values)[:, None, None] for values in (self.mean, self.deviation))
        image = ((image - mean) / deviation).contiguous(memory_format=torch.channels_last)
        heard: dict[str, Tensor] = {}

        def listen(layer: str) -> Callable[..., None]:
            def hook(_module: nn.Module, _given: Any, output: Tensor) -> None:
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


def _lite0(layers: tuple[str, ...], device: torch.device, download: bool | None) -> FeatureSource:
    return _with_aliases(LITE0, _lite0_network(), LITE0_LAYERS, layers or LITE0_DEFAULT, _HALVES, device)


def _vgg19(layers: tuple[str, ...], device: torch.device, download: bool | None) -> FeatureSource:
    from torchvision.models import vgg19  # takes seconds: only now

    network = vgg19(weights=None)
    network.load_state_dict(load_weights("vgg19", download=download))
    return _with_aliases("vgg19", network, VGG19_LAYERS, layers or VGG19_DEFAULT, IMAGENET, device)


def _with_aliases(
    name: str,
    network: nn.Module,
    aliases: Mapping[str, str],
    layers: tuple[str, ...],
    colors: tuple[tuple[float, ...], tuple[float, ...]],
    device: torch.device,
) -> FeatureSource:
    known = dict(network.named_modules())
    for layer in layers:
        if layer not in aliases and layer not in known:
            close = difflib.get_close_matches(layer, aliases, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise UserError(f"{name} has no layer {layer!r}{hint}; it has {', '.join(aliases)}")
    found = [aliases.get(layer, layer) for layer in layers]
    source = network_features(network, found, mean=colors[0], deviation=colors[1], name=name, device=device)
    return FeatureSource(name, source.run, source.stride, source.reach_px, layers)


@cache
def _lite0_network() -> nn.Module:
    import timm  # takes seconds: only now

    network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    network.load_state_dict(load_weights(LITE0))
    return network


def _by_hand(layers: tuple[str, ...], device: torch.device, download: bool | None) -> FeatureSource:
    if layers:
        raise UserError(f"the features {LAB_GRADIENT} have no layers, got {', '.join(layers)}; leave them out")
    return FeatureSource(LAB_GRADIENT, lab_gradient, stride=1, reach_px=round(4 * max(GRADIENT_SCALES_PX)) + 1)


def lab_gradient(image: Tensor) -> list[Tensor]:
    """Features without a network: CIELAB, and the size of the lightness gradient at three scales, in units of order one.

    image: (B, 3, H, W) float 0..1 -> one (B, 6, H, W) float32. The gradient at scale s is that of the lightness blurred
    by a Gaussian of s pixels, times s, so that equal edges count alike at every scale.
    """
    lab = srgb_to_lab(image.movedim(1, 0)).movedim(0, 1) / 100  # (B, 3, H, W)
    lightness = lab[:, :1]
    sizes = []
    for scale in GRADIENT_SCALES_PX:
        blurred = _blurred(lightness, scale)
        padded = functional.pad(blurred, (1, 1, 1, 1), mode="replicate")
        across = padded[..., 1:-1, 2:] - padded[..., 1:-1, :-2]
        down = padded[..., 2:, 1:-1] - padded[..., :-2, 1:-1]
        sizes.append(torch.hypot(across, down) * (scale / 2))
    return [torch.cat([lab, *sizes], dim=1)]


def _blurred(image: Tensor, scale_px: float) -> Tensor:
    """(B, 1, H, W) under a Gaussian of ``scale_px`` pixels, cut off at four of them; the edge is repeated."""
    radius = round(4 * scale_px)
    offsets = torch.arange(-radius, radius + 1, device=image.device, dtype=image.dtype)
    kernel = torch.exp(-(offsets**2) / (2 * scale_px**2))
    kernel = kernel / kernel.sum()
    padded = functional.pad(image, (radius,) * 4, mode="replicate")
    rows = functional.conv2d(padded, kernel.view(1, 1, -1, 1))
    return functional.conv2d(rows, kernel.view(1, 1, 1, -1))


LAB_GRADIENT = "lab-gradient"
GRADIENT_SCALES_PX = (1.0, 2.0, 4.0)
_HALVES = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
LITE0_LAYERS = {"stem": "bn1", **{f"block{number}": f"blocks.{number}" for number in range(7)}}
"""EfficientNet-Lite0: the stem after its activation (32 maps at half size), and its stages: block0 (16 at half size), block1
(24 at a quarter), block2 (40 at an eighth) ..."""
LITE0_DEFAULT = ("stem", "block1")
"""Chosen by measurement: see docs/results/recolor.md."""
VGG19_LAYERS = {
    f"relu{block}_{number}": f"features.{first + 2 * number - 1}"
    for block, first, convolutions in ((1, 0, 2), (2, 5, 2), (3, 10, 4), (4, 19, 4), (5, 28, 4))
    for number in range(1, convolutions + 1)
}
"""VGG-19's convolutions after their nonlinearity, by their usual names: relu1_1 is ``features.1``."""
VGG19_DEFAULT = ("relu1_2",)
"""The last of the first block: the paper's 64 maps of the picture's size."""

SOURCES: dict[str, Callable[[tuple[str, ...], torch.device, bool | None], FeatureSource]] = {
    LITE0: _lite0,
    "vgg19": _vgg19,
    LAB_GRADIENT: _by_hand,
}
