"""A network and its bars measured on pairs, picture by picture."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor

from limner.datasets.pictures.quantized import as_rgb, quantized
from limner.fidelity.described import describe
from limner.fidelity.features import FeatureExtractor
from limner.fidelity.kernel import kernel_distance
from limner.nn.pretrained import LITE0
from limner.translate.data.clips import beside, moving
from limner.translate.data.crops import Whole
from limner.translate.data.pairs import Frame
from limner.translate.measures.bars import Bar, Known, all_bars, richardson_lucy
from limner.translate.measures.color import color_error, colorfulness
from limner.translate.measures.feature_distance import LEAST_PX, FeatureDistance, three_channels
from limner.translate.measures.result import CEILING, MADE, PairScores, row_of
from limner.translate.measures.similarity import SSIM_PX, Protocol, psnr, seam, sharpness, ssim

LEAST_FOR_KID = 16
TRUE = "true picture"
Translate = Callable[[Tensor, Tensor | None], Tensor]
"""(source01 (C, h, w), mask or None) -> (C, H, W) in [0, 1]."""


def measure(
    pairs: Iterable[Whole],
    translate: Translate,
    bars: Mapping[str, Bar],
    known: Known,
    protocol: Protocol,
    *,
    on: str,
    look: bool = True,
) -> PairScores:
    """Scores of what ``translate`` makes and of every bar, on the same pairs.

    look: also how pictures look to a network: the mean feature distance, and with `LEAST_FOR_KID` pictures or more
    KID, of 8-bit RGB pictures. A pair that says by which kernel it was blurred also has a row of what can be had by who
    knows that (`CEILING`).
    """
    values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    shown: dict[str, list[Tensor]] = defaultdict(list)
    distance = FeatureDistance() if look else None
    count = 0
    for pair in pairs:
        count += 1
        made = {MADE: translate(pair.source, pair.mask), **all_bars(bars, pair.source, pair.mask, known)}
        if pair.kernel is not None:
            made[CEILING] = richardson_lucy(pair.source, pair.kernel)
        counted = counted_pixels(pair, protocol)
        for name, picture in made.items():
            found = values[name]
            found["psnr"].append(psnr(picture, pair.target, protocol, counted))
            if protocol.region == "picture" and min(pair.target.shape[1:]) - 2 * protocol.border_px >= SSIM_PX:
                found["ssim"].append(ssim(picture, pair.target, protocol))
            found["sharpness"].append(sharpness(picture))
            if makes_color(pair):
                found["color_error"].append(color_error(picture, pair.target))
                found["colorfulness"].append(colorfulness(picture))
            if pair.mask is not None:
                found["seam"].append(seam(picture, pair.mask))
            if distance is not None and min(pair.target.shape[1:]) >= LEAST_PX:
                found["features"].append(distance(picture, pair.target))
            if look:
                shown[name].append(_seen(picture))
        values[TRUE]["psnr"].append(100.0)
        values[TRUE]["sharpness"].append(sharpness(pair.target))
        if makes_color(pair):
            values[TRUE]["colorfulness"].append(colorfulness(pair.target))
        if pair.mask is not None:
            values[TRUE]["seam"].append(seam(pair.target, pair.mask))
        if look:
            shown[TRUE].append(_seen(pair.target))
    kid = _kid(shown) if look and count >= LEAST_FOR_KID else {}
    rows = {name: row_of(found, kid.get(name)) for name, found in values.items() if name != TRUE}
    notes = []
    if count:
        true = row_of(values[TRUE]).scores
        jump = f"; at the hole's border: {true['seam']:.2f}" if "seam" in true else ""
        colors = f"; their colorfulness: {true['colorfulness']:.1f}" if "colorfulness" in true else ""
        notes.append(f"The true pictures' edges: {true['sharpness']:.2f} levels{jump}{colors}.")
    if CEILING in rows:
        notes.append(f"{CEILING}: knows of each picture how it was blurred, which nobody does of a photo.")
    if look and count < LEAST_FOR_KID:
        notes.append(f"No KID: it needs {LEAST_FOR_KID} pictures.")
    return PairScores(rows, protocol, count, LITE0, on, tuple(notes))


def makes_color(pair: Whole) -> bool:
    """Whether a source is gray and its target has color."""
    return (len(pair.source), len(pair.target)) == (1, 3)


def counted_pixels(pair: Whole, protocol: Protocol) -> Tensor | None:
    """(1, H, W), 1 where PSNR counts: the hole of a pair, or what moves in it; None where all does."""
    if protocol.region in ("moving", "between"):
        frame: Frame = "next" if protocol.region == "moving" else "between"
        return moving(pair.target, *beside(pair.source, len(pair.target), frame))
    return pair.mask


def _seen(picture01: Tensor) -> Tensor:
    return as_rgb(quantized(three_channels(picture01[None])))[0]


def _kid(shown: Mapping[str, list[Tensor]]) -> dict[str, dict[str, float]]:
    extractor = FeatureExtractor.of(LITE0)
    features = {name: describe(in_batches(pictures), extractor).features for name, pictures in shown.items()}
    return {name: {"kid": kernel_distance(features[TRUE], found)} for name, found in features.items() if name != TRUE}


def in_batches(pictures: Sequence[Tensor]) -> Iterable[Tensor]:
    """Pictures of one size together, in batches of 16."""
    by_size: dict[tuple[int, ...], list[Tensor]] = defaultdict(list)
    for picture in pictures:
        by_size[tuple(picture.shape)].append(picture)
    for alike in by_size.values():
        for start in range(0, len(alike), 16):
            yield torch.stack(alike[start : start + 16])
