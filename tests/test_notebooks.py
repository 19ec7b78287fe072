"""Notebooks run from top to bottom, in seconds, and hold no stored output that could grow old."""

import json
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "docs/convnets/notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def test_there_is_one_for_each_topic_and_the_pages_lead_to_it() -> None:
    assert [path.stem for path in NOTEBOOKS] == [
        "convolution", "depth", "kernels", "light", "looking", "maps", "pooling",
    ]  # fmt: skip
    pages = "".join(path.read_text(encoding="utf-8") for path in FOLDER.parent.glob("*.md"))
    assert [path.name for path in NOTEBOOKS if f"(notebooks/{path.name})" not in pages] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs(path: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert code and cells[0]["cell_type"] == "markdown"
    names: dict[str, object] = {"__name__": "notebook"}
    for number, cell in enumerate(code):
        assert cell["outputs"] == []
        exec(compile("".join(cell["source"]), f"{path.name}, cell {number}", "exec"), names)
    assert capsys.readouterr().out.count("\n") >= len(code) - 1
    assert not list(here.iterdir())
