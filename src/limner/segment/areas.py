"""Data sets: folders of areas with pictures and labels, found and checked before anything is learned.

This file imports no torch: `limner check` stays light.
"""

import hashlib
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from limner import files
from limner.errors import UserError
from limner.segment.labels import LabelForm, LabelReader, decide_form, mask_values
from limner.segment.places import Layout, find_places, listing
from limner.segment.rasters import open_raster
from limner.segment.vectors import check_ground, check_vector, is_vector
from limner.segment.windows import Window


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
    for place in find_places(paths, layout, problems, notes):
        for image, label in place.pictures:
            with listing(problems):
                found.append(_open_chip(place.name, image, label, layout.within))
    found = _agreeing(found, problems)
    values: dict[Path, frozenset[int]] = {}
    for mask in {one.chip.labels: None for one in found}:
        if mask is not None and not is_vector(mask):
            with listing(problems):
                values[mask] = mask_values(mask)
    found = [one for one in found if _is_readable(one.chip.labels, values)]
    with listing(problems):
        form = decide_form(values, class_names)
        LabelReader(form).check_place(one.chip for one in found)
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


def _open_chip(area: str, image: Path, labels: Path | None, within: Path | None) -> _Found:
    """Open a picture and its labels just far enough to know that they fit."""
    with open_raster(image) as picture:
        height, width = picture.height, picture.width
        facts = picture.bands, picture.dtype, picture.ground_m
        for vector in (labels, within):
            if vector is not None and is_vector(vector):
                check_vector(vector)
                check_ground(picture, vector)
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
