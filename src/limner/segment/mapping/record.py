"""What a mapping leaves in its folder, and the record by which a repeated command knows that it is done."""

import json
import re
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from glob import escape
from pathlib import Path
from typing import Any

from limner.foundation.errors import UserError
from limner.foundation.files import remove, replacing, write_json
from limner.scenes.statistics import Statistics

POLYGON_FORMATS = ("gpkg", "geojson", "none")
NEVER_ASKED = {"bands": None, "scale": 1.0, "harmonize": None, "harmonize_to": None, "colors": None}
"""What records mean that were written before these could be chosen."""


@dataclass(frozen=True)
class MapFiles:
    """The files of one scene's map, the record first; None where one was not asked for."""

    record: Path
    classes: Path
    class_names: Path
    probability: Path | None
    polygons: Path | None
    preview: Path

    @classmethod
    def named(cls, out: Path, stem: str, class_names: Sequence[str], *, probability: bool, polygons: str) -> "MapFiles":
        """The good names in ``out`` of the map of a scene called ``stem``. polygons: one of `POLYGON_FORMATS`."""
        shape_name = class_names[1] if len(class_names) == 2 else "polygons"
        shape_name = re.sub(r"[^\w.-]+", "-", shape_name).strip("-.") or "polygons"
        return cls(
            record=out / f"{stem}_map.json",
            classes=out / f"{stem}_classes.tif",
            class_names=out / f"{stem}_classes.tif.aux.xml",
            probability=out / f"{stem}_probability.tif" if probability else None,
            polygons=None if polygons == "none" else out / f"{stem}_{shape_name}.{polygons}",
            preview=out / f"{stem}_preview.png",
        )

    def paths(self) -> Iterator[Path]:
        """All that are asked for."""
        for item in fields(self):
            path = getattr(self, item.name)
            if path is not None:
                yield path

    def temporary(self, stack: ExitStack) -> "MapFiles":
        """Temporary names that take the good ones when ``stack`` closes without an error, the record last."""

        def beside(path: Path) -> Path:
            return stack.enter_context(replacing(path))

        return MapFiles(
            record=beside(self.record),  # entered first: a stack closes in the opposite order
            classes=beside(self.classes),
            class_names=beside(self.class_names),
            probability=None if self.probability is None else beside(self.probability),
            polygons=None if self.polygons is None else beside(self.polygons),
            preview=beside(self.preview),
        )

    def working(self, stack: ExitStack) -> Path:
        """A temporary name for probabilities that only the polygons need; what is there goes when ``stack`` closes."""
        path = _beside(_working_name(self.record))
        stack.callback(remove, path)
        return path


def remove_unfinished(out: Path, stem: str, class_names: Sequence[str]) -> None:
    """Remove what a killed mapping of the same scene left in ``out`` under temporary names, whatever its options."""
    for polygons in POLYGON_FORMATS:
        files = MapFiles.named(out, stem, class_names, probability=True, polygons=polygons)
        for path in (*files.paths(), _working_name(files.record)):
            for leftover in out.glob(f".{escape(path.stem)}.????????{escape(path.suffix)}*"):
                remove(leftover)


def _working_name(record: Path) -> Path:
    return record.with_name(record.name.replace("_map.json", "_working.tif"))


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}{path.suffix}")


@dataclass(frozen=True)
class Seams:
    """share: of ``pixels``, those that have another class than in the pass that ``against`` names, 0..1."""

    share: float
    pixels: int
    against: str

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        return {"share": round(self.share, 6), "pixels": self.pixels, "against": self.against}

    @classmethod
    def from_json(cls, value: dict[str, Any] | None) -> "Seams | None":
        """The seams that `to_json` gave."""
        return None if value is None else cls(value["share"], value["pixels"], value["against"])

    def line(self) -> str:
        """In words.

        >>> Seams(0.0085, 1_650_000, "one pass over the whole scene").line()
        '0.85% of 1,650,000 pixels have another class than in one pass over the whole scene'
        """
        return f"{self.share:.2%} of {self.pixels:,} pixels have another class than in {self.against}"


@dataclass(frozen=True)
class SceneMap:
    """A finished map of one scene.

    pixels: how many each class has. nodata_px: pixels without data. statistics: the mean and deviation that stood for
    the training areas'. seams: how much the tiles show, where that was measured. matched: the training area (or
    ``all``) whose colors it was harmonized to. skipped: it was there already, made from the same scene, model and
    options.
    """

    files: MapFiles
    pixels: dict[str, int]
    nodata_px: int
    polygon_count: int | None
    statistics: Statistics
    seconds: float
    seams: Seams | None = None
    matched: str | None = None
    skipped: bool = False

    @property
    def classes(self) -> Path:
        """The class raster."""
        return self.files.classes

    @property
    def probability(self) -> Path | None:
        """The probability raster, if it was asked for."""
        return self.files.probability

    @property
    def polygons(self) -> Path | None:
        """The polygons, if they were asked for."""
        return self.files.polygons

    @property
    def preview(self) -> Path:
        """The small picture of the map over the scene."""
        return self.files.preview

    def report(self) -> dict[str, Any]:
        """The files and the numbers of the map; a file that was not asked for is null."""
        files = {name: None if path is None else str(path) for name, path in vars(self.files).items()}
        return {
            **files, "pixels": self.pixels, "shares": self.shares, "nodata_px": self.nodata_px,
            "polygon_count": self.polygon_count, "matched": self.matched, "seconds": self.seconds,
            "was_there": self.skipped,
        }  # fmt: skip

    @property
    def shares(self) -> dict[str, float]:
        """The share of each class in the pixels with data, 0..1."""
        total = sum(self.pixels.values())
        return {name: count / total for name, count in self.pixels.items()}

    def to_json(self) -> dict[str, Any]:
        """What `finished_map` reads back, plain values."""
        return {
            "files": {
                item.name: None if path is None else path.name
                for item in fields(MapFiles)
                for path in [getattr(self.files, item.name)]
            },
            "pixels": self.pixels,
            "shares": {name: round(share, 6) for name, share in self.shares.items()},
            "nodata_px": self.nodata_px,
            "polygon_count": self.polygon_count,
            "statistics": self.statistics.to_json(),
            "seconds": round(self.seconds, 3),
            **({} if self.seams is None else {"seams": self.seams.to_json()}),
            **({} if self.matched is None else {"matched": self.matched}),
        }


def finished_map(files: MapFiles, request: dict[str, Any], overwrite: bool) -> SceneMap | None:
    """The map that is there already for this very request, or None when there is work to do.

    request: plain values that decide what the map will be (scene, model, options). Raises `UserError` when the folder
    holds a map of the same name for another request and ``overwrite`` is False.
    """
    if not files.record.exists():
        return None
    written = _read_record(files.record)
    found = written.get("request")
    found = {**NEVER_ASKED, **found} if isinstance(found, dict) else {}
    if found == request:
        complete = all(path.exists() for path in files.paths())
        return _scene_map(files, written) if complete else None
    if overwrite:
        return None
    changes = _changes(found, request)
    raise UserError(
        f"{files.record.parent} already holds a map of {files.record.stem.removesuffix('_map')} made from "
        f"something else ({changes}); choose another --out or add --overwrite"
    )


def add_seams(made: SceneMap, seams: Seams) -> SceneMap:
    """Put what was measured of a finished map's seams into its record."""
    made = replace(made, seams=seams)
    write_json(made.files.record, {**_read_record(made.files.record), **made.to_json()})
    return made


def remove_former(files: MapFiles) -> None:
    """Remove the record of a map that is being replaced, and those of its files that the new one does not have.

    The record goes first: whoever is killed now leaves no record of files that are half of one map, half of another.
    """
    former = _read_record(files.record).get("files", {}) if files.record.exists() else {}
    remove(files.record)
    kept = {path.name for path in files.paths()}
    for name in former.values():
        if name is not None and name not in kept and Path(name).name == name:
            remove(files.record.parent / name)


def _read_record(path: Path) -> dict[str, Any]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def _scene_map(files: MapFiles, record: dict[str, Any]) -> SceneMap:
    return SceneMap(
        files=files,
        pixels=record["pixels"],
        nodata_px=record["nodata_px"],
        polygon_count=record["polygon_count"],
        statistics=Statistics.from_json(record["statistics"]),
        seconds=record["seconds"],
        seams=Seams.from_json(record.get("seams")),
        matched=record.get("matched"),
        skipped=True,
    )


def _changes(before: dict[str, Any], now: dict[str, Any]) -> str:
    """In words, what differs between two requests."""
    words = {"scene": "another scene file", "model": "another model"}
    changed = [key for key in now if before.get(key) != now[key]]
    return ", ".join(words.get(key) or f"{key} {before.get(key)}, now {now[key]}" for key in changed)
