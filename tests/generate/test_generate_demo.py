"""The room's demo, with a few rounds: each command that it shows is what it runs."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

from limner.generate.demo import run_demo


def test_the_demo_tells_its_story_and_its_commands_find_it_done(
    tmp_path: Path, monkeypatch, capsys, limner: Callable[..., tuple[int, str, str]]
) -> None:
    monkeypatch.chdir(tmp_path)
    report = run_demo(Path("story"), quick=True)
    page = report.read_text(encoding="utf-8")
    told = capsys.readouterr().err
    for part in ("Cut-outs", "Real and made", "KID[efficientnet-lite0]", "Does it copy?", "CC BY 4.0"):
        assert part in page, part
    assert (tmp_path / "story" / "walk.gif").stat().st_size > 0
    commands = re.findall(r"^\$ limner (.+)$", told, re.MULTILINE)
    assert [command.split()[0] for command in commands] == ["cutouts", "train", "generate", "generate"]
    before = (tmp_path / "story" / "run" / "model.safetensors").stat().st_mtime_ns
    code, _, error = limner(*shlex.split(commands[1]))
    assert code == 0 and "already been trained" in error
    assert (tmp_path / "story" / "run" / "model.safetensors").stat().st_mtime_ns == before


def test_areas_of_the_segment_room_are_a_data_set_to_cut_from(tmp_path: Path) -> None:
    from limner.generate.cutouts.options import CutOutOptions
    from limner.generate.cutouts.verb import cut_out
    from limner.reporting.bundled import PLACES

    options = CutOutOptions(regions="1", no_filter=True, split=("kampala-1",), min_width=48)
    made = cut_out(PLACES, "building", tmp_path / "cuts", options)
    assert made.files
    assert {path.relative_to(tmp_path / "cuts" / "building").parts[0] for path in made.files} == {"kampala-1"}
