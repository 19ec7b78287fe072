"""Data sets: folders of areas with pictures and labels, found and checked before anything is learned.

This file imports no torch: `limner check` stays light.
"""

import hashlib
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pyogrio
from pyogrio.errors import DataLayerError, DataSourceError

from limner import files
from limner.errors import UserError
from limner.segment.labels import LabelForm, LabelReader, decide_form, is_vector, mask_values
from limner.segment.rasters import RASTER_SUFFIXES, Window, open_raster


@dataclass(frozen=True)
class Chip:
    """A picture of an area with its labels.

    labels: a mask or a vector file, or None when nobody labelled this one (all its pixels are ignored).
    within: a vector file of the ground that is annotated, or None. height, width: in pixels. annotated: the windows
    whose labels may be used, or None for all.
    """

    area: str
    image: Path
    labels: Path | None
    within: Path | None
    height: int
    width: int
    annotated: tuple[Window, ...] | None = None


@dataclass(frozen=True)
class Area:
    """A place: the unit of splits and of scores."""

    name: str
    chips: tuple[Chip, ...]


@dataclass(frozen=True)
class DataSet:
    """Pictures and labels of several areas that can be learned from together.

    channels, dtype: bands and pixel type of every picture. ground_m: median meters a pixel covers over the
    georeferenced pictures, None without any. binary: masks are 0/255 (or all labels are polygons).
    """

    areas: tuple[Area, ...]
    channels: int
    dtype: str
    ground_m: float | None
    class_names: tuple[str, ...]
    binary: bool

    @property
    def chips(self) -> tuple[Chip, ...]:
        """All chips, area by area; a chip's number is its place here."""
        return tuple(chip for area in self.areas for chip in area.chips)

    @property
    def form(self) -> LabelForm:
        """How the labels are read."""
        return LabelForm(self.binary, self.class_names)


class Survey(NamedTuple):
    """What was found. data: the usable part, None when there is none; problems, notes: one line each."""

    data: DataSet | None
    problems: tuple[str, ...]
    notes: tuple[str, ...]


class Layout(NamedTuple):
    """Where pictures and labels lie. labels, within: files given for all areas, or None."""

    labels: Path | None = None
    within: Path | None = None
    masks_folder: str = "masks"
    images_folder: str = "images"


class _Place(NamedTuple):
    """An area as its folder says, no file opened yet."""

    name: str
    pictures: list[tuple[Path, Path | None]]  # each with its labels


class _Found(NamedTuple):
    """A chip whose files were opened."""

    chip: Chip
    bands: int
    dtype: str
    ground_m: float | None


def find_data(
    paths: Sequence[Path],
    *,
    labels: Path | None = None,
    within: Path | None = None,
    masks_folder: str = "masks",
    images_folder: str = "images",
    class_names: Sequence[str] | None = None,
) -> DataSet:
    """Find the pictures and labels below ``paths`` and make sure that they fit together.

    A path is a scene (a file; ``labels`` goes with it), an area (a folder with ``images/`` and either ``masks/``
    of the same stems or one vector file), or a folder of areas. Masks outrank vector files. Several paths are
    joined; areas of one name get numbers.

    Args:
        labels: polygons for all pictures, or the mask of a single scene; outranks what the folders hold.
        within: polygons of the ground that is annotated; all else is ignored.
        class_names: from class 0; made up when not given.

    Raises:
        UserError: for whatever is missing, unreadable or does not fit, naming the file. `survey` lists all.
    """
    layout = Layout(labels, within, masks_folder, images_folder)
    data, problems, _ = survey(paths, layout, class_names)
    if problems or data is None:
        more = f" (and {len(problems) - 1} more: see limner check)" if len(problems) > 1 else ""
        raise UserError(problems[0] + more)
    return data


def survey(paths: Sequence[Path], layout: Layout, class_names: Sequence[str] | None = None) -> Survey:
    """As `find_data`, but all problems are listed instead of raising the first, and what has none is kept."""
    problems: list[str] = []
    notes: list[str] = []
    found: list[_Found] = []
    for place in _find_places(paths, layout, problems, notes):
        for image, label in place.pictures:
            with _listing(problems):
                found.append(_open_chip(place.name, image, label, layout.within))
    found = _agreeing(found, problems)
    values: dict[Path, frozenset[int]] = {}
    for mask in {one.chip.labels: None for one in found}:
        if mask is not None and not is_vector(mask):
            with _listing(problems):
                values[mask] = mask_values(mask)
    found = [one for one in found if _is_readable(one.chip.labels, values)]
    with _listing(problems):
        form = decide_form(values, class_names)
        _check_polygons_touch([one.chip for one in found], LabelReader(form))
        if not found and not problems:
            raise UserError("no pictures were found; name a scene or a folder of areas")
        if found:
            return Survey(_assemble(found, form), tuple(problems), tuple(notes))
    return Survey(None, tuple(problems), tuple(notes))


def fingerprint(data: DataSet) -> str:
    """A digest that changes when a file of the data set, or how it is read, does (contents are not read)."""
    digest = hashlib.sha256(repr((data.class_names, data.binary)).encode())
    for chip in data.chips:
        digest.update(repr((chip.area, chip.annotated)).encode())
        for path in (chip.image, chip.labels, chip.within):
            digest.update((files.fingerprint(path) if path is not None else "-").encode())
    return digest.hexdigest()[:16]


@contextmanager
def _listing(problems: list[str]) -> Iterator[None]:
    """Put a `UserError` of the block on the list (once) instead of raising it."""
    try:
        yield
    except UserError as error:
        if str(error) not in problems:
            problems.append(str(error))


def _find_places(paths: Sequence[Path], layout: Layout, problems: list[str], notes: list[str]) -> list[_Place]:
    """The areas below all paths, none twice, each with a name of its own."""
    if layout.labels is not None and not layout.labels.exists():
        problems.append(f"{layout.labels}: no such file")
        return []
    places: list[_Place] = []
    resolved: set[Path] = set()
    for path in paths:
        with _listing(problems):
            if path.resolve() in resolved:
                raise UserError(f"{path}: given twice; name each place once")
            resolved.add(path.resolve())
            for folder in _area_folders(path, layout):
                with _listing(problems):
                    place = _scene(folder, layout) if folder.is_file() else _area(folder, layout, notes)
                    places.append(place)
    if layout.labels is not None and not is_vector(layout.labels) and sum(len(p.pictures) for p in places) > 1:
        problems.append(f"{layout.labels}: is one mask, but there are several pictures; give one scene, or polygons")
        return []
    return _renamed(places)


def _renamed(places: list[_Place]) -> list[_Place]:
    """Equal names told apart by a number: town, town-2, town-3."""
    taken: set[str] = set()
    renamed = []
    for place in places:
        name, number = place.name, 1
        while name in taken:
            number += 1
            name = f"{place.name}-{number}"
        taken.add(name)
        renamed.append(place._replace(name=name))
    return renamed


def _area_folders(path: Path, layout: Layout) -> list[Path]:
    """``path`` itself when it is a scene or an area, else the areas in it."""
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")
    if path.is_file() or (path / layout.images_folder).is_dir():
        return [path]
    inside = _visible(path)
    if not inside:
        raise UserError(f"{path}: the folder is empty; needed are {_wanted(path, layout)}")
    areas = [folder for folder in inside if (folder / layout.images_folder).is_dir()]
    if areas:
        return areas
    if any(_is_picture(file) for file in inside):
        raise UserError(f"{path}: pictures lie in the folder itself; needed are {_wanted(path, layout)}")
    raise UserError(f"{path}: no pictures found; needed are {_wanted(path, layout)}")


def _wanted(path: Path, layout: Layout) -> str:
    images, masks = layout.images_folder, layout.masks_folder
    return f"{path.name}/{images}/* and {path.name}/{masks}/*, or sub-folders (areas) with these"


def _scene(path: Path, layout: Layout) -> _Place:
    if is_vector(path):
        raise UserError(f"{path}: is a vector file, not a picture; give the scene as --data and this as --labels")
    if layout.labels is None:
        raise UserError(f"{path}: a single scene needs its labels; add --labels with polygons or a mask")
    return _Place(path.stem, [(path, layout.labels)])


def _area(folder: Path, layout: Layout, notes: list[str]) -> _Place:
    """The area in ``folder`` with its pictures and their labels."""
    name = folder.resolve().name
    pictures = _by_stem(folder / layout.images_folder)
    if not pictures:
        kinds = ", ".join(RASTER_SUFFIXES)
        raise UserError(f"{folder / layout.images_folder}: holds no pictures ({kinds})")
    if layout.labels is not None:
        return _Place(name, [(image, layout.labels) for image in pictures.values()])
    masks = _by_stem(folder / layout.masks_folder)
    if masks:
        paired = [(image, masks.get(stem)) for stem, image in pictures.items()]
        alone = [image.name for image, mask in paired if mask is None]
        if len(alone) == len(paired):
            raise UserError(
                f"{folder / layout.masks_folder}: no mask has the name of a picture (such as {paired[0][0].stem}); "
                "a picture and its mask need the same name before the suffix"
            )
        if alone:
            notes.append(f"{name}: {_some(alone)} without a mask, not learned from")
        if orphans := [mask.name for stem, mask in masks.items() if stem not in pictures]:
            notes.append(f"{name}: {_some(orphans)} in {layout.masks_folder}/ without a picture, not used")
        return _Place(name, paired)
    vector = _vector_of(folder)
    if vector is None:
        raise UserError(
            f"{folder}: {len(pictures)} pictures without any labels; needed is {layout.masks_folder}/ with masks "
            "of the same names, or one vector file (.geojson .gpkg .shp)"
        )
    return _Place(name, [(image, vector) for image in pictures.values()])


def _vector_of(folder: Path) -> Path | None:
    """The area's one vector file; ``labels.*`` outranks others."""
    vectors = [file for file in _visible(folder) if file.is_file() and is_vector(file)]
    named = [file for file in vectors if file.stem == "labels"]
    chosen = named or vectors
    if len(chosen) > 1:
        raise UserError(
            f"{folder}: {len(chosen)} vector files ({_some([file.name for file in chosen])}); "
            "keep one, or call the labels labels.gpkg"
        )
    return chosen[0] if chosen else None


def _by_stem(folder: Path) -> dict[str, Path]:
    """The pictures of a folder (none when it is missing) by their name without the suffix."""
    pictures: dict[str, Path] = {}
    for file in _visible(folder) if folder.is_dir() else []:
        if _is_picture(file):
            if file.stem in pictures:
                raise UserError(
                    f"{folder}: {pictures[file.stem].name} and {file.name} share one name; rename one of them"
                )
            pictures[file.stem] = file
    return pictures


def _visible(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if not file.name.startswith("."))


def _is_picture(file: Path) -> bool:
    return file.is_file() and file.suffix.lower() in RASTER_SUFFIXES


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _open_chip(area: str, image: Path, labels: Path | None, within: Path | None) -> _Found:
    """Open a picture and its labels just far enough to know that they fit."""
    with open_raster(image) as picture:
        height, width = picture.height, picture.width
        facts = picture.bands, picture.dtype, picture.ground_m
        georeferenced = picture.georeferenced
    for vector in (labels, within):
        if vector is not None and is_vector(vector):
            _check_vector(vector)
            if not georeferenced:
                raise UserError(
                    f"{image}: has no georeference, so the polygons of {vector.name} cannot be laid on it; "
                    "give a GeoTIFF, or masks of the picture's size"
                )
    if within is not None and not is_vector(within):
        raise UserError(f"{within}: the annotated ground is given as polygons (.geojson .gpkg .shp)")
    if labels is not None and not is_vector(labels):
        with open_raster(labels) as mask:
            if (mask.height, mask.width) != (height, width):
                raise UserError(
                    f"{labels}: is {mask.height} x {mask.width} pixels, but its picture {image} is "
                    f"{height} x {width}; a mask needs the size of its picture"
                )
    return _Found(Chip(area, image, labels, within, height, width), *facts)


def _check_vector(path: Path) -> None:
    if not path.exists():
        raise UserError(f"{path}: no such file")
    try:
        info = pyogrio.read_info(path)
    except (DataSourceError, DataLayerError) as error:
        reason = str(error).splitlines()[0].removesuffix(".")[:160]
        raise UserError(f"{path}: not a vector file that can be read ({reason})") from None
    if info["crs"] is None:
        raise UserError(f"{path}: has no coordinate reference system; set one (in QGIS: Export, Save Features As)")


def _agreeing(found: list[_Found], problems: list[str]) -> list[_Found]:
    """The chips whose bands and type are those of most; the others become problems."""
    if not found:
        return []
    (bands, dtype), _ = Counter((one.bands, one.dtype) for one in found).most_common(1)[0]
    usual = next(one for one in found if (one.bands, one.dtype) == (bands, dtype))
    for one in found:
        if (one.bands, one.dtype) != (bands, dtype):
            problems.append(
                f"{one.chip.image}: has {one.bands} bands of {one.dtype}, but {usual.chip.image} has "
                f"{bands} of {dtype}; all pictures need the same bands and type"
            )
    return [one for one in found if (one.bands, one.dtype) == (bands, dtype)]


def _is_readable(labels: Path | None, values: dict[Path, frozenset[int]]) -> bool:
    return labels is None or is_vector(labels) or labels in values


def _check_polygons_touch(chips: list[Chip], reader: LabelReader) -> None:
    """A `UserError` for a vector file none of whose polygons lies on any picture."""
    users: dict[Path, list[Chip]] = {}
    for chip in chips:
        for vector in (chip.labels, chip.within):
            if vector is not None and is_vector(vector):
                users.setdefault(vector, []).append(chip)
    for vector, laid_on in users.items():
        if not any(reader.touches(chip, vector) for chip in laid_on):
            raise UserError(
                f"{vector}: none of its polygons lies on {_some([chip.image.name for chip in laid_on])}; "
                "are picture and polygons of the same place, in their right reference systems?"
            )


def _assemble(found: list[_Found], form: LabelForm) -> DataSet:
    chips: dict[str, list[Chip]] = {}
    for one in found:
        chips.setdefault(one.chip.area, []).append(one.chip)
    ground = [one.ground_m for one in found if one.ground_m is not None]
    return DataSet(
        areas=tuple(Area(name, tuple(members)) for name, members in chips.items()),
        channels=found[0].bands,
        dtype=found[0].dtype,
        ground_m=statistics.median(ground) if ground else None,
        class_names=form.class_names,
        binary=form.binary,
    )
