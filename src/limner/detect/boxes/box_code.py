"""How a box is written as four numbers beside another one, so that a network can learn them."""

import torch
from torch import Tensor

FAST_WEIGHTS = (10.0, 10.0, 5.0, 5.0)
"""What Fast and Faster R-CNN multiply the code by: one over the standard deviations 0.1, 0.1, 0.2, 0.2, which the
release of Faster R-CNN fixes for training end to end (Fast R-CNN measures them)."""
LARGEST_GROWTH = 6.907755278982137
"""Sides grow at most by exp(this) = 1,000 when a code is decoded; torchvision takes ln(1000 / 16)."""


def encode_boxes(truths: Tensor, beside: Tensor, weights: tuple[float, float, float, float] = (1, 1, 1, 1)) -> Tensor:
    """The code of boxes beside others (Girshick et al. 2014, eqs. 6-9).

        t_x = (G_x - P_x) / P_w,   t_y = (G_y - P_y) / P_h,   t_w = log(G_w / P_w),   t_h = log(G_h / P_h)

    with centers x, y and sides w, h of a true box G and a proposal P.

    truths, beside: (n, 4) floating, with area. weights: what the four numbers are multiplied by. Gives (n, 4). Raises
    `ValueError` for a box without area, whose logarithm no loss survives.
    """
    sides, other_sides = truths[:, 2:] - truths[:, :2], beside[:, 2:] - beside[:, :2]
    if (sides <= 0).any() or (other_sides <= 0).any():
        raise ValueError("a box without area has no code; remove it first")
    move = (truths[:, :2] + sides / 2 - beside[:, :2] - other_sides / 2) / other_sides
    return torch.cat((move, (sides / other_sides).log()), 1) * move.new_tensor(weights)


def decode_boxes(codes: Tensor, beside: Tensor, weights: tuple[float, float, float, float] = (1, 1, 1, 1)) -> Tensor:
    """The boxes that have these codes; the inverse of `encode_boxes` up to `LARGEST_GROWTH`.

    codes: (n, 4), or (n, k, 4) of which each box of ``beside`` (n, 4) has k, such as one a class. Gives boxes of the
    codes' shape.
    """
    sides = beside[:, 2:] - beside[:, :2]
    centers = beside[:, :2] + sides / 2
    if codes.dim() == 3:
        sides, centers = sides[:, None], centers[:, None]
    codes = codes / codes.new_tensor(weights)
    half = sides * codes[..., 2:].clamp(max=LARGEST_GROWTH).exp() / 2
    middle = centers + codes[..., :2] * sides
    return torch.cat((middle - half, middle + half), -1)


def smooth_l1(differences: Tensor, beta: float = 1.0) -> Tensor:
    """Fast R-CNN's loss of each number, eq. 3: 0.5 d^2 / beta where \\|d\\| < beta, else \\|d\\| - 0.5 beta.

    beta: 1 in the papers; Faster R-CNN's release takes 1/9 (its sigma is 3) for its region proposals.
    """
    size = differences.abs()
    return torch.where(size < beta, 0.5 * size**2 / beta, size - 0.5 * beta)
