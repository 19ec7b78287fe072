"""Activation maximization: pictures that a layer's maps answer to most (Erhan et al. 2009)."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn

from limner.nn.inspection.spreading import evaluating

STEPS, RATE, JITTER_PX = 48, 0.05, 4


class _Enough(Exception):
    """What lies behind the layer is not needed."""


def maximize(
    network: nn.Module, layer: nn.Module, channels: Sequence[int], size: tuple[int, int, int], seed: int = 0
) -> Tensor:
    """A picture for each of the layer's channels, found by gradient ascent on the mean of its map: (n, C, H, W)
    float32, standardized, so -3 to 3.

    Pictures are sums of waves whose amplitudes learn, slow ones more quickly than fast ones (a Fourier basis scaled by
    1 / frequency, Olah et al. 2017), and are moved by up to 4 pixels at each step: without both, noise of the highest
    frequency wins. size: (C, H, W). channels: numbers of the layer's maps.
    """
    bands, height, width = size
    kept: list[Tensor] = []

    def keep(_: nn.Module, __: Any, output: Any) -> None:
        kept.append(output[0] if isinstance(output, tuple) else output)
        raise _Enough

    generator = torch.Generator().manual_seed(seed)
    rows = torch.fft.fftfreq(height)[:, None]
    columns = torch.fft.rfftfreq(width)[None]
    scale = 1 / (rows.square() + columns.square()).sqrt().clamp_min(1 / max(height, width))
    scale = scale / scale.square().mean().sqrt() * (height * width) ** 0.5
    waves = 0.1 * torch.randn(len(channels), bands, height, width // 2 + 1, 2, generator=generator)
    waves.requires_grad_()
    optimizer = torch.optim.Adam([waves], lr=RATE)
    chosen = torch.arange(len(channels)), torch.tensor(list(channels))
    hook = layer.register_forward_hook(keep)
    try:
        with evaluating(network), torch.enable_grad():
            for _ in range(STEPS):
                picture = _picture(waves, scale, height, width)
                shifts = torch.randint(-JITTER_PX, JITTER_PX + 1, (2,), generator=generator).tolist()
                kept.clear()
                with suppress(_Enough):
                    network(picture.roll(shifts, (2, 3)))
                optimizer.zero_grad()
                (slope,) = torch.autograd.grad(-kept[0][chosen].flatten(1).mean(1).sum(), waves)
                waves.grad = slope
                optimizer.step()
            return _picture(waves, scale, height, width).detach()
    finally:
        hook.remove()


def _picture(waves: Tensor, scale: Tensor, height: int, width: int) -> Tensor:
    """(n, C, H, W) between -3 and 3."""
    spectrum = torch.view_as_complex(waves.contiguous()) * scale
    return 3 * torch.tanh(torch.fft.irfft2(spectrum, s=(height, width)) / 3)
