"""What ``limner fid REAL FAKE`` does: all scores of a folder's or a run's pictures against a folder of real ones."""

from __future__ import annotations

from pathlib import Path

from limner.fidelity.described import describe_folder
from limner.fidelity.features import FeatureExtractor
from limner.fidelity.protocol import RESAMPLES
from limner.fidelity.result import PictureScores
from limner.fidelity.score import score_pictures
from limner.foundation.errors import UserError
from limner.foundation.machine.device import choose_device
from limner.generate.scoring.sides import as_run, describe_side
from limner.nn.pretrained import INCEPTION, allowing_downloads


def fid(
    real: Path | str,
    fake: Path | str,
    *,
    features: str = INCEPTION,
    weights: Path | None = None,
    resizer: str | None = None,
    samples: int | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
    device: str = "auto",
    cached: bool = True,
    download: bool = False,
) -> PictureScores:
    """Score generated pictures against real ones, under a protocol that the scores carry.

    Args:
        real: a folder of pictures; those in folders below it count too.
        fake: another, or a run that generates.
        features: ``inception``, which is what FID means, or ``efficientnet-lite0``, which needs no download. Never
            one in place of the other.
        weights: a file of Inception's weights, where they are not at their usual place.
        resizer: how pictures come to the network's size: ``bicubic``, ``bilinear``, or ``tensorflow`` as in papers of
            before 2022. By default bicubic for inception, bilinear for efficientnet-lite0.
        samples: how many pictures a run makes (default: as many as there are real ones).
        seed: of the run's latents, subsets, splits and resamples.
        resamples: for the intervals; 0 for none.
        device: auto, cpu or cuda.
        cached: keep the folders' features, and use those that were kept.
        download: fetch the weights if they are nowhere here.

    Raises:
        UserError: in one line, for folders without pictures or with broken ones, too few pictures, unknown features,
            weights that are not on this machine, options that do not fit.
    """
    if as_run(real) is not None:
        raise UserError(f"{real}: a run; REAL must be a folder of real pictures, and comes before the generated ones")
    if samples is not None and as_run(fake) is None:
        raise UserError(f"--samples is for runs, which make as many as asked; {fake} is a folder and is scored whole")
    with allowing_downloads(download):
        extractor = _extractor(features, weights, resizer, device)
    described = describe_folder(real, extractor, cached=cached)
    made = describe_side(fake, extractor, made=samples or described.count, seed=seed, cached=cached)
    return score_pictures(described, made, extractor, seed=seed, resamples=resamples)


def _extractor(features: str, weights: Path | None, resizer: str | None, device: str) -> FeatureExtractor:
    place = choose_device(device)
    if weights is None:
        return FeatureExtractor.of(features, device=place, resizer=resizer)
    if features != INCEPTION:
        raise UserError(f"--weights is for the features {INCEPTION}, not for {features}; leave it out")
    return FeatureExtractor.inception(weights, device=place, resizer=resizer)
