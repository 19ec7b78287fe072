"""What a mapping leaves in its folder, and the record by which a repeated command knows that it is done."""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from limner.foundation.errors import UserError
from limner.foundation.files.dependencies import content_of
from limner.foundation.files.locks import lock_of, remove_if_free
from limner.foundation.files.records import CHOICE, NotARecordError, changed_since, changes, read_record
from limner.foundation.files.writing import remove, remove_leftovers_of, replacing, temporary_name, write_json
from limner.scenes.statistics import Statistics
from limner.segment.mapping.options import POLYGON_FORMATS


@dataclass(frozen=True)
class MapFiles:
    """The files of one scene's map, the record first; None where one was not asked for."""

    record: Path
    classes: Path
    class_names: Path
    probability: Path | None
    polygons: Path | None
    preview: Path
    entropy: Path | None = None
    style: Path | None = None
    """How QGIS shows the class raster, and the polygons."""
    polygon_style: Path | None = None

    @classmethod
    def named(
        cls,
        out: Path,
        stem: str,
        class_names: Sequence[str],
        *,
        probability: bool,
        polygons: str,
        entropy: bool = False,
    ) -> "MapFiles":
        """The good names in ``out`` of the map of a scene called ``stem``. polygons: one of `POLYGON_FORMATS`."""
        shape_name = class_names[1] if len(class_names) == 2 else "polygons"
        shape_name = re.sub(r"[^\w.-]+", "-", shape_name).strip("-.") or "polygons"
        shapes = None if polygons == "none" else out / f"{stem}_{shape_name}.{polygons}"
        return cls(
            record=out / f"{stem}_map.json",
            classes=out / f"{stem}_classes.tif",
            class_names=out / f"{stem}_classes.tif.aux.xml",
            probability=out / f"{stem}_probability.tif" if probability else None,
            polygons=shapes,
            preview=out / f"{stem}_preview.png",
            entropy=out / f"{stem}_entropy.tif" if entropy else None,
            style=out / f"{stem}_classes.qml",
            polygon_style=None if shapes is None else shapes.with_suffix(".qml"),
        )

    def paths(self) -> Iterator[Path]:
        """All that are asked for."""
        for item in fields(self):
            path = getattr(self, item.name)
            if path is not None:
                yield path

    def contents(self) -> dict[str, str]:
        """What each file holds, as a digest by its name here; the record and the styles, which are anybody's to change,
        are left out."""
        paths = {name: path for name, path in vars(self).items() if name not in ("record", "style", "polygon_style")}
        return {name: content_of(path) for name, path in paths.items() if path is not None}

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
            entropy=None if self.entropy is None else beside(self.entropy),
            style=None if self.style is None else beside(self.style),
            polygon_style=None if self.polygon_style is None else beside(self.polygon_style),
        )

    def working(self, stack: ExitStack, what: str = "working") -> Path:
        """A temporary name for a raster that only a later step needs; what is there goes when ``stack`` closes.

        what: one of `WORKING`.
        """
        path = temporary_name(_working_name(self.record, what))
        stack.callback(remove, path)
        return path


WORKING = ("working", "insides", "unsmoothed")
"""Names of what is needed while a map is made: twice by the polygons, and by the CRF."""


def remove_unfinished(out: Path, stem: str, class_names: Sequence[str]) -> None:
    """Remove what a killed mapping of the same scene left in ``out``, whatever its options.

    The record's lock is held.
    """
    for polygons in POLYGON_FORMATS:
        files = MapFiles.named(out, stem, class_names, probability=True, polygons=polygons, entropy=True)
        for path in (*files.paths(), *(_working_name(files.record, what) for what in WORKING)):
            remove_leftovers_of(path)
            remove_if_free(lock_of(path))


def _working_name(record: Path, what: str) -> Path:
    return record.with_name(record.name.replace("_map.json", f"_{what}.tif"))


@dataclass(frozen=True)
class Seams:
    """share: of ``pixels``, those that have another class than in the pass that ``against`` names, 0..1."""

    share: float
    pixels: int
    against: str

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"share": round(self.share, 6), "pixels": self.pixels, "against": self.against}

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
    ``all``) whose colors it was harmonized to. cautions: in what the scene is unlike what was learned from, when it was
    mapped. skipped: it was there already, made from the same scene, model and options. computed: by what engine, and
    how like torch, where another was asked for.
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
    cautions: tuple[str, ...] = ()
    computed: tuple[str, ...] = ()

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
    def entropy(self) -> Path | None:
        """The raster of how unsure the map is, if it was asked for."""
        return self.files.entropy

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
            "was_there": self.skipped, "cautions": list(self.cautions), "computed": list(self.computed),
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
            **({"cautions": list(self.cautions)} if self.cautions else {}),
            **({"computed": list(self.computed)} if self.computed else {}),
        }


class _Means(TypedDict):
    mean: list[float]
    deviation: list[float]


class _SeamsTold(TypedDict):
    share: float
    pixels: int
    against: str


class _MapTold(TypedDict):
    """What `SceneMap.to_json` gives."""

    files: dict[str, str | None]
    pixels: dict[str, int]
    nodata_px: int
    polygon_count: int | None
    statistics: _Means
    seconds: float
    seams: NotRequired[_SeamsTold]
    matched: NotRequired[str]
    holds: NotRequired[dict[str, str]]
    cautions: NotRequired[list[str]]
    computed: NotRequired[list[str]]


def finished_map(files: MapFiles, request: dict[str, Any], overwrite: bool) -> SceneMap | None:
    """The map that is there already for this very request, or None when there is work to do.

    request: plain values that decide what the map will be (scene, model, options). Raises `UserError` when the folder
    holds a map of the same name for another request, one of whose files somebody changed, or a file of its record's
    name that is none, and ``overwrite`` is False.
    """
    try:
        record = read_record(files.record, _MapTold)
    except NotARecordError:
        if overwrite:
            return None
        raise
    if record is None:
        return None
    if record.is_of(request):
        if not all(path.exists() for path in files.paths()):
            return None
        changed = _changed(files, record.told)
        if changed is None:
            return _scene_map(files, record.told)
        if not overwrite:
            raise changed_since(changed)
        return None
    if overwrite:
        return None
    raise UserError(
        f"{files.record.parent} already holds a map of {files.record.stem.removesuffix('_map')} made from "
        f"something else ({changes(record.request, request)}); {CHOICE}"
    )


def _changed(files: MapFiles, told: _MapTold) -> Path | None:
    """A file that no longer holds what the record tells; None where there is none, or records of before do not tell."""
    holds = told.get("holds")
    if holds is None:
        return None
    return next((getattr(files, name) for name, found in files.contents().items() if found != holds.get(name)), None)


def add_seams(made: SceneMap, seams: Seams) -> SceneMap:
    """Put what was measured of a finished map's seams into its record."""
    made = replace(made, seams=seams)
    record = read_record(made.files.record, _MapTold)
    assert record is not None  # it was just read or written, under its lock
    write_json(made.files.record, {**record.told, **made.to_json()})
    return made


def remove_former(files: MapFiles) -> None:
    """Remove the record of a map that is being replaced, and those of its files that the new one does not have.

    The record goes first: whoever is killed now leaves no record of files that are half of one map, half of another.
    """
    with suppress(NotARecordError):
        former = read_record(files.record, _MapTold)
        remove(files.record)
        kept = {path.name for path in files.paths()}
        ours = files.record.name.removesuffix("map.json")  # anybody may have written the record
        for name in former.told["files"].values() if former is not None else ():
            if name is not None and name not in kept and name.startswith(ours) and Path(name).name == name:
                remove(files.record.parent / name)
    remove(files.record)


def _scene_map(files: MapFiles, told: _MapTold) -> SceneMap:
    return SceneMap(
        files=files,
        pixels=told["pixels"],
        nodata_px=told["nodata_px"],
        polygon_count=told["polygon_count"],
        statistics=Statistics(tuple(told["statistics"]["mean"]), tuple(told["statistics"]["deviation"])),
        seconds=told["seconds"],
        seams=Seams(**told["seams"]) if "seams" in told else None,
        matched=told.get("matched"),
        cautions=tuple(told.get("cautions", ())),
        computed=tuple(told.get("computed", ())),
        skipped=True,
    )
