"""TensorBoard: the numbers of metrics.csv, and one line where it is not installed."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import limner as api
from limner.learning.rooms import ROOMS
from limner.learning.runs.run import Run
from mistakes import everything_below
from toy_room import RECIPE, ROOM

CommandLine = Callable[..., tuple[int, str, str]]
HERE = importlib.util.find_spec("tensorboard") is not None


@pytest.fixture
def toy(here: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A recipe of the toy room, and its points."""
    monkeypatch.setitem(ROOMS, "toy", ROOM)
    (here / "points.txt").write_text("".join(f"{x} {3 * x}\n" for x in (1, 2, 0.5, 1.5)))
    (here / "line.yaml").write_text(RECIPE)
    return here


def test_without_tensorboard_one_line_says_what_to_install_and_nothing_is_written(
    toy: Path, limner: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    before = everything_below(toy)
    code, out, error = limner("train", "line.yaml", "--data", "points.txt", "--loop.tensorboard", "--out", "run")
    assert (code, out) == (2, "")
    assert error == "limner: loop.tensorboard needs TensorBoard: pip install 'limner[tensorboard]'\n"
    assert everything_below(toy) == before


class Recorder:
    """Stands for TensorBoard's writer."""

    told: list[tuple[str, float, int]]

    def __init__(self, folder: str, purge_step: int) -> None:
        Recorder.made = (folder, purge_step)
        Recorder.told = []

    def add_scalar(self, name: str, value: float, step: int) -> None:
        self.told.append((name, value, step))

    def close(self) -> None:
        Recorder.closed = True


def test_what_stands_in_metrics_goes_to_tensorboard_by_step(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("limner.learning.loop.board._writer_class", lambda: Recorder)
    api.train("line.yaml", data="points.txt", loop={"tensorboard": True}, out="run")
    rows = Run(toy / "run").metrics()
    written = {
        (name, float(row[name]), int(row["step"])) for row in rows for name in ("train/loss", "error") if row[name]
    }
    assert {(name, float(value), step) for name, value, step in Recorder.told} == written
    assert len(rows) == 6
    assert Recorder.made == ("run/tensorboard", 1)
    assert Recorder.closed


@pytest.mark.skipif(not HERE, reason="TensorBoard is not installed")
def test_tensorboard_reads_what_was_written(toy: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    api.train("line.yaml", data="points.txt", loop={"tensorboard": True}, out="run")
    events: Any = EventAccumulator("run/tensorboard")
    events.Reload()
    assert [event.step for event in events.Scalars("train/loss")] == [1, 2, 3, 4, 5, 6]
    assert [event.step for event in events.Scalars("error")] == [2, 4, 6]
