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

from limner.learning.runs.run import Run

PROCESSES = Path(__file__).parent / "rooms_in_processes.py"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process and two leave, all on the CPU and joined by gloo."""
    folder = tmp_path_factory.mktemp("processes")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    done = subprocess.run(
        [sys.executable, str(PROCESSES), str(folder), str(port)],
        env=os.environ | {"OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    return folder


def near(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    for name, value in found.items():
        torch.testing.assert_close(value, expected[name], rtol=2e-4, atol=2e-5, msg=name)


@pytest.mark.parametrize("room", SETTINGS)
def test_two_processes_follow_one_of_the_same_batch_and_one_goes_on_where_they_stopped(folder: Path, room: str) -> None:
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
