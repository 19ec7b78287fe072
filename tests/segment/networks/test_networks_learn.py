"""Every network of the room learns through the real task: two steps of each recipe, and four chips by heart."""

import dataclasses
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import torch
from torchvision.models.resnet import Bottleneck

from drawn import draw_picture, recipe_for, save_area
from limner.learning.library import bundled_recipes, load_recipe
from limner.learning.loop.fabric import make_fabric
from limner.learning.loop.task import StageContext
from limner.learning.networks.listing import NetworkRow, NetworkSizes
from limner.learning.recipes.recipe import write_recipe
from limner.nn.initialize import shapes_only
from limner.segment.measures.tally import Tally
from limner.segment.networks import NETWORKS, residual_unet, unet
from limner.segment.networks.listing import list_networks
from limner.segment.training.recipe import SegmentRecipe
from limner.segment.training.task import SegmentTask

RECIPES = [name for name in bundled_recipes() if name.startswith("segment/")]
SMALL = ("--data.validation-share", "0", "--data.tile-px", "48", "--data.crop-px", "32")
WHOLE = ("--data.validation-share", "0", "--data.tile-px", "64", "--data.crop-px", "64")


DENSE = ("unet-valid", "fcn", "segnet", "deconvnet", "dilated")
"""Networks with a width, which learn here at an eighth of it: at the papers' they have up to 252 million parameters."""
SEEN = 20_000
"""Weights of each layer that are compared: more than one kernel's, which may be behind a ReLU that is shut."""
NARROW = ("--network.width", "0.125")


class ThinBottleneck(Bottleneck):
    """ResNet's unit that gives as many maps as it thinks with, not four times as many."""

    expansion = 1


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def town(tmp_path: Path) -> Path:
    """Four chips of 64 px: brick roofs on grass."""
    return save_area(tmp_path / "town", [draw_picture(64, 64, seed=seed) for seed in range(4)])


@pytest.fixture
def narrow_unet(monkeypatch: pytest.MonkeyPatch) -> None:
    """U-Net, which has no width, at a quarter of its maps; it takes two steps at its full size below."""
    monkeypatch.setattr(unet, "MAPS", (16, 32, 64, 128))
    monkeypatch.setattr(unet, "BOTTOM_MAPS", 256)


@cache
def forms() -> dict[str, NetworkRow]:
    """The forms of the networks by what they are called; listed by the tests, for it takes seconds."""
    return {named(row): row for row in list_networks(NetworkSizes(3, 2))}


def named(row: NetworkRow) -> str:
    return f"{row.name} {row.options}".strip()


def form_of(recipe: SegmentRecipe) -> str:
    """The form of network that a recipe trains, as it is listed."""
    for row in forms().values():
        words = row.options.split()
        wanted = dict(zip(words[::2], words[1::2], strict=True))
        defaults = inspect.signature(NETWORKS[row.name]).parameters
        has = {key: recipe.network.options.get(key, getattr(defaults.get(key), "default", None)) for key in wanted}
        if row.name == recipe.network.name and {key: str(value).lower() for key, value in has.items()} == wanted:
            return named(row)
    raise AssertionError(recipe.network)


def learn_steps(task: SegmentTask, steps: int) -> list[float]:
    """The losses of so many steps."""
    stage = task.stages()[-1]
    task.begin(stage, StageContext(make_fabric(task.recipe.loop), Path()))
    return [task.step(iter([task.batch(stage, index)]), index)["loss"].item() for index in range(steps)]


def test_every_form_of_every_network_has_a_recipe() -> None:
    assert {row.name for row in forms().values()} == set(NETWORKS)
    assert {form_of(load_recipe(name)) for name in RECIPES} == set(forms())


def test_the_recipes_of_the_paper_differ_in_nothing_but_the_network() -> None:
    depths = {name: load_recipe(name) for name in RECIPES if name[-1].isdigit()}  # fcn-8s and the like end otherwise
    assert len(depths) == 8
    one = depths["segment/residual-34"]
    assert {write_recipe(dataclasses.replace(recipe, network=one.network)) for recipe in depths.values()} == {
        write_recipe(one)
    }
    for name, recipe in depths.items():
        literal = {"pool": 2} if "residual" in name else {}
        if "residual" in name and recipe.network.options["depth"] >= 50:
            literal["stride_in_1x1"] = True
        assert recipe.network.options == {"depth": int(name.rsplit("-")[-1]), **literal}


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_takes_two_steps_that_move_each_layer(
    town: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ("--data.paths", str(town), *SMALL, "--batch", "2", "--data.stride-px", "32", "--loop.precision", "fp32")
    recipe = load_recipe(name, settings)
    listed = forms()[form_of(recipe)].parameters
    with shapes_only():
        whole = recipe.network.build(NETWORKS, channels=3, classes=2)
    assert sum(parameter.numel() for parameter in whole.parameters()) == listed
    if recipe.network.name in DENSE:
        recipe = load_recipe(name, (*settings, *NARROW))
    if recipe.network.options.get("depth", 0) > 50:  # more of the same units; their 55 M of decoder are 50's
        depth = recipe.network.options["depth"]
        monkeypatch.setitem(residual_unet.UNITS, depth, (ThinBottleneck, residual_unet.UNITS[depth][1]))
    task = SegmentTask(recipe)
    network = task.networks["network"]
    before = {name: value.flatten()[:SEEN].clone() for name, value in network.named_parameters()}
    losses = learn_steps(task, 2)
    assert all(0 < loss < 20 for loss in losses)
    for name, value in network.named_parameters():
        if name.endswith("weight"):
            assert not torch.equal(value.flatten()[:SEEN], before[name]), name
    assert all(value.isfinite().all() for value in network.state_dict().values())


LESSONS = {
    "lite-unet": (14, *WHOLE, "--optimizer.learning-rate", "0.005"),
    "residual-unet depth 18": (18, *WHOLE, "--optimizer.learning-rate", "0.003"),
    "unet depth 19": (20, *SMALL, "--batch", "2", "--optimizer.learning-rate", "0.003"),
    "unet depth 35": (40, *SMALL, "--optimizer.learning-rate", "0.001"),
    "unet-valid": (22, *WHOLE, *NARROW, "--optimizer.learning-rate", "0.003"),
    "fcn output_stride 8": (80, *WHOLE, *NARROW, "--optimizer.learning-rate", "0.002"),
    "segnet basic true": (56, *WHOLE, "--network.width", "0.25", "--optimizer.learning-rate", "0.01"),
}
"""Steps and settings: the other depths of residual-unet have the same parts as 18, at several times its cost."""
SLOW_LESSONS = {
    "segnet basic false": (48, *SMALL, "--network.width", "0.25", "--optimizer.learning-rate", "0.005"),
    "deconvnet": (90, *WHOLE, *NARROW, "--optimizer.learning-rate", "0.003"),
    "dilated context none": (60, *WHOLE, *NARROW, "--optimizer.learning-rate", "5e-4"),
}
"""Deep narrow networks from fresh weights, which would need minutes to know the chips by heart: their loss halves."""


@pytest.mark.parametrize("name", LESSONS)
def test_every_network_learns_four_chips_by_heart(town: Path, tmp_path: Path, name: str, narrow_unet: None) -> None:
    steps, *settings = LESSONS[name]
    task = SegmentTask(recipe_for(tmp_path, [town], *chosen(forms()[name]), *settings))
    losses = learn_steps(task, steps)
    counts = sum(task.labelled_tallies().values(), Tally.zero(2)).counts
    assert losses[-1] < losses[0]
    assert (counts.f1() or 0) > 0.95
    assert (counts.accuracy or 0) > 0.95


@pytest.mark.parametrize("name", SLOW_LESSONS)
def test_deep_networks_halve_their_loss_on_four_chips(town: Path, tmp_path: Path, name: str) -> None:
    steps, *settings = SLOW_LESSONS[name]
    losses = learn_steps(SegmentTask(recipe_for(tmp_path, [town], *chosen(forms()[name]), *settings)), steps)
    assert sum(losses[-5:]) < sum(losses[:5]) / 2


def test_every_network_has_its_lesson() -> None:
    lessons = [*LESSONS, *SLOW_LESSONS]
    assert {name.split()[0] for name in lessons} == set(NETWORKS)
    assert set(lessons) <= set(forms())


def chosen(row: NetworkRow) -> list[str]:
    """The settings that make a form of a network."""
    words = row.options.split()
    options = [word for key, value in zip(words[::2], words[1::2], strict=True) for word in (f"--network.{key}", value)]
    return ["--network.name", row.name, *options]
