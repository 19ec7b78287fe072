"""Superpixel-based color transfer (Giraud, Ta and Papadakis, ICIP 2017): constrained matching on color descriptors."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from limner.foundation.errors import UserError
from limner.foundation.stopwatch import Stopwatch
from limner.recolor.fusion.fuse import Fusion, Kernel
from limner.recolor.fusion.regrain import regrain
from limner.recolor.matching.constrained import match_constrained
from limner.recolor.matching.descriptors import color_descriptors
from limner.recolor.methods.pictures import Pictures
from limner.recolor.methods.recolored import Recolored
from limner.recolor.superpixels.pooling import Regions, measure_regions
from limner.recolor.superpixels.seen import seen_part
from limner.recolor.superpixels.segmentation import superpixels

SUPERPIXELS = 300
MOST_SUPERPIXELS = 4000
"""Of the target: the exact matching takes time that grows with the cube, and 8 x 3 x 4000^2 bytes."""
OWN_COVARIANCE = Kernel(covariance="pixel")
MOST_USES = 3
"""epsilon of the paper's program: how often a reference superpixel may be taken."""


@dataclass(frozen=True)
class SctOptions:
    """count: superpixels of each picture. most_uses: of a reference superpixel; raised where the references have too
    few. kernel: of the fusion. smoothness: of the regrain, 0 leaves it out.

    Raises `UserError` for a count below 1 or above 4000.
    """

    count: int = SUPERPIXELS
    most_uses: int = MOST_USES
    kernel: Kernel = OWN_COVARIANCE
    smoothness: float = 1.0

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MOST_SUPERPIXELS:
            raise UserError(
                f"sct got {self.count} superpixels; needed: 1 to {MOST_SUPERPIXELS}, {SUPERPIXELS} is usual"
            )

    def transfer(self, pictures: Pictures) -> Recolored:
        """See `sct`."""
        return sct(pictures, self)


USUAL = SctOptions()


def sct(pictures: Pictures, options: SctOptions = USUAL) -> Recolored:
    """The target in the colors of the references by superpixels of like color rank, each taken at most a few times.

    Superpixels are described by cumulative color histograms of the picture over its maximum, so that the darkest of one
    picture match the darkest of the other; the cap on uses spreads the reference's colors over the target. Fusion and
    regrain are those of `limner.recolor.methods.superpixel`, with the covariance of the superpixel that holds the pixel
    and no limit on how far centers may lie (the authors' program takes those within 0.3).

    The target's mask is not looked at; superpixels without a pixel that is seen are left out. Raises `UserError` for
    masks that leave nothing.
    """
    if pictures.reference_weights:
        raise UserError("sct uses every reference as often as another; leave the weights out, or use superpixel or mkl")
    target, count = pictures.target, options.count
    watch = Stopwatch(target.device)
    labels, regions, descriptors = _described(target, None, count, watch)
    if pictures.target_seen is not None:
        labels, regions, kept = seen_part(target, labels, pictures.target_seen)
        descriptors = descriptors[kept]
    looks = [_described(picture, mask, count, watch) for picture, mask in pictures.masked_references()]
    with watch.stage("matching"):
        found = match_constrained(descriptors, torch.cat([look[2] for look in looks]), options.most_uses)
    colors = Regions.joined([look[1] for look in looks]).colors[found]
    with watch.stage("fusion"):
        fusion = Fusion(regions, colors)
        fused = fusion(target, options.kernel, labels=labels)
    picture = fused.picture
    if options.smoothness > 0:
        with watch.stage("regrain"):
            picture = regrain(target, picture, options.smoothness)
    uses = torch.bincount(found)
    numbers = {
        "target superpixels": len(descriptors),
        "reference superpixels": sum(len(look[2]) for look in looks),
        "reference superpixels used": int((uses > 0).sum()),
        "most uses of one": int(uses.max()),
        "unfitted share": fused.unfitted,
    }
    return Recolored(picture, "sct", watch.seconds, numbers, fusion=fusion)


def _described(picture: Tensor, mask: Tensor | None, count: int, watch: Stopwatch) -> tuple[Tensor, Regions, Tensor]:
    """Labels, centers and descriptors of the superpixels of which a mask leaves something."""
    with watch.stage("superpixels"):
        labels = superpixels(picture, count)
    with watch.stage("descriptors"):
        regions, descriptors = measure_regions(picture, labels, mask), color_descriptors(picture, labels)
    if mask is None:
        return labels, regions, descriptors
    shares = torch.zeros(len(descriptors), device=mask.device).index_add_(0, labels.flatten().long(), mask.flatten())
    kept = shares > 0.5 * regions.count
    kept = kept if kept.any() else shares > 0
    if not kept.any():
        raise UserError("a mask of a reference leaves none of its pixels; needed: some white in it, on visible ground")
    return labels, Regions(regions.count[kept], regions.mean[kept], regions.covariance[kept]), descriptors[kept]
