"""Color transfer by superpixel matching of high-resolution deep features (Carrillo, Clement and Bugeau, ORASIS
2021).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from limner.foundation.errors import UserError
from limner.foundation.stopwatch import Stopwatch
from limner.nn.pretrained import LITE0
from limner.nn.tiled_features import FeatureSource
from limner.recolor.fusion.fuse import PUBLISHED, Kernel, fuse
from limner.recolor.fusion.regrain import regrain as regrained
from limner.recolor.matching.attention import Attended, Matching, Pin, attend, centered, temperature_for
from limner.recolor.matching.features import features_of
from limner.recolor.matching.palette import complete_palette
from limner.recolor.methods.recolored import Recolored
from limner.recolor.superpixels.pooling import Regions, measure_regions, pool_features
from limner.recolor.superpixels.seen import seen_part
from limner.recolor.superpixels.segmentation import superpixels

PERPLEXITY, PALETTE = 5.0, 0.5
"""Chosen by measurement: see docs/results/recolor.md."""
HALF = 0.5


@dataclass(frozen=True)
class PinnedPoints:
    """A point of the target (row, column) that shall have the colors of a point of a reference (row, column)."""

    target: tuple[int, int]
    reference: tuple[int, int]
    which: int = 0
    """Number of the reference, from 0."""


@dataclass(frozen=True)
class Described:
    """A picture's superpixels: labels (H, W) int32, their centers, their super-features (N, C)."""

    labels: Tensor
    regions: Regions
    features: Tensor


def superpixel(
    target: Tensor,
    references: Sequence[Tensor],
    *,
    features: str | FeatureSource = LITE0,
    layers: Sequence[str] = (),
    count: int | None = None,
    centering: str = "standard",
    temperature: float | None = None,
    perplexity: float = PERPLEXITY,
    palette: float = PALETTE,
    kernel: Kernel = PUBLISHED,
    smoothness: float = 1.0,
    target_mask: Tensor | None = None,
    target_seen: Tensor | None = None,
    reference_masks: Sequence[Tensor | None] = (),
    pins: Sequence[PinnedPoints] = (),
    download: bool | None = None,
) -> Recolored:
    """The target in the colors of the references, region by region.

    Both are cut into superpixels, each described by the mean of deep features; each superpixel of the target takes the
    mean color of reference superpixels like it (`limner.recolor.matching.attention`), each pixel of the target a mean
    of its neighbors' new colors (`limner.recolor.fusion.fuse`), and the target's fine structure is put back
    (`limner.recolor.fusion.regrain`).

    target: (3, H, W) float32, gamma-encoded, 0..1. references: one or more such, of any sizes. features: a key of
    `limner.recolor.matching.features.SOURCES`, or a `FeatureSource` of any network. layers: of it. count: superpixels
    of each picture, by default 3 sqrt(pixels). centering, temperature: see `limner.recolor.matching.attention`; without
    a temperature the one at which the median superpixel looks at ``perplexity`` others. palette: how far the matched
    colors are spread to the references' whole palette, 0 (the paper) to 1: see `limner.recolor.matching.palette`.
    kernel: of the fusion. smoothness: of the regrain; 0 leaves it out. target_mask: where the target will be changed;
    all of it is looked at, whatever is changed. target_seen: (H, W) bool, what of it is not transparent; superpixels
    without such a pixel are left out. reference_masks: for each reference, (H, W) float 0..1 of how much its pixels may
    be taken, or None. pins: matches made by hand. download: whether weights may be fetched.

    Raises `UserError` for options that cannot be, and for masks that leave nothing.
    """
    if not 0 <= palette <= 1:
        raise UserError(
            f"palette is {palette:g}; needed: 0 (matched colors as they are) to 1 (the reference's whole palette)"
        )
    watch = Stopwatch(target.device)
    source = features if isinstance(features, FeatureSource) else None
    if source is None:
        with watch.stage("network"):
            source = features_of(features, layers, device=target.device, download=download)  # type: ignore[arg-type]
    described = describe(target, source, count, watch)
    if target_seen is not None:
        labels, regions, kept = seen_part(target, described.labels, target_seen)
        described = Described(labels, regions, described.features[kept])
    matching = match(
        described, references, source, count=count, centering=centering, temperature=temperature, perplexity=perplexity,
        reference_masks=reference_masks, pins=pins, watch=watch,
    )  # fmt: skip
    with watch.stage("attention"):
        attended = attend(matching)
    with watch.stage("palette"):
        looks = matching.reference_regions
        colors = complete_palette(attended.colors, described.regions.count, looks.colors, looks.count, palette)
    with watch.stage("fusion"):
        fused = fuse(target, described.regions, colors, kernel, labels=described.labels)
    picture = fused.picture
    if smoothness > 0:
        with watch.stage("regrain"):
            picture = regrained(target, picture, smoothness)
    return Recolored(
        picture,
        "superpixel",
        watch.seconds,
        report(matching, attended, fused.unfitted),
        matching=matching,
        fused=(described.regions, colors),
    )


def describe(picture: Tensor, source: FeatureSource, count: int | None, watch: Stopwatch) -> Described:
    """A picture's superpixels with their centers and super-features."""
    with watch.stage("superpixels"):
        labels = superpixels(picture, count)
    with watch.stage("centers"):
        regions = measure_regions(picture, labels)
    with watch.stage("features"):
        return Described(labels, regions, pool_features(picture.clamp(0, 1), labels, source))


def match(
    target: Described,
    references: Sequence[Tensor],
    source: FeatureSource,
    *,
    count: int | None,
    centering: str,
    temperature: float | None,
    perplexity: float,
    watch: Stopwatch,
    reference_masks: Sequence[Tensor | None] = (),
    pins: Sequence[PinnedPoints] = (),
) -> Matching:
    """The matching of a target with the superpixels of all references; arguments as those of `superpixel`."""
    if temperature is not None and temperature <= 0:
        raise UserError(f"temperature is {temperature:g}; needed: above 0 (0.02 is the paper's, for VGG-19)")
    masks = list(reference_masks) or [None] * len(references)
    taken = [
        _taken(describe(picture, source, count, watch), picture, mask)
        for picture, mask in zip(references, masks, strict=True)
    ]
    labels, first = [], 0
    for part in taken:
        labels.append(torch.where(part.labels < 0, -1, part.labels + first))
        first += len(part.features)
    with watch.stage("attention"):
        looking = centered(target.features, centering)
        # Each picture has a mean of its own: what stands out in a dark reference is not what is bright in all of them.
        looked_at = torch.cat([centered(part.features, centering) for part in taken])
        found = temperature_for(looking, looked_at, perplexity) if temperature is None else temperature
    return Matching(
        target=looking,
        references=looked_at,
        temperature=found,
        target_labels=target.labels,
        reference_labels=labels,
        target_regions=target.regions,
        reference_regions=Regions.joined([part.regions for part in taken]),
        pins=[_pin(point, target.labels, labels) for point in pins],
    )


def _taken(described: Described, picture: Tensor, mask: Tensor | None) -> Described:
    """Only the superpixels that a mask leaves, renumbered, with centers of the pixels that it leaves; -1 elsewhere."""
    if mask is None:
        return described
    labels = described.labels.long()
    shares = torch.zeros(len(described.features), device=mask.device)
    shares.index_add_(0, labels.flatten(), mask.float().flatten())
    shares /= described.regions.count
    kept = (shares >= HALF).nonzero()[:, 0]
    if len(kept) == 0:
        kept = (shares > 0).nonzero()[:, 0]  # a mask thinner than a superpixel
    if len(kept) == 0:
        raise UserError("a mask of a reference leaves none of its pixels; needed: some white in it, on visible ground")
    regions = measure_regions(picture, described.labels, mask)
    numbers = torch.full((len(shares),), -1, dtype=torch.int32, device=labels.device)
    numbers[kept] = torch.arange(len(kept), dtype=torch.int32, device=labels.device)
    chosen = Regions(regions.count[kept], regions.mean[kept], regions.covariance[kept])
    return Described(numbers[labels], chosen, described.features[kept])


def _pin(points: PinnedPoints, target: Tensor, references: Sequence[Tensor]) -> Pin:
    if not 0 <= points.which < len(references):
        raise UserError(f"a match names reference {points.which + 1} of {len(references)}")
    numbers = []
    for what, labels, (row, column) in (
        ("picture", target, points.target),
        ("reference", references[points.which], points.reference),
    ):
        height, width = labels.shape
        if not (0 <= row < height and 0 <= column < width):
            raise UserError(f"a match names {row},{column} in the {what} of {height} x {width} pixels; rows come first")
        numbers.append(int(labels[row, column]))
    if numbers[1] < 0:
        raise UserError(
            f"a match names {points.reference[0]},{points.reference[1]}, which the reference's mask leaves out"
        )
    return Pin(*numbers)


def report(matching: Matching, attended: Attended, unfitted: float) -> dict[str, float]:
    """What every run should report (facts, 7)."""
    return {
        "target superpixels": len(matching.target),
        "reference superpixels": len(matching.references),
        "smallest superpixel": int(min(matching.target_regions.count.min(), matching.reference_regions.count.min())),
        **attended.numbers,
        "unfitted share": unfitted,
    }
