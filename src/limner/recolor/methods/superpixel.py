"""Color transfer by superpixel matching of high-resolution deep features (Carrillo, Clement and Bugeau, ORASIS
2021).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from limner.colors.color_map import ColorMap
from limner.foundation.errors import UserError
from limner.foundation.stopwatch import Stopwatch
from limner.nn.pretrained import LITE0
from limner.nn.tiled_features import FeatureSource
from limner.recolor.fusion.fuse import PUBLISHED, Fusion, Kernel
from limner.recolor.fusion.range import bend_into_range
from limner.recolor.fusion.regrain import EDGES, PUBLISHED_WEIGHTS, Weights
from limner.recolor.fusion.regrain import regrain as regrained
from limner.recolor.matching.attention import Attended, Matching, Pin, attend, centered, temperature_for
from limner.recolor.matching.contrast import give_contrast_back
from limner.recolor.matching.diffusion import diffuse
from limner.recolor.matching.features import features_of
from limner.recolor.matching.overall import overall_map
from limner.recolor.matching.palette import complete_palette
from limner.recolor.methods.described import Described, describe
from limner.recolor.methods.pictures import Pictures
from limner.recolor.methods.recolored import Recolored
from limner.recolor.superpixels.pooling import Regions
from limner.recolor.superpixels.working import at_full_size

PERPLEXITY, PALETTE = 5.0, 0.85
"""Chosen by measurement: see docs/results/recolor.md."""
BEFORE_PALETTE, AFTER_PALETTE = 90.0, 15.0
"""Strengths of the diffusion: of what was matched, and of what the palette makes of it. Chosen by measurement, too."""
MOST_CONTRAST = 2.0
FUSIONS = ("changes", "colors")
LARGEST_KNEE = 0.5


@dataclass(frozen=True)
class PinnedPoints:
    """A point of the target (row, column) that shall have the colors of a point of a reference (row, column)."""

    target: tuple[int, int]
    reference: tuple[int, int]
    which: int = 0
    """Number of the reference, from 0."""


@dataclass(frozen=True)
class SuperpixelOptions:
    """How superpixels are matched. Raises `UserError` for values that cannot be.

    features: a key of `limner.recolor.matching.features.SOURCES`, or a `FeatureSource` of any network. layers: of it.
    count: superpixels of each picture, by default 3 sqrt(pixels). centering, temperature: see
    `limner.recolor.matching.attention`; without a temperature the one at which the median superpixel looks at
    ``perplexity`` others. palette: how far the matched colors are spread to the references' whole palette, 0 (the
    paper) to 1: see `limner.recolor.matching.palette`. diffusion: how strongly changes of color are made alike over
    what is alike, in parts of what is usual; 0, the paper, leaves it out: see `limner.recolor.matching.diffusion`.
    contrast: how much of the contrast that neighboring regions lose is given back, in parts of what is usual; 0, the
    paper, leaves it out: see `limner.recolor.matching.contrast`.
    global_share: how far the picture goes the way of one linear map, from which regions then differ, 0 (the paper) to
    1: see `limner.recolor.matching.overall`. soft_range: within so much of either end of 0..1, colors that would leave
    it are bent, not cut off; 0, the paper, leaves them: see `limner.recolor.fusion.range`.
    fusion: "changes" adds to each pixel a mean of what superpixels change by, and ends changes at edges; "colors", the
    paper, gives it a mean of what they become, and regrains it as published. kernel: of the fusion. smoothness: of the
    regrain; 0 leaves it out. pins: matches made by hand. download: whether weights may be fetched.
    """

    features: str | FeatureSource = LITE0
    layers: Sequence[str] = ()
    count: int | None = None
    centering: str = "standard"
    temperature: float | None = None
    perplexity: float = PERPLEXITY
    palette: float | None = None
    diffusion: float = 1.0
    contrast: float = 1.0
    global_share: float = 0.6
    soft_range: float = 0.15
    fusion: str = "changes"
    kernel: Kernel = PUBLISHED
    smoothness: float = 1.0
    pins: Sequence[PinnedPoints] = ()
    download: bool | None = None

    def __post_init__(self) -> None:
        if self.palette is not None and not 0 <= self.palette <= 1:
            raise UserError(
                f"palette is {self.palette:g}; needed: 0 (matched colors as they are) to 1 (the reference's whole "
                "palette)"
            )
        if not 0 <= self.diffusion < math.inf:
            raise UserError(f"diffusion is {self.diffusion:g}; needed: 0 (the paper's method) or more, 1 is usual")
        if not 0 <= self.contrast <= MOST_CONTRAST:
            raise UserError(
                f"contrast is {self.contrast:g}; needed: 0 (the paper's method) to {MOST_CONTRAST:g}, 1 is usual"
            )
        if not 0 <= self.global_share <= 1:
            raise UserError(f"global_share is {self.global_share:g}; needed: 0 (regions alone) to 1 (all of the way)")
        if not 0 <= self.soft_range <= LARGEST_KNEE:
            raise UserError(f"soft_range is {self.soft_range:g}; needed: 0 (colors are cut off) to 0.5")
        if self.fusion not in FUSIONS:
            raise UserError(f"fusion is {self.fusion!r}; needed: {' or '.join(FUSIONS)}")
        if self.temperature is not None and self.temperature <= 0:
            raise UserError(f"temperature is {self.temperature:g}; needed: above 0 (0.02 is the paper's, for VGG-19)")

    def transfer(self, pictures: Pictures) -> Recolored:
        """See `superpixel`."""
        return superpixel(pictures, self)

    @property
    def weights(self) -> Weights:
        """Of the regrain, which belongs to the fusion."""
        return EDGES if self.fusion == "changes" else PUBLISHED_WEIGHTS


USUAL = SuperpixelOptions()


def superpixel(pictures: Pictures, options: SuperpixelOptions = USUAL) -> Recolored:
    """The target in the colors of the references, region by region.

    Both are cut into superpixels, each described by the mean of deep features; each superpixel of the target takes the
    mean color of reference superpixels like it (`limner.recolor.matching.attention`). What superpixels change by,
    beyond one map for all (`limner.recolor.matching.overall`), is made alike over what is alike
    (`limner.recolor.matching.diffusion`), neighborhoods get back the contrast that they lost by it
    (`limner.recolor.matching.contrast`), each pixel of the target changes by a mean of what superpixels like it
    change by (`limner.recolor.fusion.fuse`), the target's fine structure is put back
    (`limner.recolor.fusion.regrain`), and colors beyond the range are bent in (`limner.recolor.fusion.range`).

    All of the target is looked at, whatever of it will be changed; superpixels without a pixel that is seen are left
    out. Raises `UserError` for options that cannot be, and for masks that leave nothing.
    """
    target = pictures.target
    watch = Stopwatch(target.device)
    source = _source(options, target.device, watch)
    described = describe(target, source, options.count, watch, pictures.target_seen)
    matching = match(described, pictures, source, options, watch)
    with watch.stage("attention"):
        attended = attend(matching)
    looks = matching.reference_regions
    start = overall_map(described.regions, looks, options.global_share, matching.shares)
    colors = _diffused(described, attended.colors, options.diffusion * BEFORE_PALETTE, matching, start, watch)
    with watch.stage("palette"):
        share = PALETTE if options.palette is None else options.palette
        counts = looks.count if matching.shares is None else matching.shares
        colors = complete_palette(colors, described.regions.count, looks.colors, counts, share)
    colors = _diffused(described, colors, options.diffusion * AFTER_PALETTE, matching, start, watch)
    with watch.stage("contrast"):
        colors = give_contrast_back(
            described.regions, colors, looks, options.contrast, shares=matching.shares, held=matching.pinned()
        )
    with watch.stage("fusion"):
        fusion = Fusion(described.regions, colors, options.fusion == "changes", start)
        fused = fusion(target, options.kernel, labels=at_full_size(described.labels, *described.size))
    picture = fused.picture
    if options.smoothness > 0:
        with watch.stage("regrain"):
            picture = regrained(target, picture, options.smoothness, weights=options.weights)
    with watch.stage("range"):
        picture = bend_into_range(picture, options.soft_range)
    return Recolored(
        picture,
        "superpixel",
        watch.seconds,
        report(matching, attended, fused.unfitted),
        matching=matching,
        fusion=fusion,
    )


def _source(options: SuperpixelOptions, device: torch.device, watch: Stopwatch) -> FeatureSource:
    if isinstance(options.features, FeatureSource):
        return options.features
    with watch.stage("network"):
        return features_of(options.features, options.layers, device=device, download=options.download)


def _diffused(
    described: Described,
    colors: Tensor,
    strength: float,
    matching: Matching,
    start: ColorMap | None,
    watch: Stopwatch,
) -> Tensor:
    """The colors (N, 3) of the target's superpixels once their changes are alike over what is alike."""
    if strength == 0:
        return colors
    with watch.stage("diffusion"):
        own = described.regions.colors
        own = own if start is None else start(own.T.contiguous()).T
        return own + diffuse(colors - own, described.graph, strength, matching.pinned())


def match(
    target: Described, pictures: Pictures, source: FeatureSource, options: SuperpixelOptions, watch: Stopwatch
) -> Matching:
    """The matching of a target's superpixels with those of all references."""
    taken = [
        describe(picture, source, options.count, watch).within(mask) for picture, mask in pictures.masked_references()
    ]
    labels, first = [], 0
    for part in taken:
        labels.append(torch.where(part.labels < 0, -1, part.labels + first))
        first += len(part.features)
    sizes = [one.size for one in (target, *taken)]
    with watch.stage("attention"):
        looking = centered(target.features, options.centering)
        # Each picture has a mean of its own: what stands out in a dark reference is not what is bright in all of them.
        looked_at = torch.cat([centered(part.features, options.centering) for part in taken])
        temperature = options.temperature
        found = temperature_for(looking, looked_at, options.perplexity) if temperature is None else temperature
    return Matching(
        target=looking,
        references=looked_at,
        temperature=found,
        target_labels=target.labels,
        reference_labels=labels,
        target_regions=target.regions,
        reference_regions=Regions.joined([part.regions for part in taken]),
        pins=[_pin(point, target.labels, labels, sizes) for point in options.pins],
        shares=_shares(pictures, [part.regions for part in taken]),
        sizes=sizes,
    )


def _shares(pictures: Pictures, looks: Sequence[Regions]) -> Tensor | None:
    """(N_R,): the share of each superpixel of the references, by its pixels in its own, by the weight of that."""
    if not pictures.reference_weights:
        return None
    return torch.cat(
        [share * (look.count / look.count.sum()) for share, look in zip(pictures.shares, looks, strict=True)]
    )


def _pin(points: PinnedPoints, target: Tensor, references: Sequence[Tensor], sizes: Sequence[tuple[int, int]]) -> Pin:
    if not 0 <= points.which < len(references):
        raise UserError(f"a match names reference {points.which + 1} of {len(references)}")
    numbers = []
    for what, labels, (height, width), (row, column) in (
        ("picture", target, sizes[0], points.target),
        ("reference", references[points.which], sizes[1 + points.which], points.reference),
    ):
        if not (0 <= row < height and 0 <= column < width):
            raise UserError(f"a match names {row},{column} in the {what} of {height} x {width} pixels; rows come first")
        numbers.append(int(labels[row * labels.shape[0] // height, column * labels.shape[1] // width]))
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
