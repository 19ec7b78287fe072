"""Notebooks run from top to bottom, in seconds, and their pages show the same code and what it prints."""

import json
import re
from pathlib import Path

import pytest

from notebooks import page_of, run_notebook

FOLDER = Path(__file__).parents[1] / "docs/convnets/notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
MAKES = "python tools/notebook_pages.py makes the pages anew"


def test_there_is_one_for_each_topic_and_the_pages_lead_to_it() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "convolution", "depth", "kernels", "light", "looking", "maps", "pooling",
    ]  # fmt: skip
    pages = "".join(path.read_text(encoding="utf-8") for path in FOLDER.parent.glob("*.md"))
    assert [path.stem for path in NOTEBOOKS if f"(notebooks/{path.stem}.md)" not in pages] == []


def test_the_pages_that_list_them_say_how_to_open_them() -> None:
    opens = "pip install jupyterlab && jupyter lab docs/convnets/notebooks"
    pages = [FOLDER.parent / "index.md", FOLDER.parents[1] / "index.md"]
    assert [page.name for page in pages if opens not in page.read_text(encoding="utf-8")] == []
    assert FOLDER.relative_to(FOLDER.parents[2]).as_posix() == opens.split()[-1]


def without_numbers(text: str) -> list[str]:
    """Lines with every number made one: what is printed is alike on every machine, its digits need not be."""
    return [re.sub(r"[\s-]*\d[\d.,e+-]*", " 0", line).strip() for line in text.splitlines()]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_its_page_shows_what_it_prints(path: Path, here: Path) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code and cells[0]["cell_type"] == "markdown" and all(cell["outputs"] == [] for cell in code)
    ran = list(run_notebook(path))
    assert "".join(cell.printed for cell in ran).count("\n") >= len(code) - 1
    assert not list(here.iterdir())
    page = path.with_suffix(".md").read_text(encoding="utf-8")
    assert without_numbers(page) == without_numbers(page_of(path, ran)), MAKES
