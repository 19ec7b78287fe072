"""How well made solids stand for those that were not learned from: matching, coverage, and copies.

Of Achlioptas et al., "Learning representations and generative models for 3D point clouds", ICML 2018, sec. 3, with
intersection over union in place of a distance: each true solid's best match among the made, and the share of true
solids that are some made one's best match.
"""

import numpy as np
import torch
from torch import Tensor

from limner.foundation.draws import Draws
from limner.learning.runs.score_rows import MADE, Column, ScoreRows

TRAINING, MEAN, HELD_OUT = "training solids, as many", "mean shape", "held-out solids"
SHARES_FILLED = tuple(step / 20 for step in range(1, 15))
"""Shares from which on a voxel is part of the mean shape: that with the largest mean overlap is taken."""
COPY = 0.98
"""Intersection over union from which a solid passes for a copy of one that was learned from."""
COLUMNS = {
    "matching": Column("matching IoU"), "coverage": Column("coverage, %", share=True),
    "copies": Column("IoU 0.98 or more with a training solid, %", better="none", share=True),
    "filled": Column("voxels filled, %", better="none", share=True),
}  # fmt: skip


def overlaps(one: Tensor, other: Tensor) -> Tensor:
    """(n, m) float32: intersection over union of each of n solids with each of m, all (side, side, side) of 0 and 1.

    Two empty solids overlap by 0.
    """
    a, b = one.flatten(1).float(), other.flatten(1).float()
    both = a @ b.T
    either = a.sum(1, keepdim=True) + b.sum(1) - both
    return both / either.clamp(min=1)


def measure(made: Tensor, training: Tensor, true: Tensor, *, seed: int = 0, own: bool = True) -> ScoreRows:
    """Score made solids, (n, side, side, side) uint8 of 0 and 1, beside what needs no learning.

    training: (N, ...), learned from. true: (m, ...), held out. own: whether the true ones are of the run's own data.
    """
    chosen = torch.randperm(len(training), generator=Draws(seed, torch.device("cpu")).of("training solids"))
    mean = mean_shape(training)
    some = training[chosen[: len(made)]]
    matches = {MADE: overlaps(true, made), TRAINING: overlaps(true, some), MEAN: overlaps(true, mean[None])}
    rows: dict[str, dict[str, float | None]] = {}
    for name, solids in ((MADE, made), (TRAINING, some), (MEAN, mean[None])):
        best = matches[name].max(1).values
        covered = matches[name].argmax(0).unique()
        copies = None if name != MADE else _copied(solids, training)
        rows[name] = {
            "matching": float(best.mean()), "coverage": len(covered) / len(true), "copies": copies,
            "filled": float(solids.float().mean()),
        }  # fmt: skip
    rows[HELD_OUT] = {
        "matching": None, "coverage": None, "copies": _copied(true, training), "filled": float(true.float().mean())
    }  # fmt: skip
    found = matches[MADE].max(1).values.numpy()
    means = np.random.default_rng(0).choice(found, (1000, len(found))).mean(1)
    low, high = np.quantile(means, [0.025, 0.975])
    where = "held-out solids" if own else "solids of other data"
    protocol = (
        f"{len(made)} made solids, none chosen, against {len(true)} {where}: the mean over these of the best "
        "intersection over union with a made one (matching), and the share of these that are a made one's best match "
        "(coverage)."
    )
    note = "As many training solids, drawn at random, are what a generator that copies would give."
    return ScoreRows(COLUMNS, rows, MEAN, protocol, {"matching": (float(low), float(high))}, (note,))


def mean_shape(training: Tensor) -> Tensor:
    """(side, side, side) uint8: the voxels that are filled in so large a share of solids (N, side, side, side) that the
    shape overlaps these most on average; at a share of one half, thin solids have nothing in common."""
    share = training.float().mean(0)
    shapes = torch.stack([(share >= level).to(torch.uint8) for level in SHARES_FILLED])
    return shapes[int(overlaps(shapes, training).mean(1).argmax())]


def _copied(solids: Tensor, training: Tensor) -> float:
    return float((overlaps(solids, training).max(1).values >= COPY).float().mean())
