"""StarGAN's step to its letter, and its runs: several domains by one network."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import limner as api
from limner.adversarial.update import Update
from limner.cli import main
from limner.fidelity.features import FeatureExtractor
from limner.learning.loop.fabric import make_fabric
from limner.learning.loop.stream import Stream
from limner.learning.loop.task import Stage, StageContext, number_stages
from limner.learning.loop.training import seed_torch
from limner.learning.train import resolve
from limner.translate.networks.stargan import Opinion
from limner.translate.training.domains.star import StarTask
from quick_features import mean_colors

CommandLine = Callable[..., tuple[int, str, str]]
SMALL = (
    "--data.size-px 32 --data.jitter-px none --data.crop-px 32 --generator.blocks 1 --generator.width 8 "
    "--discriminator.layers 3 --discriminator.width 8 --batch 6 --loop.precision fp32 --data.held-out 2 "
)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``red``, ``green`` and ``blue``: smooth pictures in which one channel is strong."""
    folder = tmp_path_factory.mktemp("three") / "colors"
    for number in range(30):
        channel = number % 3
        coarse = np.random.default_rng([5, number]).integers(40, 140, (4, 4, 3), dtype=np.uint8)
        coarse[..., channel] += 100
        place = folder / ("red", "green", "blue")[channel] / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(coarse).resize((32, 32), Image.Resampling.BICUBIC).save(place)
    return folder


def begun(three: Path, settings: str = "") -> tuple[StarTask, Stage]:
    task = StarTask(resolve("translate/stargan", data=[three], overrides=f"{SMALL} {settings}".split()))
    stage = number_stages(task.stages())[0]
    task.begin(stage, StageContext(make_fabric(task.recipe.loop), three))
    return task, stage


def test_targets_are_the_batchs_own_domains_in_another_order(three: Path) -> None:
    task, stage = begun(three)
    batches = [task.batch(stage, number) for number in range(6)]
    for batch in batches:
        assert batch.image.shape == (6, 3, 32, 32)
        assert sorted(batch.label.tolist()) == sorted(batch.target.tolist())
        order = {"blue": 2, "green": 1, "red": 0}
        strongest = [order[task.domains.domains[label]] for label in batch.label.tolist()]
        assert batch.image.mean((2, 3)).argmax(1).tolist() == strongest
    assert any(not torch.equal(batch.label, batch.target) for batch in batches)
    assert torch.equal(task.batch(stage, 3).image, batches[3].image)


def test_stargan_weighs_its_losses_as_printed(three: Path) -> None:
    task, stage = begun(three)
    assert (task.recipe.cycle, task.recipe.gradient_penalty, task.recipe.discriminator_steps) == (10, 10, 5)
    batch = task.batch(stage, 0)
    sure = torch.nn.functional.one_hot(batch.target, 3) * 50.0
    update = Update(0, batch.image, batch.image, batch=batch, fake_output=Opinion(torch.zeros(6, 1, 4, 4), sure),
                    real_output=Opinion(torch.zeros(6, 1, 4, 4), torch.zeros(6, 3)))  # fmt: skip
    assert float(task.generator_terms()["fake_class"](update)) == pytest.approx(0, abs=1e-6)
    assert float(task.discriminator_terms()["real_class"](update)) == pytest.approx(np.log(3))
    task.call["generator"] = lambda image: image[:, :3]  # what changes nothing comes back as it was
    assert float(task.generator_terms()["cycle"](update)) == 0
    task.call["generator"] = lambda image: image[:, :3] + 0.1
    assert float(task.generator_terms()["cycle"](update)) == pytest.approx(1.0, rel=1e-4)


def test_a_step_takes_so_many_batches_and_moves_both(three: Path) -> None:
    task, stage = begun(three)
    before = {name: [each.clone() for each in network.parameters()] for name, network in task.networks.items()}
    drawn = []

    def batch(number: int) -> object:
        drawn.append(number)
        return task.batch(stage, number)

    seed_torch(task.seed, "step", stage.index, 0)
    values = task.step(map(batch, range(100)), 0)
    assert drawn == [0, 1, 2, 3, 4]
    assert {"real_class", "gradient_penalty", "fake_class", "cycle", "generator_loss"} <= set(values)
    for name, network in task.networks.items():
        assert any(not torch.equal(one, two) for one, two in zip(before[name], network.parameters(), strict=True)), name


def test_each_domain_is_made_of_the_others(three: Path) -> None:
    settings = (
        "--discriminator-steps 1 --gradient-penalty 1 --cycle 1 --class-loss 4 --schedule constant "
        "--generator-optimizer.learning-rate 4e-3 --discriminator-optimizer.learning-rate 4e-3"
    )
    task, stage = begun(three, settings)
    before = right(task)
    with Stream(lambda number: task.batch(stage, number)) as batches:
        for index in range(50):
            seed_torch(task.seed, "step", stage.index, index)
            task.step(batches, index)
    assert right(task) > before + 0.25


def right(task: StarTask) -> float:
    """Share of made pictures whose strongest channel is that of the domain."""
    channel = {"red": 0, "green": 1, "blue": 2}
    found = [int(picture.mean((1, 2)).argmax()) == channel[edit.name] for edit in task.edits() for picture in edit.made]
    return sum(found) / len(found)


def test_runs_of_several_domains_translate_and_tell(
    three: Path, here: Path, limner: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FeatureExtractor, "of", staticmethod(mean_colors))
    few = f"{SMALL} --epochs 1 --steps-per-epoch 2".split()
    with pytest.raises(SystemExit) as left:
        main(["train", "translate/stargan-light", "--data", str(three), "--out", "run", *few])
    assert left.value.code == 0
    Image.fromarray(np.full((30, 41, 3), 90, np.uint8)).save("photo.png")
    made = {}
    for name in ("red", "blue"):
        assert limner("translate", "run", "photo.png", "--to", name, "--out", f"{name}.png")[0] == 0
        made[name] = np.asarray(Image.open(f"{name}.png"))
        assert made[name].shape == (30, 41, 3)
    assert (made["red"] != made["blue"]).any()
    code, out, _ = limner("evaluate", "run", "--out", "a.json")
    assert code == 0 and all(words in out for words in ("KID to red", "KID to blue", "taken for the domain"))
    assert api.load("run").domains == ("blue", "green", "red")
    assert limner("export", "run", "--format", "torch", "--to", "red")[:2] == (0, "run.pt\n")
    code, _, error = limner(
        "train", "translate/stargan-light", "--data", three, "--out", "n", *few, "--class-loss", "0"
    )
    assert code == 2 and "class_loss is 0" in error and not Path("n").exists()
    code, _, error = limner(
        "train", "translate/stargan-light", "--data", three, "--out", "n", *few, "--data.crop-px", "28"
    )
    assert code == 2 and "a multiple of 8" in error and not Path("n").exists()
