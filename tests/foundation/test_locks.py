"""Two commands on one result: one at a time, and nothing of a killed one stays or stops the next."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from limner.foundation.files import locks
from limner.foundation.files.locks import BusyError, is_lock, lock_of, locked
from limner.foundation.files.writing import alone_in, alone_with, remove_leftovers, replacing, temporary_name

HOLD = """
import sys, time
from pathlib import Path
from limner.foundation.files.writing import alone_in, alone_with, replacing
how = {"with": alone_with, "in": alone_in, "replacing": replacing}[sys.argv[2]]
with how(Path(sys.argv[1])) as given:
    if sys.argv[2] == "replacing":
        given.write_text("half")
        Path(f"{given}-journal").write_text("half")
    print("held", flush=True)
    time.sleep(60)
"""
COUNT = """
import sys
from pathlib import Path
from limner.foundation.files.writing import alone_with
count = Path(sys.argv[1])
for _ in range(40):
    with alone_with(count):
        count.write_text(str(int(count.read_text()) + 1))
"""


@contextmanager
def holding(path: Path, how: str = "with") -> Iterator[subprocess.Popen[str]]:
    """Another process that has the lock."""
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(path), how], stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        yield other
    finally:
        other.kill()
        other.wait()


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_second_command_waits_and_says_for_whom(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.tif"
    with holding(path) as other:
        threading.Timer(0.8, other.kill).start()
        began = time.monotonic()
        with alone_with(path):
            assert time.monotonic() - began > 0.5
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"limner: {path}: waiting for another limner (process {other.pid} on " in said


def test_a_second_command_that_may_not_wait_is_refused_in_one_line(tmp_path: Path) -> None:
    with (
        holding(tmp_path / "run", "in") as other,
        pytest.raises(BusyError, match=f"run: another limner .process {other.pid} on .*wait .*another --out"),
        alone_in(tmp_path / "run", wait=False),
    ):
        pass


def test_other_results_of_the_folder_are_free(tmp_path: Path) -> None:
    with holding(tmp_path / "a.tif"), replacing(tmp_path / "b.tif") as temporary:
        temporary.write_text("whole")
    assert (tmp_path / "b.tif").read_text() == "whole"


@pytest.mark.parametrize("how", ["with", "in"])
def test_the_lock_of_a_killed_command_is_taken_over_and_leaves_nothing(tmp_path: Path, how: str) -> None:
    path = tmp_path / "results"
    with holding(path, how) as other:
        kill(other)
    assert any(is_lock(file) for file in tmp_path.rglob("*"))
    with (alone_in if how == "in" else alone_with)(path, wait=False):
        pass
    assert not any(is_lock(file) for file in tmp_path.rglob("*"))


def test_what_a_killed_command_wrote_is_removed_by_the_next_that_makes_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    with holding(path, "replacing") as other:
        kill(other)
    assert len(list(tmp_path.iterdir())) == 3  # the half, its journal, the lock
    with replacing(path) as temporary:
        temporary.write_text("whole")
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_living_command_writes_stays_when_others_clean_up(tmp_path: Path) -> None:
    living = tmp_path / "a.gpkg"
    with holding(living, "replacing"):
        with replacing(tmp_path / "b.gpkg") as temporary:
            temporary.write_text("whole")
        assert temporary_name(living).read_text() == "half"
        assert lock_of(living).exists()


def test_a_folder_is_cleaned_of_files_and_locks_but_for_those_of_the_living(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with holding(folder / "model.bin", "replacing") as dead:
        kill(dead)
    (folder / "pictures").mkdir()
    (folder / "pictures/.a.0123abcd.png").touch()
    (folder / ".mine").touch()
    with alone_in(folder):
        remove_leftovers(folder)
        assert sorted(file.name for file in folder.rglob(".*")) == [".limner.lock", ".mine"]


def test_leftovers_of_names_drawn_by_chance_go_too(tmp_path: Path) -> None:
    for name in (".a.00f094c8.png", "..a.00f094c8.12345678.png"):
        (tmp_path / name).touch()
    kept = [tmp_path / name for name in (".a.00f094c8.jpg", ".ab.00f094c8.png", ".a.notes.png")]
    for path in kept:
        path.touch()
    with replacing(tmp_path / "a.png") as temporary:
        temporary.write_text("whole")
    assert sorted(tmp_path.iterdir()) == sorted([tmp_path / "a.png", *kept])


def test_many_processes_take_turns(tmp_path: Path) -> None:
    count = tmp_path / "count"
    count.write_text("0")
    others = [subprocess.Popen([sys.executable, "-c", COUNT, str(count)]) for _ in range(4)]
    assert [other.wait() for other in others] == [0] * 4
    assert count.read_text() == "160"
    assert list(tmp_path.iterdir()) == [count]


def test_a_block_within_a_block_has_the_lock_already_and_another_thread_waits(tmp_path: Path) -> None:
    path, order = tmp_path / "a.json", []

    def second() -> None:
        with alone_with(path):
            order.append("second")

    with alone_with(path), alone_with(path):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.5)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_folder_that_a_failing_command_takes_away_is_made_again(tmp_path: Path) -> None:
    path = tmp_path / "new/a.json"
    entered, leave = threading.Event(), threading.Event()

    def fails() -> None:
        with pytest.raises(ValueError, match="fails"), alone_with(path):
            entered.set()
            leave.wait(10)
            raise ValueError("fails")

    thread = threading.Thread(target=fails)
    thread.start()
    assert entered.wait(10)
    threading.Timer(0.4, leave.set).start()
    with replacing(path) as temporary:
        temporary.write_text("whole")
    thread.join()
    assert path.read_text() == "whole"


def test_where_nothing_can_be_locked_commands_run_under_names_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks.fcntl, "flock", refuse)
    path = tmp_path / "a.txt"
    with locked(path) as alone:
        assert not alone
    others = temporary_name(path)
    others.write_text("half")
    with replacing(path) as temporary:
        assert temporary != others
        temporary.write_text("whole")
    assert others.read_text() == "half"
    assert sorted(tmp_path.iterdir()) == sorted([path, others])


def test_the_lock_is_let_go_when_the_block_fails(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="fails"), alone_in(tmp_path / "run"):
        raise ValueError("fails")
    assert not os.listdir(tmp_path)
    with alone_in(tmp_path / "run", wait=False):
        assert os.listdir(tmp_path / "run") == [".limner.lock"]
