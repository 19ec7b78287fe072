"""The table of a training's numbers, damaged."""

from collections.abc import Callable
from pathlib import Path

import pytest

from limner.foundation.errors import UserError
from limner.learning.runs.metrics import MetricsWriter


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: whole.replace(b"0.5", b"0.\x005"),
        lambda whole: whole.replace(b"0.5", b"0.x5"),
        lambda whole: whole.replace(b"0.5", b"0.5,7"),
        lambda whole: whole.replace(b",0.5", b""),
        lambda whole: whole.replace(b"0.5", b"\xff"),
    ],
)
def test_a_damaged_file_is_told_before_anything_is_written_to_it(tmp_path: Path, damage: Callable) -> None:
    path = tmp_path / "metrics.csv"
    writer = MetricsWriter(path)
    writer.record("train", 1, {"loss": 0.5})
    writer.flush()
    path.write_bytes(damage(path.read_bytes()))
    damaged = path.read_bytes()
    with pytest.raises(UserError, match=r"metrics\.csv: .*restore it, or remove it"):
        MetricsWriter(path, ["step", "epoch", "stage", "loss"], 1)
    assert path.read_bytes() == damaged
