"""Files are written whole or not at all, and nothing is left behind."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.foundation.errors import UserError
from limner.foundation.files.writing import (
    is_leftover,
    make_folder,
    remove,
    remove_leftovers,
    replacing,
    write_json,
    write_text,
)


def test_the_good_name_appears_only_when_the_block_has_ended(tmp_path: Path) -> None:
    target = tmp_path / "deep/er/a.tif"
    with replacing(target) as temporary:
        temporary.write_text("half")
        assert (temporary.parent, temporary.suffix) == (target.parent, ".tif")
        assert is_leftover(temporary)
        assert not target.exists()
    assert [path.name for path in target.parent.iterdir()] == ["a.tif"]
    assert target.read_text() == "half"


def test_a_block_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(target) as temporary:
        temporary.write_text("new")
        raise KeyboardInterrupt
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.txt": "old"}


def test_folders_made_for_a_file_that_failed_go_and_those_that_hold_something_stay(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    with pytest.raises(UserError), replacing(tmp_path / "kept/new/newer/a.txt"):
        raise UserError("no")
    assert [path.name for path in tmp_path.rglob("*")] == ["kept"]
    with pytest.raises(UserError), replacing(tmp_path / "kept/new/newer/a.txt"):
        (tmp_path / "kept/new/b.txt").write_text("of somebody else")
        raise UserError("no")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["b.txt", "kept", "new"]


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    target = tmp_path / "folder"
    (target / "old").mkdir(parents=True)
    with replacing(target) as temporary:
        temporary.mkdir()
        (temporary / "new").touch()
    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))] == ["folder", "folder/new"]


@pytest.mark.kills
def test_a_killed_command_leaves_the_old_file_and_a_leftover_that_the_next_one_removes(tmp_path: Path) -> None:
    write_text(tmp_path / "a.json", "old")
    script = """
import os, pathlib, signal, sys
from limner.foundation.files.writing import replacing
with replacing(pathlib.Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", script, tmp_path / "a.json"], check=False).returncode == -9
    left = {path.name for path in tmp_path.iterdir()}
    assert len(left) == 3 and {"a.json", ".a.json.lock"} < left
    assert (tmp_path / "a.json").read_text() == "old"
    write_text(tmp_path / "a.json", "new")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"a.json": "new"}


def test_only_temporary_names_are_leftovers(tmp_path: Path) -> None:
    mine = [".hidden", ".a.0123456.txt", ".a.0123456g.txt", "a.01234567.txt", ".git/.keep.me", "deep/.gitignore"]
    theirs = [".a.01234567.txt", ".a.b.89abcdef.tif", "deep/.checkpoint.0123abcd", ".folder.0123abcd/inside.txt"]
    for name in mine + theirs:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file())
    assert left == sorted(mine)
    assert not (tmp_path / ".folder.0123abcd").exists()


@given(st.text("abc.-_ é", min_size=1, max_size=12).filter(lambda text: text.strip(". ")))
def test_every_name_has_a_temporary_one_that_is_known_again(name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        with replacing(Path(folder) / f"{name}.tif") as temporary:
            temporary.touch()
            assert is_leftover(temporary)
        assert [path.name for path in Path(folder).iterdir()] == [f"{name}.tif"]


def test_a_file_in_the_way_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for below in ("file", "file/a", "file/a/b"):
        with pytest.raises(UserError, match=r"cannot write below .*/file: it is a file, not a folder"):
            make_folder(tmp_path / below)
    assert make_folder(tmp_path / "a/b") == tmp_path / "a/b"
    assert make_folder(tmp_path / "a/b").is_dir()


def test_json_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    write_json(path, {"name": "Köln", "numbers": [1, 2.5, None]})
    assert json.loads(path.read_text(encoding="utf-8")) == {"name": "Köln", "numbers": [1, 2.5, None]}
    assert "Köln" in path.read_text(encoding="utf-8")
    with pytest.raises(TypeError):
        write_json(path, {"name": {1, 2}})
    assert json.loads(path.read_text(encoding="utf-8"))["name"] == "Köln"
    assert list(tmp_path.iterdir()) == [path]


def test_removing_a_link_leaves_what_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    remove(tmp_path / "link")
    remove(tmp_path / "never was there")
    assert [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.rglob("*"))] == ["real", "real/file"]
    remove(tmp_path / "real")
    assert not list(tmp_path.iterdir())
