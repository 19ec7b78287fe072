"""Ctrl-C and SIGTERM ask politely first; a stopped training is usable and goes on as if nothing had happened."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from drawing import draw_area
from limner.foundation.signals import stop_on_signal
from limner.learning.runs.run import Run
from limner.learning.train import load
from limner.segment.training.task import SegmentTask
from quick_runs import QUICK


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_is_only_noted(number: signal.Signals, code: int) -> None:
    with stop_on_signal() as stop:
        assert not stop
        os.kill(os.getpid(), number)
        assert stop
        assert (stop.signal, stop.exit_code) == (number, code)


@pytest.fixture(autouse=True)
def as_in_a_terminal() -> Iterator[None]:
    """A shell starts background jobs with SIGINT ignored; here Ctrl-C means what it means in a terminal."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_the_second_signal_acts_at_once() -> None:
    with pytest.raises(KeyboardInterrupt), stop_on_signal() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("the second Ctrl-C was swallowed")


def test_what_signals_did_before_is_put_back_whatever_happens() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with stop_on_signal():
        assert signal.getsignal(signal.SIGINT) not in before
    with pytest.raises(ValueError, match="broken"), stop_on_signal():
        os.kill(os.getpid(), signal.SIGTERM)
        raise ValueError("broken")
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_in_another_thread_signals_are_left_alone() -> None:
    before = signal.getsignal(signal.SIGTERM)
    seen: list[Any] = []

    def work() -> None:
        with stop_on_signal() as stop:
            seen.extend([bool(stop), signal.getsignal(signal.SIGTERM)])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False, before]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_stopped_training_is_usable_and_the_same_command_ends_as_if_never_stopped(
    number: signal.Signals,
    code: int,
    here: Path,
    limner: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    draw_area(here / "town")
    command = ["train", "segment/demo", "--data", "town", *QUICK, "--steps-per-epoch", "4"]
    step = SegmentTask.step

    def step_that_is_interrupted(task: SegmentTask, batches: Any, index: int) -> Any:
        values = step(task, batches, index)
        if index == 1:
            os.kill(os.getpid(), number)
        return values

    with monkeypatch.context() as patch:
        patch.setattr(SegmentTask, "step", step_that_is_interrupted)
        assert limner(*command)[:2] == (code, "runs/demo-001\n")
    run = Run(here / "runs/demo-001")
    assert (run.status["status"], run.status["steps"]) == ("interrupted", 2)
    assert load(run.folder).predict(here / "town/images/0.tif").shape == (96, 96)

    went_on, out, said = limner(*command)
    assert (went_on, out) == (0, "runs/demo-001\n")
    assert "going on" in said
    assert (run.status["status"], run.status["steps"]) == ("finished", 4)
    assert limner(*command, "--out", "straight")[0] == 0
    straight = Run(here / "straight").weights()
    assert all(torch.equal(value, straight[name]) for name, value in run.weights().items())
