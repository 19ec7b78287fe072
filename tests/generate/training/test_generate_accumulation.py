"""``--loop.accumulate N`` learns as a batch N times larger does, where no layer and no draw looks at the batch."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from drawn_pictures import save_boxes
from limner.foundation.errors import UserError
from limner.generate.networks import DISCRIMINATORS, GENERATORS
from limner.generate.training.task import GenerateTask
from limner.learning.loop.fabric import make_fabric
from limner.learning.loop.stream import Stream
from limner.learning.loop.task import StageContext
from limner.learning.train import resolve

CommandLine = Callable[..., tuple[int, str, str]]
GENTLY = (
    "--generator-optimizer.name", "sgd", "--generator-optimizer.learning-rate", "1e-3",
    "--discriminator-optimizer.name", "sgd", "--discriminator-optimizer.learning-rate", "1e-3",
)  # fmt: skip


class PlainGenerator(nn.Module):
    """A latent becomes a picture of 4 x 4, enlarged, without batch normalization."""

    latent = 6

    def __init__(self, size_px: int, channels: int, classes: int) -> None:
        super().__init__()
        self.size_px, self.channels = size_px, channels
        self.layer = nn.Linear(self.latent + classes, channels * 16)
        self.embedding = nn.Embedding(classes, classes) if classes else None

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        if self.embedding is not None:
            latent = torch.cat([latent, self.embedding(label)], dim=1)
        small = self.layer(latent).view(-1, self.channels, 4, 4)
        return torch.tanh(interpolate(small, size=(self.size_px, self.size_px), mode="bilinear"))


class PlainDiscriminator(nn.Module):
    """Two layers."""

    def __init__(self, size_px: int, channels: int, classes: int) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.AvgPool2d(size_px // 8), nn.Flatten(), nn.Linear(64 * channels, 16), nn.SiLU())
        self.head = nn.Linear(16, max(1, classes))

    def forward(self, image: Tensor, label: Tensor | None = None) -> Tensor:
        logits = self.head(self.features(image))
        return logits[:, 0] if label is None else logits.gather(1, label[:, None])[:, 0]


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("parts") / "boxes"
    save_boxes(folder / "low", 20)
    return save_boxes(folder / "high", 20, first=100).parent


@pytest.fixture(autouse=True)
def plain_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GENERATORS, "plain", PlainGenerator)
    monkeypatch.setitem(DISCRIMINATORS, "plain", PlainDiscriminator)


def recipe_settings(batch: int, parts: int, *settings: str) -> list[str]:
    return [
        "--generator.name", "plain", "--discriminator.name", "plain", "--data.size-px", "32", "--data.held-out", "12",
        "--loop.precision", "fp32", "--batch", str(batch), "--loop.accumulate", str(parts), *GENTLY, *settings,
    ]  # fmt: skip


def learned(boxes: Path, batch: int, parts: int, *settings: str) -> tuple[dict[str, float], Tensor]:
    """What three steps told at last, and how far each weight went in them, all in one row."""
    task = GenerateTask(resolve("generate/dcgan", data=[boxes], overrides=recipe_settings(batch, parts, *settings)))
    before = torch.cat([value.flatten() for value in task.weights().values()])
    (stage,) = task.stages()
    task.begin(stage, StageContext(make_fabric(task.recipe.loop), boxes))
    with Stream(lambda number: task.batch(stage, number)) as batches:
        for index in range(3):
            values = task.step(batches, index)
    moved = torch.cat([value.flatten() for value in task.weights().values()]) - before
    return {name: float(value) for name, value in values.items()}, moved


CASES = {
    "shared": (),
    "own": ("--generator-batch", "own", "--discriminator-steps", "2"),
    "classes": ("--data.classes", "folders", "--loss.name", "hinge"),
    "together": ("--discriminate", "together", "--loss.name", "least-squares"),
    "r1": ("--penalties.r1", "1", "--penalties.r1-every", "2"),
    "orthogonal": ("--penalties.orthogonal", "0.01"),
    "clipped": ("--clip-gradients", "0.01"),
}


@pytest.mark.parametrize("case", CASES)
def test_parts_add_up_to_the_larger_batch(boxes: Path, case: str) -> None:
    settings = CASES[case]
    told, expected = learned(boxes, 8, 1, *settings)
    for parts in (2, 4):
        told_in_parts, found = learned(boxes, 8 // parts, parts, *settings)
        assert told_in_parts == pytest.approx(told, rel=1e-4, abs=1e-6)
        assert (found - expected).norm() < 1e-3 * expected.norm(), "as far as float32 tells"
    _, other = learned(boxes, 2, 1, *settings)
    assert (other - expected).norm() > 0.02 * expected.norm(), "the smaller batch by itself goes elsewhere"


@pytest.mark.parametrize("given", [("--augment.name", "diffaugment"), ("--penalties.gradient", "10")])
def test_each_part_has_draws_of_its_own(boxes: Path, given: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    places = []
    drawn = GenerateTask.begin

    def watched(task: GenerateTask, *given: object) -> None:
        drawn(task, *given)  # type: ignore[arg-type]
        of = task.draws.of
        watch = lambda purpose, *place: (places.append((purpose, *place)), of(purpose, *place))[1]  # noqa: E731
        object.__setattr__(task.draws, "of", watch)

    monkeypatch.setattr(GenerateTask, "begin", watched)
    learned(boxes, 2, 4, *given)
    assert len(places) == len(set(places)) and any(len(place) > 2 for place in places)


def test_a_penalty_that_follows_whole_batches_is_refused_in_one_line(
    limner: CommandLine, boxes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = recipe_settings(4, 2, "--penalties.lecam", "0.1")
    code, out, said = limner("train", "generate/dcgan", "--data", boxes, *settings)
    assert (code, out) == (2, "") and not list(tmp_path.iterdir())
    assert said.count("\n") == 1
    assert said.endswith(
        ": loop.accumulate is 2, and penalties.lecam follows the logits of whole batches; give --loop.accumulate 1 "
        "with a smaller --batch, or --penalties.lecam 0\n"
    )


def test_more_than_there_is_is_refused(boxes: Path) -> None:
    says = r"batch is 8 times loop.accumulate 4, but there are 28 .*; give --batch 7 or less"
    with pytest.raises(UserError, match=says):
        learned(boxes, 8, 4)
