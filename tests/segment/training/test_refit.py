"""What two halves of the ground chose learns from all of it, and nothing is spent where the initial run stays."""

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from drawn import PLACE, TinyNetwork, draw_picture, recipe_for, same, save, save_area
from limner.learning.runs.run import Run
from limner.learning.train import train_recipe
from limner.segment.data import annotation
from limner.segment.measures.held_out import Decision, decide
from limner.segment.networks import NETWORKS
from limner.segment.refining.refine import Refinement, refine
from limner.segment.training import held_out
from limner.segment.training.task import SegmentTask

STEPS = 3
SHORT = ("--epochs", "1", "--steps-per-epoch", str(STEPS))


@pytest.fixture(autouse=True, scope="module")
def small_world() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(NETWORKS, "tiny", TinyNetwork)
        patch.setattr(annotation, "SQUARE_PX", 64)
        patch.setattr("limner.foundation.machine.precision.processor_has_bf16", lambda: False)
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def parent(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("parent")
    area = save_area(folder / "town", [draw_picture(128, 128)])
    return train_recipe(recipe_for(folder, [area], "--epochs", "1"), "home", out=folder / "home").run


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("place")
    drawn = draw_picture(192, 256, seed=9, ground=(170, 150, 200), roof=(90, 100, 60))
    return save(folder / "scene.tif", drawn.values, **PLACE), save(folder / "truth.tif", drawn.mask * 255, **PLACE)


Deciding = Callable[[float | None], None]


@pytest.fixture
def deciding(monkeypatch: pytest.MonkeyPatch) -> Deciding:
    """The folds' decision is the given mix, with a threshold of 0.25."""

    def decides(mix: float | None) -> None:
        def given(*arguments: Any) -> Decision:
            return replace(decide(*arguments), mix=mix, threshold=None if mix is None else 0.25)

        monkeypatch.setattr(held_out, "decide", given)

    return decides


@pytest.fixture
def ground(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The labelled pixels that each step could learn from, step by step."""
    seen: list[int] = []
    step = SegmentTask.step

    def looked_at(task: SegmentTask, batches: Iterator[Any], index: int) -> dict[str, Tensor]:
        seen.append(sum(share.training_px for share in task.source.split.shares))
        return step(task, batches, index)

    monkeypatch.setattr(SegmentTask, "step", looked_at)
    return seen


def refined(parent: Run, place: tuple[Path, Path], out: Path) -> Refinement:
    scene, truth = place
    return refine(parent.folder, scene, truth=truth, fraction=0.3, overrides=SHORT, out=out)


def test_after_both_halves_all_ground_is_learned_from(
    parent: Run, place: tuple[Path, Path], deciding: Deciding, ground: list[int], tmp_path: Path
) -> None:
    deciding(1.0)
    done = refined(parent, place, tmp_path / "run")
    assert done.run.status["steps"] == len(ground) == 3 * STEPS
    first, second, whole = ground[0], ground[STEPS], ground[2 * STEPS]
    assert ground == [first] * STEPS + [second] * STEPS + [whole] * STEPS
    assert max(first, second) < whole <= first + second
    assert done.run.facts["threshold"] == 0.25
    assert not same(done.run.weights(), parent.weights())
    assert [row["stage"] for row in done.run.metrics()][-2:] == ["train on all", "keep"]


@pytest.mark.parametrize("mix", [None, 0.0])
def test_where_no_weight_changes_nothing_more_is_learned(
    mix: float | None, parent: Run, place: tuple[Path, Path], deciding: Deciding, ground: list[int], tmp_path: Path
) -> None:
    deciding(mix)
    done = refined(parent, place, tmp_path / "run")
    assert done.run.status["steps"] == len(ground) == 2 * STEPS
    assert same(done.run.weights(), parent.weights())
    assert done.run.facts["threshold"] == (parent.facts["threshold"] if mix is None else 0.25)


def test_a_mix_lies_between_the_initial_weights_and_those_of_all_ground(
    parent: Run, place: tuple[Path, Path], deciding: Deciding, tmp_path: Path
) -> None:
    weights = {}
    for mix in (1.0, 0.25):
        deciding(mix)
        weights[mix] = refined(parent, place, tmp_path / f"run {mix}").run.weights()
    start = parent.weights()
    moved = 0.0
    for name, value in start.items():
        if value.is_floating_point():
            torch.testing.assert_close(weights[0.25][name], torch.lerp(value, weights[1.0][name], 0.25))
            moved += float((weights[1.0][name] - value).abs().sum())
    assert moved > 0


def test_stopped_while_it_learns_from_all_ground_it_holds_the_initial_run_and_goes_on_to_the_same(
    parent: Run, place: tuple[Path, Path], deciding: Deciding, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    deciding(0.75)
    straight = refined(parent, place, tmp_path / "straight")
    step, taken = SegmentTask.step, 0

    def interrupted(task: SegmentTask, batches: Iterator[Any], index: int) -> dict[str, Tensor]:
        nonlocal taken
        taken += 1
        if taken == 2 * STEPS + 2:
            os.kill(os.getpid(), signal.SIGINT)
        return step(task, batches, index)

    with monkeypatch.context() as patch:
        patch.setattr(SegmentTask, "step", interrupted)
        stopped = refined(parent, place, tmp_path / "run")
    assert stopped.run.status["steps"] == 2 * STEPS + 2
    assert same(stopped.run.weights(), parent.weights())
    gone_on = refined(parent, place, tmp_path / "run")
    assert same(gone_on.run.weights(), straight.run.weights())
    assert gone_on.after == straight.after
    np.testing.assert_array_equal(
        (gone_on.run.folder / "metrics.csv").read_bytes(), (straight.run.folder / "metrics.csv").read_bytes()
    )
