"""`limner check --room translate --source-classes`: a source with a folder for each class, and a target."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import Tensor

from limner.foundation.errors import UserError
from limner.foundation.progress import Progress
from limner.reporting.pictures import captioned_rows, write_picture
from limner.translate.data.checks.report import (
    FEW,
    CheckReport,
    Sizes,
    pixels_of,
    shared_warnings,
    sizes_of,
    spread_over,
    told_sizes,
    twins_of,
    unequal_warnings,
)
from limner.translate.data.domains import LEAST_PICTURES
from limner.translate.data.labeled import SOURCE, TARGET, LabeledFiles, find_labeled
from limner.translate.data.reading import read_image

FEW_OF_CLASS = 10


@dataclass(frozen=True)
class LabeledCheckReport(CheckReport):
    """What `check` found of a source and a target.

    counts: readable pictures of each. classes, target_classes: how many of the source and of the target are of each
    class; the latter empty where the target's folders are not the source's classes. sizes: of both.
    """

    counts: dict[str, int]
    classes: dict[str, int]
    target_classes: dict[str, int]
    sizes: Sizes

    @property
    def usable(self) -> bool:
        """Whether training would start on this data."""
        return len(self.counts) == 2 and not self.problems

    def heading(self) -> list[str]:
        """See `CheckReport`."""
        if not self.counts:
            return []
        (source, many), (target, others) = self.counts.items()
        lines = [
            f"Source {source}: {many:,} pictures of {len(self.classes)} classes: {_told(self.classes)}.",
            f"Target {target}: {others:,} pictures"
            + (f", by the source's classes: {_told(self.target_classes)}." if self.target_classes else ", no classes."),
        ]
        return [*lines, f"Sizes: {told_sizes(self.sizes)}.", ""] if self.sizes else [*lines, ""]


def check_labeled(data: Sequence[Path], *, sheet: Path | None = None) -> LabeledCheckReport:
    """Look at a source with classes and a target before training; every problem is in the report, none raises.

    sheet: where to write some pictures of each class, and of the target.
    """
    words = [part for path in data for part in ("--data", str(path))]
    command = shlex.join(["limner", "train", "translate/dtn-light", *words])
    try:
        found = find_labeled(data)
    except UserError as error:
        return LabeledCheckReport((str(error),), (), command, None, {}, {}, {}, ())
    problems = []
    read: dict[int, list[tuple[str, Tensor]]] = {SOURCE: [], TARGET: []}
    with Progress("check", sum(map(len, found.files)), "pictures") as progress:
        for side in (SOURCE, TARGET):
            for path, kind in zip(found.files[side], found.kinds[side], strict=True):
                try:
                    read[side].append((kind, read_image(path)))
                except UserError as error:
                    problems.append(str(error))
                progress.advance()
    pictures = {name: [each for _, each in read[side]] for side, name in zip(read, found.names, strict=True)}
    counts = {name: len(each) for name, each in pictures.items()}
    problems += [
        f"the domain {name} has {count} pictures; needed: {LEAST_PICTURES} or more"
        for name, count in counts.items() if count < LEAST_PICTURES
    ]  # fmt: skip
    classes = {name: sum(kind == name for kind, _ in read[SOURCE]) for name in found.classes}
    known = found.target_has_classes
    target_classes = {name: sum(kind == name for kind, _ in read[TARGET]) for name in found.classes} if known else {}
    drawn = None
    if sheet is not None and all(read.values()):
        write_picture(sheet, _sheet(read, found))
        drawn = str(sheet)
    sizes = sizes_of([each for part in pictures.values() for each in part])
    return LabeledCheckReport(
        tuple(problems), tuple(_warnings(read, found, pictures, classes)), command, drawn, counts, classes,
        target_classes, sizes,
    )  # fmt: skip


def _warnings(
    read: dict[int, list[tuple[str, Tensor]]], files: LabeledFiles, pictures: dict[str, list[Tensor]],
    classes: dict[str, int],
) -> list[str]:  # fmt: skip
    found = [
        f"{count} pictures of {name} are few: its discriminator may learn them by heart"
        for name, each in pictures.items() if LEAST_PICTURES <= (count := len(each)) < FEW
    ]  # fmt: skip
    few = [f"{name} {count}" for name, count in classes.items() if count < FEW_OF_CLASS]
    if few:
        found.append(f"few pictures of a class of the source: {', '.join(few)}; a classifier tells such badly")
    found += unequal_warnings(classes, "class of the source")
    if not files.target_has_classes and (strange := sorted(set(files.kinds[TARGET]) - {""} - set(files.classes))):
        found.append(
            f"the target has folders that are no classes of the source ({', '.join(strange)}): none of its folders is "
            "read as classes, and no score tells whether classes are right"
        )
    for name, each in pictures.items():
        if twins := twins_of(each):
            found.append(
                f"{twins} pictures of {name} look like another one; such are learned from or held out together"
            )
    of_class: dict[str, list[Tensor]] = {}
    for kind, picture in read[SOURCE]:
        of_class.setdefault(kind, []).append(picture)
    return [*found, *shared_warnings(of_class), *shared_warnings(pictures)]


def _sheet(read: dict[int, list[tuple[str, Tensor]]], files: LabeledFiles) -> np.ndarray:
    rows = {name: [each for kind, each in read[SOURCE] if kind == name] for name in files.classes}
    rows[files.names[TARGET]] = [each for _, each in read[TARGET]]
    drawn = [[pixels_of(each) for each in spread_over(pictures)] for pictures in rows.values() if pictures]
    names = [name for name, pictures in rows.items() if pictures]
    return captioned_rows(drawn, [[name] * len(row) for name, row in zip(names, drawn, strict=True)])


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items())
