"""How well a network recolors photos that it did not learn from, beside what needs no learning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from limner.colors.classic.mkl import mkl
from limner.colors.spaces import lab_to_srgb, srgb_to_lab
from limner.learning.runs.score_rows import MADE, Column, ScoreRows, interval
from limner.recolor.methods.analogy.grid import changed, scaled, unscaled
from limner.recolor.methods.analogy.histograms import soft_histogram
from limner.recolor.scoring.score import score_transfer
from limner.recolor.training.pairs import Analogies, AnalogyPairs

COLUMNS = {
    "delta_e": Column("Delta E to the true change", "lower", digits=2),
    "closed": Column("color distance closed, %", share=True),
    "ssim": Column("SSIM"),
}
UNTOUCHED, BAR = "untouched", "mkl"


@torch.no_grad()
def recolored(network: Any, pairs: Analogies) -> Tensor:
    """(B, 3, S, S): the sources in the references' colors, gamma-encoded, not clipped."""
    device = next(network.parameters()).device
    source, reference = (lab_of(each.to(device)) for each in (pairs.source, pairs.reference))
    histograms = (soft_histogram(each.flatten(2)) for each in (source, reference))
    colors = scaled(source)
    made = unscaled(changed(colors, network(colors, *histograms)))
    return lab_to_srgb(made.transpose(0, 1)).transpose(0, 1).cpu()


def lab_of(pictures: Tensor) -> Tensor:
    """CIELAB of pictures (B, 3, H, W)."""
    return srgb_to_lab(pictures.transpose(0, 1).contiguous()).transpose(0, 1)


def measure_analogy(network: Any, photos: Sequence[Tensor], side: int, *, seed: int, on: str) -> ScoreRows:
    """Scores of one analogy of each kind with each photo: the same draws whenever it is asked.

    Of pairs of one photo: the mean Delta E (1976) to the source after the reference's change. Of pairs of two: the
    share of the distance to the reference's colors that is gone, and SSIM with the source.
    """
    places = torch.arange(len(photos))
    rows: dict[str, dict[str, list[float]]] = {name: {} for name in (MADE, UNTOUCHED, BAR)}
    for unlike in (0.0, 1.0):
        drawn = AnalogyPairs(photos, side, unlike, seed).batch(places, 0)
        by_mkl = [
            mkl(source.flatten(1), reference.flatten(1))(source.flatten(1)).view_as(source)
            for source, reference in zip(drawn.source, drawn.reference, strict=True)
        ]
        for name, made in ((MADE, recolored(network, drawn)), (UNTOUCHED, drawn.source), (BAR, torch.stack(by_mkl))):
            made = made.clamp(0, 1)
            if unlike:
                scores = [score_transfer(*each) for each in zip(drawn.source, made, drawn.reference, strict=True)]
                rows[name]["closed"] = [score.closed for score in scores]
                rows[name]["ssim"] = [score.ssim for score in scores]
            else:
                apart = (lab_of(made) - lab_of(drawn.target)).norm(dim=1)
                rows[name]["delta_e"] = apart.mean((1, 2)).tolist()
    means = {name: {score: sum(found[score]) / len(found[score]) for score in COLUMNS} for name, found in rows.items()}
    protocol = (
        f"{len(photos)} photos {on}, crops of {side} px: Delta E on changes that are known, seen on another crop of "
        "the photo; the other scores where the reference is another of these photos. "
        f"{UNTOUCHED}: the source as it is; {BAR}: the linear map between both pictures' colors, which learns nothing."
    )
    intervals = {score: interval(rows[MADE][score]) for score in COLUMNS}
    return ScoreRows(COLUMNS, means, BAR, protocol, intervals)
