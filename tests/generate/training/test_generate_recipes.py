"""What the bundled recipes that generate promise; the contract of all is in tests/learning/test_contract.py."""

import pytest

from limner.learning.library import bundled_recipes, load_recipe, recipe_type
from limner.learning.recipes.reading import read_recipe
from limner.learning.recipes.recipe import write_recipe

NAMES = sorted(name for name in bundled_recipes() if name.startswith("generate/"))
STUDY = (
    "dcgan", "dcgan-bigger", "dcgan-hinge", "sa-dcgan", "sa-dcgan-orthogonal", "resnet-18", "resnet-18-clipped",
    "resnet-34", "logan", "logan-bidirectional", "resnet-18-logan", "resnet-18-sa-logan",
)  # fmt: skip


@pytest.mark.parametrize("name", STUDY)
def test_the_studys_recipes_have_the_studys_settings(name: str) -> None:
    recipe = load_recipe(f"generate/{name}")
    for optimizer in (recipe.generator_optimizer, recipe.discriminator_optimizer):
        assert optimizer.name == "adam"
        assert optimizer.options == {"learning_rate": 1e-4, "beta1": 0.5, "weight_decay": 1e-3}
    assert recipe.batch == (512 if name in ("dcgan-bigger", "sa-dcgan", "sa-dcgan-orthogonal") else 256)
    assert recipe.clip_gradients == (1.0 if name == "resnet-18-clipped" else None)
    assert recipe.initialization.name == ("xavier" if name.startswith("resnet") else recipe.initialization.name)
    assert (recipe.latent_optimization.step == "natural") == ("logan" in name)
    assert (recipe.encoder.name != "none") == (name == "logan-bidirectional")
    assert recipe.epochs == 3500
    assert recipe.kimg is None


def test_dcgan_and_dcgan_hinge_differ_by_one_line() -> None:
    one, other = (write_recipe(load_recipe(f"generate/{name}")).splitlines() for name in ("dcgan", "dcgan-hinge"))
    assert [ours for ours, theirs in zip(one, other, strict=True) if ours != theirs] == [
        "loss: {name: non-saturating}  # what the two minimize"
    ]


@pytest.mark.parametrize(
    ("one", "other", "lines"),
    [
        ("resnet-18", "resnet-18-clipped", 1),
        ("resnet-18", "resnet-34", 2),
        ("logan", "logan-bidirectional", 1),
        ("resnet-18-logan", "resnet-18-sa-logan", 3),
        ("dcgan-hinge", "logan", 5),
    ],
)
def test_neighbors_in_the_study_differ_by_few_lines(one: str, other: str, lines: int) -> None:
    texts = [write_recipe(load_recipe(f"generate/{name}")).splitlines() for name in (one, other)]
    assert sum(ours != theirs for ours, theirs in zip(*texts, strict=True)) == lines


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_survives_being_written_and_read(name: str) -> None:
    recipe = load_recipe(name)
    assert read_recipe(write_recipe(recipe), "recipe", recipe_type) == recipe


@pytest.mark.parametrize(("recipe", "steps", "images_per_step"), [("sngan", 100_000, 320), ("wgan-gp", 200_000, 320)])
def test_the_papers_numbers_of_updates_are_kept(recipe: str, steps: int, images_per_step: int) -> None:
    found = load_recipe(f"generate/{recipe}")
    assert found.images_per_step == images_per_step
    assert found.images(1000) / images_per_step == steps
