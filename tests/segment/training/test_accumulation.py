"""``--loop.accumulate N`` learns as a batch N times larger does, where no batch norm looks at the batch."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from drawn import TinyNetwork, draw_picture, recipe_for, same, save_area
from limner.learning.loop.accumulation import accumulated
from limner.learning.loop.fabric import make_fabric
from limner.learning.loop.settings import LoopSettings
from limner.learning.loop.task import StageContext
from limner.segment.networks import NETWORKS, unet
from limner.segment.training.task import SegmentTask
from stopping import trained_until


@pytest.fixture(autouse=True)
def tiny_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(NETWORKS, "tiny", TinyNetwork)


@pytest.fixture(autouse=True)
def narrow_unet(monkeypatch: pytest.MonkeyPatch) -> None:
    """An eighth of the maps: sums of gradients add up as they do at full width."""
    monkeypatch.setattr(unet, "MAPS", (8, 16, 32, 64))
    monkeypatch.setattr(unet, "BOTTOM_MAPS", 128)


@pytest.fixture
def town(tmp_path: Path) -> Path:
    """Four chips of 96 px with unlike shares of known ground, so that the batches count unlike many pixels."""
    pictures = []
    for seed in range(4):
        image, mask = draw_picture(seed=seed)
        mask = mask.copy()
        mask[: 20 * seed] = 255
        pictures.append((image, mask))
    return save_area(tmp_path / "town", pictures)


def learned(folder: Path, town: Path, batch: int, accumulate: int, *settings: str) -> tuple[list[float], Tensor]:
    """The losses of three steps, and how far each weight went in them, all in one row."""
    sizes = ("--batch", str(batch), "--loop.accumulate", str(accumulate), "--data.jitter", "0.2")
    gently = ("--optimizer.name", "sgd", "--optimizer.learning-rate", "1e-4")
    task = SegmentTask(recipe_for(folder, [town], *settings, *sizes, *gently))
    before = torch.cat([value.flatten() for value in task.weights().values()])
    (stage,) = task.stages()
    task.begin(stage, StageContext(make_fabric(task.recipe.loop), folder))
    losses = [task.step(iter([task.batch(stage, index)]), index)["loss"].item() for index in range(3)]
    return losses, torch.cat([value.flatten() for value in task.weights().values()]) - before


@pytest.mark.parametrize(
    "loss",
    [
        (),
        ("--loss.label-smoothing", "0.1", "--loss.class-weights", "median-frequency"),
        ("--loss.name", "cross-entropy-boundary"),
    ],
)
@pytest.mark.parametrize("accumulate", [2, 4])
def test_parts_add_up_to_the_larger_batch(tmp_path: Path, town: Path, loss: tuple[str, ...], accumulate: int) -> None:
    plain = ("--network.name", "unet", "--network.depth", "19")  # without batch norm
    whole, expected = learned(tmp_path, town, 4, 1, *plain, *loss)
    parts, found = learned(tmp_path, town, 4 // accumulate, accumulate, *plain, *loss)
    assert parts == pytest.approx(whole, rel=1e-5)
    assert (found - expected).norm() < 1e-3 * expected.norm(), "as far as float32 tells"
    small, other = learned(tmp_path, town, 4 // accumulate, 1, *plain, *loss)
    assert small != pytest.approx(whole, rel=1e-3)
    assert (other - expected).norm() > 0.1 * expected.norm(), "the smaller batch by itself goes elsewhere"


def test_soft_dice_is_the_mean_over_the_parts(tmp_path: Path, town: Path) -> None:
    settings = ("--network.name", "unet", "--network.depth", "19", "--loss.name", "dice")
    task = SegmentTask(recipe_for(tmp_path, [town], *settings, "--batch", "2", "--loop.accumulate", "2"))
    (stage,) = task.stages()
    task.begin(stage, StageContext(make_fabric(task.recipe.loop), tmp_path))
    image, mask = task.batch(stage, 0)
    with torch.no_grad():
        network = task.networks["network"].train()
        expected = np.mean([float(task.loss(network(image[part]), mask[part])) for part in (slice(2), slice(2, 4))])
    assert task.step(iter([(image, mask)]), 0)["loss"].item() == pytest.approx(float(expected), rel=1e-5)


def test_an_epoch_is_one_pass_over_the_tiles_however_the_batch_is_cut(tmp_path: Path, town: Path) -> None:
    counts = []
    for batch, accumulate in ((4, 1), (2, 2), (1, 4)):
        sizes = ("--batch", str(batch), "--loop.accumulate", str(accumulate))
        task = SegmentTask(recipe_for(tmp_path, [town], *sizes))
        counts.append(task.stages()[0].steps)
        assert "steps of 4 crops" in task.summary()
    assert counts[0] == counts[1] == counts[2] > 1


def test_an_accumulating_training_stopped_and_gone_on_with_equals_one_never_stopped(tmp_path: Path, town: Path) -> None:
    settings = ("--batch", "2", "--loop.accumulate", "2", "--epochs", "1", "--steps-per-epoch", "4")
    recipe = recipe_for(tmp_path, [town], *settings, "--loop.checkpoint-minutes", "0")

    straight = trained_until(recipe, tmp_path / "straight")
    with pytest.raises(KeyboardInterrupt):
        trained_until(recipe, tmp_path / "stopped", 2)
    assert same(straight.weights(), trained_until(recipe, tmp_path / "stopped").weights())


def test_each_part_is_on_the_device_while_its_turn_is_and_none_is_lost() -> None:
    fabric = make_fabric(LoopSettings(precision="fp32"))
    model = fabric.setup_module(nn.Linear(2, 1))
    image, label = torch.arange(12.0).view(6, 2), torch.arange(6)
    parts = list(accumulated(fabric, model, (image, label), 3))
    assert [part[1].tolist() for part in parts] == [[0, 1], [2, 3], [4, 5]]
    assert torch.equal(torch.cat([part[0] for part in parts]), image)
