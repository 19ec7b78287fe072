"""All scores of generated pictures against real ones, each with an interval, under one protocol."""

from __future__ import annotations

import torch
from torch import Tensor

from limner.datasets.pictures.decoding import BEHIND_ALPHA
from limner.fidelity.coverage import COVERAGE_NEIGHBORS, NEIGHBORS, Support, support
from limner.fidelity.described import Described, describe
from limner.fidelity.features import FeatureExtractor
from limner.fidelity.frechet import fit_gaussian, gaussian_distance
from limner.fidelity.inception_score import SPLITS, split_weights, weighted_scores
from limner.fidelity.kernel import draw_resamples, draw_subsets, kernel_distance, weighted_distances
from limner.fidelity.protocol import RESAMPLES, Protocol
from limner.fidelity.result import PictureScores, Score
from limner.foundation.errors import UserError
from limner.foundation.version import __version__

SUBSETS, SUBSET_SIZE = 100, 1000
FRECHET_RESAMPLES = 20
"""A Fréchet distance takes a decomposition each, so its interval comes from the spread of fewer resamples."""
LEAST_PICTURES = 10
FLAT = 64


def score_pictures(
    real: Tensor | Described,
    fake: Tensor | Described,
    features: FeatureExtractor | str,
    *,
    seed: int = 0,
    subsets: int = SUBSETS,
    subset_size: int = SUBSET_SIZE,
    splits: int = SPLITS,
    resamples: int = RESAMPLES,
) -> PictureScores:
    """Score generated pictures against real ones.

    Args:
        real, fake: uint8 (n, 1, 3 or 4, H, W), or what `describe` found of them under ``features``, so that real
            pictures are seen by the network once in many scorings.
        features: an extractor, or a name that `FeatureExtractor.of` knows.
        seed: of the subsets, splits and resamples.
        subsets, subset_size: of the KID as papers print it; no more pictures in a subset than there are. The value
            itself is over all pictures.
        splits: of the IS.
        resamples: for the 95 % intervals, of the pictures on both sides; 0 for none, which is quicker. Those of
            precision, recall, density and coverage hold the balls fixed; that of the FID is 1.96 deviations of at most
            `FRECHET_RESAMPLES` of them, for a resample repeats pictures and its FID lies above.

    Raises:
        UserError: fewer than `LEAST_PICTURES` pictures on a side.
        ValueError: pictures of another form, or features of another extractor.
    """
    extractor = FeatureExtractor.of(features) if isinstance(features, str) else features
    real, fake = (_described(pictures, extractor) for pictures in (real, fake))
    for side, pictures in (("real", real), ("generated", fake)):
        if pictures.count < LEAST_PICTURES:
            raise UserError(f"{pictures.count} {side} pictures; needed: {LEAST_PICTURES} or more, better thousands")
    protocol = state_protocol(
        real,
        fake.count,
        extractor,
        seed=seed,
        subsets=subsets,
        subset_size=subset_size,
        splits=splits,
        resamples=resamples,
    )
    generator = torch.Generator().manual_seed(seed)
    real_weights = draw_resamples(real.count, resamples, generator)
    fake_weights = draw_resamples(fake.count, resamples, generator)
    scores = {
        "fid": _frechet(real.features, fake.features, real_weights, fake_weights),
        "kid": _kernel(real.features, fake.features, real_weights, fake_weights, protocol, generator),
        **_overlap(support(real.features, fake.features), real_weights, fake_weights),
        "is": _inception(fake.logits, fake_weights, protocol, generator),
    }
    small = min(real.count, fake.count) <= real.features.shape[1]
    order = ("kid", "fid") if small else ("fid", "kid")
    ordered = {name: scores[name] for name in (*order, *(name for name in scores if name not in order))}
    return PictureScores(ordered, protocol, flat_distance(real, extractor), _notes(real, fake))


def state_protocol(
    real: Described,
    fake_count: int,
    extractor: FeatureExtractor,
    *,
    seed: int = 0,
    subsets: int = SUBSETS,
    subset_size: int = SUBSET_SIZE,
    splits: int = SPLITS,
    resamples: int = RESAMPLES,
) -> Protocol:
    """The protocol by which `score_pictures` would score so many generated pictures."""
    return Protocol(
        features=extractor.name, weights=extractor.digest, resizer=f"{extractor.resizer} to {extractor.input_px} px",
        quantized="8 bit", alpha=f"RGB{BEHIND_ALPHA}", real=real.pixels, real_count=real.count, fake_count=fake_count,
        subsets=subsets, subset_size=min(subset_size, real.count, fake_count), splits=min(splits, fake_count),
        neighbors=NEIGHBORS, coverage_neighbors=COVERAGE_NEIGHBORS, resamples=resamples, seed=seed, version=__version__,
    )  # fmt: skip


def flat_distance(real: Described, extractor: FeatureExtractor) -> float:
    """The KID of `FLAT` flat pictures, each of a real one's mean color: it hardly depends on how many."""
    places = torch.linspace(0, real.count - 1, min(FLAT, real.count)).round().long()
    flat = real.colors[places, :, None, None].expand(-1, -1, 8, 8)
    return kernel_distance(real.features, extractor.see(flat).features)


def _described(pictures: Tensor | Described, extractor: FeatureExtractor) -> Described:
    if isinstance(pictures, Tensor):
        return describe(pictures, extractor)
    ours = (extractor.name, extractor.digest, extractor.resizer)
    if (pictures.extractor, pictures.weights, pictures.resizer) != ours:
        raise ValueError(
            f"pictures described by {pictures.extractor}, asked to score by {extractor.name}; describe them anew"
        )
    return pictures


def _frechet(real: Tensor, fake: Tensor, real_weights: Tensor, fake_weights: Tensor) -> Score:
    value = gaussian_distance(fit_gaussian(real), fit_gaussian(fake))
    drawn = [
        gaussian_distance(fit_gaussian(real, ours), fit_gaussian(fake, theirs))
        for ours, theirs in zip(real_weights[:FRECHET_RESAMPLES], fake_weights[:FRECHET_RESAMPLES], strict=True)
    ]
    if len(drawn) < 2:
        return Score(value, None, None)
    margin = 1.96 * float(torch.tensor(drawn, dtype=torch.float64).std())
    return Score(value, value - margin, value + margin)


def _kernel(
    real: Tensor,
    fake: Tensor,
    real_weights: Tensor,
    fake_weights: Tensor,
    protocol: Protocol,
    generator: torch.Generator,
) -> Score:
    rows = []
    for resampled in (real_weights, fake_weights):
        chosen = draw_subsets(resampled.shape[1], protocol.subsets, protocol.subset_size, generator)
        rows.append(_after_the_whole(chosen, resampled))
    found = weighted_distances(real, fake, *rows)
    parts = found[1 : 1 + protocol.subsets]
    whole = protocol.subset_size == len(real) == len(fake)  # then the subsets are one and the same
    return _with_interval(found[0], found[1 + protocol.subsets :], None if whole else parts)


def _overlap(overlap: Support, real_weights: Tensor, fake_weights: Tensor) -> dict[str, Score]:
    answers = {
        "precision": (overlap.precision, fake_weights),
        "recall": (overlap.recall, real_weights),
        "density": (overlap.density, fake_weights),
        "coverage": (overlap.coverage, real_weights),
    }
    return {name: _with_interval(each.mean(), weights @ each / len(each)) for name, (each, weights) in answers.items()}


def _inception(logits: Tensor, resampled: Tensor, protocol: Protocol, generator: torch.Generator) -> Score:
    parts = split_weights(len(logits), protocol.splits, generator)
    found = weighted_scores(logits, _after_the_whole(parts, resampled))
    return _with_interval(found[0], found[1 + protocol.splits :], found[1 : 1 + protocol.splits])


def _after_the_whole(*weights: Tensor) -> Tensor:
    """Rows of weights below a first one that takes every picture once."""
    return torch.cat([torch.ones_like(weights[0][:1]), *weights])


def _with_interval(value: Tensor, drawn: Tensor, parts: Tensor | None = None) -> Score:
    spread = None if parts is None else (float(parts.mean()), float(parts.std(correction=0)))
    if len(drawn) == 0:
        return Score(float(value), None, None, spread)
    low, high = torch.quantile(drawn, drawn.new_tensor([0.025, 0.975])).tolist()
    return Score(float(value), low, high, spread)


def _notes(real: Described, fake: Described) -> tuple[str, ...]:
    notes = []
    few, dimensions = min(real.count, fake.count), real.features.shape[1]
    if few <= dimensions:
        notes.append(
            f"Only {few:,} pictures on a side, no more than the {dimensions:,} feature dimensions: the FID is mostly "
            "bias here, go by the KID."
        )
    elif real.count != fake.count:
        notes.append("The FID falls with the number of pictures: compare it only at these counts.")
    if set(real.sizes) != set(fake.sizes):
        sizes = (", ".join(list(each.sizes)[:3]) + (" ..." if len(each.sizes) > 3 else "") for each in (real, fake))
        notes.append("Real and generated pictures have other sizes ({} and {} px): this counts too.".format(*sizes))
    if real.lossy != fake.lossy:
        side = "real" if real.lossy else "generated"
        notes.append(f"The {side} pictures alone come from lossy files, such as JPEG: this counts too.")
    notes.append("The IS says nothing where all pictures are of one class, such as cars only.")
    return tuple(notes)
