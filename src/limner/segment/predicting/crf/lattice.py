"""Gaussian filtering of points in many dimensions on a permutohedral lattice."""

from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from limner.foundation.machine.threads import in_parts
from limner.segment.predicting.crf import lattice_loops as loops

SEED = 2010  # of the multipliers, so that the same features give the same lattice everywhere


class Lattice:
    """Sums over all points, each weighted by a Gaussian of its distance: in time linear in the points.

    Adams, Baek and Davis, "Fast High-Dimensional Filtering Using the Permutohedral Lattice" (Eurographics 2010). Points
    stand in simplices of a lattice whose cells are about as wide as the Gaussian. A value is shared out to the d + 1
    vertices around its point, vertices are blurred with (1, 2, 1) / 4 along each of d + 1 axes, and points are read
    back from the vertices around them. Only vertices near points exist, so many dimensions cost little memory.

    The kernel so made is a Gaussian up to a factor that depends on d alone, within an error that the tests state.

    features: (N, d) float, the points in units of the Gaussian's standard deviation; the lattice stays on their device.
    compiled: by compiled loops, which need the CPU, or by tensor operations, which go anywhere; None: as the device is.

    >>> points = torch.zeros(3, 2)
    >>> Lattice(points)(torch.tensor([[1.0], [2.0], [3.0]]))[:, 0] / Lattice(points)(torch.ones(3, 1))[:, 0]
    tensor([2., 2., 2.])
    """

    def __init__(self, features: Tensor, compiled: bool | None = None) -> None:
        features = features.float()
        self.compiled = features.device.type == "cpu" if compiled is None else compiled
        self.dimensions = features.shape[1]
        axes = np.arange(self.dimensions)
        # One cell, the blur and the reading back have together the variance of the Gaussian asked for (paper, 3.1).
        scales = (self.dimensions + 1) * np.sqrt(2 / 3) / np.sqrt((axes + 1) * (axes + 2))
        # A key is a sum of a vertex's coordinates times these, modulo 2^64: it tells vertices apart but for a chance of
        # about (vertices)^2 / 2^64, and a step along an axis adds the same number to every key.
        generator = np.random.default_rng(SEED)
        multipliers = generator.integers(-(2**63), 2**63 - 1, self.dimensions + 1, dtype=np.int64)
        shifts = (self.dimensions + 1) * multipliers - multipliers.sum()
        if self.compiled:
            self._build(features.contiguous().numpy(), scales, multipliers, shifts)
        else:
            self._build_of_tensors(features, scales, multipliers, shifts)

    @property
    def vertex_count(self) -> int:
        """How many vertices lie around points."""
        return int(self.neighbors.shape[2]) - 1

    def __call__(self, values: Tensor) -> Tensor:
        """The Gaussian sums (N, C) float32 of ``values`` (N, C) float32, each point's own value included."""
        if not self.compiled:
            return self._filter_tensors(values)
        given = values.contiguous().numpy()
        vertices, weights, neighbors = self.vertices.numpy(), self.weights.numpy(), self.neighbors.numpy()
        sums = np.zeros((self.vertex_count + 1, given.shape[1]), np.float32)
        loops.splat(given, vertices, weights, sums)
        spare = np.zeros_like(sums)
        for ahead, behind in neighbors:
            loops.blur(sums, ahead, behind, spare)
            sums, spare = spare, sums
        result = np.empty_like(given)
        in_parts(lambda start, stop: loops.gather(sums, vertices, weights, result, start, stop), len(given))
        return torch.from_numpy(result)

    @cached_property
    def own_weight(self) -> Tensor:
        """How much of each point's own value its sum holds: (N,) float32.

        Two vertices of a simplex that lie m places apart are m steps apart along different axes, or d + 1 - m steps
        back along the others (all d + 1 axes sum to zero): two ways, and for a vertex itself three.
        """
        size = self.dimensions + 1
        places = torch.arange(size)
        apart = (places[:, None] - places).abs().double()
        shares = 0.5 ** (size + apart) + 0.5 ** (2 * size - apart)
        shares = shares + torch.eye(size, dtype=torch.float64) * 0.25**size
        shares = shares.to(self.weights)
        return ((self.weights @ shares) * self.weights).sum(dim=1)

    def _build(self, features: np.ndarray, scales: np.ndarray, multipliers: np.ndarray, shifts: np.ndarray) -> None:
        count, size = len(features), self.dimensions + 1
        keys, weights = np.empty((count, size), np.int64), np.empty((count, size), np.float32)
        in_parts(lambda start, stop: loops.embed(features, scales, multipliers, keys, weights, start, stop), count)
        vertices = np.empty((count, size), np.int32)
        table, owner, known = loops.number_keys(keys.reshape(-1), vertices.reshape(-1))
        neighbors = np.zeros((size, 2, len(known)), np.int32)
        loops.find_neighbors(table, owner, known, shifts, neighbors)
        self.weights, self.vertices = torch.from_numpy(weights), torch.from_numpy(vertices)
        self.neighbors = torch.from_numpy(neighbors)

    def _build_of_tensors(
        self, features: Tensor, scales: np.ndarray, multipliers: np.ndarray, shifts: np.ndarray
    ) -> None:
        d, size = self.dimensions, self.dimensions + 1
        # In float64: coordinates of a large scene are large beside the cells.
        steps = features.double() * torch.from_numpy(scales).to(features.device)  # (N, d)
        behind = steps.flip(1).cumsum(1).flip(1)  # the sum of steps from each axis on
        lifted = torch.cat([behind, torch.zeros_like(behind[:, :1])], dim=1)  # (N, d + 1)
        axes = torch.arange(1, size, device=features.device)
        lifted[:, 1:] -= axes * steps
        nearest = torch.floor(lifted / size + 0.5)
        surplus = nearest.sum(dim=1, keepdim=True).long()
        base = nearest.long() * size
        order = torch.argsort(lifted - base, dim=1, descending=True, stable=True)
        rank = torch.argsort(order, dim=1) + surplus
        turned = (rank < 0).long() - (rank > d).long()
        rank, base = rank + turned * size, base + turned * size
        share = (lifted - base) / size
        bary = torch.zeros(len(features), size + 1, dtype=torch.float64, device=features.device)
        bary.scatter_add_(1, d - rank, share)
        bary.scatter_add_(1, size - rank, -share)
        bary[:, 0] += 1 + bary[:, size]
        factors = torch.from_numpy(multipliers).to(features.device)
        corners = torch.arange(size, device=features.device)
        keys = torch.stack(
            [((base + torch.where(rank <= d - corner, corner, corner - size)) * factors).sum(1) for corner in corners],
            dim=1,
        )
        known, numbers = torch.unique(keys, return_inverse=True)
        self.vertices = (numbers + 1).view_as(keys)
        self.weights = bary[:, :size].float()
        neighbors = torch.zeros(size, 2, len(known) + 1, dtype=torch.long, device=features.device)
        own = torch.arange(1, len(known) + 1, device=features.device)
        for axis, shift in enumerate(shifts.tolist()):
            wanted = known + shift
            place = torch.searchsorted(known, wanted).clamp_(max=len(known) - 1)
            found = known[place] == wanted
            neighbors[axis, 0, 1:] = torch.where(found, place + 1, 0)
            neighbors[axis, 1, place[found] + 1] = own[found]
        self.neighbors = neighbors

    def _filter_tensors(self, values: Tensor) -> Tensor:
        sums = values.new_zeros(self.vertex_count + 1, values.shape[1])
        result = torch.zeros_like(values)
        for vertex, weight in zip(self.vertices.T, self.weights.T, strict=True):
            sums.index_add_(0, vertex, values * weight[:, None])
        for ahead, behind in self.neighbors:
            sums = 0.5 * sums + 0.25 * (sums[ahead] + sums[behind])
        for vertex, weight in zip(self.vertices.T, self.weights.T, strict=True):
            result += sums[vertex] * weight[:, None]
        return result
