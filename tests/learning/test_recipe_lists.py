"""Recipes: lists, unions, weighted choices, stages by name, names of other programs, what means nothing beside what."""

from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Literal

import pytest

from limner.foundation.errors import UserError
from limner.learning.library import load_recipe
from limner.learning.loop.settings import LoopSettings, Recipe
from limner.learning.recipes.reading import read_recipe
from limner.learning.recipes.recipe import Choice, WeightedChoice, choice, setting, weighted_choices, write_recipe


def pixel() -> str:
    return "pixel"


def perceptual(layer: int = 3, network: str = "vgg") -> str:
    return f"{network} {layer}"


def adam(learning_rate: float = 1e-3, weight_decay: float = 0.0) -> str:
    return f"adam {learning_rate}"


LOSSES = {"l1": pixel, "l2": pixel, "perceptual": perceptual}
OPTIMIZERS = {"adam": adam}


@dataclass(frozen=True)
class Step:
    name: str = setting(MISSING, "what to call it")
    epochs: int = setting(1, "how long", minimum=1)
    train: Literal["all", "head"] = setting("all", "what learns")


@dataclass(frozen=True)
class Circle:
    radius: float = setting(1.0, "its radius", minimum=0)


@dataclass(frozen=True)
class Square:
    edge: float = setting(1.0, "its edge")
    angle: float = setting(0.0, "how it stands")


@dataclass(frozen=True)
class Rich(Recipe):
    task: Literal["rich"] = setting("rich", "the room")
    size: int | Literal["auto"] = setting("auto", "a number or auto")
    where: Path | tuple[Path, ...] = setting(Path(), "a path or several")
    limit: float | None = setting(None, "may be empty")
    ratio: int | float | bool = setting(1, "any of three")
    pairs: tuple[tuple[int, int], ...] = setting((), "pairs")
    words: list[str] = setting(list, "words")
    shape: Circle | Square = setting(Circle, "one of two")
    losses: tuple[WeightedChoice, ...] = weighted_choices(("l1",), "what is minimized", lambda: LOSSES)
    optimizer: Choice = choice("adam", "how", lambda: OPTIMIZERS)
    batch: int = setting(8, "how many", minimum=1)
    epochs: int = setting(10, "how long", minimum=1, unless="stages")
    stages: tuple[Step, ...] = setting((), "several stretches")


def read(text: str = "", *overrides: str) -> Rich:
    return read_recipe(f"task: rich\n{text}", "rich.yaml", lambda task: Rich if task == "rich" else None, overrides)


def weights(recipe: Rich) -> dict[str, float]:
    return {loss.name: loss.weight for loss in recipe.losses}


# --- what every recipe has -------------------------------------------------------------------------------------------


def test_the_common_fields_are_inherited_and_stand_first_and_last() -> None:
    recipe = read("seed: 4\nloop: {patience: 3}")
    assert (recipe.seed, recipe.loop) == (4, LoopSettings(patience=3))
    written = write_recipe(recipe)
    assert written.startswith("task: rich  # the room\nseed: 4  # of every random draw\n")
    top = [line for line in written.splitlines() if not line.startswith(" ")]
    assert top[-1] == "loop:  # evaluation, checkpoints, precision"
    assert read(written.partition("\n")[2]) == recipe


# --- lists and unions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("size: 3", "size", 3),
        ("size: auto", "size", "auto"),
        ("where: a/b", "where", Path("a/b")),
        ("where: [a, b]", "where", (Path("a"), Path("b"))),
        ("limit: none", "limit", None),
        ("limit: 2", "limit", 2.0),
        ("ratio: 2", "ratio", 2),
        ("ratio: 2.5", "ratio", 2.5),
        ("ratio: yes", "ratio", True),
        ("pairs: [[1, 2], [3, 4]]", "pairs", ((1, 2), (3, 4))),
        ("words: [a, b]", "words", ["a", "b"]),
        ("shape: {radius: 2}", "shape", Circle(2.0)),
        ("shape: {edge: 2, angle: 3}", "shape", Square(2.0, 3.0)),
        ("stages: [{name: a, epochs: 2}]", "stages", (Step("a", 2),)),
    ],
)
def test_unions_and_lists_are_read_by_their_types_and_survive_writing(text: str, name: str, expected: object) -> None:
    recipe = read(text)
    value = getattr(recipe, name)
    assert (value, type(value)) == (expected, type(expected))
    assert read(write_recipe(recipe).partition("\n")[2]) == recipe


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("size: many", "rich.yaml:2: size is 'many'; it must be a whole number or 'auto'"),
        ("size: [1]", "rich.yaml:2: size is a list or a section; it must be a whole number or 'auto'"),
        ("shape: {radius: -1}", "rich.yaml:2: shape.radius is -1.0; it must be at least 0"),
        ("shape: {edge: 1, radius: 2, angle: 3}", "rich.yaml:2: unknown setting 'shape.radius'; known: edge, angle"),
        ("pairs: [[1, 2], [3]]", "rich.yaml:2: pairs needs 2 values, got 1"),
    ],
)
def test_what_is_none_of_a_union_is_refused_in_words(text: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        read(text)
    assert str(caught.value) == message


# --- weighted choices ------------------------------------------------------------------------------------------------


def test_weighted_choices_are_names_or_names_with_weight_and_options() -> None:
    recipe = read("losses: [{name: l1, weight: 100}, perceptual, {name: l2, weight: 0}]")
    assert weights(recipe) == {"l1": 100.0, "perceptual": 1.0, "l2": 0.0}
    recipe = read("losses:\n  - name: perceptual\n    layer: 5\n    weight: 1e-2")
    assert recipe.losses == (WeightedChoice("perceptual", {"layer": 5}, 0.01),)
    assert recipe.losses[0].build(LOSSES) == "vgg 5"
    assert read(write_recipe(recipe).partition("\n")[2]) == recipe
    assert weights(read("losses: {name: l2, weight: 3}")) == {"l2": 3.0}


def test_weighted_choices_on_the_command_line() -> None:
    assert weights(read("", "--losses", "l2,perceptual")) == {"l2": 1.0, "perceptual": 1.0}
    assert weights(read("", "--losses", "[{name: l1, weight: 5}, l2]")) == {"l1": 5.0, "l2": 1.0}
    file = "losses: [{name: perceptual, layer: 4}, l1]"
    recipe = read(file, "--losses.perceptual.weight", "0.5", "--losses.l1.weight=100")
    assert recipe.losses == (WeightedChoice("perceptual", {"layer": 4}, 0.5), WeightedChoice("l1", {}, 100.0))
    assert weights(read("", "--losses.l1.weight", "7")) == {"l1": 7.0}, "the default's weight, where no file has any"


@pytest.mark.parametrize(
    ("text", "overrides", "message"),
    [
        ("losses: [perception]", (), "rich.yaml:2: unknown losses 'perception'; did you mean 'perceptual'?"),
        ("losses: [l1, l1]", (), "rich.yaml:2: losses has 'l1' twice; keep one"),
        ("losses: [{weight: 1}]", (), "rich.yaml:2: losses needs 'name:', one of l1, l2, perceptual"),
        ("losses: [{name: l1, weight: -1}]", (),
         "rich.yaml:2: losses.weight is -1.0; it must be a number of 0 or more"),
        ("losses: [{name: l1, weight: .inf}]", (),
         "rich.yaml:2: losses.weight is '.inf'; it must be a number"),
        ("losses: [{name: l1, weight: inf}]", (),
         "rich.yaml:2: losses.weight is inf; it must be a number of 0 or more"),
        ("losses: [{name: l1, layer: 1}]", (), "rich.yaml:2: unknown option 'layer' of losses l1; known: none"),
        ("losses: [l1, l2]", ("--losses.perceptual.layer", "1"),
         "--losses.perceptual.layer: nothing there is named 'perceptual'; known: l1, l2"),
        ("losses: [l1, l2]", ("--losses.l1", "1"),
         "--losses.l1: 'losses' is a list; name what of it to set, such as --losses.l1.NAME VALUE"),
    ],
)  # fmt: skip
def test_mistakes_in_weighted_choices_are_named(text: str, overrides: tuple[str, ...], message: str) -> None:
    with pytest.raises(UserError) as caught:
        read(text, *overrides)
    assert str(caught.value) == message


# --- stages by name, and what means nothing beside them --------------------------------------------------------------

STAGED = "stages: [{name: decoder, epochs: 1, train: head}, {name: all-of-it, epochs: 9}]"


def test_a_stage_is_set_by_its_name() -> None:
    recipe = read(STAGED, "--stages.all-of-it.epochs", "3")
    assert [(stage.name, stage.epochs, stage.train) for stage in recipe.stages] == [
        ("decoder", 1, "head"), ("all-of-it", 3, "all"),
    ]  # fmt: skip


def test_epochs_beside_stages_are_refused_with_the_setting_to_use() -> None:
    with pytest.raises(UserError) as caught:
        read(STAGED, "--epochs", "3")
    assert str(caught.value) == (
        "--epochs: this recipe has stages, beside which epochs means nothing; set --stages.decoder.epochs or "
        "--stages.all-of-it.epochs, or add --stages '[]'"
    )
    assert read(STAGED, "--epochs", "3", "--stages", "[]").epochs == 3
    assert read("epochs: 5\n" + STAGED).epochs == 5, "a resolved recipe has both"
    assert read("", "--epochs", "3").epochs == 3


def test_epochs_beside_kimg_are_refused_too() -> None:
    with pytest.raises(UserError, match=r"^--epochs: this recipe has kimg, .* set --kimg, or add --kimg none$"):
        load_recipe("generate/best", ["--epochs", "3"])
    assert load_recipe("generate/best", ["--epochs", "3", "--kimg", "none"]).epochs == 3


# --- names of other programs -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flag", "meant"),
    [
        ("--lr", "--optimizer.learning-rate"),
        ("--learning-rate", "--optimizer.learning-rate"),
        ("--optimizer.lr", None),
        ("--weight-decay", "--optimizer.weight-decay"),
        ("--batch-size", "--batch"),
        ("--num-epochs", "--epochs"),
        ("--model", None),
        ("--patience", "--loop.patience"),
        ("--early-stopping", "--loop.patience"),
        ("--loop.patiense", "--loop.patience"),
        ("--weigth-decay", "--optimizer.weight-decay"),
    ],
)
def test_a_setting_by_another_name_finds_ours(flag: str, meant: str | None) -> None:
    with pytest.raises(UserError) as caught:
        read("", flag, "1")
    expected = {
        "--optimizer.lr": "--optimizer.lr: unknown option 'lr' of optimizer adam; did you mean 'learning_rate'?",
        "--model": "--model: unknown setting 'model'; known: ",
    }.get(flag, f"{flag}: no such setting; did you mean {meant}?")
    assert str(caught.value).startswith(expected)


def test_in_a_file_the_name_is_written_as_files_write_it() -> None:
    with pytest.raises(UserError) as caught:
        read("lr: 1e-3")
    assert str(caught.value) == "rich.yaml:2: unknown setting 'lr'; did you mean 'optimizer.learning_rate'?"


def test_where_two_optimizers_are_both_are_offered() -> None:
    with pytest.raises(UserError) as caught:
        load_recipe("generate/dcgan", ["--lr", "1e-4"])
    assert str(caught.value) == (
        "--lr: no such setting; did you mean --generator-optimizer.learning-rate or "
        "--discriminator-optimizer.learning-rate?"
    )


def test_an_option_of_a_choice_that_the_file_leaves_out_keeps_the_default_choice() -> None:
    assert read("", "--optimizer.learning-rate", "5e-4").optimizer == Choice("adam", {"learning_rate": 5e-4})
