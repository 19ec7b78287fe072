"""From a labeled picture to cut-outs: which instances are fit to be cut, and their pixels on a background."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from limner.datasets.annotations.instances import Box, Instance, LabeledPicture, Lost
from limner.datasets.annotations.turning import read_upright
from limner.datasets.pictures.decoding import decode_turned
from limner.datasets.pictures.several import LEFT_OUT, count_pictures
from limner.foundation.errors import UserError
from limner.generate.cutouts.detector import Finding
from limner.generate.cutouts.options import GREEN, Background, CutOutOptions, parse_background
from limner.generate.cutouts.rows import COVERED, CUT_OFF, GROUP, SMALL, UNREADABLE, UNSEEN, UNSURE, Row
from limner.reporting.pictures import write_picture

WHOLE = 10**9
"""More pixels than an edge has: a JPEG is decoded at its full size."""
BORDER = 0.005
"""Of a picture's longer edge: so near the border, an object touches it. Cityscapes leaves a frame unlabeled."""
CANVAS_PX = 480
"""What a detector is shown is no smaller than COCO's photos,
or it would see small objects enlarged as it never learned.
"""
ROOM = 1.5
"""The canvas's edge over the object's longer one, at least."""
CLASSES = "classes"
"""The folder of the folders of several objects."""
DIGITS = 4
"""Decimals of the shares and scores in the manifest."""


@dataclass(frozen=True)
class Job:
    """What is done to every picture."""

    objects: tuple[str, ...]
    options: CutOutOptions
    out: Path

    @property
    def folder(self) -> Path:
        """Of the objects' folders, below ``out``: several have one of their own,
        which can be learned from as classes.
        """
        return Path() if len(self.objects) == 1 else Path(CLASSES)

    @property
    def background(self) -> Background:
        return parse_background(self.options.background)


class Candidate(NamedTuple):
    """An instance within the limits. file: of its cut-out, below the folder."""

    row: Row
    instance: Instance
    file: str


class Prepared(NamedTuple):
    """A picture's candidates. pixels: (H, W, 3) uint8, or None without candidates. rejected: the other instances
    of the object."""

    pixels: np.ndarray | None
    candidates: tuple[Candidate, ...]
    rejected: tuple[Row, ...]
    notes: tuple[str, ...] = ()


class Done(NamedTuple):
    """What became of a picture's instances, and what is to be told of how its labels were read."""

    rows: tuple[Row, ...]
    notes: tuple[str, ...]


def prepare(job: Job, picture: LabeledPicture) -> Prepared:
    """The picture's instances of the object, measured and held to the limits.

    A picture that cannot be read, or whose labels cannot, becomes a row that says why: one of thousands stops nothing.
    """
    try:
        image, orientation = decode_turned(picture.path, "rgb", least_px=WHOLE)
        labels = read_upright(picture, image.size, orientation, upright_labels=job.options.upright_labels)
    except UserError as error:
        row = Row(picture.name, picture.split, "", "", reason=f"{UNREADABLE}: {' '.join(str(error).split())}")
        return Prepared(None, (), (row,))
    pixels = np.asarray(image)
    covered = np.zeros(pixels.shape[:2], np.uint16)
    for instance in labels.instances:
        covered[instance.box.window] += instance.mask
    candidates = []
    rejected = [lost_row(one, picture) for one in labels.lost if one.name in job.objects]
    for instance, number in zip(labels.instances, _file_numbers(labels.instances), strict=True):
        if instance.name in job.objects:
            row = measured(picture, instance, covered)
            reason = rejection(row, instance, job.options)
            if reason:
                rejected.append(replace(row, reason=reason))
            else:
                file = job.folder / instance.name / f"{picture.stem}-{number}.png"
                candidates.append(Candidate(row, instance, file.as_posix()))
    several = (LEFT_OUT,) if count_pictures(picture.path) > 1 else ()
    return Prepared(pixels if candidates else None, tuple(candidates), tuple(rejected), (*labels.notes, *several))


def lost_row(lost: Lost, picture: LabeledPicture | None = None) -> Row:
    """The row of an object without pixels."""
    source, split = (lost.picture, "") if picture is None else (picture.name, picture.split)
    return Row(source, split, lost.number, lost.name, reason=lost.reason)


def _file_numbers(instances: Sequence[Instance]) -> Iterator[str]:
    """A name for each of a picture's instances: its number, without what could lead elsewhere, for it comes from a file
    of anybody's, and without the dash that parts it from the picture's; of several that have one, all but the first
    with theirs among them behind it."""
    taken: set[str] = set()
    for instance in instances:
        name = plain = re.sub(r"[^\w.]", "_", instance.number)
        for count in itertools.count(2):
            if name.casefold() not in taken:
                break
            name = f"{plain}_{count}"
        taken.add(name.casefold())
        yield name


def measured(picture: LabeledPicture, instance: Instance, covered: np.ndarray) -> Row:
    """The row of an instance. covered: (H, W), how many instances there are at each pixel, this one included."""
    others = covered[instance.box.window] > instance.mask
    return Row(
        picture.name, picture.split, instance.number, instance.name, *instance.box, area_px=int(instance.mask.sum()),
        truncation=round(truncation(instance, covered.shape[1], covered.shape[0]), DIGITS),
        overlap=round(float(others.mean()), DIGITS),
    )  # fmt: skip


def truncation(instance: Instance, width: int, height: int) -> float:
    """The largest share of one side of the box where the mask touches the border of a width x height picture."""
    belt = max(1, round(BORDER * max(width, height)))
    box, mask = instance.box, instance.mask
    columns, rows = np.arange(box.x0, box.x1), np.arange(box.y0, box.y1)
    sides = (
        mask[:, columns < belt].any(axis=1),
        mask[:, columns >= width - belt].any(axis=1),
        mask[rows < belt].any(axis=0),
        mask[rows >= height - belt].any(axis=0),
    )
    return max(float(side.mean()) for side in sides)


def rejection(row: Row, instance: Instance, options: CutOutOptions) -> str:
    """Why an instance is not cut out; nothing if it may be."""
    box, area = instance.box, int(instance.mask.sum())
    if instance.group:
        return GROUP
    if box.width < options.min_width or box.height < options.min_height or area < options.min_area:
        return SMALL
    if (row.truncation or 0) > options.max_truncation:
        return CUT_OFF
    return COVERED if (row.overlap or 0) > options.max_overlap else ""


def canvas(pixels: np.ndarray, instance: Instance, background: Background) -> tuple[np.ndarray, tuple[int, int]]:
    """((S, S, 3) uint8, (x, y)): the object alone in the middle of a plain square, as a detector is shown it.

    (x, y) is where the square's corner lies in the picture, perhaps outside. Of backgrounds without a color, the green
    is taken. pixels: (H, W, 3) uint8.
    """
    box = instance.box
    edge = max(CANVAS_PX, math.ceil(ROOM * max(box.width, box.height)))
    x, y = (box.x0 + box.x1 - edge) // 2, (box.y0 + box.y1 - edge) // 2
    color = background if isinstance(background, tuple) else GREEN
    square = np.full((edge, edge, 3), color, np.uint8)
    place = square[Box(box.x0 - x, box.y0 - y, box.x1 - x, box.y1 - y).window]
    place[instance.mask] = pixels[box.window][instance.mask]
    return square, (x, y)


def painted(pixels: np.ndarray, instance: Instance, crop: Box, background: Background) -> np.ndarray:
    """The picture within ``crop``, with the background outside the mask: (h, w, 3) uint8, or (h, w, 4) if transparent.

    pixels: (H, W, 3) uint8. crop: inside the picture.
    """
    shown = pixels[crop.window]
    if background == "keep":
        return shown
    mask = np.zeros(pixels.shape[:2], bool)
    mask[instance.box.window] = instance.mask
    inside = mask[crop.window][..., None]
    if background == "transparent":
        return np.concatenate([shown * inside, inside * np.uint8(255)], axis=2)
    return np.where(inside, shown, np.array(background, np.uint8))


def finish(job: Job, prepared: Prepared, findings: Sequence[Finding | None] | None = None) -> Done:
    """Write the cut-outs of a picture and tell what became of each instance.

    findings: for each candidate the best detection, in pixels of the picture; None without the filter.
    """
    rows = list(prepared.rejected)
    for place, candidate in enumerate(prepared.candidates):
        row, instance, file = candidate
        finding = findings[place] if findings is not None else None
        if findings is not None:
            row = _with_finding(row, finding, job.options.min_score)
        if not row.reason:
            assert prepared.pixels is not None  # there are candidates
            crop = _crop(job.options, prepared.pixels, instance, finding)
            write_picture(job.out / file, painted(prepared.pixels, instance, crop, job.background))
            row = replace(row, kept="yes", file=file)
        rows.append(row)
    return Done(tuple(rows), prepared.notes)


def cut_picture(job: Job, picture: LabeledPicture) -> Done:
    """All of it at once, without the filter."""
    return finish(job, prepare(job, picture))


def _with_finding(row: Row, finding: Finding | None, least: float) -> Row:
    if finding is None:
        return replace(row, reason=UNSEEN)
    box = _outward(finding.box)
    reason = UNSURE if finding.score < least else ""
    return replace(
        row, score=round(finding.score, DIGITS), found_x0=box.x0, found_y0=box.y0, found_x1=box.x1, found_y1=box.y1,
        reason=reason,
    )  # fmt: skip


def _crop(options: CutOutOptions, pixels: np.ndarray, instance: Instance, finding: Finding | None) -> Box:
    height, width = pixels.shape[:2]
    if options.cropped_to == "none":
        return Box(0, 0, width, height)
    box = instance.box
    if options.cropped_to == "predicted" and finding is not None:
        predicted = _outward(finding.box).within(width, height)
        box = predicted if predicted.width and predicted.height else box
    return box.grown(round(options.margin * max(box.width, box.height))).within(width, height)


def _outward(box: tuple[float, float, float, float]) -> Box:
    """The whole pixels that a box touches."""
    return Box(math.floor(box[0]), math.floor(box[1]), math.ceil(box[2]), math.ceil(box[3]))
