"""Contrast normalization: pictures made independent of how bright and how contrasted they were taken."""

import torch
from torch import Tensor


def normalize_global(picture: Tensor, scale: float = 1.0, regularizer: float = 0.0, floor: float = 1e-8) -> Tensor:
    """Global contrast normalization: each picture of mean 0 and root mean square ``scale`` over all its values.

        y = scale (x - mean) / max(floor, sqrt(regularizer + mean of (x - mean)^2))

    (Goodfellow, Bengio and Courville 2016, eq. 12.3; Coates, Ng and Lee 2011 take regularizer 10, floor 0 for patches
    of 0..255, which is 1.5e-4 for 0..1). A flat picture becomes 0. Without a regularizer a x + b gives what x gives, a
    > 0.

    picture: (B, C, H, W) floating, any range. Gives the same shape.
    """
    centered = picture - picture.mean(dim=(1, 2, 3), keepdim=True)
    contrast = centered.square().mean(dim=(1, 2, 3), keepdim=True)
    flat = contrast.detach().sqrt() <= _rounding(picture)
    spread = (regularizer + torch.where(flat, torch.ones_like(contrast), contrast)).sqrt().clamp_min(floor)
    return torch.where(flat, torch.zeros_like(centered), scale * centered / spread)


def normalize_local(picture: Tensor, window: int = 9, std: float | None = None) -> Tensor:
    """Local contrast normalization: what stands out of its neighborhood, in units of how much things there stand out.

        v = x - w * x,    sigma = sqrt(w * v^2),    y = v / max(mean of sigma over the picture, sigma)

    with w a Gaussian over space and all channels, of sum 1 (Jarrett et al. 2009, after Pinto et al. 2008). So shadows
    and uneven light vanish, which `normalize_global` leaves. At the border w is renormalized over the pixels that
    exist: a flat picture becomes 0 everywhere.

    picture: (B, C, H, W) floating, any range. window: side of w, odd. std: of the Gaussian in pixels (default: a
    quarter of the window; the paper does not print it). Gives the same shape.
    """
    if window % 2 == 0:
        raise ValueError(f"window is {window}; needed: an odd number, which has a middle")
    weights = _gaussian(window, window / 4 if std is None else std, picture)
    detail = picture - _blur(picture.mean(1, keepdim=True), weights)
    sigma = _blur(detail.square().mean(1, keepdim=True), weights).clamp_min(0).sqrt()
    divisor = torch.maximum(sigma, sigma.mean(dim=(2, 3), keepdim=True))
    return torch.where(divisor > _rounding(picture), detail / divisor.clamp_min(1e-30), torch.zeros_like(detail))


def _rounding(picture: Tensor) -> Tensor:
    """Contrast below this is rounding of the means, not of the picture: (B, 1, 1, 1)."""
    return 8 * torch.finfo(picture.dtype).eps * picture.detach().abs().amax(dim=(1, 2, 3), keepdim=True)


def _gaussian(window: int, std: float, like: Tensor) -> Tensor:
    """(window,) of sum 1."""
    distance = torch.arange(window, dtype=like.dtype, device=like.device) - window // 2
    weights = torch.exp(-0.5 * (distance / std) ** 2)
    return weights / weights.sum()


def _blur(maps: Tensor, weights: Tensor) -> Tensor:
    """(B, 1, H, W) blurred along both axes, the weights renormalized over the places that exist.

    Sums of shifted maps: torch's convolutions of one channel take ten times as long.
    """
    return _blur_along(_blur_along(maps, weights.tolist(), 2), weights.tolist(), 3)


def _blur_along(maps: Tensor, weights: list[float], axis: int) -> Tensor:
    reach, size = len(weights) // 2, maps.shape[axis]
    total, inside = maps * weights[reach], maps.new_full((size,), weights[reach])
    for distance in range(1, min(reach, size - 1) + 1):
        weight, rest = weights[reach + distance], size - distance
        for to, source in ((0, distance), (distance, 0)):
            total.narrow(axis, to, rest).add_(maps.narrow(axis, source, rest), alpha=weight)
            inside.narrow(0, to, rest).add_(weight)
    return total.div_(inside.view(-1, 1) if axis == 2 else inside)
