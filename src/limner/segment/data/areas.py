"""Data sets: folders of areas with pictures and labels, found and checked before anything is learned.

This file imports no torch: `limner check` stays light.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from limner.foundation.command_line import split_names
from limner.foundation.errors import UserError
from limner.foundation.files.dependencies import digests
from limner.foundation.nearest import did_you_mean
from limner.foundation.progress import counted
from limner.scenes.names import chips_folder
from limner.scenes.overlaps import groups
from limner.scenes.rasters import Raster, open_mask, open_raster
from limner.segment.data.chips import Area, Chip, DataSet
from limner.segment.data.places import find_places, listing
from limner.segment.labels.alignment import check_alignable, is_aligned, turned_like
from limner.segment.labels.cautions import Turn, mask_cautions, turn_cautions, turn_of
from limner.segment.labels.forms import LabelForm, check_known
from limner.segment.labels.masks import MaskContent, draft_class_file, mask_content
from limner.segment.labels.meaning import explanation, find_form
from limner.segment.labels.reader import LabelReader
from limner.segment.labels.reading import AS_FOUND, Reading
from limner.segment.labels.vector_files import is_vector
from limner.segment.labels.vectors import check_ground

SAME_GROUND = 0.01  # a resolution nearer than this share is the one wanted for: maps stretch the ground by as much


class Survey(NamedTuple):
    """What was found. data: the usable part, None when there is none; problems, notes: one line each. draft: a
    ``classes.yaml`` to begin with, where masks have colors that nothing explains."""

    data: DataSet | None
    problems: tuple[str, ...]
    notes: tuple[str, ...]
    draft: str = ""


class _Found(NamedTuple):
    """A chip whose files were opened. aligned: its mask has its picture's grid. turn: what its EXIF says of both."""

    chip: Chip
    channels: int
    dtype: str
    band_names: tuple[str, ...] | None
    aligned: bool
    turn: Turn | None = None


def find_data(paths: Sequence[Path], reading: Reading = AS_FOUND, *, wanted: Sequence[str] | None = None) -> DataSet:
    """Find the pictures and labels below ``paths`` and make sure that they fit together.

    A path is a scene (a file; ``labels`` goes with it), an area (a folder with ``images/`` and either ``masks/``
    of the same stems or one vector file), or a folder of areas. Masks outrank vector files. Several paths are
    joined; areas of one name get numbers.

    Args:
        reading: how folders and labels are read.
        wanted: the classes of a network that the labels are brought to; None: the labels' own.

    Raises:
        UserError: for whatever is missing, unreadable or does not fit, naming the file. `survey` lists all.
    """
    data, problems, _, _ = survey(paths, reading, wanted)
    if problems or data is None:
        more = f" (and {len(problems) - 1} more: see limner check)" if len(problems) > 1 else ""
        raise UserError(problems[0] + more)
    return data


def survey(paths: Sequence[Path], reading: Reading, wanted: Sequence[str] | None = None) -> Survey:
    """As `find_data`, but all problems are listed instead of raising the first, and what has none is kept."""
    problems: list[str] = []
    notes: list[str] = []
    found: list[_Found] = []
    places = find_places(paths, reading, problems, notes)
    if not reading.group:  # what is left out may be broken or of another kind
        selected = _selected([place.name for place in places], reading, problems)
        places = [place for place in places if place.name in selected]
    for place in places:
        for image, label in place.pictures:
            with listing(problems):
                found.append(_open_chip(place.name, image, label, reading))
    found = _agreeing(_grouped(found, reading, problems), problems)
    left = _left_as_they_are(found, reading.to_ground_m, problems)
    try:
        explained = explanation(paths, reading)
    except UserError as error:  # without it no mask can be understood
        return Survey(None, (str(error), *problems), tuple(notes))
    contents, draft = _contents(found, explained, problems)
    found = [one for one in found if _is_readable(one.chip.labels, contents)]
    notes += _on_another_grid(found)
    with listing(problems):
        if not found and not problems:
            raise UserError("no pictures were found; name a scene or a folder of areas")
        vectors = {one.chip.labels: None for one in found if one.chip.labels is not None and is_vector(one.chip.labels)}
        form = find_form(explained, contents, list(vectors), reading, wanted)
        reader = LabelReader(form, field=reading.label_field, layers=reading.layers)
        reader.check_place(one.chip for one in found)
        notes += reader.notes()
        if found:
            turns = [(one.chip.image, one.turn) for one in found if one.turn is not None]
            data = _assemble(
                found, form, reading, (*turn_cautions(turns), *mask_cautions(contents, form), *reader.cautions(), *left)
            )
            return Survey(data, tuple(problems), tuple(notes), draft)
    return Survey(None, tuple(problems), tuple(notes), draft)


def _contents(
    found: list[_Found], explained: LabelForm | None, problems: list[str]
) -> tuple[dict[Path, MaskContent], str]:
    """What each mask holds that can be understood, and a class file to begin with for those that cannot."""
    understood: dict[Path, MaskContent] = {}
    colorful: dict[Path, MaskContent] = {}
    for mask in {one.chip.labels: None for one in found}:
        if mask is not None and not is_vector(mask):
            with listing(problems):
                content = mask_content(mask)
                if explained is None and content.numbers is None:
                    colorful[mask] = content
                check_known(explained, mask, content)
                understood[mask] = content
    return understood, draft_class_file(colorful)


def fingerprint(data: DataSet) -> str:
    """A digest that changes with what the files of the data set hold and stand on, and with how they are read."""
    digest = hashlib.sha256(repr((data.form, data.label_field, *filter(None, data.layers))).encode())
    files = list({path for chip in data.chips for path in (chip.image, chip.labels, chip.within) if path is not None})
    contents = dict(zip(files, digests([chips_folder(path) for path in files]), strict=True))
    for chip in data.chips:
        digest.update(repr((chip.area, chip.annotated, chip.bands, chip.scale)).encode())
        for path in (chip.image, chip.labels, chip.within):
            digest.update((contents[path] if path is not None else "-").encode())
    return digest.hexdigest()[:16]


def _open_chip(area: str, image: Path, labels: Path | None, reading: Reading) -> _Found:
    """Open a picture and its labels just far enough to know that they fit."""
    within, aligned, turn = reading.within, True, None
    with open_raster(image, bands=reading.bands) as picture:
        for vector, of_ground in ((labels, False), (within, True)):
            if vector is not None and is_vector(vector):
                reading.layers.open(vector, of_ground).check_field(None if of_ground else reading.label_field)
                check_ground(picture, vector)
        if within is not None and not is_vector(within):
            raise UserError(f"{within}: the annotated ground is given as polygons (.geojson .gpkg .shp)")
        if labels is not None and not is_vector(labels):
            with open_mask(labels) as stored:
                mask = turned_like(stored, picture)
                check_alignable(mask, picture)
                aligned = is_aligned(mask, picture)
                turn = turn_of(stored, picture)
        seen = replace(picture, scale=_scale(picture, reading.to_ground_m))
        chip = Chip(
            area, image, labels, within, seen.height, seen.width,
            bands=reading.bands, scale=seen.scale, ground_m=seen.ground_m,
        )  # fmt: skip
        return _Found(chip, picture.bands, picture.dtype, picture.band_names, aligned, turn)


def _scale(picture: Raster, ground_m: float | None) -> float:
    """How many times the pixels along each edge bring a picture to ``ground_m`` meters a pixel;
    1 where it nearly is, and where nobody knows.
    """
    if ground_m is None or picture.ground_m is None:
        return 1.0
    scale = picture.ground_m / ground_m
    return 1.0 if abs(scale - 1) <= SAME_GROUND else scale


def _left_as_they_are(found: list[_Found], ground_m: float | None, problems: list[str]) -> list[str]:
    """What to know of pictures that cannot be brought to ``ground_m``; where none can, that is a problem."""
    unknown = [one.chip.image for one in found if one.chip.ground_m is None]
    if ground_m is None or not unknown:
        return []
    if len(unknown) == len(found):
        problems.append(
            f"{unknown[0]}: does not say how many meters a pixel covers, so it cannot be brought to {ground_m:g} m; "
            "give georeferenced pictures, or leave --to-ground-m away"
        )
        return []
    return [
        f"{len(unknown)} of {len(found)} pictures do not say how many meters a pixel covers and are not brought to "
        f"{ground_m:g} m (the first: {unknown[0].name})"
    ]


def _agreeing(found: list[_Found], problems: list[str]) -> list[_Found]:
    """The chips whose bands and type are those of most; the others become problems."""
    if not found:
        return []
    usual, _ = Counter((one.channels, one.dtype) for one in found).most_common(1)[0]
    example = next(one for one in found if (one.channels, one.dtype) == usual)
    for one in found:
        if (one.channels, one.dtype) != usual:
            problems.append(
                f"{one.chip.image}: has {counted(one.channels, 'band')} of {one.dtype}, but {example.chip.image} has "
                f"{usual[0]} of {usual[1]}; all pictures need the same bands and type"
            )
    return [one for one in found if (one.channels, one.dtype) == usual]


def _grouped(found: list[_Found], reading: Reading, problems: list[str]) -> list[_Found]:
    """The chips of the areas that are selected for, after the areas were told apart as ``group`` says."""
    if not reading.group or not found:
        return found
    with listing(problems):
        names = groups([one.chip for one in found], reading.group)
        selected = _selected(names, reading, problems)
        grouped = (one._replace(chip=replace(one.chip, area=name)) for one, name in zip(found, names, strict=True))
        return [one for one in grouped if one.chip.area in selected]
    return []


def _selected(names: Sequence[str], reading: Reading, problems: list[str]) -> set[str]:
    """The names of the areas to read."""
    known = dict.fromkeys(names)
    with listing(problems):
        selected = set(_matching(reading.areas, known, "--areas") if reading.areas else known)
        selected -= set(_matching(reading.leave_out, known, "--leave-out") if reading.leave_out else ())
        if known and not selected:
            raise UserError(f"no area is left of {', '.join(known)}; leave fewer out")
        return selected
    return set()


def _matching(patterns: Sequence[str], known: dict[str, None], option: str) -> list[str]:
    """The known names that are meant. A name itself outranks what its signs mean in a pattern."""
    wanted = _whole_names(patterns, known)
    for pattern in wanted:
        if pattern not in known and not any(fnmatchcase(name, pattern) for name in known):
            raise UserError(f"{option} {pattern}: no area is called so; {did_you_mean(pattern, known)}")
    exact = set(wanted) & set(known)
    patterns = [pattern for pattern in wanted if pattern not in exact]
    return [name for name in known if name in exact or any(fnmatchcase(name, pattern) for pattern in patterns)]


def _whole_names(parts: Sequence[str], known: Iterable[str]) -> list[str]:
    """Names that were split at their commas put together again.

    >>> _whole_names(["hill", "Para", "Belem"], ["Para, Belem", "hill"])
    ['hill', 'Para, Belem']
    """
    whole = list(parts)
    for name in known:
        pieces = list(split_names(name))
        for start in range(len(whole) - len(pieces), -1, -1) if len(pieces) > 1 else ():
            if whole[start : start + len(pieces)] == pieces:
                whole[start : start + len(pieces)] = [name]
    return whole


def _is_readable(labels: Path | None, contents: dict[Path, MaskContent]) -> bool:
    return labels is None or is_vector(labels) or labels in contents


def _on_another_grid(found: list[_Found]) -> list[str]:
    """A line where masks have another grid than their pictures."""
    others = [one.chip.image.name for one in found if not one.aligned]
    if not others:
        return []
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    return [f"{others[0]}{more}: the mask has another grid than the picture; each pixel takes the nearest of the mask"]


def _assemble(found: list[_Found], form: LabelForm, reading: Reading, cautions: tuple[str, ...]) -> DataSet:
    chips: dict[str, list[Chip]] = {}
    for one in found:
        chips.setdefault(one.chip.area, []).append(one.chip)
    band_names = {one.band_names for one in found}
    return DataSet(
        areas=tuple(Area(name, tuple(members)) for name, members in chips.items()),
        channels=found[0].channels,
        dtype=found[0].dtype,
        band_names=band_names.pop() if len(band_names) == 1 else None,
        form=form,
        label_field=reading.label_field,
        layers=reading.layers,
        cautions=cautions,
    )
