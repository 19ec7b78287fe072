"""Words that stand for many scenes."""

import io
from pathlib import Path

import pytest

from limner.foundation.errors import UserError
from limner.scenes.listed import listed_scenes, stands_for_many


@pytest.fixture
def scenes(here: Path) -> Path:
    (here / "scenes").mkdir()
    for name in ("b.tif", "a.TIF", "notes.md", ".hidden.tif"):
        (here / "scenes" / name).write_bytes(b"")
    return here / "scenes"


def test_a_list_has_a_path_a_line_from_here_or_from_beside_it(scenes: Path) -> None:
    (scenes / "list.txt").write_text("# of today\nb.tif\n\n  scenes/a.TIF  \nelsewhere.tif\n", encoding="utf-8")
    found = listed_scenes([Path("scenes/list.txt")])
    assert found == [Path("scenes/b.tif"), Path("scenes/a.TIF"), Path("elsewhere.tif")]


def test_a_dash_is_a_list_on_stdin(scenes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("scenes/b.tif\nscenes/a.TIF\n"))
    assert listed_scenes([Path("-")]) == [Path("scenes/b.tif"), Path("scenes/a.TIF")]


def test_a_pattern_stands_for_what_it_matches_and_a_folder_for_its_pictures_when_each_is_a_scene(scenes: Path) -> None:
    assert listed_scenes([Path("scenes/*.tif")]) == [Path("scenes/b.tif")]
    assert listed_scenes([Path("scenes")], each=True) == [Path("scenes/a.TIF"), Path("scenes/b.tif")]


def test_a_file_a_folder_of_chips_and_a_file_named_like_a_pattern_stand_for_themselves(scenes: Path) -> None:
    (scenes / "[1].tif").write_bytes(b"")
    words = [Path("scenes/b.tif"), Path("scenes"), Path("scenes/[1].tif")]
    assert not any(stands_for_many(word, each=False) for word in words)
    assert listed_scenes(words) == words


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("scenes/*.png", r"^scenes/\*\.png: stands for no scene; give a list, a pattern or a folder that does$"),
        ("empty.txt", "^empty.txt: stands for no scene"),
        ("gone.txt", "gone.txt"),
        ("picture.txt", "^picture.txt: not a text file; a list has the path of a scene in each line$"),
    ],
)
def test_words_that_stand_for_nothing_are_refused(scenes: Path, word: str, message: str) -> None:
    (scenes.parent / "empty.txt").write_text("# nothing yet\n", encoding="utf-8")
    (scenes.parent / "picture.txt").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(UserError, match=message):
        listed_scenes([Path(word)])
