"""A picture as the method `superpixel` looks at it: its superpixels, their centers and their super-features."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from scipy.sparse import csr_array
from torch import Tensor

from limner.foundation.errors import UserError
from limner.foundation.stopwatch import Stopwatch
from limner.nn.tiled_features import FeatureSource
from limner.recolor.matching.diffusion import like_graph
from limner.recolor.superpixels.pooling import Regions, measure_regions, pool_features
from limner.recolor.superpixels.seen import seen_part
from limner.recolor.superpixels.segmentation import superpixels
from limner.recolor.superpixels.working import working_copy

HALF = 0.5


@dataclass(frozen=True)
class Described:
    """A picture's superpixels, found on its `working_copy`.

    picture: (3, h, w) float32, that copy. labels: (h, w) int32. regions: their centers, with the pixels of the picture
    itself. features: (N, C), their super-features. size: height and width of the picture itself.
    """

    picture: Tensor
    labels: Tensor
    regions: Regions
    features: Tensor
    size: tuple[int, int]

    @cached_property
    def graph(self) -> csr_array:
        """See `limner.recolor.matching.diffusion.like_graph`."""
        return like_graph(self.regions, self.labels)

    def within(self, mask: Tensor | None) -> Described:
        """Only the superpixels that a mask leaves, renumbered, with centers of the pixels that it leaves; -1 elsewhere.

        mask: (H, W), white where pixels count; None: everywhere. Raises `UserError` for one that leaves nothing.
        """
        if mask is None:
            return self
        mask, labels = working_copy(mask.float()), self.labels.long()
        shares = torch.zeros(len(self.features), device=mask.device)
        shares.index_add_(0, labels.flatten(), mask.flatten())
        shares /= torch.bincount(labels.flatten(), minlength=len(shares))
        kept = (shares >= HALF).nonzero()[:, 0]
        if len(kept) == 0:
            kept = (shares > 0).nonzero()[:, 0]  # a mask thinner than a superpixel
        if len(kept) == 0:
            raise UserError(
                "a mask of a reference leaves none of its pixels; needed: some white in it, on visible ground"
            )
        regions = measure_regions(self.picture, self.labels, mask)
        numbers = torch.full((len(shares),), -1, dtype=torch.int32, device=labels.device)
        numbers[kept] = torch.arange(len(kept), dtype=torch.int32, device=labels.device)
        chosen = Regions(self.regions.count[kept], regions.mean[kept], regions.covariance[kept])
        return replace(self, labels=numbers[labels], regions=chosen, features=self.features[kept])


def describe(
    picture: Tensor, source: FeatureSource, count: int | None, watch: Stopwatch, seen: Tensor | None = None
) -> Described:
    """A picture's superpixels with their centers and super-features, found on its `working_copy`.

    seen: (H, W) bool; superpixels without a pixel that is seen are left out.
    """
    with watch.stage("superpixels"):
        working = working_copy(picture)
        labels = superpixels(working, count)
    with watch.stage("centers"):
        regions = measure_regions(working, labels)
    with watch.stage("features"):
        features = pool_features(working.clamp(0, 1), labels, source)
    if seen is not None:
        labels, regions, kept = seen_part(working, labels, working_copy(seen.float()) > 0)
        features = features[kept]
    if working is not picture:
        pixels = regions.count * (picture[0].numel() / working[0].numel())
        regions = replace(regions, count=pixels.round().long())
    return Described(working, labels, regions, features, (picture.shape[1], picture.shape[2]))
