"""`limner evaluate` for a run that generates: what it makes against the pictures that it did not learn from,
or others.
"""

from collections.abc import Sequence
from pathlib import Path

from limner.datasets.pictures.quantized import as_rgb
from limner.fidelity.described import Described, describe, describe_folder
from limner.fidelity.features import FeatureExtractor
from limner.fidelity.result import PictureScores
from limner.fidelity.score import score_pictures
from limner.foundation.errors import UserError
from limner.foundation.machine.device import choose_device
from limner.generate.scoring.options import EvaluateOptions
from limner.generate.scoring.sides import make_pictures
from limner.generate.training.recipe import GenerateRecipe
from limner.generate.training.recipe_data import unseen_pictures
from limner.learning.library import recipe_of
from limner.learning.runs.run import Run


def evaluate_run(
    run: Run, options: EvaluateOptions, *, data: Sequence[Path] = (), device: str = "auto"
) -> PictureScores:
    """Score what a run makes.

    Args:
        data: one folder of real pictures to score against; without it, the held-out pictures of the run's own data, or
            where none were held out, those that it learned from.
        device: auto, cpu or cuda.

    Raises:
        UserError: as reading the pictures and finding the weights of the features do; for several folders.
    """
    recipe: GenerateRecipe = recipe_of(run)
    place = choose_device(device)
    extractor = FeatureExtractor.of(options.features or recipe.scores.features, device=place)
    real = _given(data, extractor) if data else describe(as_rgb(unseen_pictures(recipe)), extractor)
    made = make_pictures(run, options.samples or recipe.scores.samples, device=place, seed=options.seed)
    return score_pictures(
        real, describe(as_rgb(made), extractor), extractor, seed=options.seed, resamples=options.resamples
    )


def _given(data: Sequence[Path], extractor: FeatureExtractor) -> Described:
    if len(data) > 1:
        raise UserError(
            f"--data names {len(data)} folders; scores are against one, so put the pictures below one folder"
        )
    return describe_folder(data[0], extractor)
