"""What pictures drawn again are worth: whether they have the attribute that was asked for and kept the others, by a
judge that learned nowhere near the networks, and how near they come to the pictures where nothing was asked for."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from limner.datasets.pictures.duplicates import nearest
from limner.datasets.pictures.quantized import as_rgb, quantized
from limner.fidelity.described import describe
from limner.fidelity.features import FeatureExtractor
from limner.learning.runs.score_rows import MADE, Column, ScoreRows, interval
from limner.nn.pretrained import LITE0
from limner.translate.data.attributes import LEAST_OF_EACH, AttributeSet
from limner.translate.measures.judge import Judge
from limner.translate.measures.similarity import Protocol, psnr
from limner.translate.networks.icgan import Redrawing

UNTOUCHED, MEAN, NEAREST = "untouched", "mean picture", "nearest learned picture"
ASKED, KEPT, AGAIN = "asked", "kept", "psnr"
COLUMNS = {
    ASKED: Column("changed as asked, %", share=True), KEPT: Column("others kept, %", share=True),
    AGAIN: Column("drawn again, dB (RGB)", digits=2),
}  # fmt: skip
JUDGED = 500
"""Pictures that the judge is fitted to, beside those of rare attributes."""
NEAR_PX = 16
"""Side at which the nearest picture is looked for."""
AT_ONCE = 64


class AttributeJudge:
    """Says of pictures which attributes they have: for each a logistic regression on EfficientNet-Lite0's features.

    learned: (n,) int64, the pictures that were learned from, to some of which it is fitted.
    """

    def __init__(self, data: AttributeSet, learned: Tensor) -> None:
        self.extractor = FeatureExtractor.of(LITE0)
        spread = torch.linspace(0, len(learned) - 1, min(JUDGED, len(learned))).round().long()
        having = data.attributes[learned] > 0
        rare = [
            (having[:, number] == value).nonzero().flatten()[:LEAST_OF_EACH]
            for number in range(len(data.names))
            for value in (True, False)
        ]
        places = learned[torch.cat([spread, *rare]).unique()]
        features = self._features(data.pictures[places])
        self._judges = [Judge(features, (each > 0).long()) for each in data.attributes[places].T]

    def answers(self, pictures: Tensor) -> np.ndarray:
        """(n, attributes) bool of pictures, (n, C, S, S) uint8."""
        features = self._features(pictures)
        return np.stack([judge.answers(features) == 1 for judge in self._judges], axis=1)

    def _features(self, pictures: Tensor) -> Tensor:
        return describe(as_rgb(pictures), self.extractor).features


def measure_attributes(
    network: Redrawing, data: AttributeSet, places: Tensor, learned: Tensor, judge: AttributeJudge, *, on: str
) -> ScoreRows:
    """Scores of pictures drawn again, each once with every attribute changed, beside untouched ones.

    places: (n,) int64, the pictures that are drawn again. learned: (m, C, S, S) uint8, what was learned from, for the
    bars of PSNR. on: which pictures they are, in words.
    """
    pictures = data.pictures[places]
    true = data.attributes[places].numpy() > 0
    untouched = judge.answers(pictures) == true
    count, changed, kept = len(data.names), [], []
    for number in range(count):
        there = judge.answers(redrawn(network, data, places, number)) == true
        changed.append(~there[:, number])
        kept.append(np.delete(there, number, axis=1))
    asked, shares = np.stack(changed, axis=1), np.stack(kept, axis=1).mean((1, 2)) if count > 1 else None
    bars = {
        MADE: redrawn(network, data, places),
        MEAN: quantized(learned.float().mean(0) / 255).expand_as(pictures),
        NEAREST: learned[nearest(_small(pictures), _small(learned)).indices[:, 0]],
    }
    near = {name: _decibels(each, pictures) for name, each in bars.items()}
    rows: dict[str, dict[str, float | None]] = {name: {AGAIN: float(np.mean(each))} for name, each in near.items()}
    rows[MADE] |= {ASKED: float(asked.mean()), KEPT: None if shares is None else float(shares.mean())}
    alone = {ASKED: float(1 - untouched.mean()), KEPT: float(untouched.mean()) if count > 1 else None}
    rows = {MADE: rows[MADE], UNTOUCHED: alone, MEAN: rows[MEAN], NEAREST: rows[NEAREST]}
    intervals = {ASKED: interval(asked.mean(1)), AGAIN: interval(near[MADE])}
    if shares is not None:
        intervals[KEPT] = interval(shares)
    told = ", ".join(
        f"{name} {100 * one:.0f} ({100 - 100 * other:.0f})"
        for name, one, other in zip(data.names, asked.mean(0), untouched.mean(0), strict=True)
    )
    protocol = (
        f"{len(places)} pictures ({on}), each drawn again with every attribute changed, one at a time, and once with "
        "none changed, which PSNR tells; intervals by resampling the pictures."
    )
    notes = (
        f"The judge of attributes is a logistic regression on {LITE0}'s features, fitted to pictures that were learned "
        f"from; of untouched pictures it tells {100 * untouched.mean():.1f} % of the attributes right.",
        f"Changed as asked, in % (untouched): {told}.",
        f"The nearest learned picture is that of the least squared difference at {NEAR_PX} x {NEAR_PX} px.",
    )
    return ScoreRows(COLUMNS, rows, UNTOUCHED, protocol, intervals, notes)


@torch.no_grad()
def redrawn(network: Redrawing, data: AttributeSet, places: Tensor, changed: int | None = None) -> Tensor:
    """(n, C, S, S) uint8: pictures drawn again with the attributes that are read.

    changed: the attribute that shall be the opposite of what the table says; None: none.
    """
    device = next(network.parameters()).device
    found = []
    for some in places.split(AT_ONCE):
        image = data.images(some).to(device)
        attributes = network.attributes(image)
        if changed is not None:
            attributes[:, changed] = -data.attributes[some, changed].to(device)
        found.append(quantized((network.redraw(image, attributes).cpu() + 1) / 2))
    return torch.cat(found)


def _small(pictures: Tensor) -> Tensor:
    side = min(NEAR_PX, pictures.shape[-1])
    return torch.cat([functional.adaptive_avg_pool2d(some.float(), side).flatten(1) for some in pictures.split(1024)])


def _decibels(made: Tensor, true: Tensor) -> list[float]:
    return [psnr(one, other, Protocol("rgb")) for one, other in zip(_floats(made), _floats(true), strict=True)]


def _floats(pictures: Tensor) -> Iterator[Tensor]:
    return (each.float() / 255 for each in pictures)
