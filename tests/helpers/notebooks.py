"""Notebooks run cell by cell, as the suite and `tools/notebook_pages.py` do."""

import contextlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Cell(NamedTuple):
    """A cell that was run. printed: what code printed; empty for prose."""

    kind: str
    text: str
    printed: str


def run_notebook(path: Path) -> Iterator[Cell]:
    """Each cell after it was run, in the folder that the process is in."""
    names: dict[str, object] = {"__name__": "notebook"}
    for number, cell in enumerate(json.loads(path.read_text(encoding="utf-8"))["cells"]):
        text, printed = "".join(cell["source"]), io.StringIO()
        if cell["cell_type"] == "code":
            with contextlib.redirect_stdout(printed):
                exec(compile(text, f"{path.name}, cell {number}", "exec"), names)
        yield Cell(cell["cell_type"], text, printed.getvalue())


def page_of(path: Path, cells: list[Cell]) -> str:
    """A run notebook as a page: its prose, its code, and what that printed."""
    parts = []
    for number, cell in enumerate(cells):
        if cell.kind != "code":
            parts.append(cell.text)
        else:
            parts.append(f"```python\n{cell.text}\n```")
            if cell.printed:
                parts.append(f"```text\n{cell.printed.rstrip()}\n```")
        if number == 0:
            parts.append(f"A notebook that was run: [{path.name}]({path.name}) is the file to open and change.")
    return "\n\n".join(parts) + "\n"
