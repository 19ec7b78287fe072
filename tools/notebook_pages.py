"""Run the lecture's notebooks and write each as a page beside it, with what its code printed.

    python tools/notebook_pages.py

The suite holds the pages to the notebooks (tests/test_notebooks.py).
"""

import os
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(TOP / "tests/helpers"))

from notebooks import page_of, run_notebook  # noqa: E402


def main() -> None:
    """Write all pages."""
    for path in sorted((TOP / "docs/convnets/notebooks").glob("*.ipynb")):
        with tempfile.TemporaryDirectory() as empty:
            os.chdir(empty)
            text = page_of(path, list(run_notebook(path)))
            os.chdir(TOP)
        path.with_suffix(".md").write_text(text, encoding="utf-8")
        print(path.with_suffix(".md").relative_to(TOP))


if __name__ == "__main__":
    main()
