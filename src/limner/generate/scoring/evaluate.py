"""`limner evaluate` for a run that generates: what it makes against the pictures that it did not learn from,
or others.
"""

from collections.abc import Sequence
from pathlib import Path

from limner.datasets.pictures.quantized import as_rgb
from limner.fidelity.described import Described, describe, describe_folder
from limner.fidelity.features import FeatureExtractor
from limner.fidelity.result import PictureScores
from limner.fidelity.score import RESAMPLES, score_pictures
from limner.foundation.device import choose_device
from limner.foundation.errors import UserError
from limner.foundation.files import write_json
from limner.generate.scoring.sides import make_pictures
from limner.generate.training.recipe import GenerateRecipe
from limner.generate.training.recipe_data import unseen_pictures
from limner.learning.library import recipe_of
from limner.learning.run import Run, bundled_models, open_run


def evaluate_run(
    run: str | Path | Run,
    *,
    data: Sequence[Path | str] = (),
    features: str | None = None,
    samples: int | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
    device: str = "auto",
    out: Path | None = None,
) -> PictureScores:
    """Score what a run makes and write ``evaluation.json`` into it, or to ``out`` (only there, for a bundled model).

    Args:
        data: one folder of real pictures to score against; without it, the held-out pictures of the run's own data, or
            where none were held out, those that it learned from.
        features: ``inception`` or ``efficientnet-lite0`` (default: those of the recipe).
        samples: how many pictures are made (default: as many as the recipe says).
        seed: of the latents, subsets and resamples.
        resamples: for the intervals; 0 for none.
        device: auto, cpu or cuda.

    Raises:
        UserError: as reading the pictures and finding the weights of the features do; for several folders.
    """
    run = run if isinstance(run, Run) else open_run(run)
    recipe: GenerateRecipe = recipe_of(run)
    place = choose_device(device)
    extractor = FeatureExtractor.of(features or recipe.scores.features, device=place)
    real = _given(data, extractor) if data else describe(as_rgb(unseen_pictures(recipe)), extractor)
    made = make_pictures(run, samples or recipe.scores.samples, device=place, seed=seed)
    result = score_pictures(real, describe(as_rgb(made), extractor), extractor, seed=seed, resamples=resamples)
    if out is not None or run.folder not in bundled_models().values():
        write_json(out or run.folder / "evaluation.json", result.to_json())
    return result


def _given(data: Sequence[Path | str], extractor: FeatureExtractor) -> Described:
    if len(data) > 1:
        raise UserError(
            f"--data names {len(data)} folders; scores are against one, so put the pictures below one folder"
        )
    return describe_folder(data[0], extractor)
