"""What a file stands on: those beside it and behind it that decide what is read from it, and a digest of all of them.

A scene's pixels can lie in the sources of a virtual raster, its place in a world file, its classes in the ``.dbf`` of a
shapefile. "Is this the same as before?" must look at all of them, and at what they hold: a file that is delivered anew,
copied with its times or restored from an archive has the old name, size and time of change, and other contents.

Contents are read in full. SHA-256, in hardware on today's processors, takes 1.2 GB a second on one core (blake2b 0.7,
sha512 0.7; two cores of an x86 server, Python 3.12); a digest of samples would be quicker and would miss the changed
block between them.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

from limner.foundation.errors import UserError

SHAPEFILE_PARTS = (".shx", ".dbf", ".prj", ".cpg")
DATABASE_PARTS = ("-wal", "-journal")
"""Of SQLite, such as a GeoPackage: what a program that has it open has written, but not yet into the file itself."""
RASTER_PARTS = (".prj", ".tab", ".wld", ".aux")
"""Beside a raster, with its stem; GDAL takes its place on the ground from them. World files (`.tfw`) come on top."""
ADDED = re.compile(r"(\.ovr|\.msk)*(\.aux\.xml)?")
"""What GDAL puts behind the name of a raster, and of those again."""
VIRTUAL = re.compile(rb"<(VRTDataset|OGRVRTDataSource)\b")
VIRTUAL_SOURCES = ("SourceFilename", "SourceDataset", "SrcDataSource")
"""Elements of a virtual raster, and of a virtual vector file, that name what it reads."""
HEAD_BYTES = 1024
NOTED_ONLY = "STATISTICS_"
"""Begins what programs that look at a raster note of its pixels in ``.aux.xml``; nothing is read by it."""
NOTES = b"<PAMDataset"
"""Begins every ``.aux.xml``."""
SQLITE = b"SQLite format 3\0"
"""Begins every GeoPackage."""
SQLITE_NOTES = ((18, 20), (24, 28), (92, 100))
"""Bytes of its head that a program may write which only looks: how changes are logged, how many there were, by which
version (https://www.sqlite.org/fileformat2.html); opening it with a write-ahead log does."""


class Dependency(NamedTuple):
    """A file, and what it is to the one that stands on it. role: the same wherever both lie."""

    role: str
    path: Path


def dependencies(path: Path) -> list[Dependency]:
    """The file itself and all that it stands on, also by way of others; of a folder, all of its files.

    - a raster: world file, ``.aux.xml``, ``.ovr``, ``.msk``, ``.prj`` and ``.tab``, in letters of either case;
    - a virtual raster or vector file (VRT), known by its contents: its sources and what they stand on;
    - a shapefile: ``.shx``, ``.dbf``, ``.prj``, ``.cpg``; a GeoPackage: what is written and not yet in it;
    - a folder: its files but hidden ones, and those of folders in it whose names are numbers (tiles as z/x/y).

    A source that is not there is listed, too. Raises `UserError` where a file cannot be read.
    """
    return list(_Dependencies().of(path))


def digest(path: Path) -> str:
    """16 hexadecimal digits that change with the contents of a file or folder, or of anything it stands on.

    Its own name counts (it can say where a map tile lies), where it lies does not. Raises `UserError` where something
    cannot be read.
    """
    return digests([path])[0]


def digests(paths: Sequence[Path]) -> list[str]:
    """`digest` of each; a file that several stand on is read once."""
    known = _Dependencies()
    return [known.digest(path) for path in paths]


def content_of(path: Path) -> str:
    """16 hexadecimal digits that change with what one file holds, whatever its name and what lies beside it.

    Left out is what programs write that only look at it: statistics in ``.aux.xml``, and notes in the head of a
    GeoPackage. Raises `UserError` where it cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = bytearray(file.read(SQLITE_NOTES[-1][1]))
            if head.startswith(NOTES):
                return (_noted(path.read_bytes()) or "notes")[:16]
            for first, end in SQLITE_NOTES if head.startswith(SQLITE) else ():
                head[first:end] = bytes(end - first)
            return hashlib.file_digest(file, lambda: hashlib.sha256(head)).hexdigest()[:16]
    except OSError as error:
        raise _unreadable(path, error) from None


class _Dependencies:
    """The dependencies of files, with folders listed and contents read once in the life of this object."""

    def __init__(self) -> None:
        self.listings: dict[Path, dict[str, list[str]]] = {}
        self.contents: dict[Path, str | None] = {}

    def digest(self, path: Path) -> str:
        sums = hashlib.sha256(path.name.encode(errors="surrogateescape"))
        for role, file in self.of(path):
            if (content := self._content(file)) is not None:
                sums.update(f"\n{role}\n{content}".encode(errors="surrogateescape"))
        return sums.hexdigest()[:16]

    def of(self, path: Path) -> Iterator[Dependency]:
        seen: set[Path] = set()  # of this path: what two stand on belongs to both
        if path.is_dir():
            for file in _visible_files(path):
                yield from self._of_file(file, file.relative_to(path).as_posix(), seen)
        else:
            yield from self._of_file(path, "", seen)

    def _of_file(self, path: Path, role: str, seen: set[Path]) -> Iterator[Dependency]:
        """The file, those beside it, and those behind it. seen: told already; a virtual raster may name itself."""
        for beside in (path, *self._beside(path)):
            place = Path(os.path.abspath(beside))
            if place not in seen:
                seen.add(place)
                yield Dependency(role + beside.name.removeprefix(path.stem), beside)
                if beside == path:
                    for number, source in enumerate(_virtual_sources(path)):
                        yield from self._of_file(source, f"{role}/{number}", seen)

    def _beside(self, path: Path) -> Iterator[Path]:
        name, stem, suffix = path.name.lower(), path.stem.lower(), path.suffix.lower()
        listed = self._listing(path.parent).get(stem, ())
        if suffix == ".shp":
            names = {stem + part for part in SHAPEFILE_PARTS}
        elif suffix in (".gpkg", ".sqlite"):
            names = {name + part for part in DATABASE_PARTS}
        else:
            worlds = {f"{suffix}w", f"{suffix[:2]}{suffix[-1:]}w"} if suffix else set()
            names = {stem + part for part in (*RASTER_PARTS, *worlds)} | {f"{name}.aux"}
        for other in listed:
            small = other.lower()
            added = small.startswith(name) and ADDED.fullmatch(small, len(name))
            if other != path.name and (small in names or added):
                yield path.with_name(other)

    def _listing(self, folder: Path) -> dict[str, list[str]]:
        """The names in a folder, sorted, by what stands before each of their dots, in small letters."""
        if folder not in self.listings:
            by_stem: dict[str, list[str]] = {}
            try:
                names = sorted(os.listdir(folder))
            except OSError:  # it may be entered and not listed; the file itself will tell
                names = []
            for name in names:
                small = name.lower()
                for end in [place for place, letter in enumerate(small) if letter == "." and place] or [len(small)]:
                    by_stem.setdefault(small[:end], []).append(name)
            self.listings[folder] = by_stem
        return self.listings[folder]

    def _content(self, path: Path) -> str | None:
        """The digest of a file's contents; None where all it holds is notes, "missing" where it is not there."""
        if path not in self.contents:
            self.contents[path] = _read_content(path)
        return self.contents[path]


def _visible_files(folder: Path) -> Iterator[Path]:
    """The files of a folder but hidden ones, sorted, and those of its folders that are numbered."""
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_file():
            yield path
        elif path.name.isdecimal() and path.is_dir():
            yield from _visible_files(path)


def _virtual_sources(path: Path) -> Iterator[Path]:
    """What a virtual raster or vector file names as its sources; nothing for any other file."""
    try:
        with path.open("rb") as file:
            if VIRTUAL.search(file.read(HEAD_BYTES)) is None:
                return
            file.seek(0)
            described = ElementTree.parse(file)
    except (OSError, ElementTree.ParseError):
        return  # its own contents count
    yield from _sources_in(described.getroot(), path.parent)


def _sources_in(described: ElementTree.Element, folder: Path) -> Iterator[Path]:
    for element in described.iter():
        if element.tag not in VIRTUAL_SOURCES:
            continue
        name = (element.text or "").strip()
        if name.startswith("<"):  # a source can be described in place, as a virtual raster itself
            try:
                yield from _sources_in(ElementTree.fromstring(name), folder)
            except ElementTree.ParseError:
                continue
        elif name:
            yield folder / name if element.get("relativeToVRT") == "1" else Path(name)


def _read_content(path: Path) -> str | None:
    try:
        if path.name.lower().endswith(".aux.xml"):
            return _noted(path.read_bytes())
        if path.exists() and not (path.is_file() or path.is_dir()):
            return "device"  # which may have no end
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (FileNotFoundError, NotADirectoryError):
        return "missing"
    except IsADirectoryError:
        return "folder"
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> UserError:
    return UserError(f"{path}: cannot be read ({error.strerror}); check its permissions")


def _noted(text: bytes) -> str | None:
    """The digest of an ``.aux.xml`` without statistics and histograms, which any look at a raster in QGIS leaves."""
    try:
        root = ElementTree.fromstring(text)
        _forget_notes(root)
        kept = ElementTree.canonicalize(ElementTree.tostring(root), strip_text=True).encode()
    except (ElementTree.ParseError, RecursionError):
        return hashlib.sha256(text).hexdigest()
    return hashlib.sha256(kept).hexdigest() if len(root) else None


def _forget_notes(element: ElementTree.Element) -> None:
    for child in list(element):
        _forget_notes(child)
        noted = child.tag == "Histograms" or (child.tag == "MDI" and child.get("key", "").startswith(NOTED_ONLY))
        emptied = child.tag in ("Metadata", "PAMRasterBand") and not len(child)
        if noted or emptied:
            element.remove(child)
