"""The room's demo, with two steps a network: each command that it shows is what it runs."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from limner.translate.demo import run_demo


def test_the_demo_tells_three_stories_and_its_commands_find_them_done(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    limner: Callable[..., tuple[int, str, str]], quick_scores: None,
) -> None:  # fmt: skip
    report = run_demo(Path("story"), quick=True)
    page, told = report.read_text(encoding="utf-8"), capsys.readouterr().err
    for part in (
        "Four times as large",
        "What is missing",
        "Aerial pictures of masks",
        "bicubic",
        "biharmonic",
        "CC BY 4.0",
    ):
        assert part in page, part
    commands = re.findall(r"^\$ limner (.+)$", told, re.MULTILINE)
    assert [command.split()[0] for command in commands] == ["train", "translate"] * 3
    for command in commands:
        code, _, error = limner(*shlex.split(command))
        assert code == 0 and re.search("already been trained|was made before", error), error
    scene, filled, large = (np.asarray(Image.open(f"story/{name}.png")) for name in ("scene", "filled", "enlarged"))
    hole = np.asarray(Image.open("story/hole.png"))[..., 0] > 127
    assert (
        large.shape == (2048, 2048, 3) and (scene[~hole] == filled[~hole]).all() and (scene[hole] != filled[hole]).any()
    )
    chips = sorted(path.name for path in Path("story/chips/image").iterdir())
    assert len(chips) == 160 and chips == sorted(path.name for path in Path("story/chips/mask").iterdir())
