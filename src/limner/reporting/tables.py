"""Tables for people: Markdown, CSV, LaTeX."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from limner.foundation.errors import UserError
from limner.foundation.files import write_text

TEX_SPECIAL = {character: f"\\{character}" for character in "&%$#_{}"} | {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}


def write_table(path: Path, forms: Mapping[str, Callable[[], str]]) -> None:
    """Write a table in the form that the path's suffix names. Raises `UserError` for a suffix without one."""
    form = forms.get(path.suffix.lower())
    if form is None:
        raise UserError(f"{path}: tables are written as {', '.join(forms)}; give a name that ends so")
    write_text(path, form())


def _tex(text: str) -> str:
    return "".join(TEX_SPECIAL.get(character, character) for character in text)


def percent(value: float | None) -> str:
    """A fraction as the tables print it: "67.72", or "-" where undefined."""
    return "-" if value is None else f"{100 * value:.2f}"


def markdown_row(cells: Sequence[str]) -> str:
    """A line of a Markdown table."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
