"""`limner demo media` with a few rounds: each command that it shows is what it ran, and the page holds the story."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path

from limner.datasets.world.sentences import read_sentence
from limner.generate.media.demo import SENTENCES


def test_it_tells_its_story_and_its_commands_find_it_done(
    tmp_path: Path, monkeypatch, limner: Callable[..., tuple[int, str, str]]
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, told = limner("demo", "media", "--quick", "--out", "story")
    assert code == 0 and out == "story/report.html\n"
    page = Path(out.strip()).read_text(encoding="utf-8")
    for part in (*SENTENCES, "it says", "one of the true sentences", "shuffled sentences", "commonest sentence"):
        assert part in page, part
    commands = [shlex.split(line) for line in re.findall(r"^\$ limner (.+)$", told, re.MULTILINE)]
    assert [command[0] for command in commands] == ["draw", "train", "generate", "train", "draw", "caption"]
    assert len(list(Path("story/pictures").glob("0-*.png"))) == 32
    rows = Path("story/told.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0] == "file,caption" and len(rows) == 7
    for command, done in ((commands[1], "already been trained"), (commands[4], "were drawn before")):
        code, _, error = limner(*command)
        assert code == 0 and done in error


def test_every_sentence_says_what_can_be_checked() -> None:
    assert all(read_sentence(sentence).shape and read_sentence(sentence).color for sentence in SENTENCES)
