"""The card by which a run, or what was loaded of one, shows itself in a notebook."""

import base64
from collections.abc import Mapping
from html import escape
from pathlib import Path

MEDIA_TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}
WIDEST_PX = 480


def card(title: str, facts: Mapping[str, object], preview: Path | bytes | None = None) -> str:
    """HTML with a title, named facts, and a picture (a PNG or JPEG file, or the bytes of a PNG); empty facts are left
    out.

    >>> card("Run town", {"maps": "roofs", "score": ""})
    '<div><b>Run town</b><table><tr><td>maps</td><td>roofs</td></tr></table></div>'
    """
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(str(value))}</td></tr>" for name, value in facts.items() if value
    )
    return f"<div><b>{escape(title)}</b><table>{rows}</table>{_picture(preview)}</div>"


def _picture(preview: Path | bytes | None) -> str:
    if isinstance(preview, Path):
        kind, content = MEDIA_TYPES.get(preview.suffix.lower()), preview.read_bytes() if preview.is_file() else b""
    else:
        kind, content = "image/png", preview or b""
    if not content or kind is None:
        return ""
    encoded = base64.b64encode(content).decode("ascii")
    return f'<img style="max-width:{WIDEST_PX}px" src="data:{kind};base64,{encoded}">'


def newest_picture(folder: Path) -> Path | None:
    """The picture of a run's last evaluation: ``<stage>-<number>.jpg`` in ``pictures/``."""
    found = [path for path in (folder / "pictures").glob("*-*.jpg") if path.stem.rpartition("-")[2].isdecimal()]
    return max(found, key=lambda path: path.stat().st_mtime_ns, default=None)
