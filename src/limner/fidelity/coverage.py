"""Precision and recall, density and coverage: who lies within whose neighborhood.

A ball around each picture reaches to its k-th nearest neighbor of its own set. Kynkäänniemi et al. 2019 (k = 3):
precision is the share of generated pictures within any real picture's ball, recall the share of real pictures within
any generated one's. Naeem et al. 2020 (k = 5): density counts in how many real balls a generated picture lies, over k;
coverage is the share of real balls that hold a generated picture.

The papers take features of VGG-16; here they are those of the protocol. A picture on the edge of a ball is in it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

NEIGHBORS = 3
COVERAGE_NEIGHBORS = 5
BLOCK = 1024
"""Pictures whose distances to all others are in memory at once."""


@dataclass(frozen=True)
class Support:
    """What each picture says of the overlap of two sets; each score is the mean of one of these.

    precision: (m,) float64, 1 where a generated picture is in a real ball. recall: (n,), 1 where a real picture is in
    a generated ball. density: (m,), in how many real balls a generated picture is, over k; its mean may exceed 1.
    coverage: (n,), 1 where a real ball holds a generated picture.
    """

    precision: Tensor
    recall: Tensor
    density: Tensor
    coverage: Tensor


def support(
    real: Tensor, fake: Tensor, *, neighbors: int = NEIGHBORS, coverage_neighbors: int = COVERAGE_NEIGHBORS
) -> Support:
    """How the sets of features (n, d) and (m, d), any float type, overlap.

    Raises `ValueError` where a set has not more pictures than neighbors are asked for.
    """
    real, fake = real.double(), fake.double()
    real_radii, coverage_radii = neighbor_distances(real, neighbors, coverage_neighbors)
    (fake_radii,) = neighbor_distances(fake, neighbors)
    precision, density = [], []
    recall, coverage = (torch.zeros(len(real), dtype=torch.bool, device=real.device) for _ in range(2))
    for start in range(0, len(fake), BLOCK):
        block = slice(start, start + BLOCK)
        distances = _squared_distances(fake[block], real)
        precision.append((distances <= real_radii).any(dim=1))
        recall |= (distances <= fake_radii[block, None]).any(dim=0)
        within = distances <= coverage_radii
        density.append(within.sum(dim=1) / coverage_neighbors)
        coverage |= within.any(dim=0)
    return Support(torch.cat(precision).double(), recall.double(), torch.cat(density).double(), coverage.double())


def neighbor_distances(features: Tensor, *neighbors: int) -> list[Tensor]:
    """For each number k the squared distances (n,) from each picture to its k-th nearest other one.

    features: (n, d) float64. Raises `ValueError` unless n > k.
    """
    most = max(neighbors)
    if len(features) <= most:
        raise ValueError(f"{len(features)} pictures have no {most} neighbors each; needed: more than {most}")
    nearest = []
    for start in range(0, len(features), BLOCK):
        distances = _squared_distances(features[start : start + BLOCK], features)
        itself = torch.arange(len(distances), device=features.device)
        distances[itself, start + itself] = torch.inf
        nearest.append(distances.topk(most, dim=1, largest=False).values)
    ordered = torch.cat(nearest)
    return [ordered[:, number - 1] for number in neighbors]


def _squared_distances(first: Tensor, second: Tensor) -> Tensor:
    """(a, b) of (a, d) and (b, d), float64; rounding leaves none below 0."""
    squares = first.square().sum(dim=1)[:, None] + second.square().sum(dim=1)
    return torch.addmm(squares, first, second.T, alpha=-2).clamp_(min=0)
