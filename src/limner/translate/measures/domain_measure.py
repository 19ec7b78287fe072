"""What translations between domains are worth: there is no true picture, so the scores are of likeness to the domain
and of what was kept, beside what changes nothing and what changes colors alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from limner.colors.classic.clouds import AffineMap, moments
from limner.colors.classic.mkl import mkl_from_moments
from limner.datasets.pictures.quantized import as_rgb, quantized
from limner.fidelity.described import describe
from limner.fidelity.features import FeatureExtractor
from limner.fidelity.kernel import draw_resamples, kernel_distance, weighted_distances
from limner.foundation.errors import UserError
from limner.nn.pretrained import LITE0
from limner.translate.measures.domain_result import COLORS, UNTOUCHED, DomainScores
from limner.translate.measures.feature_distance import three_channels
from limner.translate.measures.judge import Judge
from limner.translate.measures.measure import in_batches
from limner.translate.measures.result import MADE, Row
from limner.translate.measures.similarity import Protocol, psnr

RESAMPLES = 200
SUMMED = ("accuracy", "kept", "restored")
LEAST_FOR_INTERVAL = 10
SAMPLED_PX = 4096
"""Pixels of each picture that the domain's colors are measured on."""


@dataclass(frozen=True)
class Edit:
    """One direction of translating. name: of the domain that pictures are made into.

    sources: (C, H, W) in [0, 1], pictures of other domains. made: of these, likewise. restored: these translated back;
    empty where that means nothing. true: pictures of the domain. classes: of the sources, (n,) int64, and of the true
    pictures, (m,), where both are known.
    """

    name: str
    sources: Sequence[Tensor]
    made: Sequence[Tensor]
    true: Sequence[Tensor]
    restored: Sequence[Tensor] = ()
    classes: tuple[Tensor, Tensor] | None = None


def measure_domains(
    edits: Sequence[Edit],
    colors_of: Callable[[str], AffineMap] | None,
    *,
    on: str,
    intervals: bool = True,
    learned: tuple[Sequence[Tensor], Tensor] | None = None,
    bars: Mapping[str, Sequence[Tensor]] | None = None,
) -> DomainScores:
    """Scores of what was made in every direction, beside untouched pictures and pictures of the domain's colors.

    colors_of: by a domain's name, the map of colors to it (`map_to_domain`); None: no bars. intervals: resample the
    pictures, for the interval of the mean KID. learned: pictures that were learned from, and the number of the edit
    that each belongs to, (n,) int64: what a judge is fitted to. bars: where there is one edit, what further ways make
    of its sources. Raises `UserError` for fewer than two pictures on a side.
    """
    extractor = FeatureExtractor.of(LITE0)
    rows: dict[str, dict[str, float]] = {}
    spreads: dict[str, list[np.ndarray]] = {}
    counts = []
    judge = None if learned is None else Judge(_features(learned[0], extractor), learned[1])
    ceiling = []
    for number, edit in enumerate(edits):
        if min(len(edit.sources), len(edit.true)) < 2:
            raise UserError(
                f"{len(edit.sources)} pictures to make into {edit.name}, {len(edit.true)} of it; scores need 2 of "
                "both: give more pictures or a larger --data.held-out"
            )
        counts.append(f"{len(edit.sources)} to {edit.name} ({len(edit.true)})")
        true = _features(edit.true, extractor)
        if judge is not None:
            ceiling.append(judge.share(true, number))
        ways: dict[str, Sequence[Tensor]] = {MADE: edit.made}
        if colors_of is not None:
            colors = colors_of(edit.name)
            ways |= {UNTOUCHED: edit.sources, COLORS: [recolored(each, colors) for each in edit.sources]}
        ways |= bars or {}
        for way, pictures in ways.items():
            found = rows.setdefault(way, {})
            features = _features(pictures, extractor)
            found[f"kid to {edit.name}"] = kernel_distance(true, features)
            if judge is not None:
                found["accuracy"] = found.get("accuracy", 0.0) + judge.share(features, number)
            if intervals and min(len(pictures), len(edit.true)) >= LEAST_FOR_INTERVAL:
                spreads.setdefault(way, []).append(_resampled(true, features))
            kept = [edges_kept(one, source) for one, source in zip(pictures, edit.sources, strict=True)]
            found["kept"] = found.get("kept", 0.0) + float(np.mean(kept))
        if edit.restored:
            rgb = Protocol("rgb")
            back = [psnr(one, source, rgb) for one, source in zip(edit.restored, edit.sources, strict=True)]
            rows[MADE]["restored"] = rows[MADE].get("restored", 0.0) + float(np.mean(back))
    notes: tuple[str, ...] = ()
    if ceiling:
        notes = (
            f"Taken for the domain: by a logistic regression on {LITE0}'s features, fitted to pictures that were "
            f"learned from; of the domains' own pictures it takes {np.mean(ceiling):.1f} %.",
        )
    return _scores(rows, spreads, counts, on, notes)


def _scores(
    rows: dict[str, dict[str, float]],
    spreads: dict[str, list[np.ndarray]],
    counts: list[str],
    on: str,
    notes: tuple[str, ...],
) -> DomainScores:
    finished = {}
    for way, found in rows.items():
        kids = [value for name, value in found.items() if name.startswith("kid to ")]
        means: dict[str, float] = {name: found[name] / len(kids) for name in SUMMED if name in found}
        scores = {name: value for name, value in found.items() if name not in means}
        interval = None
        if len(spreads.get(way, [])) == len(kids):
            low, high = np.quantile(np.mean(spreads[way], axis=0), (0.025, 0.975))
            interval = (float(low), float(high))
        finished[way] = Row({"kid": float(np.mean(kids)), **scores, **means}, interval)
    return DomainScores(finished, ", ".join(counts), LITE0, on, notes)


def _features(pictures: Sequence[Tensor], extractor: FeatureExtractor) -> Tensor:
    shown = [as_rgb(quantized(three_channels(each[None])))[0] for each in pictures]
    return describe(in_batches(shown), extractor).features


def _resampled(true: Tensor, made: Tensor) -> np.ndarray:
    """(`RESAMPLES`,) KID of pictures drawn with replacement on both sides."""
    generator = torch.Generator().manual_seed(0)
    weights = [draw_resamples(len(each), RESAMPLES, generator) for each in (true, made)]
    found: np.ndarray = weighted_distances(true, made, weights[0], weights[1]).numpy()
    return found


def edges_kept(made01: Tensor, source01: Tensor) -> float:
    """How far edges stand where they stood: the correlation of the gradients' sizes of both pictures, -1 to 1; 1 of a
    picture that only became darker. 0 where one of them is flat. Each: (C, H, W) in [0, 1]."""
    sizes = []
    for picture in (made01, source01):
        rows, columns = np.gradient(picture.mean(0).double().numpy())
        size = np.hypot(rows, columns)
        sizes.append(size - size.mean())
    norms = [float(np.sqrt((each**2).sum())) for each in sizes]
    return float((sizes[0] * sizes[1]).sum() / (norms[0] * norms[1])) if min(norms) > 1e-9 else 0.0


def map_to_domain(sources: Sequence[Tensor], targets: Sequence[Tensor]) -> AffineMap:
    """The linear map of colors that brings all pictures of one domain to the colors of another: what ``limner recolor
    --method mkl`` does between two pictures, here between two sets. Each: (C, H, W) in [0, 1]."""
    return mkl_from_moments(*moments(_colors(sources)), *moments(_colors(targets)))


def recolored(picture01: Tensor, colors: AffineMap) -> Tensor:
    """(C, H, W) in [0, 1]."""
    return colors(picture01.flatten(1).double()).float().clamp(0, 1).view_as(picture01)


def _colors(pictures: Sequence[Tensor]) -> Tensor:
    """(C, n) float64: pixels of all pictures, evenly spread."""
    kept = []
    for picture in pictures:
        flat = picture.flatten(1)
        kept.append(flat[:, :: max(1, flat.shape[1] // SAMPLED_PX)])
    return torch.cat(kept, dim=1).double()
