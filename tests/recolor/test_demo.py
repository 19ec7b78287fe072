"""The recolor room's demo, on tiny photos: what it shows is what it does, and it does nothing twice."""

import contextlib
import io
import shlex
from pathlib import Path

import pytest

from limner.cli import app, main

FOLDERS = ("dusk", "methods", "warm-whole", "warm-half", "warm-lightness-kept", "harmonized")


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """(folder, stdout, stderr) of a first call and of a second."""
    out = tmp_path_factory.mktemp("demo") / "story"
    return out, _call(out), _call(out)


def _call(out):
    printed, said = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(said), pytest.raises(SystemExit) as left:
        main(["demo", "recolor", "--quick", "--out", str(out)])
    assert left.value.code == 0, said.getvalue()
    return printed.getvalue(), said.getvalue()


def shown(said):
    """The commands that were shown, as words."""
    return [shlex.split(line)[1:] for line in said.splitlines() if line.startswith("$ limner ")]


def test_the_story_ends_with_a_report_of_its_pictures_and_commands(told):
    out, (printed, said), _ = told
    assert Path(printed.strip()) == out / "report.html"
    page = (out / "report.html").read_text(encoding="utf-8")
    for words in shown(said):
        assert shlex.join(words) in page
    assert page.count("data:image/") == 17
    assert said.rstrip().splitlines()[-1].startswith("Now with your own: limner recolor ")


def test_every_command_that_is_shown_is_one_that_limner_takes(told):
    out, (_, said), _ = told
    commands = shown(said)
    assert len(commands) == len(FOLDERS)
    for words, folder in zip(commands, FOLDERS, strict=True):
        _, bound, _ = app.parse_args(words[1:])
        assert bound.arguments["out"] == out / folder
        assert all(picture.is_file() for picture in bound.arguments["pictures"])


def test_each_folder_holds_what_its_command_writes(told):
    out = told[0]
    assert {path.name for path in (out / "photos").iterdir()} == {"coffee.png", "rocket.png", "chelsea.png"}
    assert (out / "dusk" / "coffee-explained" / "matches.csv").is_file()
    assert (out / "methods" / "coffee-methods.jpg").is_file()
    assert (out / "harmonized" / "banepa.tif").is_file()


def test_a_second_call_does_nothing_again(told):
    _, _, (_, said) = told
    assert said.count("was made before") == len(FOLDERS)
