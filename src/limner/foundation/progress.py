"""What a long job says while it works: a bar on a terminal, one plain line per 30 seconds elsewhere."""

import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PLAIN_LINE_EVERY_S = 30.0
WATCHED = "LIMNER_PROGRESS"
"""In the environment: the file in which a command tells how far it is (`Progress.told`), for programs that run it."""
WATCHED_EVERY_S = 0.5
TIMED_UNITS, TIMED_S = 4, 20.0
"""A forecast is made of so many units after the first, or of those of so many seconds."""
_shown = True


@contextmanager
def without_progress() -> Iterator[None]:
    """Within the block no progress is shown, by any thread: a worker's would stand beside that of all."""
    global _shown
    before, _shown = _shown, False
    try:
        yield
    finally:
        _shown = before


class Progress:
    """Progress of ``total`` units on stderr, with rate and time left. Use as a context manager.

    unit: what is counted ("steps", "tiles"). start: how many were done before (going on with an earlier job).
    foretell: say soon, on a line of its own, how long a job of more than 30 seconds will take, and these words behind.
    """

    def __init__(
        self, title: str, total: int, unit: str = "steps", start: int = 0, *, foretell: str | None = None
    ) -> None:
        self.title, self.total, self.unit, self.done, self.start = title, total, unit, start, start
        self.note = ""
        self._began = self._last_line = time.monotonic()
        self._bar = _bar(title, total, start) if _shown and sys.stderr.isatty() else None
        self._watched = os.environ.get(WATCHED) if _shown else None
        self._told_at = -WATCHED_EVERY_S
        self._foretell = foretell if _shown else None
        self._first: tuple[int, float] | None = None  # what was done when, once the first unit was

    def __enter__(self) -> Self:
        if self._bar:
            self._bar.start()
        self._tell()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar:
            self._bar.stop()

    def advance(self, units: int = 1, note: str | None = None) -> None:
        """Count ``units`` more; ``note`` is shown beside the count until the next one."""
        self.done += units
        self.note = self.note if note is None else note
        self._tell()
        if self._foretell is not None and (line := self._forecast()) is not None:
            self._foretell = None
            if line:
                say(line)
        if self._bar:
            self._bar.update(self._bar.task_ids[0], completed=self.done, total=self.total, note=self.note)
        elif _shown and time.monotonic() - self._last_line >= PLAIN_LINE_EVERY_S:
            self._last_line = time.monotonic()
            say(self.line())

    @property
    def rate(self) -> float:
        """Units a second, since it began."""
        return (self.done - self.start) / max(time.monotonic() - self._began, 1e-9)

    def _forecast(self) -> str | None:
        """How long what is left will take, None before that can be told; empty where it is next to nothing. The first
        unit does not count: it makes buffers and kernels, too."""
        now = time.monotonic()
        if self._first is None:
            self._first = self.done, now
            return None
        units, seconds = self.done - self._first[0], now - self._first[1]
        if units < TIMED_UNITS and seconds < TIMED_S:
            return None
        left = self.total - self.done
        takes = seconds / units * left
        line = f"{self.title}: about {roughly(takes)} for {left} {self.unit}{self._foretell}"
        return line if takes > PLAIN_LINE_EVERY_S else ""

    def told(self) -> dict[str, Any]:
        """The state for programs: title, done, total, unit, note, and seconds_left, which is null where unknown."""
        left = (self.total - self.done) / self.rate if self.rate > 0 else None
        state = {"title": self.title, "done": self.done, "total": self.total, "unit": self.unit, "note": self.note}
        return {**state, "seconds_left": left}

    def _tell(self) -> None:
        now = time.monotonic()
        if self._watched and (now - self._told_at >= WATCHED_EVERY_S or self.done >= self.total):
            self._told_at = now
            path = Path(self._watched)
            with suppress(OSError):  # whoever watches may be gone; the work goes on
                beside = path.with_name(f".{path.name}.{os.getpid()}")
                beside.write_text(json.dumps(self.told()), encoding="utf-8")
                os.replace(beside, path)

    def line(self) -> str:
        """The state in one plain line."""
        rate = self.rate
        left = f", {duration((self.total - self.done) / rate)} left" if rate > 0 else ""
        note = f", {self.note}" if self.note else ""
        return f"{self.title}: {self.done}/{self.total} {self.unit}, {rate:.2f} {self.unit}/s{left}{note}"


def _bar(title: str, total: int, start: int):  # type: ignore[no-untyped-def]  # rich is imported only where shown
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    bar = Bar(*columns, TextColumn("{task.fields[note]}"), console=Console(stderr=True), transient=True)
    bar.add_task(title, total=total, completed=start, note="")
    return bar


def say(line: str) -> None:
    """One line of advice or progress on stderr; stdout carries results only."""
    print(line, file=sys.stderr, flush=True)


def roughly(seconds: float) -> str:
    """Seconds for people who want to know whether to wait.

    >>> roughly(38), roughly(75), roughly(400), roughly(7900)
    ('40 s', '1 min', '7 min', '2 h 12 min')
    """
    return duration(round(seconds, -1) if seconds < 60 else 60 * round(seconds / 60)).removesuffix(" 0 s")


def counted(number: int, noun: str) -> str:
    """A number of things whose plural ends in s.

    >>> counted(1, "band"), counted(3, "band")
    ('1 band', '3 bands')
    """
    return f"{number} {noun}" + ("" if number == 1 else "s")


def duration(seconds: float) -> str:
    """Seconds for people.

    >>> duration(5), duration(75), duration(7260)
    ('5 s', '1 min 15 s', '2 h 1 min')
    """
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    return f"{seconds // 3600} h {seconds % 3600 // 60} min"
