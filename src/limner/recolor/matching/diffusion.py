"""Changes of color made alike over what is alike: smooth areas of a picture stay smooth.

Two superpixels of one sky have nothing to be told apart by but noise, so an attention sends them to different things,
and the sky comes apart into clouds that were not there. Here the target's superpixels are joined into a graph, the
stronger the more alike their colors, and what each is to change by is diffused over it. Ours, not in the paper.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from scipy.spatial import KDTree
from torch import Tensor

from limner.colors.spaces import srgb_to_lab
from limner.recolor.superpixels.pooling import Regions
from limner.recolor.superpixels.segmentation import neighbors

LIKE_DELTA_E = 3.0
"""Deviation of the colors that count as alike."""
LIKE_SPACE = 0.15
"""Deviation, in heights and widths of the picture, of the places where superpixels that do not touch count as alike."""
FAR_LINKS = 10
"""Superpixels of like color and place that each one is joined to, whether or not they touch."""
FAR_WEIGHT = 0.5
"""Of such a link, beside that of two that touch."""
HELD = 1e4
"""How much a match by hand outweighs one that was found."""
STEPS, ENOUGH = 400, 1e-5
"""Of the conjugate gradients: at most so many, or until what is missing is this share of what there was."""


def like_graph(regions: Regions, labels: Tensor) -> sparse.csr_array:
    """(N, N) float64, symmetric: how strongly superpixels hang together, from 0 to about 1.

    Those that touch do by exp(-d^2 / 2 `LIKE_DELTA_E`^2), d the distance of their mean colors in Delta E; each is also
    joined to the `FAR_LINKS` nearest in color and place, half as strongly.

    regions: N superpixels. labels: (H, W) int, 0..N-1.
    """
    lab = srgb_to_lab(regions.colors.cpu().T.contiguous()).T.double().numpy() / LIKE_DELTA_E
    count = len(lab)
    one, other = neighbors(labels).cpu().numpy().T
    weight = np.exp(-np.square(lab[one] - lab[other]).sum(1) / 2)
    points = np.concatenate([lab, regions.positions.cpu().double().numpy() / LIKE_SPACE], axis=1)
    links = min(FAR_LINKS, count - 1)
    if links > 0:
        apart, nearest = KDTree(points).query(points, k=links + 1)  # the first is the superpixel itself
        one = np.concatenate([one, np.repeat(np.arange(count), links)])
        other = np.concatenate([other, nearest[:, 1:].ravel()])
        weight = np.concatenate([weight, FAR_WEIGHT * np.exp(-np.square(apart[:, 1:]).ravel() / 2)])
    weight[one == other] = 0  # where several lie in one place, the first need not be the superpixel itself
    half = sparse.coo_array((weight, (one, other)), (count, count)).tocsr()
    return sparse.csr_array(half + half.T)


def diffuse(changes: Tensor, graph: sparse.csr_array, strength: float, held: Tensor | None = None) -> Tensor:
    """The changes E of superpixels that are near ``changes`` D, and alike over what hangs together:

        minimize  sum_i h_i |E_i - D_i|^2 + s sum_ij w_ij |E_i - E_j|^2 / 2,     s = strength

    0 gives the changes back.

    changes: (N, channels) float. graph: w, as `like_graph` gives it. held: (N,) 0..1, which were matched by hand: h is
    1, and `HELD` more where it is 1.
    """
    if strength == 0:
        return changes
    wanted = changes.cpu().double().numpy()
    hold = np.ones((len(wanted), 1)) if held is None else 1 + HELD * held.cpu().double().numpy()[:, None]
    own = hold + strength * np.asarray(graph.sum(axis=1)).reshape(-1, 1)

    # Conjugate gradients, divided by the diagonal, for all channels at once. Sums are numpy's own, not those of a BLAS
    # (as in scipy's cg): they come out alike on any number of threads.
    found = wanted.copy()
    missing = hold * wanted - (own * found - strength * (graph @ found))
    scaled = missing / own
    direction = scaled.copy()
    left = (missing * scaled).sum(0)
    aim = ENOUGH**2 * np.maximum(((hold * wanted) ** 2 / own).sum(0), np.finfo(np.float64).tiny)
    for _ in range(STEPS):
        if (left <= aim).all():
            break
        ahead = own * direction - strength * (graph @ direction)
        along = (direction * ahead).sum(0)
        step = np.divide(left, along, out=np.zeros_like(left), where=along > 0)
        found += step * direction
        missing -= step * ahead
        scaled = missing / own
        before, left = left, (missing * scaled).sum(0)
        direction = scaled + np.divide(left, before, out=np.zeros_like(left), where=before > 0) * direction
    return torch.from_numpy(found).to(changes)
