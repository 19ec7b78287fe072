"""A training that was killed and goes on ends as one that never was: bit for bit, whatever the recipe switches on."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from drawn_pictures import save_boxes
from limner.fidelity.features import FeatureExtractor
from limner.foundation.errors import UserError
from limner.generate.training.task import GenerateTask
from limner.learning.runs.run import Run
from limner.learning.train import Training, train
from quick_features import mean_colors

STEPS = 8
PLAIN = """
task: generate
data: {size_px: 32, held_out: 12}
generator: {name: dcgan, width: 4}
discriminator: {name: dcgan, width: 4}
generator_optimizer: {name: adam, learning_rate: 1e-3, beta1: 0.5}
discriminator_optimizer: {name: adam, learning_rate: 1e-3, beta1: 0.5}
batch: 10
kimg: 0.08
scores: {every_kimg: 0.04, samples: 16}
loop: {precision: fp32, log_every: 1, checkpoint_minutes: 0}
"""
KINDS = {
    "plain": (),
    "spectral norm, average and ADA": (
        "--spectral-norm", "both", "--average.name", "half-life", "--average.images", "40", "--augment", "ada",
        "--loss", "hinge", "--discriminate", "together", "--schedule", "linear", "--initialization", "orthogonal",
    ),
    "penalized": (
        "--loss", "wasserstein", "--discriminator.batch-norm", "false", "--discriminator-steps", "2", "--kimg", "0.16",
        "--scores.every-kimg", "0.08", "--penalties.gradient", "10", "--penalties.r1", "1", "--penalties.r1-every", "3",
        "--penalties.lecam", "0.1", "--penalties.consistency", "1", "--penalties.orthogonal", "1e-3",
        "--penalties.dragan", "1", "--generator-batch", "own", "--clip-gradients", "1", "--augment", "diffaugment",
        "--discriminator-optimizer.name", "rmsprop", "--prior", "uniform",
    ),
    "latent optimization": (
        "--latent-optimization.step", "natural", "--latent-optimization.share", "0.8", "--latent-optimization.penalty",
        "0.1", "--prior", "uniform", "--loss", "hinge", "--spectral-norm", "discriminator", "--augment", "diffaugment",
        "--latent-optimization.sampling-steps", "2",
    ),
    "latent optimization with a learned rate on a sphere, bidirectional": (
        "--latent-optimization.step", "gradient", "--latent-optimization.steps", "2",
        "--latent-optimization.learned-rate", "true", "--latent-optimization.projection", "sphere",
        "--latent-optimization.rate", "0.01", "--prior", "sphere", "--encoder.name", "dcgan", "--encoder.width", "4",
        "--average.name", "half-life", "--average.images", "40", "--discriminator-steps", "2", "--kimg", "0.16",
        "--scores.every-kimg", "0.08",
    ),
    "bidirectional": ("--encoder.name", "dcgan", "--encoder.width", "4", "--discriminate", "together"),
}  # fmt: skip


class Killed(BaseException):
    """Stands for a SIGKILL: no code of ours may catch it."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generate-going-on")
    save_boxes(folder / "boxes", 40)
    (folder / "quick.yaml").write_text(PLAIN)
    return folder


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(FeatureExtractor, "of", staticmethod(mean_colors))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def trained(place: Path, out: Path, *settings: str) -> Training:
    return train(place / "quick.yaml", data=[place / "boxes"], overrides=settings, out=out)


def stop_at(monkeypatch: pytest.MonkeyPatch, step: int, how: str) -> None:
    """The next training ends before its step ``step`` is checkpointed: killed, or asked to stop."""
    whole = GenerateTask.step

    def counted(task: GenerateTask, batches: Any, index: int) -> dict[str, torch.Tensor]:
        if how == "killed" and index == step:
            next(batches)
            raise Killed
        values = whole(task, batches, index)
        if how == "stopped" and index + 1 == step:
            os.kill(os.getpid(), signal.SIGTERM)
        return values

    monkeypatch.setattr(GenerateTask, "step", counted)


@pytest.mark.parametrize("kind", KINDS)
def test_killed_or_stopped_and_gone_on_with_it_ends_as_if_it_never_was(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    straight = trained(place, tmp_path / "straight", *KINDS[kind]).run
    assert straight.status["steps"] == STEPS
    for step, how in ((STEPS // 2, "killed"), (3, "stopped")):
        out = tmp_path / how
        with monkeypatch.context() as patch:
            stop_at(patch, step, how)
            if how == "killed":
                with pytest.raises(Killed):
                    trained(place, out, *KINDS[kind])
            else:
                stopped = trained(place, out, *KINDS[kind])
                assert stopped.stopped
                assert stopped.run.status["steps"] == step
        run = trained(place, out, *KINDS[kind]).run
        is_the_same(run, straight)


def is_the_same(run: Run, other: Run) -> None:
    for name in ("model.safetensors", "metrics.csv", "evaluation.json", "recipe.yaml", "pictures/made.png"):
        assert (run.folder / name).read_bytes() == (other.folder / name).read_bytes(), name
    assert run.facts == other.facts
    assert run.status["status"] == "finished"


def test_a_stopped_run_makes_pictures_already(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from limner import load

    with monkeypatch.context() as patch:
        stop_at(patch, 2, "stopped")
        run = trained(place, tmp_path / "run").run
    assert load(run.folder).generate(3).shape == (3, 3, 32, 32)


def test_a_loss_that_is_no_number_ends_the_training_and_leaves_the_last_good_model(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = GenerateTask.step

    def poisoned(task: GenerateTask, batches: Any, index: int) -> dict[str, torch.Tensor]:
        values = whole(task, batches, index)
        if index == 5:  # the loss was still fine, but what it did to the weights was not
            with torch.no_grad():
                next(task.networks["generator"].parameters()).fill_(torch.nan)
        return values

    monkeypatch.setattr(GenerateTask, "step", poisoned)
    with pytest.raises(UserError) as caught:
        trained(place, tmp_path / "run")
    assert str(caught.value) == (
        "a weight of the generator is not a number at step 6 of stage 'train'; lower the learning rate "
        "(--generator-optimizer.learning-rate, --discriminator-optimizer.learning-rate) or compute in --loop.precision "
        "fp32; the run holds the model of step 5"
    )
    run = Run(tmp_path / "run")
    assert all(value.isfinite().all() for value in run.weights().values())
    saved = torch.load(run.folder / "checkpoint/state.pt", weights_only=True)
    assert saved["position"]["index"] == 5
    assert all(value.isfinite().all() for value in saved["task"]["networks"]["generator"].values())
    assert (run.status["status"], run.status["steps"]) == ("interrupted", 5)
