"""Damaged files of every kind in great number, a kind after the other, and a table of what became of them.

    python tests/attack/many_damaged.py FOLDER FIRST COUNT [FEW [KIND ...]]
    python tests/attack/many_damaged.py FOLDER

COUNT inputs of each kind, numbered from FIRST; FEW (25) of kinds whose commands learn. What is known stands in FOLDER,
a file a kind, so that the same command goes on after a stop. With FOLDER alone, or at the end, the table is printed.
"""

import json
import sys
import time
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from damaged import KINDS
from forked import start

LONGEST_S = 20
"""That a command may take; on a machine that does other things too, thrice as long."""


def attack_kind(kind: str, first: int, last: int, folder: Path) -> list[dict[str, Any]]:
    """What became of the inputs ``first`` to ``last`` - 1 of a kind, one row for each command; a process that dies or
    hangs is one, too, and the inputs after it are tried all the same."""
    rows: list[dict[str, Any]] = []
    folder.mkdir(parents=True, exist_ok=True)
    progress = folder / "progress.txt"
    while first < last:
        progress.write_text(str(first))
        out, err = folder / "out.txt", folder / "err.txt"
        process = start("damaged", kind, first, last, folder / str(first), progress, out=out, err=err)
        hung = _watch(process, progress)
        rows += [json.loads(line) for line in out.read_text().splitlines()]
        said = err.read_text(errors="replace")
        reached = progress.read_text()
        if reached == "done":
            break
        signal = -(process.exitcode or 0)
        assert hung or signal > 0, said  # a fault of the script's own
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


def learns(kind: str) -> bool:
    """Whether the files of a kind, or its commands, come from a training."""
    return KINDS[kind].learns or KINDS[kind].restored == "run"


def known(folder: Path, kind: str) -> list[dict[str, Any]]:
    """The rows of a kind that stand in a folder."""
    path = folder / f"{kind.replace(' ', '-')}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def table(folder: Path) -> str:
    """A line for each kind, and one for all."""
    lines = ["| kind | inputs | commands | ended 0 | refused | faults | longest, s | growth, MB |",
             "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"]  # fmt: skip
    every: list[dict[str, Any]] = []
    inputs = 0
    for kind in KINDS:
        if rows := known(folder, kind):
            every += rows
            inputs += len({row["number"] for row in rows})
            lines.append(_line(kind, len({row["number"] for row in rows}), rows))
    return "\n".join([*lines, _line("all", inputs, every)])


def _line(name: str, inputs: int, rows: list[dict[str, Any]]) -> str:
    worked, refused, faults = (
        sum(row["code"] == 0 for row in rows),
        sum(row["code"] in (1, 2) and row["fault"] is None for row in rows),
        sum(row["fault"] is not None for row in rows),
    )
    longest = max((row["seconds"] for row in rows), default=0)
    grown = max((row.get("grown_mb", 0) for row in rows), default=0)
    return f"| {name} | {inputs} | {len(rows)} | {worked} | {refused} | {faults} | {longest:.1f} | {grown:.0f} |"


def main(folder: Path, first: int, count: int, few: int = 25, kinds: tuple[str, ...] = ()) -> None:
    """Attack each kind as far as it is not known already; chunks, so that a stop loses little."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in (0.25, 1):  # a quarter of all kinds first: a stop leaves some of each
        for kind in kinds or KINDS:
            last = first + round(part * (few if learns(kind) else count))
            begin = max((row["number"] + 1 for row in known(folder, kind)), default=first)
            if begin >= last:
                continue
            began = time.monotonic()
            rows = attack_kind(kind, begin, last, folder / "work" / kind.replace(" ", "-"))
            with open(folder / f"{kind.replace(' ', '-')}.jsonl", "a") as file:
                file.writelines(json.dumps(row) + "\n" for row in rows)
            faults = [row for row in rows if row["fault"] is not None]
            print(
                f"{kind}: {begin} to {last - 1} in {time.monotonic() - began:.0f} s, {len(faults)} faults", flush=True
            )
            for row in faults:
                print(json.dumps(row), flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        first, count, few = (int(token) for token in [*sys.argv[2:5], "25"][:3])
        main(Path(sys.argv[1]).absolute(), first, count, few, tuple(sys.argv[5:]))
    print(table(Path(sys.argv[1])))
