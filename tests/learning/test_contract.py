"""The contract of every bundled recipe of every room: two steps, stopped and gone on with = straight, finished, loaded,
and a mistake answered in one line.
"""

import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import limner as api
from contracts import CONTRACTS, Contract, draw_no_curves
from limner.learning.library import bundled_recipes, load_recipe, recipe_of, task_class
from limner.learning.rooms import ROOMS, room_of_task, rooms_with
from limner.learning.runs import outcome
from limner.learning.runs.evaluations import read_evaluation
from limner.learning.runs.run import RUN_FILES, Run
from limner.reporting.report import draw_curves
from mistakes import everything_below

CommandLine = Callable[..., tuple[int, str, str]]


DRAWN: set[str] = set()
"""Tasks of which a training drew its figures as users see them; those of others, of the same kinds, are left blank."""
CURVES: set[frozenset[str]] = set()
"""The numbers of each training of which curves were made; those of others, of the same numbers, are one pixel."""


def draw_new_curves(rows: Sequence[Mapping[str, str]], path: Path) -> None:
    """Takes the place of `limner.reporting.report.draw_curves`, which takes a third of a second."""
    kind = frozenset(name for row in rows for name, value in row.items() if value)
    (draw_no_curves if kind in CURVES else draw_curves)(rows, path)
    CURVES.add(kind)


@cache
def contract_of(name: str) -> tuple[Any, Contract]:
    """A recipe, and the contract of its room."""
    recipe = load_recipe(name)
    return recipe, CONTRACTS[room_of_task(recipe.task)]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What ``--data`` names, by room."""
    return {room: contract.draw(tmp_path_factory.mktemp(room)) for room, contract in CONTRACTS.items()}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def stop_after_a_step(patch: pytest.MonkeyPatch, task: str) -> None:
    """The next training is asked to stop once it has taken a step."""
    kind = task_class(task)
    whole = kind.step

    def stopped(self: Any, batches: Any, index: int) -> dict[str, torch.Tensor]:
        values = whole(self, batches, index)
        os.kill(os.getpid(), signal.SIGTERM)
        return values

    patch.setattr(kind, "step", stopped)


def stop_in_a_fit(patch: pytest.MonkeyPatch, task: str) -> None:
    """The next training is asked to stop when it begins to learn at once, without steps."""
    kind = task_class(task)
    whole = kind.fit

    def stopped(self: Any, stage: Any, context: Any) -> Any:
        os.kill(os.getpid(), signal.SIGTERM)
        return whole(self, stage, context)

    patch.setattr(kind, "fit", stopped)


def test_every_room_that_trains_has_a_contract() -> None:
    assert set(CONTRACTS) == set(rooms_with("train"))
    assert {name.partition("/")[0] for name in bundled_recipes()} <= set(ROOMS)


@pytest.mark.parametrize("name", sorted(bundled_recipes()))
def test_a_recipe_keeps_the_contract(
    name: str,
    data: dict[str, Path],
    here: Path,
    limner: CommandLine,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    recipe, contract = contract_of(name)
    if recipe.task not in DRAWN:
        DRAWN.add(recipe.task)
        request.getfixturevalue("drawn_figures")
    place = contract.place(recipe, data[room_of_task(recipe.task)])
    contract.slim(monkeypatch)
    monkeypatch.setattr(outcome, "draw_curves", draw_new_curves)
    command = ["train", name, "--data", place, *contract.settings(recipe), "--loop.precision", "fp32"]

    code, out, error = limner(*command, "--out", "straight")
    assert (code, out) == (0, "straight\n"), error
    straight = Run(here / "straight")
    assert (straight.status["status"], straight.status["steps"]) == ("finished", contract.steps(recipe_of(straight)))
    assert {path.name for path in straight.folder.iterdir()} == {*RUN_FILES, "recipe.yaml", *contract.left}
    steps = straight.status["steps"] > 0  # else it is learned at once, and scored when it is done
    assert not steps or error.count("(best so far)") >= 1
    assert "; without learning: " in error.splitlines()[-1]
    assert set(contract.left) <= set(ROOMS[room_of_task(recipe.task)].files)
    rows = straight.metrics()  # a stage without steps has no losses: its cells are empty
    losses = [float(value) for row in rows for key, value in row.items() if key.startswith("train/") and value]
    assert (losses or not steps) and np.isfinite(losses).all()
    assert read_evaluation(straight.folder / "evaluation.json")["task"] == straight.task == recipe.task

    with monkeypatch.context() as patch:
        (stop_after_a_step if steps else stop_in_a_fit)(patch, recipe.task)
        assert limner(*command, "--out", "stopped")[:2] == (143, "stopped\n")
    stopped = Run(here / "stopped")
    assert (stopped.status["status"], stopped.status["steps"]) == ("interrupted", int(steps))
    contract.use(api.load("stopped"), place)
    code, out, error = limner(*command, "--out", "stopped")
    assert (code, out) == (0, "stopped\n"), error
    assert "going on" in error
    for file in ("model.safetensors", "metrics.csv", "evaluation.json", "recipe.yaml"):
        assert (stopped.folder / file).read_bytes() == (straight.folder / file).read_bytes(), file
    assert stopped.facts == straight.facts
    contract.use(api.load("straight"), place)

    before = everything_below(here)
    assert "already been trained" in limner(*command, "--out", "straight")[2]
    for more, says in (
        (["--data", "gone", "--out", "new"], "gone: no such file or folder"),
        (["--loop.keeep", "last", "--out", "new"], "--loop.keeep: no such setting; did you mean --loop.keep?"),
        (["--seed", "1", "--out", "straight"], "holds a run with another recipe or other data"),
    ):
        code, out, error = limner(*command, *more)
        assert (code, out, error.count("\n")) == (2, "", 1), error
        assert says in error
    assert everything_below(here) == before
