"""How scenes are found and called. Imports nothing heavy: what is not there is told at once."""

from collections.abc import Sequence
from pathlib import Path

from limner.foundation.errors import UserError
from limner.foundation.files.writing import as_paths

IMAGES = "images"
"""An area's pictures lie here."""


def scene_name(path: Path) -> str:
    """What a scene's maps are called by: a file's stem, a folder's name, the area's name for its ``images/``.

    >>> scene_name(Path("scenes/rio.tif"))
    'rio'
    """
    if not path.is_dir():
        return path.stem
    folder = path.resolve()
    return folder.parent.name if folder.name == IMAGES else folder.name


def chips_folder(path: Path) -> Path:
    """Where the chips of the mosaic ``path`` lie: in its ``images/`` if it has one. A file is given back."""
    return path / IMAGES if (path / IMAGES).is_dir() else path


def find_scenes(scenes: Path | str | Sequence[Path | str]) -> list[Path]:
    """The scenes, one or several, each there and with a name of its own: a mistake in the last shall not cost hours.

    Raises `UserError` for one that is not there, and for two of one name.
    """
    named: dict[str, Path] = {}
    for scene in as_paths(scenes):
        if not scene.exists():
            raise UserError(f"{scene}: no such scene; give GeoTIFF, PNG or JPEG files")
        name = scene_name(scene)
        if name in named:
            raise UserError(f"two scenes called {name} ({named[name]} and {scene}); map one to another --out")
        named[name] = scene
    return list(named.values())
