"""The same command again: what was killed goes on to the same bytes, what is done is not done again."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from changing import change_pixel
from cutouts_stub import StubDetector
from drawn_cityscapes import write_cityscapes
from limner.foundation.errors import UserError
from limner.generate.cutouts import work
from limner.generate.cutouts.journal import JOURNAL, Journal
from limner.generate.cutouts.options import CutOutOptions
from limner.generate.cutouts.verb import cut_out
from workers_at_hand import AtHand

FILTERED = {"workers": 1, "min_width": 1, "min_height": 1, "min_score": 0.5}
KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from cutouts_stub import StubDetector
from limner.generate.cutouts.journal import Journal
from limner.generate.cutouts.verb import cut_out
from limner.generate.cutouts.options import CutOutOptions

add = Journal.add
def killed(self, group, done):
    if group == {last}:
        os.kill(os.getpid(), signal.SIGKILL)
    add(self, group, done)

Journal.add = killed
if __name__ == "__main__":
    cut_out({source!r}, "car", {out!r}, CutOutOptions(**{options!r}), detector=StubDetector())
"""


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty pictures: three groups of eight, eight and four."""
    return write_cityscapes(tmp_path_factory.mktemp("data") / "city", splits=("train", "val"), count=10)


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.kills
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs signals that kill")
def test_a_killed_run_with_processes_goes_on_to_the_bytes_of_a_straight_one(city: Path, tmp_path: Path) -> None:
    out, options = tmp_path / "killed", {**FILTERED, "workers": 2}
    script = tmp_path / "killed.py"
    tests = str(Path(__file__).parents[2] / "helpers")
    script.write_text(KILLED.format(tests=tests, last=1, source=str(city), out=str(out), options=options))
    left = subprocess.run([sys.executable, str(script)], timeout=120, capture_output=True)
    assert left.returncode == -signal.SIGKILL, left.stderr.decode()
    assert (out / JOURNAL).exists() and not (out / "manifest.csv").exists()
    stub = StubDetector()
    cut_out(city, "car", out, CutOutOptions(**FILTERED), detector=stub)  # type: ignore[arg-type]
    straight = StubDetector()
    cut_out(city, "car", tmp_path / "straight", CutOutOptions(**FILTERED), detector=straight)  # type: ignore[arg-type]
    assert everything(out) == everything(tmp_path / "straight")
    assert stub.batches == straight.batches[1:]


@pytest.mark.parametrize("cut_short", [1, 300])
def test_a_line_of_the_journal_that_was_cut_short_is_done_again(
    city: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut_short: int
) -> None:
    options = CutOutOptions(no_filter=True, workers=1)
    cut_out(city, "car", tmp_path / "straight", options)
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "close", lambda self: None)
        cut_out(city, "car", tmp_path / "out", options)
    journal = tmp_path / "out" / JOURNAL
    journal.write_bytes(journal.read_bytes()[:-cut_short])
    (tmp_path / "out/manifest.csv").unlink()
    cut_out(city, "car", tmp_path / "out", options)
    assert everything(tmp_path / "out") == everything(tmp_path / "straight")


def test_a_stop_by_a_signal_ends_after_a_group_and_the_next_run_goes_on(
    city: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = Journal.add

    def stopped(self: Journal, group: int, done: list[object]) -> None:
        add(self, group, done)  # type: ignore[arg-type]
        os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch, pytest.raises(SystemExit) as left:
        patch.setattr(Journal, "add", stopped)
        cut_out(city, "car", tmp_path / "out", CutOutOptions(no_filter=True, workers=1))
    assert left.value.code == 143
    before = everything(tmp_path / "out")
    made = cut_out(city, "car", tmp_path / "out", CutOutOptions(no_filter=True, workers=1))
    assert len(made.files) > sum(name.endswith(".png") for name in before) > 0


def test_what_is_done_is_found_done(city: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = cut_out(city, "car", tmp_path / "out", CutOutOptions(no_filter=True, workers=1))
    times = {path: path.stat().st_mtime_ns for path in first.files}
    with monkeypatch.context() as patch:
        patch.setattr(work, "cut_picture", lambda *_: pytest.fail("was cut again"))
        again = cut_out(city, "car", tmp_path / "out", CutOutOptions(no_filter=True, workers=2))
    assert again.before and again.rows == first.rows and again.to_json() == first.to_json()
    assert again.to_text() == first.to_text() + "; were there already"
    assert {path: path.stat().st_mtime_ns for path in again.files} == times


def test_a_cut_out_that_was_deleted_is_made_again(city: Path, tmp_path: Path) -> None:
    options = CutOutOptions(no_filter=True, workers=1)
    first = cut_out(city, "car", tmp_path / "out", options)
    before = everything(tmp_path / "out")
    first.files[3].unlink()
    assert not cut_out(city, "car", tmp_path / "out", options).before
    assert everything(tmp_path / "out") == before


@pytest.mark.parametrize("change", ["options", "object", "picture", "detector"])
def test_other_cut_outs_are_refused_or_replaced_whole(tmp_path: Path, change: str) -> None:
    city = write_cityscapes(tmp_path / "city", splits=("train",), count=1)
    cut_out(city, ("car", "bus"), tmp_path / "out", CutOutOptions(no_filter=True, workers=1))
    objects: tuple[str, ...] = ("car", "bus")
    options, stub = CutOutOptions(no_filter=True, workers=1), None
    if change == "options":
        options = CutOutOptions(no_filter=True, workers=1, background="black")
    elif change == "object":
        objects = ("car",)
    elif change == "picture":
        change_pixel(next((city / "leftImg8bit").rglob("*.png")))
    else:
        options, stub = CutOutOptions(workers=1, min_score=0.5), StubDetector()
    before = everything(tmp_path / "out")
    with pytest.raises(UserError, match="holds other cut-outs; choose another folder or add --overwrite"):
        cut_out(city, objects, tmp_path / "out", options, detector=stub)
    assert everything(tmp_path / "out") == before
    cut_out(city, objects, tmp_path / "out", options, detector=stub, overwrite=True)
    cut_out(city, objects, tmp_path / "fresh", options, detector=stub)
    assert everything(tmp_path / "out") == everything(tmp_path / "fresh")


def test_a_folder_of_other_files_is_refused_even_to_be_replaced(city: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("precious")
    with pytest.raises(UserError, match="holds other files; choose another folder"):
        cut_out(city, "car", tmp_path / "out", CutOutOptions(no_filter=True, workers=1), overwrite=True)
    assert (tmp_path / "out/mine.txt").read_text() == "precious"


def test_a_record_cannot_have_anything_outside_removed(city: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "out").mkdir()
    request = {"objects": ["../precious", "..", "", str(tmp_path / "precious")]}
    (tmp_path / "out/cutouts.json").write_text(json.dumps({"request": request}))
    cut_out(city, "car", tmp_path / "out", CutOutOptions(no_filter=True, workers=1), overwrite=True)
    assert (tmp_path / "precious").is_dir()


def test_a_damaged_line_of_the_journal_is_no_row_of_the_manifest(
    city: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers and names that a damage changes are as good JSON as those that were written."""
    options = CutOutOptions(no_filter=True, workers=1)
    cut_out(city, "car", tmp_path / "straight", options)
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "close", lambda self: None)
        cut_out(city, "car", tmp_path / "out", options)
    journal = tmp_path / "out" / JOURNAL
    whole = journal.read_bytes()
    assert b'"x0": ' in whole
    journal.write_bytes(whole.replace(b'"x0": ', b'"x0": 7', 1).replace(b"aachen_", b"aochen_", 1))
    (tmp_path / "out" / "manifest.csv").unlink()
    cut_out(city, "car", tmp_path / "out", options)
    assert everything(tmp_path / "out") == everything(tmp_path / "straight")


def test_cut_outs_are_the_same_whoever_cuts_them(city: Path, tmp_path: Path, at_hand: list[AtHand]) -> None:
    cut_out(city, "car", tmp_path / "alone", CutOutOptions(no_filter=True, workers=1))
    cut_out(city, "car", tmp_path / "spread", CutOutOptions(no_filter=True, workers=2))
    assert at_hand[0].items == 20
    assert everything(tmp_path / "alone") == everything(tmp_path / "spread")
