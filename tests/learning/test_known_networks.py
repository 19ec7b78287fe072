"""Networks by what users call them: of a room, of a run, in a file of their own."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from limner.detect.networks import NETWORKS as DETECTORS
from limner.foundation.errors import UserError
from limner.learning.networks.inspecting import inspect
from limner.learning.networks.known import find_network

MINE = """
from torch import nn

class Net(nn.Module):
    input_size = (1, 20, 24)

    def __init__(self):
        super().__init__()
        self.layer = nn.Conv2d(1, 3, 5)

    def forward(self, x):
        return self.layer(x)

ready = Net()
broken = lambda: 1 / 0
number = 3
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(MINE)
    return path


@pytest.mark.parametrize("name", ["Net", "ready"])
def test_a_module_in_a_file_is_inspected_at_the_size_that_it_names(mine: Path, name: str) -> None:
    found = inspect(f"{mine}:{name}")
    assert found.size == (1, 20, 24)
    assert [(layer.name, layer.shape) for layer in found.layers] == [("layer", (3, 16, 20))]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Nett", "has no 'Nett'; did you mean 'Net'"),
        ("broken", "ZeroDivisionError: division by zero"),
        ("number", "TypeError"),
    ],
)
def test_a_file_that_gives_no_module_is_refused(mine: Path, name: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        find_network(f"{mine}:{name}")


def test_a_network_of_a_room_takes_its_options_bands_and_classes_without_memory() -> None:
    known = find_network("segment/unet", channels=5, classes=7, overrides=["--network.depth", "35"], sizes_only=True)
    assert known.title == "unet depth 35"
    assert {value.device.type for value in known.network.parameters()} == {"meta"}
    assert known.network(torch.empty(1, 5, 32, 32, device="meta")).shape == (1, 7, 32, 32)


def test_a_run_is_inspected_with_its_own_bands() -> None:
    found = inspect("buildings")
    assert found.size == (3, 224, 224)
    assert found.parameters == 3_661_170 + 17  # and 17 of the output that tells how deep inside an object a pixel lies


@pytest.mark.parametrize("name", list(DETECTORS))
def test_of_a_detector_the_part_that_reads_a_picture_is_inspected(name: str) -> None:
    """Regions and boxes are decided by lists of any length, which no table of layers can show."""
    found = inspect(f"detect/{name}")
    assert found.title == f"{name} (what reads the picture)"
    assert found.multiply_adds > 10**8
    assert found.stages[-1].stride >= 8
    whole = {"yolo-v1": 271_703_550, "yolo-v1-darknet": 197_301_875, "yolo-tiny": 27_095_374}
    assert found.parameters == whole.get(name, found.parameters)


def test_a_size_without_bands_takes_those_that_the_network_reads() -> None:
    assert inspect(nn.Sequential(nn.Conv2d(4, 2, 3)), (30, 40)).size == (4, 30, 40)


def test_the_verb_prints_a_table_and_json_of_the_same(limner: Callable[..., tuple[int, str, str]]) -> None:
    code, out, error = limner("inspect", "unet", "--input", "3x64x64", "--compare", "local,dense")
    assert (code, error) == (0, "")
    assert "unet: 31,031,810 parameters that learn; for a picture of 3x64x64 " in out
    assert "9      head                     2       1  204 px" in out
    found = json.loads(limner("inspect", "unet", "--input", "3x64x64", "--compare", "local,dense", "--json")[1])
    assert found["multiply_adds"] == sum(layer["multiply_adds"] for layer in found["layers"])
    assert list(found["sharing"][0]) == ["name", "convolution", "dense", "local"]
    assert found["layers"][-1]["receptive_field"] == 204
