"""Each bundled recipe that generates takes two rounds, from its folder of pictures to its report;
and what they promise.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import limner as api
from drawn_pictures import save_boxes
from limner.fidelity.features import FeatureExtractor
from limner.generate.training.recipe import GenerateRecipe
from limner.learning.library import bundled_recipes, load_recipe
from limner.learning.recipe import write_recipe
from limner.learning.recipe_reading import read_recipe
from limner.learning.run import Run
from quick_features import mean_colors

NAMES = sorted(name for name in bundled_recipes() if name.startswith("generate/"))
LEFT = {
    "recipe.yaml", "run.json", "model.json", "model.safetensors", "checkpoint", "metrics.csv", "curves.png", "pictures",
    "evaluation.json", "card.md", "report.html",
}  # fmt: skip
BATCH = 4
NARROW = ("--generator.width", "8", "--discriminator.width", "8")
"""Their full width is in test_gan_networks.py: here it would only cost time."""
STUDY = ("dcgan", "dcgan-bigger", "dcgan-hinge", "sa-dcgan", "sa-dcgan-orthogonal")
CommandLine = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recipes") / "boxes"
    save_boxes(folder / "low", 16)
    return save_boxes(folder / "high", 16, first=100).parent


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(FeatureExtractor, "of", staticmethod(mean_colors))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", NAMES)
def test_every_bundled_recipe_that_generates_takes_two_rounds(
    name: str, boxes: Path, here: Path, limner: CommandLine
) -> None:
    recipe: GenerateRecipe = load_recipe(name)
    kimg = 2 * BATCH * recipe.discriminator_steps / 1000
    command = [
        "train", name, "--data", boxes, "--out", "run", "--kimg", f"{kimg}", "--batch", BATCH, "--scores.samples", "16",
        "--data.held-out", "12", "--loop.precision", "fp32", *NARROW,
    ]  # fmt: skip
    code, out, error = limner(*map(str, command))
    assert (code, out) == (0, "run\n"), error
    run = Run(here / "run")
    assert {path.name for path in run.folder.iterdir()} == LEFT
    assert (run.status["status"], run.status["steps"]) == ("finished", 2)
    rows = run.metrics()
    losses = [float(rows[-1][f"train/{side}_loss"]) for side in ("discriminator", "generator")]
    assert all(np.isfinite(losses))
    assert 0 < float(rows[-1]["validation/kid"]) < np.inf
    assert {path.name for path in (run.folder / "pictures").iterdir()} == {
        "made.png", "real.png", "nearest.png", "train-0001.jpg"
    }  # fmt: skip
    made = api.load(run.folder).generate(3)
    size_px = recipe.data.size_px
    assert made.shape == (3, 3, size_px, size_px)


@pytest.mark.parametrize("name", STUDY)
def test_the_studys_recipes_have_the_studys_settings(name: str) -> None:
    recipe = load_recipe(f"generate/{name}")
    for optimizer in (recipe.generator_optimizer, recipe.discriminator_optimizer):
        assert optimizer.name == "adam"
        assert optimizer.options == {"learning_rate": 1e-4, "beta1": 0.5, "weight_decay": 1e-3}
    assert recipe.batch == (256 if name in ("dcgan", "dcgan-hinge") else 512)
    assert recipe.epochs == 3500
    assert recipe.kimg is None


def test_dcgan_and_dcgan_hinge_differ_by_one_line() -> None:
    one, other = (write_recipe(load_recipe(f"generate/{name}")).splitlines() for name in ("dcgan", "dcgan-hinge"))
    assert [ours for ours, theirs in zip(one, other, strict=True) if ours != theirs] == [
        "loss: {name: non-saturating}  # what the two minimize"
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_survives_being_written_and_read(name: str) -> None:
    recipe = load_recipe(name)
    assert read_recipe(write_recipe(recipe), "recipe", lambda _: GenerateRecipe) == recipe


@pytest.mark.parametrize(("recipe", "rounds", "images_per_round"), [("sngan", 100_000, 320), ("wgan-gp", 200_000, 320)])
def test_the_papers_numbers_of_updates_are_kept(recipe: str, rounds: int, images_per_round: int) -> None:
    found = load_recipe(f"generate/{recipe}")
    assert found.images_per_step == images_per_round
    assert found.images(1000) / images_per_round == rounds
