"""Whether made pictures are pictures that were learned: each beside the training picture that looks most like it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from torch import Tensor

from limner.datasets.pictures.duplicates import DUPLICATE_DISTANCE, Neighbors, nearest_pictures
from limner.datasets.pictures.quantized import as_rgb
from limner.reporting.pictures import captioned_rows

SHOWN = 8


class Memory(NamedTuple):
    """How near made pictures come to learned ones.

    ratio: the median distance of a made picture to the learned one most like it, over that of unseen real pictures: 1,
    no nearer than those; near 0, copies. nearer: the share of made pictures that are nearer than the median unseen one;
    0.5 is expected of pictures from the same source. duplicates: the share that would count as near-duplicates of a
    learned one; of the unseen ones hardly any does, by the way they were chosen.
    """

    ratio: float
    nearer: float
    duplicates: float

    def line(self) -> str:
        """For people."""
        return (
            f"made pictures lie {self.ratio:.2f} times as far from learned ones as unseen real pictures do; "
            f"{self.nearer:.0%} are nearer than the median of those (50% expected), {self.duplicates:.0%} "
            "near-duplicates"
        )


def compare_distances(made: Tensor, unseen: Tensor) -> Memory:
    """`Memory` from the distances to the nearest learned picture: (n,) of made pictures, (m,) of real ones not learned
    from.

    By `limner.datasets.pictures.duplicates.nearest_distances`.
    """
    usual = unseen.median()
    return Memory(
        float(made.median() / usual.clamp(min=1e-12)),
        float((made < usual).float().mean()),
        float((made <= DUPLICATE_DISTANCE).float().mean()),
    )


def draw_nearest(
    made: Tensor, learned: Tensor, count: int = SHOWN, *, neighbors: Neighbors | None = None
) -> np.ndarray:
    """A sheet, (H, W, 3) uint8: the ``count`` made pictures that come nearest to learned ones, the nearest first, each
    above the learned picture most like it, with their distance.

    made: (n, C, S, S), learned: (m, C, S, S) uint8. neighbors: of ``made`` among ``learned``, by features of a network
    (`limner.datasets.pictures.duplicates.nearest`); without them by thumbnails.
    """
    found = nearest_pictures(made, learned) if neighbors is None else neighbors
    distances = found.distances[:, 0]
    chosen = distances.argsort()[:count]
    rows = [_as_arrays(made[chosen]), _as_arrays(learned[found.indices[chosen, 0]])]
    captions = [
        [f"made {number}" for number in chosen.tolist()],
        [f"{value:.2f}" for value in distances[chosen].tolist()],
    ]
    title = "Made, the most suspicious first; below, the learned picture most like it, and how far it is"
    return captioned_rows(rows, captions, cell_px=128, title=title)


def _as_arrays(pictures: Tensor) -> list[np.ndarray]:
    return list(as_rgb(pictures).permute(0, 2, 3, 1).cpu().numpy())
