"""What it is worth that an averaged generator's batch normalization has statistics of its own.

    python benchmarks/standing_statistics.py RUN... [--seeds 0 2 3] [--samples 1000] [--features efficientnet-lite2]

Each RUN of `limner train generate/...` with an average, its pictures where they were. The same averaged weights make
pictures twice: with the statistics that the learning generator had at the last step, as averages usually copy them, and
with those of pictures that the average itself made (`limner.learning.loop.average.settle_statistics`). Both are scored
against the pictures that the run held out. Prints Markdown.
"""

import argparse
from pathlib import Path

import torch
from torch import Tensor

from limner.datasets.pictures.quantized import quantized
from limner.fidelity.coverage import support
from limner.fidelity.described import describe
from limner.fidelity.features import FeatureExtractor
from limner.fidelity.kernel import kernel_distance
from limner.generate.making.predictor import PictureGenerator, load_generator
from limner.generate.training.recipe import GenerateRecipe
from limner.generate.training.recipe_data import load_pictures, split_pictures
from limner.generate.training.task import STATISTICS_SEED
from limner.learning.library import recipe_of
from limner.learning.loop.average import settle_statistics
from limner.learning.runs.run import Run


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    given.add_argument("runs", type=Path, nargs="+", metavar="RUN")
    given.add_argument("--seeds", type=int, nargs="+", default=[0, 2, 3], help="of the pictures that are scored")
    given.add_argument("--samples", type=int, default=1000)
    given.add_argument("--features", default="efficientnet-lite0")
    options = given.parse_args()
    extractor = FeatureExtractor.of(options.features)
    print(f"| run | statistics | seed | KID[{options.features}] | precision, % | recall, % |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    for folder in options.runs:
        run = Run(folder)
        recipe = recipe_of(run)
        assert isinstance(recipe, GenerateRecipe)
        pictures = load_pictures(recipe)
        _, kept = split_pictures(recipe, pictures)
        real = describe(pictures.pictures[kept], extractor).features
        for name, predictor in (("copied", with_copied(run)), ("its own", with_its_own(run, options.samples))):
            for seed in options.seeds:
                made = quantized(predictor.generate(options.samples, seed=seed))
                features = describe(made, extractor).features
                overlap = support(real, features)
                print(
                    f"| {folder.name} | {name} | {seed} | {kernel_distance(real, features):.4f} | "
                    f"{100 * overlap.precision.mean():.1f} | {100 * overlap.recall.mean():.1f} |",
                    flush=True,
                )


def last_weights(run: Run) -> dict[str, dict[str, Tensor]]:
    """Of the networks, as they were at the last step."""
    state = torch.load(run.folder / "checkpoint" / "state.pt", map_location="cpu", weights_only=False)
    networks: dict[str, dict[str, Tensor]] = state["task"]["networks"]
    return networks


def with_copied(run: Run) -> PictureGenerator:
    """The average of the last step with the statistics of the generator that learned."""
    predictor, networks = load_generator(run, "cpu"), last_weights(run)
    statistics = {name: value for name, value in networks["generator"].items() if "running_" in name}
    predictor.network.load_state_dict({**networks["average"], **statistics})
    return predictor


def with_its_own(run: Run, samples: int) -> PictureGenerator:
    """The same weights with statistics of what they make."""
    predictor = with_copied(run)
    settle_statistics(predictor.network, lambda: predictor.generate(samples, seed=STATISTICS_SEED))
    return predictor


if __name__ == "__main__":
    main()
