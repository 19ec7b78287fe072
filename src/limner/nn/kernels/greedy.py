"""Greedy pretraining: the kernels of one layer after the other, learned without labels from what those before answer.

Hinton, Osindero and Teh 2006 and Bengio et al. 2007 learn layers of units so, each as a machine that rebuilds what it
sees; Masci et al. 2011 layers of convolutions. A share of what is seen is hidden (Vincent et al. 2008), so that a layer
of more kernels than values in a patch does not learn to copy.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.foundation.errors import UserError
from limner.nn.inspection.spreading import evaluating
from limner.nn.kernels.patches import draw_patches

AT_ONCE = 16
"""Pictures whose maps are held at once: those of a large network's first layers fill memory."""
HIDDEN = 0.25
"""Share of a patch's values that are set to their mean before it is rebuilt."""
BATCH, RATE = 256, 3e-3


def convolutions(network: nn.Module, count: int) -> list[nn.Conv2d]:
    """The first ``count`` convolutions of a network, in the order in which it names them.

    Raises `UserError` for fewer, and for such as have no patches to learn from: of channels in groups, or not square.
    """
    found = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    name = type(network).__name__
    if len(found) < count:
        raise UserError(
            f"greedy_layers is {count}, and {name} has {len(found)} convolutions; give --greedy-layers {len(found)} or "
            "less"
        )
    for number, layer in enumerate(found[:count], start=1):
        if layer.groups > 1 or layer.kernel_size[0] != layer.kernel_size[1]:
            raise UserError(
                f"greedy_layers is {count}, and convolution {number} of {name} has {layer.groups} groups of channels "
                f"and kernels of {layer.kernel_size[0]} x {layer.kernel_size[1]}; needed: one group, square kernels; "
                f"give --greedy-layers {number - 1}"
            )
    return found[:count]


def learn_layer(
    network: nn.Module, layer: nn.Conv2d, pictures: Tensor, patches: int, steps: int, seed: int = 0
) -> dict[str, float]:
    """Let a layer learn without labels to tell what it sees, beginning with the weights that it has.

    It becomes the first half of an autoencoder of patches: answers are the ReLU of its own, the same kernels rebuild
    the patch from them, and the squared error is minimized. Then weights and biases are scaled so that its answers have
    the standard deviation that they had before, for the layers behind it. Other layers stay as they are.

    network: with ``layer`` in it. pictures: (n, C, H, W) float32 as the network takes them. patches: how many are
    drawn, evenly over the pictures, of the maps that the layer sees. steps: of the autoencoder, 256 patches each.

    Gives the number of patches, the share of their variance that is not rebuilt (``not_rebuilt``), and that of kernels
    that answer above 0 nowhere (``silent_kernels``). Raises `UserError` for maps smaller than the kernels.
    """
    size, device = layer.kernel_size[0], layer.weight.device
    parts = pictures.split(AT_ONCE)
    each = -(-patches // len(parts))
    seen = (_seen(network, layer, part.to(device)).cpu() for part in parts)
    drawn = torch.cat([draw_patches(maps, each, size, seed + number) for number, maps in enumerate(seen)]).flatten(1)
    mean, scale = drawn.mean(0), drawn.std().clamp_min(1e-6)
    weight, bias, left = _autoencode((drawn - mean) / scale, layer.weight.detach().cpu().flatten(1), steps, seed)
    with torch.no_grad():
        maps = _seen(network, layer, parts[0].to(device))
        before = layer(maps).std()
        layer.weight.copy_(weight.view_as(layer.weight))
        if layer.bias is not None:
            layer.bias.copy_(scale * bias - weight @ mean)  # what a patch's own mean adds is taken away again
        strength = before / layer(maps).std().clamp_min(1e-6)
        for parameter in layer.parameters():
            parameter.mul_(strength)
        silent = (layer(maps).amax((0, 2, 3)) <= 0).float().mean()
    return {"patches": float(len(drawn)), "not_rebuilt": left, "silent_kernels": float(silent)}


def _autoencode(patches: Tensor, begun: Tensor, steps: int, seed: int) -> tuple[Tensor, Tensor, float]:
    """Kernels (K, d) and biases (K,) that tell patches (n, d) of mean 0, and the share of variance that they leave.

    begun: (K, d), the kernels to begin with.
    """
    generator = torch.Generator().manual_seed(seed)
    weight = functional.normalize(begun, dim=1).requires_grad_()
    bias = torch.zeros(len(begun), requires_grad=True)
    optimizer = torch.optim.Adam([weight, bias], lr=RATE)

    def rebuild(shown: Tensor) -> Tensor:
        return functional.linear(functional.linear(shown, weight, bias).relu(), weight.T)

    with torch.enable_grad():
        for _ in range(steps):
            chosen = patches[torch.randint(len(patches), (BATCH,), generator=generator)]
            shown = chosen * (torch.rand(chosen.shape, generator=generator) >= HIDDEN)
            optimizer.zero_grad()
            (rebuild(shown) - chosen).square().sum(1).mean().backward()
            optimizer.step()
    with torch.no_grad():
        left = (rebuild(patches) - patches).square().sum() / patches.square().sum()
    return weight.detach(), bias.detach(), float(left)


class _Reached(Exception):
    """The network has come to the layer that is asked for."""


def _seen(network: nn.Module, layer: nn.Module, pictures: Tensor) -> Tensor:
    """The maps (B, c, h, w) that a layer sees of pictures; what comes behind it is not computed."""
    kept: list[Tensor] = []

    def keep(_: nn.Module, given: Sequence[Any]) -> None:
        kept.append(given[0])
        raise _Reached

    hook = layer.register_forward_pre_hook(keep)
    try:
        with evaluating(network), torch.no_grad():
            network(pictures)
    except _Reached:
        pass
    finally:
        hook.remove()
    return kept[0]
