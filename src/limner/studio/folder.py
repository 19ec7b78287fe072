"""The folder that the studio works in: nothing outside it is read, listed or written."""

import os
import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from limner.foundation.errors import UserError
from limner.foundation.files.suffixes import PICTURES, RASTERS, VECTORS, VIDEOS
from limner.learning.runs.opening import RUNS_FOLDER, bundled_models
from limner.reporting.bundled import PLACES

WORK = "studio"
"""Where jobs and uploads lie, in the folder."""
UPLOADS = f"{WORK}/uploads"
RECEIVED = frozenset((*PICTURES, *RASTERS, *VECTORS, *VIDEOS, ".gif", ".npz"))
"""Endings of files that are taken in."""
MOST_LISTED, MOST_LOOKED_AT = 300, 20_000
"""A folder may be somebody's whole disk: a list ends there, and so does the search for it."""
MOST_NUMBERS = 10_000
EXAMPLES = {
    "banepa": PLACES / "banepa/images/banepa.tif",
    "kampala": PLACES / "kampala-1/images/kampala-1.tif",
    "dubai": PLACES / "dubai-1/images/part-2.jpg",
    "places": PLACES,
}
"""Bundled pictures, and the folder of all places, that a page can begin with, by name."""


@dataclass(frozen=True)
class Folder:
    """A folder, and what lies in it by paths below it. root: absolute, links followed."""

    root: Path

    @classmethod
    def at(cls, path: Path) -> "Folder":
        """The folder at a path. Raises `UserError` where there is none."""
        if not path.is_dir():
            raise UserError(f"{path}: no such folder; give the folder in which your pictures and runs lie")
        return cls(path.resolve())

    def inside(self, below: str) -> Path:
        """The absolute path of what is called ``below`` in the folder, links followed.

        Raises `UserError` for what lies outside, be it by ``..``, by an absolute path or by a link.
        """
        if not below or "\0" in below:
            raise UserError("no file was chosen; choose one in the folder")
        path = (self.root / below).resolve()
        if path == self.root or not path.is_relative_to(self.root):
            raise UserError(f"{below}: lies outside the studio's folder; choose what is in it, or upload it")
        return path

    def there(self, below: str) -> str:
        """``below`` as commands write it, which is there. Raises `UserError` for what is not, or lies outside."""
        path = self.inside(below)
        if not path.exists():
            raise UserError(f"{below}: no such file or folder in the studio's folder")
        return self.named(path)

    def named(self, path: Path) -> str:
        """A path in the folder as it is written from there."""
        return path.relative_to(self.root).as_posix()

    def files(self, suffixes: Collection[str]) -> list[str]:
        """Files that end so, the newest uploads first, then by name; what runs and jobs wrote is left out."""
        found = [path for path in self._walk() if path.suffix.lower() in suffixes][:MOST_LISTED]
        uploads = self.root / UPLOADS
        uploaded = [path for path in found if path.parent == uploads]
        uploaded.sort(key=lambda path: -path.stat().st_mtime_ns)
        others = sorted(path for path in found if path.parent != uploads)
        return [self.named(path) for path in (*uploaded, *others)]

    def folders(self) -> list[str]:
        """Folders that hold files or folders, by name; what runs and jobs wrote is left out."""
        found = {parent for path in self._walk() for parent in path.parents if parent.is_relative_to(self.root)}
        names = sorted(self.named(path) for path in found - {self.root})
        return [name for name in names if name not in (WORK, UPLOADS)][:MOST_LISTED]

    def _walk(self) -> Iterator[Path]:
        seen = 0
        for top, folders, files in os.walk(self.root):
            here = Path(top)
            folders[:] = sorted(name for name in folders if self._is_shown(here, name))
            for name in sorted(files):
                seen += 1
                if seen > MOST_LOOKED_AT:
                    return
                if not name.startswith("."):
                    yield here / name

    def _is_shown(self, here: Path, name: str) -> bool:
        if name.startswith(".") or (here == self.root and name == str(RUNS_FOLDER)):
            return False
        if here == self.root / WORK:
            return name == Path(UPLOADS).name
        return not any((here / name / file).exists() for file in ("model.json", "run.json"))

    def place_for(self, name: str) -> Path:
        """A free path for an upload that its sender called ``name``. Raises `UserError` for what is not taken in."""
        plain = unicodedata.normalize("NFC", name.replace("\\", "/").rpartition("/")[2])
        stem, dot, ending = plain.rpartition(".")
        stem = re.sub(r"[^\w.-]+", "-", stem).strip("-.")[:80]
        if not dot or not stem or f".{ending.lower()}" not in RECEIVED:
            endings = ", ".join(sorted(RECEIVED))
            raise UserError(f"{name[:80]}: the studio takes files that end in {endings}")
        for number in range(MOST_NUMBERS):
            path = self.root / UPLOADS / (f"{stem}.{ending}" if number == 0 else f"{stem}-{number}.{ending}")
            if not path.exists():
                return path
        raise UserError(f"{UPLOADS}: holds {MOST_NUMBERS} files called {stem}; remove some")

    def numbered(self, parent: str, name: str) -> Path:
        """A new folder ``<parent>/<name>-<number>``, made at once, so that nobody else gets it."""
        for number in range(1, MOST_NUMBERS):
            path = self.root / parent / f"{name}-{number:03d}"
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                path.mkdir()
            except FileExistsError:
                continue
            return path
        raise UserError(f"{parent}: holds {MOST_NUMBERS} folders called {name}; remove some")

    def run_names(self) -> list[str]:
        """Runs below ``runs/``, the newest first, as commands write them; then the bundled models."""
        folders = [path.parent for path in (self.root / RUNS_FOLDER).glob("*/run.json")]
        folders.sort(key=lambda folder: -(folder / "run.json").stat().st_mtime_ns)
        return [*map(self.named, folders), *bundled_models()]
