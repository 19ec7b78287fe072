"""The bundled places, and their sources."""

from importlib import resources
from pathlib import Path

from limner.reporting.report import Report

PLACES = Path(str(resources.files("limner") / "bundled" / "places"))


def add_sources(report: Report) -> None:
    """Add where the bundled places come from: the table of the bundled NOTICE."""
    lines = (PLACES.parent / "NOTICE.md").read_text(encoding="utf-8").splitlines()
    header, _, *rows = (
        [cell.replace("`", "").strip() for cell in line.strip("|").split("|")] for line in lines if line[:1] == "|"
    )
    report.section("Sources").table(header, rows)
