"""Damaged files of every kind that limner reads: the work is done, or one line says why not (`--attack N`: more)."""

import json
import time
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from damaged import KINDS, damage, fault_of
from forked import start

USUAL = 6
"""Inputs of a kind where nobody asked for more."""
FEW = 2
"""The same, of kinds whose commands learn."""
LONGEST_S = 20
"""That a command may take, on a machine that does other things too thrice as long."""


def attack_kind(kind: str, count: int, folder: Path) -> list[dict[str, Any]]:
    """What became of ``count`` inputs of a kind, one row for each command; a process that dies or hangs is one, too,
    and the inputs after it are tried all the same."""
    rows: list[dict[str, Any]] = []
    progress, first = folder / "progress.txt", 0
    while first < count:
        progress.write_text(str(first))
        out, err = folder / "out.txt", folder / "err.txt"
        process = start("damaged", kind, first, count, folder / str(first), progress, out=out, err=err)
        hung = _watch(process, progress)
        rows += [json.loads(line) for line in out.read_text().splitlines()]
        said = err.read_text(errors="replace")
        reached = progress.read_text()
        if reached == "done":
            break
        signal = -(process.exitcode or 0)
        assert hung or signal > 0, said  # a fault of this script's own
        fault = f"hung for {hung:.0f} s" if hung else f"died of signal {signal}: {said[-300:]}"
        rows.append({"number": int(reached), "command": "", "code": None, "seconds": hung, "fault": fault})
        first = int(reached) + 1
    return rows


def _watch(process: BaseProcess, progress: Path) -> float:
    """Wait for a process; 0, or for how long it had been at one input when it was killed."""
    at, since = "", time.monotonic()
    while process.is_alive():
        process.join(0.05)
        if (now := progress.read_text()) != at:
            at, since = now, time.monotonic()
        elif time.monotonic() - since > 6 * LONGEST_S:  # of the imports and all commands of an input
            process.kill()
            process.join()
            return time.monotonic() - since
    return 0.0


LEARNING = pytest.mark.kills  # slow: what is gone on with, or used, is trained first
CASES = [
    pytest.param(name, marks=LEARNING if kind.restored == "run" or kind.learns else ()) for name, kind in KINDS.items()
]


@pytest.mark.parametrize("kind", CASES)
def test_a_damaged_file_is_read_or_answered_in_one_line(kind: str, attack: int, tmp_path: Path) -> None:
    count = attack or (FEW if KINDS[kind].restored else USUAL)
    rows = attack_kind(kind, count, tmp_path)
    assert {row["number"] for row in rows} == set(range(count))
    assert [row for row in rows if row["fault"] is not None] == []
    assert [row for row in rows if row["seconds"] > 3 * LONGEST_S] == []


def test_the_attack_sees_what_it_looks_for() -> None:
    assert fault_of(0, "", set()) is None
    assert fault_of(2, "limner: a.tif: empty\n", set()) is None
    assert "ended with KeyError" in str(fault_of("KeyError", "'name'", set()))
    assert "traceback" in str(fault_of(2, "Traceback (most recent call last)\n", set()))
    assert "left ['out.png']" in str(fault_of(2, "limner: a.png: cut short\n", {"out.png"}))
    assert "no line" in str(fault_of(2, "error 4\n", set()))


def test_a_damage_is_the_same_each_time_and_changes_the_file() -> None:
    import numpy as np

    whole = b'{"width": 64, "height": 48}' * 9
    made = {damage(whole, np.random.default_rng([number, 7])) for number in range(50)}
    assert made == {damage(whole, np.random.default_rng([number, 7])) for number in range(50)}
    assert len(made - {whole}) > 40
