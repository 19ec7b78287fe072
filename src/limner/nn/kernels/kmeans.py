"""Kernels by k-means on whitened patches, and features that encode pictures by them (Coates, Ng and Lee 2011)."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.nn.kernels.patches import CONTRAST_REGULARIZER, normalize_patches
from limner.nn.layers.whitening import Whitening


@dataclass(frozen=True, eq=False)
class KMeansKernels:
    """centroids: (K, C, k, k) in the whitened space. whitening: of flattened normalized patches. counts: (K,) int64,
    how many patches were nearest to each in the end."""

    centroids: Tensor
    whitening: Whitening
    counts: Tensor

    def as_kernels(self) -> Tensor:
        """(K, C, k, k): what, correlated with a normalized patch, gives the centroid's inner product with the whitened
        one (up to a constant): the whitening folded in, so that it can begin a convolution. Each has norm 1."""
        kernels = self.centroids.flatten(1) @ self.whitening.matrix
        kernels = kernels / kernels.norm(dim=1, keepdim=True).clamp_min(1e-12)
        return kernels.view_as(self.centroids)


def learn_kmeans(
    patches: Tensor, kernels: int, iterations: int = 50, regularizer: float = 0.1, seed: int = 0
) -> KMeansKernels:
    """Learn ``kernels`` centroids from patches (n, C, k, k) in 0..1: contrast normalized, ZCA whitened with
    ``regularizer``, then Lloyd's k-means. A centroid that no patch is nearest to begins again at a drawn patch.

    Raises `ValueError` for fewer patches than kernels.
    """
    if len(patches) < kernels:
        raise ValueError(f"{len(patches)} patches for {kernels} kernels; needed: at least as many patches")
    flat = normalize_patches(patches).flatten(1)
    whitening = Whitening.fit(flat, regularizer)
    white = whitening(flat)
    generator = torch.Generator().manual_seed(seed)
    centroids = white[torch.randperm(len(white), generator=generator)[:kernels]].clone()
    counts = torch.zeros(kernels, dtype=torch.int64)
    for _ in range(iterations):
        nearest = torch.cat([_nearest(part, centroids) for part in white.split(10_000)])
        counts = torch.bincount(nearest, minlength=kernels)
        sums = torch.zeros_like(centroids).index_add_(0, nearest, white)
        centroids = sums / counts.clamp_min(1).unsqueeze(1)
        empty = counts == 0
        again = torch.randint(len(white), (int(empty.sum()),), generator=generator)
        centroids[empty] = white[again]
    return KMeansKernels(centroids.view(kernels, *patches.shape[1:]), whitening, counts)


def _nearest(points: Tensor, centroids: Tensor) -> Tensor:
    return (centroids.square().sum(1) - 2 * points @ centroids.T).argmin(1)


class TriangleEncoder(nn.Module):
    """How near each place of a picture is to each centroid: f_k = max(0, mean(z) - z_k), z_k = |x - c_k| (Coates, Ng
    and Lee 2011), summed over a grid of places.

    Each place's patch is normalized and whitened as those that the kernels were learned from. learned: by
    `learn_kmeans`. grid: sums over so many cells along each axis, 2 in the paper; None: no sums, the map itself.
    """

    centroids: Tensor
    mean: Tensor
    matrix: Tensor

    def __init__(self, learned: KMeansKernels, grid: int | None = 2) -> None:
        super().__init__()
        self.size, self.grid = learned.centroids.shape[-1], grid
        self.register_buffer("centroids", learned.centroids.flatten(1))
        self.register_buffer("mean", learned.whitening.mean)
        self.register_buffer("matrix", learned.whitening.matrix)

    def forward(self, pictures: Tensor) -> Tensor:
        """pictures: (B, C, H, W) in 0..1. Gives (B, K grid^2), or with no grid (B, K, H', W')."""
        height, width = (length - self.size + 1 for length in pictures.shape[2:])
        flat = functional.unfold(pictures, self.size).transpose(1, 2)  # (B, places, C k k)
        centered = flat - flat.mean(2, keepdim=True)
        spread = (centered.square().mean(2, keepdim=True) + CONTRAST_REGULARIZER).sqrt()
        white = (centered / spread - self.mean) @ self.matrix
        distance = torch.cdist(white, self.centroids.expand(len(white), -1, -1))  # (B, places, K)
        near = (distance.mean(2, keepdim=True) - distance).clamp_min(0)
        maps = near.transpose(1, 2).unflatten(2, (height, width))
        if self.grid is None:
            return maps
        cells = [torch.tensor_split(rows, self.grid, dim=3) for rows in torch.tensor_split(maps, self.grid, dim=2)]
        return torch.cat([cell.sum((2, 3)) for row in cells for cell in row], dim=1)
