"""A run's folder may be anybody's: what its files say is held against limner and its weights before memory is taken."""

import inspect
import json
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from safetensors.torch import load_file, save_file

from limner.generate.networks import GENERATORS
from limner.learning.runs.described import build_fitting, check_fits
from limner.segment.networks import NETWORKS
from quick_runs import copy_run

Change = Callable[[dict[str, Any]], object]

DAMAGES: dict[str, tuple[Change, str]] = {
    "threshold a text": (lambda facts: facts.update(threshold="0.5"), "threshold is '0.5'; needed: a number"),
    "threshold NaN": (lambda facts: facts.update(threshold=float("nan")), "threshold is nan; needed: a number"),
    "threshold beyond": (lambda facts: facts.update(threshold=1.5), "threshold is 1.5; needed: 0 to 1"),
    "format a text": (lambda facts: facts.update(format_version="1"), "format_version is '1'; needed: a whole number"),
    "format newer": (lambda facts: facts.update(format_version=99), "written by a newer limner"),
    "no task": (lambda facts: facts.pop("task"), "says nothing of task"),
    "nothing at all": (
        lambda facts: facts.clear() or facts.update(task="segment"),
        "says nothing of network, channels",
    ),
    "task unknown": (lambda facts: facts.update(task="translate"), "translate"),
    "task a list": (lambda facts: facts.update(task=[]), "task is []; needed: a text"),
    "network a text": (lambda facts: facts.update(network="unet"), "network is 'unet'; needed: named values"),
    "network unnamed": (lambda facts: facts["network"].pop("name"), "network.name is None; needed: a text"),
    "network unknown": (lambda facts: facts["network"].update(name="lite-net"), "did you mean 'lite-unet'?"),
    "option unknown": (lambda facts: facts["network"].update(wide=3), "has no option 'wide'"),
    "option a text": (lambda facts: facts["network"].update(width="8"), "network.width is '8'; needed: a whole number"),
    "option below": (lambda facts: facts["network"].update(width=-1), "describes no network that can be"),
    "bands a number": (lambda facts: facts.update(bands=3), "bands is 3; needed: a list"),
    "bands too few": (lambda facts: facts.update(bands=["red"]), "bands has 1 entries, but channels is 3"),
    "channels 0": (lambda facts: facts.update(channels=0), "channels is 0; needed: 1 to"),
    "channels more": (lambda facts: facts.update(channels=4), "statistics.mean has 3 entries, but channels is 4"),
    "statistics gone": (lambda facts: facts.pop("statistics"), "says nothing of statistics"),
    "statistics null": (lambda facts: facts["statistics"].update(mean=[None] * 3), "mean[0] is None; needed: a number"),
    "deviation 0": (lambda facts: facts["statistics"].update(deviation=[1, 0, 1]), "needed: numbers above 0"),
    "one class": (lambda facts: facts.update(class_names=["a"]), "needed: 2 to 255 entries"),
    "a class twice": (lambda facts: facts.update(class_names=["a", "a"]), "names a class twice"),
    "a class more": (
        lambda facts: facts.update(class_names=["a", "b", "c"]),
        "does not fit model.json: head.bias is 3",
    ),
    "type unknown": (lambda facts: facts.update(dtype="complex64"), "dtype is complex64"),
    "ground backwards": (lambda facts: facts.update(ground_range_m=[2, 1]), "needed: the least and the most"),
    "deep": (lambda facts: facts.update(areas=json.loads("[" * 99 + "]" * 99)), "nested more than"),
}


@pytest.fixture
def run(trained: Path, here: Path) -> Path:
    return copy_run(trained, here / "run")


@pytest.mark.parametrize(("change", "message"), DAMAGES.values(), ids=DAMAGES)
def test_facts_of_other_kinds_are_one_line(change: Change, message: str, run: Path, trained: Path, limner) -> None:
    path = run / "model.json"
    facts = json.loads(path.read_text())
    change(facts)
    path.write_text(json.dumps(facts))
    code, out, err = limner("segment", run, trained / "scene.tif")
    assert (code, out) == (2, "")
    assert message in err and len(err.splitlines()) == 1
    assert not (run.parent / "maps").exists()


@pytest.fixture
def limited() -> Iterator[None]:
    """This process may take 8 GiB of addresses more than it has; no less, or an import would fail."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + (8 << 30), before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


@pytest.mark.usefixtures("limited")
@pytest.mark.parametrize("width", [1 << 14, 1 << 20, 1 << 40, 10**30])
def test_a_giant_network_is_refused_before_it_takes_memory(width: int, run: Path, trained: Path, limner) -> None:
    path = run / "model.json"
    facts = json.loads(path.read_text())
    facts["network"]["width"] = width
    path.write_text(json.dumps(facts))
    code, out, error = limner("segment", run, trained / "scene.tif")
    assert (code, out, error.count("\n")) == (2, "", 1), error
    assert "model.safetensors does not fit model.json" in error or "network.width is" in error


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_weights_that_are_no_numbers_are_refused(value: float, run: Path, trained: Path, limner) -> None:
    weights = load_file(run / "model.safetensors")
    name = next(name for name, tensor in weights.items() if tensor.is_floating_point() and tensor.ndim == 4)
    weights[name].view(-1)[5] = value
    save_file(weights, run / "model.safetensors")
    code, out, err = limner("segment", run, trained / "scene.tif")
    assert (code, out) == (2, "")
    assert f"{name} holds NaN or infinity" in err


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:-9],
        lambda content: content[:20],
        lambda content: b"",
        lambda content: b"\xff" * 8 + content[8:],
        lambda content: content.replace(b'"F32"', b'"F64"'),
        lambda content: content.replace(b"head.weight", b"head.wEight"),
    ],
)
def test_weights_that_are_damaged_are_one_line(damage, run: Path, trained: Path, limner) -> None:
    path = run / "model.safetensors"
    path.write_bytes(damage(path.read_bytes()))
    code, out, err = limner("segment", run, trained / "scene.tif")
    assert (code, out, len(err.splitlines())) == (2, "", 1)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_of_maps_can_be_described_without_memory(name: str) -> None:
    takes_weights = "pretrained" in inspect.signature(NETWORKS[name]).parameters
    options = {"pretrained": False} if takes_weights else {}
    network = NETWORKS[name](channels=5, classes=3, **options)
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    check_fits(lambda: NETWORKS[name](channels=5, classes=3, **options), shapes, Path("run"))
    with pytest.raises(Exception, match="does not fit"):
        check_fits(lambda: NETWORKS[name](channels=4, classes=3, **options), shapes, Path("run"))


@pytest.mark.parametrize("name", GENERATORS)
@pytest.mark.parametrize("classes", [0, 3])
def test_every_generator_can_be_described_without_memory(name: str, classes: int) -> None:
    def build() -> torch.nn.Module:
        return GENERATORS[name](size_px=32, channels=3, classes=classes, width=8)

    check_fits(build, {key: tuple(value.shape) for key, value in build().state_dict().items()}, Path("run"))


def test_describing_a_network_draws_no_random_number() -> None:
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    network = NETWORKS["unet"](channels=1, classes=2)
    torch.manual_seed(3)
    check_fits(
        lambda: NETWORKS["unet"](channels=1, classes=2),
        {key: tuple(value.shape) for key, value in network.state_dict().items()},
        Path("run"),
    )
    assert np.array_equal(torch.rand(3).numpy(), expected.numpy())


@pytest.mark.parametrize("name", ["residual-unet", "lite-unet", "unet"])
def test_a_network_that_waits_for_its_weights_draws_none_and_computes_what_the_other_does(
    name: str, tmp_path: Path
) -> None:
    own = {"pretrained": False} if "pretrained" in inspect.signature(NETWORKS[name]).parameters else {}
    network = NETWORKS[name](channels=3, classes=2, **own).eval()
    weights = network.state_dict()
    state = torch.random.get_rng_state()
    waiting = build_fitting(
        lambda: NETWORKS[name](channels=3, classes=2, **own),
        {key: tuple(value.shape) for key, value in weights.items()},
        tmp_path,
    )
    assert torch.equal(torch.random.get_rng_state(), state)
    waiting.load_state_dict(weights)
    image = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(waiting.eval()(image), network(image))
