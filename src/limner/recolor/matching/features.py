"""Feature maps of named layers of a network, or made by hand, tile by tile so that memory stays bounded.

A `FeatureSource` says how pictures go in and which layers are listened to; `limner.recolor.superpixels.pooling`
averages what comes out over superpixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.colors.spaces import srgb_to_lab
from limner.foundation.errors import UserError
from limner.foundation.nearest import did_you_mean
from limner.nn.pretrained import LITE0, load_weights
from limner.nn.tiled_features import IMAGENET, FeatureSource, network_features


def features_of(
    name: str = LITE0, layers: Sequence[str] = (), *, device: torch.device | str = "cpu", download: bool | None = None
) -> FeatureSource:
    """The feature source that a name means: a key of `SOURCES`, listening to ``layers`` (default: the source's own).

    Raises `UserError` for an unknown name or layer, and where the weights are not on this machine.
    """
    if name not in SOURCES:
        raise UserError(f"no features are called {name!r}; {did_you_mean(name, SOURCES)}")
    return SOURCES[name](tuple(layers), torch.device(device), download)


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
            raise UserError(f"{name} has no layer {layer!r}; {did_you_mean(layer, aliases)}")
    found = [aliases.get(layer, layer) for layer in layers]
    source = network_features(network, found, mean=colors[0], std=colors[1], name=name, device=device)
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
    """Features without a network: CIELAB, and the size of the lightness gradient at three scales, in units of order
    one.

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
"""EfficientNet-Lite0: the stem after its activation (32 maps at half size), and its stages: block0 (16 at half size),
block1 (24 at a quarter), block2 (40 at an eighth) ..."""
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
