"""Every verb that writes, killed at random and beside itself: nothing lost, nothing wrong (`-m kills --attack N`)."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from kills import COMMANDS, RUN_THESE, WRITE_NOTHING, content_of

from limner.cli import app

SCRIPT = Path(__file__).with_name("kills.py")
QUICK = ("compare", "recolor look", "score")
"""Where nobody asked for more."""


def rows_of(kind: str, count: int, place: Path, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """What `kills.py` printed."""
    command = [sys.executable, str(SCRIPT), kind, str(count), str(place), "0", *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.kills
def test_a_killed_command_ends_where_one_that_nobody_killed_does(attack: int, tmp_path: Path) -> None:
    rows = rows_of("kills", attack or 2 * len(QUICK), tmp_path / "place", () if attack else QUICK)
    assert {row["name"] for row in rows} == set(COMMANDS if attack else QUICK)
    assert [row for row in rows if row["fault"] is not None] == []


@pytest.mark.kills
def test_two_commands_in_one_place_leave_what_one_leaves(attack: int, tmp_path: Path) -> None:
    names = tuple(COMMANDS) if attack else QUICK
    rows = rows_of("two", 1, tmp_path / "place", names)
    assert {row["name"] for row in rows} == set(names)
    assert [row for row in rows if row["fault"] is not None] == []


def test_every_verb_is_killed_and_run_beside_itself_or_writes_nothing() -> None:
    attacked = {command.tokens[0] for command in COMMANDS.values()}
    assert {name for name in app if not name.startswith("-")} == attacked | {*WRITE_NOTHING, *RUN_THESE}


def test_times_are_no_difference_and_all_else_is(tmp_path: Path) -> None:
    first, second, third = (tmp_path / name for name in ("a.json", "b.json", "c.json"))
    first.write_text('{"seconds": 1.5, "stages": {"fit": 0.1}, "score": 0.25}')
    second.write_text('{"seconds": 12.75, "stages": {"fit": 3, "apply": 9}, "score": 0.25}')
    third.write_text('{"seconds": 1.5, "stages": {"fit": 0.1}, "score": 0.26}')
    assert content_of(first) == content_of(second) != content_of(third)


def test_however_long_it_took_a_line_says_the_same(tmp_path: Path) -> None:
    texts = [tmp_path / f"{number}.md" for number in range(3)]
    for path, took in zip(texts, ("1 min 34 s", "54 s", "2 h"), strict=True):
        path.write_text(f"Seed 0, 12 steps of 2 crops, {took};\n")
    assert len({content_of(path) for path in texts}) == 1
