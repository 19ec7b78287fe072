"""What the bundled recipes that generate promise; the contract of all is in tests/learning/test_contract.py."""

import pytest

from limner.generate.training.recipe import GenerateRecipe
from limner.learning.library import bundled_recipes, load_recipe
from limner.learning.recipe import write_recipe
from limner.learning.recipe_reading import read_recipe

NAMES = sorted(name for name in bundled_recipes() if name.startswith("generate/"))
STUDY = ("dcgan", "dcgan-bigger", "dcgan-hinge", "sa-dcgan", "sa-dcgan-orthogonal")


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


@pytest.mark.parametrize(("recipe", "steps", "images_per_step"), [("sngan", 100_000, 320), ("wgan-gp", 200_000, 320)])
def test_the_papers_numbers_of_updates_are_kept(recipe: str, steps: int, images_per_step: int) -> None:
    found = load_recipe(f"generate/{recipe}")
    assert found.images_per_step == images_per_step
    assert found.images(1000) / images_per_step == steps
