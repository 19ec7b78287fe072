"""Self-attention for feature maps (Zhang et al., "Self-Attention Generative Adversarial Networks", ICML 2019)."""

from typing import Literal

import torch
from torch import Tensor, nn

Version = Literal["first", "official"]


class SelfAttention(nn.Module):
    """Adds to each position what all positions hold, weighed by how well they match it: y = gamma o + x.

    For the query at position j, the weights are a softmax over the keys i, and o_j mixes the values with them
    (Zhang et al., eqs. 1 to 3):

        w_ij = exp(<key_i, query_j>) / sum_i exp(<key_i, query_j>),    o_j = project(sum_i w_ij value_i)

    The products are not divided by the root of their length, unlike a transformer's. ``gamma`` is one number, 0 at the
    start, so that a fresh layer changes nothing.

    maps: feature maps in and out, C; queries and keys have C / 8 of them (one at least).
    version: ``first`` is the paper's first preprint (arXiv 1805.08318v1): values of C maps, no projection, biases.
        ``official`` is the authors' code, which BigGAN took over: keys and values are max-pooled 2 x 2, values have
        C / 2 maps and are projected back to C, no biases; it takes a quarter of the memory. 1.25 C^2 + 1 parameters.
    """

    def __init__(self, maps: int, version: Version = "official") -> None:
        super().__init__()
        official = version == "official"
        matched, mixed = max(1, maps // 8), max(1, maps // 2) if official else maps
        self.query = nn.Conv2d(maps, matched, 1, bias=not official)
        self.key = nn.Conv2d(maps, matched, 1, bias=not official)
        self.value = nn.Conv2d(maps, mixed, 1, bias=not official)
        self.pool = nn.MaxPool2d(2) if official else nn.Identity()
        self.project = nn.Conv2d(mixed, maps, 1, bias=False) if official else nn.Identity()
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W) float; H and W at least 2 in the official version. Gives the same shape."""
        query = self.query(x).flatten(2).transpose(1, 2)  # (B, HW, C/8)
        key = self.pool(self.key(x)).flatten(2)  # (B, C/8, HW or HW/4)
        value = self.pool(self.value(x)).flatten(2).transpose(1, 2)  # (B, HW or HW/4, C/2 or C)
        # Not scaled_dot_product_attention: its fused kernels have no second derivative, which gradient penalties take.
        weights = torch.softmax(query @ key, dim=2)  # over the keys of each query
        mixed = (weights.to(value.dtype) @ value).transpose(1, 2)  # (B, C/2 or C, HW)
        return self.gamma * self.project(mixed.unflatten(2, x.shape[2:])) + x
