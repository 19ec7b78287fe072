"""Addresses of what a result shows, below the token."""

from pathlib import Path
from urllib.parse import urlencode

from limner.studio.page import Output

PLACES = (("places", "Ten areas in Kampala and Dubai, and Banepa (bundled)"),)
"""The bundled places, as an example of a folder."""


def file(output: Output, path: Path) -> str:
    """A file as it is."""
    return f"file?{urlencode({'path': output.named(path)})}"


def named_file(path: str) -> str:
    """A file as it is, by its path in the folder."""
    return f"file?{urlencode({'path': path})}"


def shown(output: Output, kind: str, path: Path, ground: Path | None = None) -> str:
    """A file as `limner.studio.pictures.shown` has it."""
    query = {"as": kind, "path": output.named(path)}
    return f"picture?{urlencode(query if ground is None else {**query, 'ground': output.named(ground)})}"


def given(output: Output, path: str) -> str:
    """What a job was given, to look at."""
    return f"picture?{urlencode({'as': 'scene', 'path': path})}"
