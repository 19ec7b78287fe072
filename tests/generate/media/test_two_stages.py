"""Pictures of sentences in two stages: sizes, what each stage learns, what a run hands out before the second learns."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional

import limner as limner_package
from limner.datasets.world.drawing import draw_world
from limner.datasets.world.options import WorldOptions
from limner.foundation.errors import UserError
from limner.generate.media.text.networks import TEXT_DISCRIMINATORS, TEXT_ENLARGERS
from limner.generate.media.text.task import SECOND, TextTask
from limner.learning.runs.run import Run
from limner.nn.parameters import count_parameters

CommandLine = Callable[..., tuple[int, str, str]]
PAIRS = [f"--{pair}{network}.{size}" for pair in ("", "second.") for network in ("generator", "discriminator")
         for size in ("width=4", "text=4")]  # fmt: skip
TINY = [
    "--kimg=0.016", "--second.kimg=0.016", "--batch=8", "--words.steps=2", "--words.batch=8", "--words.code=8",
    "--data.held-out=4", "--scores.samples=16", "--loop.precision=fp32", *PAIRS,
]  # fmt: skip


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two-stages")
    draw_world(WorldOptions(pictures=24, size_px=64, sentences=2), out=folder / "world")
    return folder / "world/pictures"


def test_the_second_stage_has_the_parameters_of_the_authors_code() -> None:
    with torch.device("meta"):
        makes = TEXT_ENLARGERS["stackgan"](size_px=256, channels=3, code=1024)
        tells = TEXT_DISCRIMINATORS["stackgan-2"](size_px=256, channels=3, code=1024)
    assert (count_parameters(makes), count_parameters(tells)) == (26_290_080, 48_603_520)


def test_stackgans_second_stage_is_for_its_own_size_alone() -> None:
    for networks, name in ((TEXT_ENLARGERS, "stackgan"), (TEXT_DISCRIMINATORS, "stackgan-2")):
        with pytest.raises(UserError, match=r"for 256 px, and data\.size_px is 128; use light"):
            networks[name](size_px=128, channels=3, code=8)


@pytest.mark.parametrize(("name", "size_px"), [("light", 64), ("stackgan", 256)])
def test_an_enlarger_enlarges_and_no_weight_is_dead(name: str, size_px: int) -> None:
    torch.manual_seed(0)
    network: Any = TEXT_ENLARGERS[name](size_px=size_px, channels=3, code=8, width=4, text=8)
    edge = size_px // network.times
    picture = network(torch.rand(2, 3, edge, edge) * 2 - 1, torch.randn(2, 8))
    assert picture.shape == (2, 3, size_px, size_px)
    assert abs(picture).max() <= 1
    picture.square().sum().backward()
    assert all(each.grad is not None and each.grad.abs().sum() > 0 for each in network.parameters())


def test_a_light_enlarger_that_changes_nothing_interpolates() -> None:
    network: Any = TEXT_ENLARGERS["light"](size_px=64, channels=3, code=8)
    torch.nn.init.zeros_(network.up[-1].weight)
    torch.nn.init.zeros_(network.up[-1].bias)
    small = torch.rand(1, 3, 32, 32) * 1.9 - 0.95
    wanted = functional.interpolate(small, 64, mode="bilinear", align_corners=False)
    torch.testing.assert_close(network.eval()(small, torch.randn(1, 8)), wanted)


def test_the_second_pair_learns_behind_a_first_that_stays(
    world: Path, here: Path, limner: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["train", "generate/stackgan-light", "--data", world, *TINY]
    assert limner(*command, "--out", "straight")[0] == 0
    whole = TextTask.step

    def stopped(self: TextTask, batches: Any, index: int) -> dict[str, torch.Tensor]:
        values = whole(self, batches, index)
        if self.at == at:
            os.kill(os.getpid(), signal.SIGTERM)
        return values

    with monkeypatch.context() as patch:
        patch.setattr(TextTask, "step", stopped)
        at = "train"
        assert limner(*command, "--out", "stopped")[0] == 143
        first = Run(here / "stopped")
        # What enlarges has not learned: it must not be what makes pictures.
        assert (first.facts["first_px"], first.facts["second"]) == (32, None)
        made = open_made(first)
        at = SECOND
        assert limner(*command, "--out", "stopped")[0] == 143
    between = Run(here / "stopped").weights()
    assert limner(*command, "--out", "stopped")[0] == 0
    straight, gone_on = Run(here / "straight"), Run(here / "stopped")
    for file in ("model.safetensors", "metrics.csv", "evaluation.json"):
        assert (straight.folder / file).read_bytes() == (gone_on.folder / file).read_bytes(), file
    after = gone_on.weights()
    assert {name.partition(".")[0] for name in after} >= {"generator", "second_generator", "second_average"}
    for name in (name for name in between if not name.startswith(SECOND)):
        assert torch.equal(between[name], after[name]), name
    assert any(not torch.equal(between[name], after[name]) for name in between if name.startswith("second_generator"))
    assert gone_on.facts["second"]["name"] == "light"
    assert open_made(gone_on).shape == made.shape == (2, 3, 64, 64)
    heads = (gone_on.folder / "metrics.csv").read_text(encoding="utf-8").splitlines()[0]
    assert "validation/first_fitting" in heads
    assert "validation/fitting" in heads


def open_made(run: Run) -> torch.Tensor:
    """Two pictures of a sentence by a run's predictor."""
    predictor: Any = limner_package.load(run.folder)
    made: torch.Tensor = predictor.generate(predictor.sentences[0], 2)
    small = predictor.network.first(torch.zeros(1, predictor.network.latent), torch.zeros(1, 8))
    assert small.shape[2:] == (32, 32)
    return made
