"""Gabor functions: what the first neurons of vision, and the first kernels of networks, look like."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

STARTS, STEPS, RATE = 12, 150, 0.08


@dataclass(frozen=True, eq=False)
class GaborFit:
    """Gabor functions fitted to n kernels. functions: (n, k, k) float64, the fits. r2: (n,), the share of each kernel's
    variance that its fit explains, at most 1. row, column: (n,) centers in pixels from the kernel's middle. angle: (n,)
    radians from the column axis, in which the wave runs. frequency: (n,) radians a pixel. sharpness: (n, 2), of the
    Gaussian along and across the wave, exp(-b x^2), in 1 / px^2."""

    functions: Tensor
    r2: Tensor
    row: Tensor
    column: Tensor
    angle: Tensor
    frequency: Tensor
    sharpness: Tensor


def gabor(
    size: int,
    angle: float,
    frequency: float,
    phase: float = 0.0,
    sharpness: tuple[float, float] = (0.1, 0.1),
    center: tuple[float, float] = (0.0, 0.0),
) -> Tensor:
    """One Gabor function (size, size) float64:

        w(x, y) = exp(-bx x'^2 - by y'^2) cos(f x' + phase),
        x' = (x - x0) cos t + (y - y0) sin t,    y' = -(x - x0) sin t + (y - y0) cos t

    (Goodfellow, Bengio and Courville 2016, eqs. 9.16 to 9.18, of amplitude 1). x counts columns and y rows from the
    middle. angle: t, radians. frequency: f, radians a pixel. sharpness: bx, by in 1 / px^2. center: (row, column).
    """
    x, y = _places(size)
    x, y = x - center[1], y - center[0]
    along, across = x * math.cos(angle) + y * math.sin(angle), -x * math.sin(angle) + y * math.cos(angle)
    envelope = torch.exp(-sharpness[0] * along**2 - sharpness[1] * across**2)
    return (envelope * torch.cos(frequency * along + phase)).view(size, size)


def gabor_bank(size: int, angles: int = 8, frequencies: tuple[float, ...] = (1.6, 0.8)) -> Tensor:
    """Kernels (2 angles len(frequencies), 1, size, size) float32 of mean 0 and norm 1: evenly spaced orientations, each
    even (a bar) and odd (an edge)."""
    kernels = []
    for frequency in frequencies:
        spread = (frequency / 4) ** 2
        for number in range(angles):
            for phase in (0.0, math.pi / 2):
                kernel = gabor(size, math.pi * number / angles, frequency, phase, (spread, spread))
                kernel = kernel - kernel.mean()
                kernels.append(kernel / kernel.norm())
    return torch.stack(kernels).float().unsqueeze(1)


def edge_kernels() -> Tensor:
    """(4, 1, 3, 3) float32: Sobel's edges of both directions, and both diagonals; each of sum 0."""
    sobel = torch.tensor([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]])
    diagonal = torch.tensor([[0.0, 1.0, 2.0], [-1.0, 0.0, 1.0], [-2.0, -1.0, 0.0]])
    return torch.stack([sobel, sobel.T, diagonal, diagonal.flip(1)]).unsqueeze(1)


def fit_gabors(kernels: Tensor, starts: int = STARTS, seed: int = 0) -> GaborFit:
    """Fit a Gabor function to each kernel by least squares, from ``starts`` beginnings each, and keep the best.

    Amplitude and phase follow from the rest by linear least squares (variable projection); center, angle, frequency and
    sharpness go down the gradient. All kernels and beginnings are fitted at once.

    kernels: (n, k, k) floating; their means are taken off first. More starts can only better a fit, so numbers of noise
    and of kernels are to be compared at the same number of them.
    """
    if kernels.dim() != 3 or kernels.shape[1] != kernels.shape[2] or len(kernels) == 0:
        raise ValueError(f"kernels of shape {tuple(kernels.shape)}; needed: (n, k, k), one or more")
    size = kernels.shape[1]
    wanted = kernels.detach().double().flatten(1)
    wanted = wanted - wanted.mean(1, keepdim=True)
    total = wanted.square().sum(1)
    scale = torch.where(total > 0, total, 1.0)
    draws = torch.rand(6, len(kernels), starts, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    reach = (size - 1) / 2
    start = torch.stack(
        [
            (draws[0] - 0.5) * reach,  # row
            (draws[1] - 0.5) * reach,  # column
            draws[2] * math.pi,
            _from_frequency(0.4 + 2.0 * draws[3]),
            torch.log(0.02 + 0.2 * draws[4]),
            torch.log(0.02 + 0.2 * draws[5]),
        ]
    )
    parameters = start.requires_grad_()
    optimizer = torch.optim.Adam([parameters], lr=RATE)
    with torch.enable_grad():
        for step in range(STEPS):
            optimizer.param_groups[0]["lr"] = RATE * 0.5 * (1 + math.cos(math.pi * step / STEPS))
            optimizer.zero_grad()
            residual = (_project(parameters, wanted, size) - wanted[:, None]).square().sum(2) / scale[:, None]
            residual.sum().backward()
            optimizer.step()
    with torch.no_grad():
        fitted = _project(parameters, wanted, size)
        error = (fitted - wanted[:, None]).square().sum(2)
        best = error.argmin(1)
        each = torch.arange(len(kernels))
        row, column, angle, frequency, along, across = parameters[:, each, best]
        return GaborFit(
            functions=fitted[each, best].view(-1, size, size),
            r2=1 - error[each, best] / scale,
            row=row,
            column=column,
            angle=angle % math.pi,
            frequency=_to_frequency(frequency),
            sharpness=torch.stack([along.exp(), across.exp()], 1),
        )


def _project(parameters: Tensor, wanted: Tensor, size: int) -> Tensor:
    """(n, starts, k k): for each envelope, angle and frequency the nearest of all amplitudes and phases."""
    row, column, angle, frequency, along, across = parameters.unsqueeze(-1)
    x, y = _places(size)
    x, y = x - column, y - row
    u, v = x * angle.cos() + y * angle.sin(), -x * angle.sin() + y * angle.cos()
    envelope = torch.exp(-along.exp() * u**2 - across.exp() * v**2)
    wave = _to_frequency(frequency) * u
    even, odd = envelope * wave.cos(), envelope * wave.sin()
    ee, oo, eo = (even * even).sum(2), (odd * odd).sum(2), (even * odd).sum(2)
    ew, ow = (even * wanted[:, None]).sum(2), (odd * wanted[:, None]).sum(2)
    determinant = ee * oo - eo**2 + 1e-9 * (ee * oo + 1e-12)
    a, b = (oo * ew - eo * ow) / determinant, (ee * ow - eo * ew) / determinant
    return a.unsqueeze(2) * even + b.unsqueeze(2) * odd


def _places(size: int) -> tuple[Tensor, Tensor]:
    line = torch.arange(size, dtype=torch.float64) - (size - 1) / 2
    y, x = torch.meshgrid(line, line, indexing="ij")
    return x.flatten(), y.flatten()


def _to_frequency(raw: Tensor) -> Tensor:
    """Between 0 and pi, beyond which a wave cannot be told from a slower one."""
    return math.pi * torch.sigmoid(raw)


def _from_frequency(frequency: Tensor) -> Tensor:
    return torch.logit(frequency / math.pi)
