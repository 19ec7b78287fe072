"""Pictures and their objects, found in any form of annotations and held to what a detector can learn from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from limner.datasets.annotations.instances import Instance, LabeledPicture, Labels
from limner.datasets.annotations.sources import read_source
from limner.datasets.annotations.sources.wanted import Wanted, counted
from limner.datasets.annotations.turning import read_upright
from limner.datasets.pictures.decoding import WHOLE_PX, decode, decode_turned
from limner.datasets.pictures.several import tell_several
from limner.detect.boxes.objects import check_objects
from limner.detect.data.object_set import HELD_OUT, LEARNED, ObjectPicture, ObjectSet, fingerprint_of
from limner.detect.data.options import PLAIN, ObjectReading
from limner.detect.data.scenes import find_in_scenes
from limner.foundation.errors import UserError
from limner.foundation.machine.cores import allowed_cores
from limner.foundation.nearest import did_you_mean
from limner.foundation.progress import Progress

UNNAMED = "object"
"""The class of data that names none."""
MOST_THREADS = 8
NAMED = 3
"""Pictures that a note names of those of which it is true."""
AS_BOXES = ("a box is taken", "outlines of fewer than three corners")
"""Notes on boxes that stand for masks begin so: a detector learns from boxes as they are."""


def find_objects(paths: Sequence[Path], reading: ObjectReading = PLAIN) -> ObjectSet:
    """The pictures and objects of data sets of any form that `limner.datasets.annotations.sources` reads.

    Objects without area and those of no picture are left out and kept in ``lost``; pictures without any object stay,
    for what is no object is learned from them. Labels count from 0, without the background.

    Raises `UserError` where nothing fits, for classes that are not there, for pictures that cannot be read where none
    can, and where there is no object at all. Scenes with polygons: see `limner.detect.data.scenes.find_in_scenes`.
    """
    if not paths:
        raise UserError("no data is given; name a data set with --data (pictures and boxes or outlines of objects)")
    if reading.labels is not None:
        return find_in_scenes(paths, reading)
    wanted = Wanted(reading.objects or (UNNAMED,), reading.regions, every=True)
    sources = [(path, read_source(path, wanted)) for path in paths]
    names = dict.fromkeys(name for _, source in sources for name in source.names)
    for name in reading.objects or ():
        if names and name not in names:
            raise UserError(f"--objects: {paths[0]} has no '{name}'; {did_you_mean(name, names)}")
    labeled = [each for _, source in sources for each in source.pictures]
    left = _parts_left(labeled)
    labeled = [each for each in labeled if each.split not in left]
    tell_several([each.path for each in labeled])
    read, unreadable = _read(labeled, bool(reading.upright_labels))
    if labeled and not read:
        raise UserError(f"{unreadable[0]} (of {len(labeled)} pictures, none can be read)")
    seen = {one.name for _, told, _ in read for one in told.instances}
    classes = tuple(reading.objects) if reading.objects else tuple(sorted(seen, key=_natural(tuple(names))))
    pictures, lost = [], [one for _, source in sources for one in source.lost]
    notes = [note for _, source in sources for note in source.notes if not note.startswith(AS_BOXES)]
    for labels, told, size in read:
        kept = [one for one in told.instances if one.name in classes]
        pictures.append(_picture(labels, kept, classes, size))
        lost += [one._replace(picture=one.picture or labels.name) for one in told.lost]
    of_pictures: dict[str, list[str]] = defaultdict(list)
    for labels, told, _ in read:
        for note in told.notes:
            if not note.startswith(AS_BOXES):
                of_pictures[note].append(labels.name)
    notes += [f"{counted(len(held))}: {note} ({_first(held)})" for note, held in of_pictures.items()]
    if left:
        notes.append(f"parts left alone: {', '.join(sorted(left))}")
    found = ObjectSet(
        form=" and ".join(dict.fromkeys(source.form for _, source in sources)),
        pictures=tuple(pictures),
        class_names=classes,
        fingerprint=fingerprint_of(pictures, [file for _, source in sources for file in source.shared], classes),
        lost=tuple(one for one in lost if not reading.objects or one.name in classes),
        unreadable=tuple(unreadable),
        notes=tuple(dict.fromkeys(notes)),
    )
    if not found.counts().sum():
        raise UserError(
            f"{paths[0]} ({found.form}): no object in any of its {len(found)} pictures; needed: boxes or outlines to "
            "learn from"
        )
    for picture in pictures:
        check_objects(picture.objects._replace(masks=None), len(classes), picture.size[::-1], picture.name)
    return found


def _first(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")


def _parts_left(labeled: Sequence[LabeledPicture]) -> set[str]:
    parts = {each.split for each in labeled}
    if not parts & set(LEARNED):
        return set()
    kept = next((part for part in HELD_OUT if part in parts), "")
    return (parts & set(HELD_OUT)) - {kept}


_Read = tuple[LabeledPicture, Labels, tuple[int, int]]


def _read(labeled: Sequence[LabeledPicture], upright_labels: bool) -> tuple[list[_Read], list[str]]:
    def one(picture: LabeledPicture) -> _Read | UserError:
        try:
            image, orientation = decode_turned(picture.path, "rgb", least_px=WHOLE_PX)
            labels = read_upright(picture, image.size, orientation, upright_labels=upright_labels)
        except UserError as error:
            return error
        return picture, labels, image.size

    found: list[_Read] = []
    unreadable: list[str] = []
    with (
        ThreadPoolExecutor(min(MOST_THREADS, allowed_cores()), thread_name_prefix="labels") as pool,
        Progress("annotations", len(labeled), "pictures") as progress,
    ):
        for each in pool.map(one, labeled):
            if isinstance(each, UserError):
                unreadable.append(" ".join(str(each).split()))
            else:
                found.append(each)
            progress.advance()
    return found, unreadable


def _picture(
    labeled: LabeledPicture, kept: Sequence[Instance], classes: tuple[str, ...], size: tuple[int, int]
) -> ObjectPicture:
    path = labeled.path
    return ObjectPicture(
        path=path,
        name=labeled.name,
        size=size,
        boxes=np.array([tuple(one.box) for one in kept], np.float32).reshape(-1, 4),
        labels=np.array([classes.index(one.name) for one in kept], np.int64),
        ignored=np.array([one.group for one in kept], bool),
        masks=tuple(one.mask for one in kept),
        outlined=all(one.outlined for one in kept),
        opener=lambda least_px: decode(path, "rgb", least_px=least_px),
        split=labeled.split,
    )


def _natural(names: tuple[str, ...]) -> Callable[[str], tuple[int, str]]:
    """As the data set orders them; what it does not name, by letters."""
    return lambda name: (names.index(name) if name in names else len(names), name)
