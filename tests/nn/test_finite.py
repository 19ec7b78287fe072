"""A network that answers with NaN is told: it never passes for a map, a class or a picture."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from limner.foundation.errors import UserError
from limner.nn.finite import finite


def spoil(run: Path, change: Callable[[torch.Tensor], torch.Tensor], ending: str) -> None:
    """Change the first tensor of a run's weights whose name ends so."""
    weights = load_file(run / "model.safetensors")
    name = next(name for name in weights if name.endswith(ending))
    weights[name] = change(weights[name])
    save_file(weights, run / "model.safetensors")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_one_number_that_is_none_is_told(value: float) -> None:
    answers = torch.zeros(2, 3, 4)
    assert finite(answers, "r") is answers
    answers[1, 2, 3] = value
    with pytest.raises(UserError, match=r"^r: answers with NaN or infinity; either its weights are damaged"):
        finite(answers, "r")


@pytest.mark.parametrize(
    ("change", "ending"),
    [(lambda tensor: -torch.ones_like(tensor), "running_var"), (lambda tensor: tensor * 0 + 3e38, "weight")],
)
def test_a_map_of_weights_that_overflow_is_refused_and_leaves_nothing(
    trained: Path, here: Path, limner: Callable[..., tuple[int, str, str]], change: Callable, ending: str
) -> None:
    run = Path(shutil.copytree(trained / "run", here / "run", ignore=shutil.ignore_patterns("checkpoint")))
    spoil(run, change, ending)
    code, out, error = limner("segment", run, trained / "scene.tif", "--out", "maps")
    assert (code, out) == (2, "")
    assert error.splitlines()[-1].startswith(f"limner: {run}: answers with NaN or infinity")
    assert not list((here / "maps").glob("*.tif")) and not list((here / "maps").glob(".*.tif"))
