"""Two processes learn as one does that is shown the same batches, and one goes on where two stopped."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from rooms_in_processes import SETTINGS, STOP_AFTER, go_on
from torch import Tensor

from drawn import TinyNetwork
from limner.foundation.errors import UserError
from limner.foundation.progress import say
from limner.learning.loop.processes import first_speaks_for_all, machines, rank, with_processes
from limner.learning.loop.settings import LoopSettings
from limner.learning.runs.run import Run
from limner.segment.networks import NETWORKS

PROCESSES = Path(__file__).parent / "rooms_in_processes.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process and two leave, all on the CPU and joined by gloo."""
    folder = tmp_path_factory.mktemp("processes")
    with socket.socket() as one, socket.socket() as other:
        ports = []
        for free in (one, other):
            free.bind(("127.0.0.1", 0))
            ports.append(str(free.getsockname()[1]))
    done = subprocess.run(
        [sys.executable, str(PROCESSES), str(folder), *ports],
        env=os.environ | {"OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


def near(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, value in found.items():
        torch.testing.assert_close(value, expected[name], rtol=2e-4, atol=2e-5, msg=name)


@pytest.mark.parametrize("room", SETTINGS)
def test_two_processes_follow_one_of_the_same_batch_and_one_goes_on_where_they_stopped(
    folder: Path, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(NETWORKS, "tiny", TinyNetwork)  # as in the processes; other tests shall not find it
    begun, alone, first, second = (
        torch.load(folder / f"{room}-{name}.pt", weights_only=True) for name in ("begun", "1-0", "2-0", "2-1")
    )
    assert all(torch.equal(value, second[name]) for name, value in first.items())
    near(first, alone)
    moved = max(float((value - begun[name]).abs().max()) for name, value in alone.items())
    assert moved > 0.01  # more than the tolerance, by far
    steps = [int(Run(folder / f"{room}-{count}").metrics()[-1]["step"]) for count in (1, 2)]
    assert steps[0] == steps[1] > STOP_AFTER  # an epoch shows everything once, whoever shares it
    stopped = Run(folder / f"{room}-stopped").metrics()
    assert not stopped or int(stopped[-1]["step"]) <= STOP_AFTER
    near(go_on(room, folder), alone)


def test_processes_that_torchrun_starts_are_one_training(folder: Path) -> None:
    """They would learn two networks into one folder, were each to go by ``loop.devices``."""
    assert [path.name for path in (folder / "torchrun" / "runs").iterdir()] == ["classify-001"]
    run = Run(folder / "torchrun" / "runs" / "classify-001")
    assert run.status["status"] == "finished"
    assert "devices: 2" in run.recipe_text()
    learned = torch.load(folder / "classify-2-0.pt", weights_only=True)
    near(run.weights(), learned)


def test_another_number_of_processes_than_torchrun_started_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("TORCHELASTIC_RUN_ID", "1"), ("WORLD_SIZE", "4"), ("LOCAL_WORLD_SIZE", "2"), ("RANK", "3")):
        monkeypatch.setenv(name, value)
    assert (with_processes(LoopSettings()).devices, machines(), rank()) == (4, 2, 3)
    with pytest.raises(UserError, match="torchrun has started 4 processes"):
        with_processes(LoopSettings(devices=2))


def test_only_the_first_process_writes_to_the_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in ("0", "1"):
        monkeypatch.setenv("LOCAL_RANK", number)
        with first_speaks_for_all():
            print(f"result of {number}")
            say(f"line of {number}")
    assert tuple(capsys.readouterr()) == ("result of 0\n", "line of 0\n")
