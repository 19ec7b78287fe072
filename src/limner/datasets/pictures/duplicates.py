"""Which pictures are nearly the same, so that none of them is learned from while another is kept for the scores."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from torch import Tensor
from torch.nn import functional

from limner.datasets.pictures.quantized import as_rgb
from limner.datasets.pictures.read import PictureSet
from limner.foundation.draws import Draws
from limner.foundation.errors import UserError
from limner.foundation.progress import say

THUMBNAIL_PX = 16
ALIKE = 0.82
"""Cosine of two thumbnails from which pictures count as near-duplicates. Chosen by looking at pairs of three sets, from
the most alike down: street cars (KITTI), cut-outs on one color (COCO) and CIFAR-10's automobiles. Above 0.9 nearly all
show the same object again; down to 0.82 most of the street cars do, and some of the others; below 0.8 no more than
half, anywhere.
"""
TABLE = 2**24
"""Similarities in memory at once."""
PICTURES = 1024
"""Pictures made into thumbnails, or looked up, at once."""


class Neighbors(NamedTuple):
    """Of n pictures, the ``count`` nearest among others, the nearest first.

    distances: (n, count) float32. indices: (n, count) int64, of the others.
    """

    distances: Tensor
    indices: Tensor


@dataclass(frozen=True)
class Thumbnails:
    """Pictures as short vectors whose cosine tells how alike they look, in `THUMBNAIL_PX` squared cells of three
    colors.

    Each picture's brightness and contrast are taken off, and then what a whole set has in common: cut-outs on one
    ground are all alike without that, and any two would count as duplicates.

    mean: (d,) float32, the set's mean vector.
    """

    mean: Tensor

    @classmethod
    def of_set(cls, pictures: Tensor) -> Thumbnails:
        """Made for a set, (N, C, S, S) uint8."""
        mean = _cells(pictures).mean(0, keepdim=True)
        return cls(((mean + mirrored(mean)) / 2)[0])

    def __call__(self, pictures: Tensor) -> Tensor:
        """(n, d) float32 of length 1, or 0 for what is exactly the set's mean. pictures: (n, C, S, S) uint8."""
        return functional.normalize(_cells(pictures) - self.mean, dim=1)


def _cells(pictures: Tensor) -> Tensor:
    """(n, d) float32 of length 1 (a picture of one gray: 0), in halves: what is the same in the mirror image, and what
    changes its sign there."""
    if not len(pictures):
        return pictures.new_empty((0, 3 * THUMBNAIL_PX**2), dtype=torch.float32)
    parts = [functional.adaptive_avg_pool2d(as_rgb(part).float(), THUMBNAIL_PX) for part in pictures.split(PICTURES)]
    cells = torch.cat(parts)
    cells = cells - cells.mean(dim=(1, 2, 3), keepdim=True)
    left, right = cells[..., : THUMBNAIL_PX // 2], cells.flip(3)[..., : THUMBNAIL_PX // 2]
    return functional.normalize(torch.cat([left + right, left - right], dim=1).flatten(1), dim=1)


def mirrored(thumbnails: Tensor) -> Tensor:
    """The thumbnails of the mirrored pictures, (n, d)."""
    same, turned = thumbnails.chunk(2, dim=1)
    return torch.cat([same, -turned], dim=1)


def likeness(thumbnails: Tensor, others: Tensor) -> Tensor:
    """(n, m): the cosine of each thumbnail with each other one or with its mirror image, whichever is larger."""
    (same, turned), (others_same, others_turned) = thumbnails.chunk(2, dim=1), others.chunk(2, dim=1)
    return same @ others_same.T + (turned @ others_turned.T).abs()


def find_groups(pictures: Tensor, alike: float = ALIKE) -> Tensor:
    """The number of each picture's group, (N,) int64 from 0: near-duplicates share one, also by way of others between
    them.

    A mirrored picture is a duplicate as well, for mirroring is how most trainings see each picture twice.

    Every pair is compared, so time grows with the square of N; memory does not.

    pictures: (N, C, S, S) uint8. alike: the cosine of thumbnails (`Thumbnails`) from which two belong together.
    """
    thumbnails = Thumbnails.of_set(pictures)(pictures).cpu()
    count = len(thumbnails)
    members, groups = np.arange(count), np.arange(count)
    rows = max(1, TABLE // max(1, count))
    for start in range(0, count, rows):
        alike_here = likeness(thumbnails[start : start + rows], thumbnails[start:]) >= alike
        one, other = alike_here.nonzero(as_tuple=True)
        # Each picture is linked to its group's number too, as if that were a picture: groups found so far stay
        # together.
        links = np.concatenate([one.numpy() + start, members]), np.concatenate([other.numpy() + start, groups + count])
        graph = coo_matrix((np.ones(len(links[0]), bool), links), shape=(2 * count, 2 * count))
        groups = connected_components(graph, directed=False)[1][:count]
        groups = np.unique(groups, return_inverse=True)[1]
    return torch.from_numpy(groups.astype(np.int64))


def split_held_out(pictures: PictureSet, wanted: float, seed: int) -> tuple[Tensor, Tensor]:
    """(Pictures to learn from, held-out ones), each (n,) int64 in rising order; no near-duplicates on both sides.

    Groups of near-duplicates are drawn in an order that only the seed decides and held out whole while they fit, each
    class in its share; so a group larger than that is always learned from.

    wanted: a share below 1, or how many; 0 for none. Where groups are too large for that many, fewer are held out, and
    a line says so.

    Raises `UserError` for more than half of the pictures, and where not one can be held out.
    """
    count = len(pictures)
    number = round(wanted * count) if wanted < 1 else int(wanted)
    if 2 * number > count:
        raise UserError(f"data.held_out is {wanted:g}, of {count:,} pictures; needed: at most half of them")
    if number == 0:
        return torch.arange(count), torch.empty(0, dtype=torch.int64)
    labels = torch.zeros(count, dtype=torch.int64) if pictures.labels is None else pictures.labels
    room = _shares(np.bincount(labels.numpy()), number)
    groups = find_groups(pictures.pictures)
    members = groups.argsort(stable=True).split(groups.bincount().tolist())
    generator = Draws(seed, torch.device("cpu")).of("held out")
    held: list[Tensor] = []
    for group in torch.randperm(len(members), generator=generator).tolist():
        classes = np.bincount(labels[members[group]].numpy(), minlength=len(room))
        if (classes <= room).all():
            room -= classes
            held.append(members[group])
    if not held:
        raise UserError(
            f"data.held_out asks for {number} of {count:,} pictures, but near-duplicates must stay together and each "
            "of the "
            f"{len(members)} groups is larger; add different pictures, or give data.held_out 0"
        )
    chosen = torch.cat(held).sort().values
    if len(chosen) < 0.9 * number:
        say(
            f"held out: {len(chosen)} of {number} pictures, as the other near-duplicates stand in groups too large "
            "for it"
        )
    kept = torch.ones(count, dtype=torch.bool)
    kept[chosen] = False
    return kept.nonzero().flatten(), chosen


def _shares(counts: np.ndarray, number: int) -> np.ndarray:
    """How many of each class make up ``number``, as near to the classes' shares as whole pictures can be."""
    exact = counts * (number / counts.sum())
    shares = np.floor(exact).astype(np.int64)
    order = np.argsort(shares - exact, kind="stable")
    shares[order[: number - shares.sum()]] += 1
    return shares


def nearest(points: Tensor, others: Tensor, count: int = 1, *, twins: Tensor | None = None) -> Neighbors:
    """The ``count`` others that lie nearest to each point by Euclidean distance.

    points: (n, d), others: (m, d) float, such as features of a network; m at least ``count``. twins: (n, d), a second
    view of each point, such as of the mirrored picture; the nearer of both counts.
    """
    views = [points.float()] if twins is None else [points.float(), twins.float()]
    others = others.float()
    squares = others.square().sum(1)
    found = []
    rows = max(1, min(PICTURES, TABLE // len(others)))
    for start in range(0, len(points), rows):
        parts = [view[start : start + rows] for view in views]
        # Products rank them quickly; of those found, differences give distances that are exact near 0 too.
        tables = [part.square().sum(1, keepdim=True) + squares - 2 * part @ others.T for part in parts]
        ranks = functools.reduce(torch.minimum, tables).topk(count, largest=False).indices
        exact = [(part[:, None] - others[ranks]).norm(dim=2) for part in parts]
        distances, order = functools.reduce(torch.minimum, exact).sort(dim=1)
        found.append(Neighbors(distances, ranks.gather(1, order)))
    return Neighbors(torch.cat([part.distances for part in found]), torch.cat([part.indices for part in found]))


def nearest_pictures(pictures: Tensor, training: Tensor, count: int = 1) -> Neighbors:
    """The training pictures that look most like each picture, as it is or mirrored: `nearest` between their thumbnails.

    Distances are sqrt(2 - 2 c) for a cosine c: 0, the same but for brightness and contrast; 0.6, just a near-duplicate
    (`ALIKE`); about 1.4, as good as unrelated.

    pictures: (n, C, S, S), training: (m, C, S, S) uint8, on one device; m at least ``count``.
    """
    thumbnails = Thumbnails.of_set(training)
    seen = thumbnails(pictures)
    return nearest(seen, thumbnails(training), count, twins=mirrored(seen))


def nearest_distances(pictures: Tensor, training: Tensor) -> Tensor:
    """(n,) float32: the distance of each picture to the training picture
    that looks most like it (`nearest_pictures`).
    """
    return nearest_pictures(pictures, training).distances[:, 0]


DUPLICATE_DISTANCE = math.sqrt(2 - 2 * ALIKE)
"""Nearer than this, `nearest_pictures` have found a near-duplicate."""
