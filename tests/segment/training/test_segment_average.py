"""A running average of the weights beside the network that learns is what maps, and what a run keeps."""

from pathlib import Path

import pytest
import torch

from drawn import TinyNetwork, draw_picture, recipe_for, same, save_area
from limner.foundation.errors import UserError
from limner.learning.loop.fabric import make_fabric
from limner.learning.loop.task import StageContext
from limner.learning.train import train_recipe
from limner.segment.networks import NETWORKS
from limner.segment.predicting.predictor import load_predictor
from limner.segment.refining.refine import refining_recipe
from limner.segment.training.recipe import SegmentRecipe
from limner.segment.training.task import SegmentTask
from stopping import trained_until

STEPS = 4


@pytest.fixture(autouse=True)
def tiny_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, "tiny", TinyNetwork)


@pytest.fixture
def recipe(tmp_path: Path) -> SegmentRecipe:
    town = save_area(tmp_path / "town", [draw_picture(seed=seed) for seed in range(4)])
    short = ("--batch", "2", "--epochs", "1", "--steps-per-epoch", str(STEPS), "--loop.checkpoint-minutes", "0")
    return recipe_for(tmp_path, [town], *short, "--average", "fixed", "--average.decay", "0.6")


def test_each_step_moves_the_average_by_its_share_with_the_statistics_of_batch_normalization(
    recipe: SegmentRecipe, tmp_path: Path
) -> None:
    task = SegmentTask(recipe)
    network = task.networks["network"]
    assert any(isinstance(module, torch.nn.BatchNorm2d) for module in network.modules())
    expected = {name: value.clone() for name, value in network.state_dict().items()}
    (stage,) = task.stages()
    task.begin(stage, StageContext(make_fabric(recipe.loop), tmp_path))
    for index in range(STEPS):
        task.step(iter([task.batch(stage, index)]), index)
        for name, value in network.state_dict().items():
            expected[name] = 0.6 * expected[name] + 0.4 * value if value.is_floating_point() else value.clone()
    kept = task.weights()
    assert kept.keys() == {f"network.{name}" for name in expected}
    for name, value in expected.items():
        torch.testing.assert_close(kept[f"network.{name}"], value, rtol=1e-4, atol=1e-6)
    assert not same(kept, {f"network.{name}": value for name, value in network.state_dict().items()})
    assert task.current_predictor().network is not network


def test_stopped_and_gone_on_with_it_ends_as_one_never_stopped_and_a_run_of_one_network(
    recipe: SegmentRecipe, tmp_path: Path
) -> None:
    straight = trained_until(recipe, tmp_path / "straight")
    with pytest.raises(KeyboardInterrupt):
        trained_until(recipe, tmp_path / "stopped", 2)
    assert same(straight.weights(), trained_until(recipe, tmp_path / "stopped").weights())
    assert same(load_predictor(straight).network.state_dict(), {  # what maps is what was kept
        name.removeprefix("network."): value for name, value in straight.weights().items()
    })  # fmt: skip


def test_refining_mixes_weights_and_takes_no_average(recipe: SegmentRecipe, tmp_path: Path) -> None:
    run = train_recipe(recipe, "town", out=tmp_path / "run").run
    assert refining_recipe(run, ()).average.name == "none"
    with pytest.raises(UserError, match="keep_if_better mixes weights by itself; leave average out"):
        refining_recipe(run, ("--average", "half-life"))
