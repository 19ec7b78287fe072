"""Kernels that nobody labelled anything for: k-means on patches, and a linear layer on where each is near."""

import torch
from torch import Tensor, nn

from limner.classify.networks.picture_network import PictureNetwork
from limner.foundation.errors import UserError
from limner.nn.kernels.kmeans import KMeansKernels, TriangleEncoder, learn_kmeans
from limner.nn.kernels.patches import draw_patches
from limner.nn.layers.whitening import Whitening

PARTS = 100
"""Pictures that are encoded at once."""
LEAST_VARIANCE = 0.01
"""Is added to the variance of each feature before it is standardized, as the paper's released code does."""


class KMeansLinear(PictureNetwork):
    """Kernels by k-means on whitened patches, and one linear layer: only that learns from labels.

    Coates, Ng and Lee 2011: centroids of contrast-normalized, whitened patches; at each place f_k = max(0, mean(z) -
    z_k) with z_k the distance to centroid k; sums over the cells of a grid; each feature standardized. The linear layer
    is trained by the recipe's loss, where the paper trains a support vector machine.

    channels: bands of the picture. classes: to tell apart. kernels: centroids. size: edge of a patch in pixels. grid:
    cells along each axis. patches: how many are drawn to learn the kernels from (the paper: 400,000).

    Before its kernels are learned (a stage of their own in training) all are 0.
    """

    least_px = 12
    encoder: TriangleEncoder
    feature_mean: Tensor
    feature_std: Tensor

    def __init__(
        self,
        channels: int = 3,
        classes: int = 10,
        kernels: int = 200,
        size: int = 6,
        grid: int = 2,
        patches: int = 50_000,
    ) -> None:
        super().__init__()
        if kernels < 1 or not 2 <= size <= self.least_px or not 1 <= grid <= 7 or patches < kernels:
            raise UserError(
                f"kmeans-linear got kernels {kernels}, size {size}, grid {grid}, patches {patches}; needed: at least "
                f"one kernel, a size of 2 to {self.least_px}, a grid of 1 to 7, and as many patches as kernels"
            )
        # Pictures in 0..1: patches are normalized one by one.
        self.input_mean, self.input_std = (0.0,) * channels, (1.0,) * channels
        self.grid, self.patches = grid, patches
        length = channels * size**2
        nothing = Whitening(torch.zeros(length), torch.eye(length), torch.eye(length))
        begun = KMeansKernels(torch.zeros(kernels, channels, size, size), nothing, torch.zeros(kernels).long())
        self.encoder = TriangleEncoder(begun, grid=None)
        self.register_buffer("feature_mean", torch.zeros(kernels * grid**2))
        self.register_buffer("feature_std", torch.ones(kernels * grid**2))
        self.classes = nn.Linear(kernels * grid**2, classes)

    @torch.no_grad()
    def learn_kernels(self, pictures: Tensor, seed: int) -> dict[str, float]:
        """Learn the kernels from pictures, (n, C, S, S) uint8, and measure the features' mean and deviation on them.

        Gives how many patches there were, and the share of kernels that no patch was nearest to.
        """
        image01 = pictures.float() / 255
        size = self.encoder.size
        drawn = draw_patches(image01, self.patches, size, seed)
        learned = learn_kmeans(drawn, len(self.encoder.centroids), seed=seed)
        device = self.feature_mean.device
        self.encoder = TriangleEncoder(learned, grid=None).to(device)
        features = torch.cat([self.features(part.to(device)) for part in image01.split(PARTS)])
        self.feature_mean.copy_(features.mean(0))
        self.feature_std.copy_((features.var(0) + LEAST_VARIANCE).sqrt())
        return {"patches": float(len(drawn)), "unused_kernels": float((learned.counts == 0).float().mean())}

    def features(self, image01: Tensor) -> Tensor:
        """(B, kernels grid^2): sums over the grid's cells. image01: (B, channels, H, W)."""
        maps = self.encoder(image01)  # (B, kernels, H - size + 1, W - size + 1)
        cells = [torch.tensor_split(rows, self.grid, dim=3) for rows in torch.tensor_split(maps, self.grid, dim=2)]
        return torch.cat([cell.sum((2, 3)) for row in cells for cell in row], dim=1)

    def forward(self, image: Tensor) -> Tensor:
        """(B, channels, H, W) in 0..1 -> (B, classes)."""
        return self.classes((self.features(image) - self.feature_mean) / self.feature_std)

    def head(self) -> nn.Module:
        """The linear layer."""
        return self.classes
