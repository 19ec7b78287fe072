"""The shell completes verbs, every room's options, recipes, runs and rooms."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from limner.cli import app
from limner.commands.completion import app_with_all_options
from limner.commands.learning import SHARED
from limner.commands.words import room_names, run_names
from limner.learning.rooms import ROOMS

ASK = """
source "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_limner
echo "${COMPREPLY[@]}"
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home where completion was installed, with a command `limner` that is on the path."""
    home = tmp_path_factory.mktemp("home")
    (home / "bin").mkdir()
    command = home / "bin/limner"
    command.write_text(f"#!/bin/sh\nexec {sys.executable} -c 'from limner.cli import main; main()' \"$@\"\n")
    command.chmod(0o755)
    told = subprocess.run(
        [command, "--install-completion", "--shell", "bash"], env=environment(home), capture_output=True, text=True,
        check=True,
    ).stdout  # fmt: skip
    assert "installed" in told
    return home


def environment(home: Path) -> dict[str, str]:
    return {**os.environ, "HOME": str(home), "PATH": f"{home / 'bin'}:{os.environ['PATH']}"}


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("limner tra", "train translate"),
        ("limner train segment/residual-1", "segment/residual-18 segment/residual-101 segment/residual-152"),
        ("limner evaluate bui", "buildings"),
        ("limner evaluate buildings --resam", "--resamples"),
        ("limner evaluate buildings --normalize s", "scene"),
        ("limner compare one --ga", "--gains"),
        ("limner train segment/modern --leave", "--leave-out"),
        ("limner networks gen", "generate"),
    ],
)
def test_bash_completes(words: str, expected: str, home: Path) -> None:
    script = home / ".local/share/bash-completion/completions/limner"
    done = subprocess.run(
        ["bash", "-c", ASK, "bash", script, *words.split()], env=environment(home), cwd=home, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == expected


def test_completion_knows_every_verb_and_the_options_of_all_rooms() -> None:
    complete = app_with_all_options(app, SHARED)
    assert set(complete) == set(app)
    names = {name for one in complete["compare"].assemble_argument_collection() for name in one.names}
    assert {"--gains", "--class", "--data", "--samples", "--json"} <= names


def test_runs_and_rooms_are_offered(here: Path) -> None:
    assert run_names(None) == ["buildings", "histogram-analogy"]
    (here / "runs/mine-001").mkdir(parents=True)
    (here / "runs/mine-001/model.json").write_text("{}")
    assert run_names(None) == ["runs/mine-001", "last", "buildings", "histogram-analogy"]
    assert [name for name, _ in room_names(None)] == list(ROOMS)
