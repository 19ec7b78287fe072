"""Where areas, their pictures and their labels lie in a user's folders; no file is opened yet.

This file imports no torch: `limner check` stays light.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from limner.foundation.errors import UserError
from limner.foundation.files.names import paired_by
from limner.foundation.files.suffixes import RASTERS, ends_with
from limner.scenes.map_tiles import tiles_below
from limner.scenes.overlaps import told_apart
from limner.segment.labels.reading import IMAGES_FOLDER, Reading
from limner.segment.labels.vector_files import is_vector

ANNOTATIONS = ("annotations", "Annotations", "labels", "xml")
"""Folders of a picture's objects, a file each."""
COCO = ("instances", "annotations", "coco")
"""Words in the names of COCO's files of objects."""


class Place(NamedTuple):
    """An area as its folder says, no file opened yet."""

    name: str
    pictures: list[tuple[Path, Path | None]]  # each with its labels


@contextmanager
def listing(problems: list[str]) -> Iterator[None]:
    """Put a `UserError` of the block on the list (once) instead of raising it."""
    try:
        yield
    except UserError as error:
        if str(error) not in problems:
            problems.append(str(error))


def find_places(paths: Sequence[Path], reading: Reading, problems: list[str], notes: list[str]) -> list[Place]:
    """The areas below all paths, none twice, each with a name of its own.

    problems, notes: lists that get a line for each thing that is wrong, or that a user may want to know.
    """
    if reading.labels is not None and not reading.labels.exists():
        problems.append(f"{reading.labels}: no such file")
        return []
    places: list[Place] = []
    resolved: set[Path] = set()
    for path in paths:
        with listing(problems):
            if path.resolve() in resolved:
                raise UserError(f"{path}: given twice; name each place once")
            resolved.add(path.resolve())
            for folder in _area_folders(path, reading):
                with listing(problems):
                    place = _scene(folder, reading) if folder.is_file() else _area(folder, reading, notes)
                    places.append(place)
    if reading.labels is not None and not is_vector(reading.labels) and sum(len(p.pictures) for p in places) > 1:
        problems.append(f"{reading.labels}: is one mask, but there are several pictures; give one scene, or polygons")
        return []
    names = told_apart([place.name for place in places])
    return [place._replace(name=name) for place, name in zip(places, names, strict=True)]


def _area_folders(path: Path, reading: Reading) -> list[Path]:
    """``path`` itself when it is a scene or an area, else the areas in it."""
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")
    if path.is_file() or (path / IMAGES_FOLDER).is_dir():
        return [path]
    inside = _visible(path)
    if not inside:
        raise UserError(f"{path}: the folder is empty; needed are {_wanted(path, reading)}")
    areas = [folder for folder in inside if (folder / IMAGES_FOLDER).is_dir()]
    if areas:
        return areas
    if (kind := boxes_in(path)) is not None:
        raise UserError(_for_boxes(path, kind, reading))
    if any(_is_picture(file) for file in inside):
        raise UserError(f"{path}: pictures lie in the folder itself; needed are {_wanted(path, reading)}")
    if holds_classes(path):
        raise UserError(
            f"{path}: its folders hold pictures and no masks, as of classes: to tell these apart, give --room classify "
            f"to 'limner check', a recipe classify/... to 'limner train'; for maps {_wanted(path, reading)} are needed"
        )
    raise UserError(f"{path}: no pictures found; needed are {_wanted(path, reading)}")


def holds_classes(path: Path) -> bool:
    """Whether pictures lie in sub-folders of ``path`` and none in itself, as the room classify reads them."""
    if (path / IMAGES_FOLDER).is_dir():
        return False
    inside = _visible(path) if path.is_dir() else []
    return not any(_is_picture(file) or (file / IMAGES_FOLDER).is_dir() for file in inside) and any(
        _is_picture(file) for folder in inside if folder.is_dir() for file in _visible(folder)
    )


def boxes_in(path: Path) -> str | None:
    """The form of annotations of objects that a folder holds by the names of its files, None for none: what the room
    detect reads.

    VOC: XML files, COCO: JSON files in ``annotations/``, or with such a name in the folder or one directly below, YOLO:
    text files in ``labels/``. No file is opened.
    """
    if not path.is_dir():
        return None
    for name in ANNOTATIONS:
        kinds = {file.suffix.lower() for file in _visible(path / name)} if (path / name).is_dir() else set()
        if ".xml" in kinds:
            return "VOC"
        if ".json" in kinds and name.lower() == "annotations":
            return "COCO"
    names = [file.name.lower() for each in (path, *_visible(path)) if each.is_dir() for file in _visible(each)]
    if any(name.endswith(".json") and any(word in name for word in COCO) for name in names):
        return "COCO"
    labels = path / "labels"
    below = [labels, *_visible(labels)] if labels.is_dir() else []
    if any(file.suffix.lower() == ".txt" for each in below if each.is_dir() for file in _visible(each)):
        return "YOLO"
    return None


def _for_boxes(path: Path, kind: str, reading: Reading) -> str:
    return (
        f"{path}: holds annotations of objects ({kind}) and no {reading.masks_folder}/: to find these, give "
        f"--room detect to 'limner check', a recipe detect/... to 'limner train'; for maps {_wanted(path, reading)} "
        "are needed"
    )


def _wanted(path: Path, reading: Reading) -> str:
    return f"{path.name}/{IMAGES_FOLDER}/* and {path.name}/{reading.masks_folder}/*, or sub-folders (areas) with these"


def _scene(path: Path, reading: Reading) -> Place:
    if is_vector(path):
        raise UserError(f"{path}: is a vector file, not a picture; give the scene as --data and this as --labels")
    if reading.labels is None:
        raise UserError(f"{path}: a single scene needs its labels; add --labels with polygons or a mask")
    return Place(path.stem, [(path, reading.labels)])


def _area(folder: Path, reading: Reading, notes: list[str]) -> Place:
    """The area in ``folder`` with its pictures and their labels."""
    name = folder.resolve().name
    pictures = _by_stem(folder / IMAGES_FOLDER)
    if not pictures:
        kinds = ", ".join(RASTERS)
        raise UserError(f"{folder / IMAGES_FOLDER}: holds no pictures ({kinds})")
    masks = _by_stem(folder / reading.masks_folder)
    if reading.mosaic:
        own = folder / reading.masks_folder if masks else None
        return Place(name, [(folder / IMAGES_FOLDER, reading.labels or own or _wanted_vector(folder, reading))])
    if reading.labels is not None:
        return Place(name, [(image, reading.labels) for image in pictures.values()])
    if masks:
        paired = [(image, masks.get(stem)) for stem, image in pictures.items()]
        alone = [image.name for image, mask in paired if mask is None]
        if len(alone) == len(paired):
            raise UserError(
                f"{folder / reading.masks_folder}: no mask has the name of a picture (such as {paired[0][0].stem}); "
                "a picture and its mask need the same name before the suffix"
            )
        if alone:
            notes.append(f"{name}: {_some(alone)} without a mask, not learned from")
        if orphans := [mask.name for stem, mask in masks.items() if stem not in pictures]:
            notes.append(f"{name}: {_some(orphans)} in {reading.masks_folder}/ without a picture, not used")
        return Place(name, paired)
    vector = _wanted_vector(folder, reading)
    return Place(name, [(image, vector) for image in pictures.values()])


def _wanted_vector(folder: Path, reading: Reading) -> Path:
    vector = _vector_of(folder)
    if vector is None and (kind := boxes_in(folder)) is not None:
        raise UserError(_for_boxes(folder, kind, reading))
    if vector is None:
        raise UserError(
            f"{folder}: pictures without any labels; needed is {reading.masks_folder}/ with masks of the same names "
            "(--masks NAME for another folder), or one vector file (.geojson .gpkg .shp)"
        )
    return vector


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
    """The pictures of a folder (none when it is missing) by their name without the suffix.

    Without any of its own, the tiles ``Z/X/Y.png`` in it, by their folders and names.
    """
    files = [file for file in _visible(folder) if _is_picture(file)] if folder.is_dir() else []
    if not files and folder.is_dir():
        files = tiles_below(folder)
    pictures: dict[str, Path] = {}
    for file in files:
        name = paired_by(file.relative_to(folder))
        if name in pictures:
            raise UserError(f"{folder}: {pictures[name].name} and {file.name} share one name; rename one of them")
        pictures[name] = file
    return pictures


def _visible(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if not file.name.startswith("."))


def _is_picture(file: Path) -> bool:
    return file.is_file() and ends_with(file, RASTERS)


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
