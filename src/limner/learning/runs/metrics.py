"""``metrics.csv`` while a training writes it: rows are appended, so that a long training does not write it over and
over."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from limner.foundation.errors import UserError
from limner.foundation.files.writing import replacing
from limner.foundation.machine.disk import append

RESTORE = "restore it, or remove it: the curves then begin anew"


class MetricsWriter:
    """Appends rows to a CSV file; columns stand in order of first appearance, and a new one rewrites the file once.

    What is recorded of one step (its losses, its scores) makes one row, which is written by `flush` when the step is
    over.

    path: None keeps the newest numbers and writes no file: of several processes, one writes for all.
    columns, rows: what the file held when the training last left a checkpoint. The first row that is written cuts the
    file back to it; until then the file keeps what a stopped training wrote after its checkpoint.
    """

    def __init__(self, path: Path | None, columns: Sequence[str] = (), rows: int = 0) -> None:
        self.path, self.columns, self.rows = path, list(columns), rows
        self._row: dict[str, Any] = {}
        self._cut = False
        self._read()  # what is damaged is told before anything is learned
        self.recent: dict[str, float] = {}
        """The numbers of the last rows by their names, the newest of each."""

    def record(self, stage: str, step: int, values: Mapping[str, Any]) -> None:
        """Add values to the row of this step; ``flush`` writes it."""
        if self._row and (self._row["step"], self._row["stage"]) != (step, stage):
            self.flush()
        self._row = {"step": step, "epoch": "", "stage": stage, **self._row, **values}
        self.recent |= {name: value for name, value in values.items() if isinstance(value, float)}

    def flush(self) -> None:
        """Write the row under way, if there is one."""
        if not self._row:
            return
        row, self._row = self._row, {}
        if self.path is None:
            return
        self._cut_back()
        new = [name for name in row if name not in self.columns]
        if new:
            self._write([*self.columns, *new], [*self._read(), row])
        else:
            append(self.path, _lines(self.columns, [row]))  # at once: a killed training leaves whole rows
        self.rows += 1

    def _cut_back(self) -> None:
        if self._cut:
            return
        self._cut = True
        kept = self._read()[: self.rows]
        if self.path and self.path.exists():
            self._write(self.columns, kept)
        self.rows = len(kept)

    def _read(self) -> list[dict[str, str]]:
        return read_metrics(self.path) if self.path and self.path.exists() else []

    def _write(self, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
        self.columns = list(columns)
        if self.path is None:
            return
        header = _lines(self.columns, [dict(zip(self.columns, self.columns, strict=True))])
        with replacing(self.path) as temporary:
            temporary.write_bytes(header + _lines(self.columns, rows))


def _lines(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> bytes:
    text = io.StringIO()
    csv.DictWriter(text, columns, restval="", extrasaction="ignore", lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def read_metrics(path: Path) -> list[dict[str, str]]:
    """The rows of a metrics file as written, empty cells where nothing was measured; a last row cut short is left
    out. Raises `UserError` for a file that is damaged: its cells are numbers, but for the stage's name."""
    with path.open("rb") as file:
        whole = file.read()
    whole = whole[: whole.rfind(b"\n") + 1]
    try:
        rows = list(csv.DictReader(io.StringIO(whole.decode("utf-8"), newline="")))
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: is no table of numbers ({error}); {RESTORE}") from None
    for number, row in enumerate(rows, start=2):
        for name, cell in row.items():
            if name is None or cell is None or not (name == "stage" or _is_number(cell)):
                said = f"{name or 'a further cell'} is {cell!r}"[:80]
                raise UserError(f"{path}: line {number} is damaged ({said}; needed: a number); {RESTORE}")
    return rows


def _is_number(cell: str) -> bool:
    try:
        float(cell or 0)
    except ValueError:
        return False
    return True
