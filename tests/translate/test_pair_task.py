"""How the task of pairs learns: four pairs by heart, weights that move, what the discriminator sees, stages."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from limner.learning.loop.fabric import make_fabric
from limner.learning.loop.stream import Stream
from limner.learning.loop.task import Stage, StageContext, number_stages
from limner.learning.loop.training import seed_torch
from limner.learning.train import resolve
from limner.translate.training.pairs.task import PairTask

UNET = "--generator.levels 4 --generator.width 12 --data.size-px 32 --data.jitter-px none --data.crop-px none"
FEW = "--batch 4 --data.held-out 0 --data.flip false --loop.precision fp32 --schedule constant"


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def four(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four pairs of smooth pictures that have nothing to do with each other."""
    folder = tmp_path_factory.mktemp("four")
    for number in range(4):
        for name in ("source", "target"):
            (folder / name).mkdir(exist_ok=True)
            coarse = np.random.default_rng([number, len(name), ord(name[0])]).integers(
                0, 256, (5, 5, 3), dtype=np.uint8
            )
            Image.fromarray(coarse).resize((32, 32), Image.Resampling.BICUBIC).save(folder / name / f"{number}.png")
    return folder


def begun(four: Path, recipe: str, settings: str, stage: int = 0) -> tuple[PairTask, Stage]:
    data = four if recipe in ("pairs", "pairs-l1", "pix2pix") else four / "target"
    task = PairTask(resolve(f"translate/{recipe}", data=[data], overrides=[*settings.split(), *FEW.split()]))
    chosen = number_stages(task.stages())[stage]
    task.begin(chosen, StageContext(make_fabric(task.recipe.loop), four))
    return task, chosen


def learn(task: PairTask, stage: Stage, count: int) -> dict[str, Tensor]:
    values: dict[str, Tensor] = {}
    with Stream(lambda number: task.batch(stage, number)) as batches:
        for index in range(count):
            seed_torch(task.seed, "step", stage.index, index)
            values = task.step(batches, index)
    return values


@pytest.mark.parametrize(
    ("recipe", "settings", "steps", "gain_db"),
    [
        ("pairs-l1", f"{UNET} --generator-optimizer.learning-rate 4e-3", 60, 3),
        (
            "pairs",
            f"{UNET} --discriminator.layers 1 --discriminator.width 8 --generator-optimizer.learning-rate 4e-3",
            60,
            3,
        ),
        ("fill", f"{UNET} --generator-optimizer.learning-rate 4e-3", 60, 3),
        ("gray-to-color", f"{UNET} --generator.seen-px 32 --generator-optimizer.learning-rate 4e-3", 60, 3),
        (
            "upscale",
            "--data.crop-px 32 --generator.blocks 2 --generator.width 16 --generator-optimizer.learning-rate 4e-3",
            80,
            1.5,
        ),
        (
            "deblur",
            "--data.crop-px 32 --generator.blocks 2 --generator.width 16 --degrade.noise 0 --degrade.least-px 9 "
            "--degrade.most-px 9 --generator-optimizer.learning-rate 4e-3",
            100,
            0.5,
        ),
    ],
)
def test_four_pairs_are_learned_by_heart(four: Path, recipe: str, settings: str, steps: int, gain_db: float) -> None:
    task, stage = begun(four, recipe, settings)
    before = task.evaluate()["training/psnr"]
    learn(task, stage, steps)
    assert task.evaluate()["training/psnr"] > before + gain_db


def test_a_warm_up_moves_the_generator_alone_and_keeps_its_rate(four: Path) -> None:
    settings = (
        "--data.crop-px 32 --generator.blocks 1 --generator.width 4 --discriminator.layers 1 --discriminator.width 4 "
        "--warmup-epochs 1 --epochs 2 --steps-per-epoch 2 --content [l1]"
    )
    task, stage = begun(four, "upscale-gan", settings)
    before = {name: network.state_dict() for name, network in task.networks.items()}
    before = {name: {key: value.clone() for key, value in state.items()} for name, state in before.items()}
    values = learn(task, stage, 2)
    assert stage.name == "warmup" and set(values) == {"generator_loss", "l1"}
    moved = {name: _moved(before[name], task.networks[name]) for name in before}
    assert moved == {"generator": True, "discriminator": False}
    assert task.optimizers["generator"].param_groups[0]["lr"] == 4e-4
    task, stage = begun(four, "upscale-gan", settings, 1)
    values = learn(task, stage, 2)
    assert stage.name == "train" and {"discriminator_loss", "real_sign", "generator_loss", "l1"} <= set(values)


def _moved(before: dict[str, Any], network: Any) -> bool:
    return any(not torch.equal(before[key], value) for key, value in network.state_dict().items())


@pytest.mark.parametrize(
    ("recipe", "settings", "channels", "side"),
    [
        ("pairs", f"{UNET} --discriminator.layers 1 --discriminator.width 4", 6, 32),
        ("pairs", f"{UNET} --discriminator.layers 1 --discriminator.width 4 --discriminator-sees target", 3, 32),
        ("context-encoder", "--generator.bottleneck 4 --generator.width 4 --discriminator.width 4", 3, 64),
    ],
)
def test_the_discriminator_sees_what_the_recipe_says(
    four: Path, recipe: str, settings: str, channels: int, side: int
) -> None:
    task, stage = begun(four, recipe, settings)
    pair = task.on_device(task.batch(stage, 0))
    for image in (pair.target, task.make(pair)):
        assert task.seen(task.shown(image, pair)).shape == (4, channels, side, side)


def test_what_is_known_around_a_hole_is_shown_as_it_is(four: Path) -> None:
    task, stage = begun(
        four,
        "fill",
        f"{UNET} --adversarial 0.1 --discriminator-sees target --discriminator.layers 1 --discriminator.width 4",
    )
    pair = task.on_device(task.batch(stage, 0))
    made = torch.zeros_like(pair.target)
    shown = task.shown(made, pair).image
    assert pair.mask is not None
    assert torch.equal(shown[:, :, 0], pair.target[:, :, 0]) and float(shown[:, :, 16, 16].abs().max()) == 0


def test_pix2pix_weighs_its_losses_as_printed(four: Path) -> None:
    small = f"{UNET} --discriminator.layers 1 --discriminator.width 4 --generator.dropout 0"
    values = {}
    for recipe in ("pairs", "pix2pix"):
        task, stage = begun(four, recipe, small)
        assert task.loss.weights == (0.5, 1.0) and task.content["l1"][0] == 100
        pair = task.on_device(task.batch(stage, 0))
        values[recipe] = learn(task, stage, 1)
        real, fake = torch.zeros(2, 1, 3, 3), torch.zeros(2, 1, 3, 3)
        assert float(task.loss.discriminator(real, fake)) == pytest.approx(np.log(2))  # half of two times log 2
        assert float(task.loss.generator(fake)) == pytest.approx(np.log(2))
        assert pair.source.shape == (4, 3, 32, 32)
    for found in values.values():
        assert float(found["generator_loss"]) > float(found["l1"]) > 0


def test_batches_depend_on_their_number_alone(four: Path) -> None:
    task, stage = begun(four, "deblur", "--data.crop-px 16 --generator.blocks 1 --generator.width 4")
    first: Callable[[int], Tensor] = lambda number: task.batch(stage, number).source  # noqa: E731
    third = first(3)
    first(1)
    assert torch.equal(first(3), third) and not torch.equal(first(4), third)
