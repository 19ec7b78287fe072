"""What moves weights: clipped, in parts of a large batch, and in several processes as in one."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from processes import AGREES, FOLLOWS
from torch import Tensor, nn

from limner.adversarial.updater import Updater, set_up_network
from limner.learning.loop.fabric import make_fabric
from limner.learning.loop.settings import LoopSettings
from limner.learning.runs.metrics import read_metrics

FABRIC = make_fabric(LoopSettings(precision="fp32"))
BATCH = torch.randn(12, 6, generator=torch.Generator().manual_seed(3))


def small() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(6, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1), nn.Flatten(0))


def flat(network: nn.Module) -> Tensor:
    return torch.cat([weight.detach().flatten() for weight in network.parameters()])


def test_gradients_are_clipped_before_the_step() -> None:
    network = small()
    before = flat(network)
    Updater(FABRIC, torch.optim.SGD(network.parameters(), 1.0), clip=0.01).step(100 * network(BATCH).sum())
    assert float((flat(network) - before).norm()) == pytest.approx(0.01, rel=1e-3)


def test_a_batch_in_parts_moves_as_the_whole_and_once() -> None:
    whole, parted = small(), small()
    Updater(FABRIC, torch.optim.SGD(whole.parameters(), 0.5), clip=0.3).step(whole(BATCH).square().mean())
    updater = Updater(FABRIC, torch.optim.SGD(parted.parameters(), 0.5), clip=0.3)
    before = flat(parted)
    with updater.accumulate(3):
        for part in BATCH.split(4):
            updater.step(parted(part).square().mean())
            assert torch.equal(flat(parted), before)
    torch.testing.assert_close(flat(parted), flat(whole))
    updater.step(parted(BATCH).square().mean())  # nothing is left over for the next step
    Updater(FABRIC, torch.optim.SGD(whole.parameters(), 0.5), clip=0.3).step(whole(BATCH).square().mean())
    torch.testing.assert_close(flat(parted), flat(whole))


def test_a_part_that_fails_moves_nothing() -> None:
    network = small()
    updater = Updater(FABRIC, torch.optim.SGD(network.parameters(), 0.5))
    before = flat(network)
    with pytest.raises(ValueError, match="broken"), updater.accumulate(2):
        updater.step(network(BATCH).sum())
        raise ValueError("broken")
    assert torch.equal(flat(network), before)


def test_what_is_frozen_and_what_stands_outside_the_loss_stays() -> None:
    network = small()
    network.unused = nn.Parameter(torch.ones(2))
    updater = Updater(FABRIC, torch.optim.Adam(network.parameters(), 0.1))
    network[0].requires_grad_(False)
    before = flat(network[0])
    updater.step(network(BATCH).sum())
    assert torch.equal(flat(network[0]), before)
    assert torch.equal(network.unused, torch.ones(2))
    network[0].requires_grad_(True)
    updater.step(network(BATCH).sum())
    assert not torch.equal(flat(network[0]), before)


def test_a_network_in_training_computes_in_half_precision_and_answers_in_float32() -> None:
    network = small()
    call = set_up_network(make_fabric(LoopSettings(precision="bf16")), network)
    seen: list[torch.dtype] = []
    network[0].register_forward_hook(lambda layer, given, result: seen.extend([given[0].dtype, result.dtype]))
    assert call(BATCH).dtype == torch.float32
    assert seen == [torch.float32, torch.bfloat16]  # the sample itself was not rounded


PROCESSES = Path(__file__).parent / "processes.py"


@pytest.fixture(scope="module")
def folder_of_processes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("processes")


@pytest.fixture(scope="module")
def left(folder_of_processes: Path) -> Callable[[str, int, int], dict[str, Tensor]]:
    """What process so-and-so of one or of two leaves of a training; all on the CPU, joined by gloo."""
    folder = folder_of_processes
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    done = subprocess.run(
        [sys.executable, str(PROCESSES), str(folder), str(port)],
        env=os.environ | {"OMP_NUM_THREADS": "1"}, stderr=subprocess.PIPE, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    return lambda what, count, rank: torch.load(folder / f"{what}-{count}-{rank}.pt", weights_only=True)


@pytest.mark.parametrize("what", FOLLOWS)
def test_two_processes_hold_equal_weights_and_follow_one_of_the_same_batch_to_rounding(
    left: Callable[[str, int, int], dict[str, Tensor]], what: str
) -> None:
    alone, first, second = left(what, 1, 0), left(what, 2, 0), left(what, 2, 1)
    assert first.keys() == alone.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
        torch.testing.assert_close(value, alone[name], rtol=2e-4, atol=2e-5, msg=name)
    moved = [float(value) for name, value in alone.items() if name.startswith("moved.")]
    assert min(moved) > 0.1  # more than the tolerance, by far


def test_of_two_processes_one_writes_the_run(
    left: Callable[[str, int, int], dict[str, Tensor]], folder_of_processes: Path
) -> None:
    """A second that wrote ``metrics.csv``, too, once doubled rows and tripped over half a line of the first's."""
    for what in FOLLOWS:
        alone, both = (read_metrics(folder_of_processes / f"run-{what}-{count}" / "metrics.csv") for count in (1, 2))
        assert [row["step"] for row in both] == [row["step"] for row in alone]
        assert list(both[0]) == list(alone[0])


def test_two_processes_agree_whatever_is_switched_on(left: Callable[[str, int, int], dict[str, Tensor]]) -> None:
    """Batch normalization, ADA, LeCam, an average: what each process sees of its own comes to be the same in both."""
    first, second = left(AGREES, 2, 0), left(AGREES, 2, 1)
    assert float(first["state.strength"]) > 0
    assert float(first["state.lecam_share"]) > 0
    assert float(first["average.bottom.normalize.running_mean"].abs().sum()) > 0
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
