"""`limner check --room translate --table attributes.csv`: pictures with a table of their attributes."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from torch import Tensor

from limner.datasets.pictures.listing import picture_files
from limner.foundation.errors import UserError
from limner.foundation.progress import Progress
from limner.reporting.pictures import captioned_rows, write_picture
from limner.translate.data.attributes import LEAST_OF_EACH, LEAST_PICTURES, read_table
from limner.translate.data.checks.report import (
    CheckReport,
    Sizes,
    key_of,
    pixels_of,
    sizes_of,
    spread_over,
    told_sizes,
    twins_of,
)
from limner.translate.data.reading import read_image

USUAL = "attributes.csv"
RARE = 0.02
"""Where an attribute is there in less of the pictures, or lacks in less, it is nearly constant."""
SAME = 0.95
"""Correlation from which two attributes nearly always coincide."""
FEW = 200


@dataclass(frozen=True)
class AttributeCheckReport(CheckReport):
    """What `check` found of pictures with attributes.

    pictures: that can be read and have a row. attributes: how many of them have each. sizes: of the pictures.
    """

    pictures: int
    attributes: dict[str, int]
    sizes: Sizes

    @property
    def usable(self) -> bool:
        """Whether training would start on this data."""
        return self.pictures > 0 and not self.problems

    def heading(self) -> list[str]:
        """See `CheckReport`."""
        if not self.pictures:
            return []
        lines = [f"{self.pictures:,} pictures with {len(self.attributes)} attributes. Sizes: {told_sizes(self.sizes)}."]
        width = max(map(len, self.attributes))
        for name, count in self.attributes.items():
            lines.append(f"  {name:<{width}}  {count / self.pictures:6.1%}  {count:,} have it")
        return [*lines, ""]


@dataclass
class _Found:
    """What could be read: pictures, and whether each has the attributes, side by side."""

    names: tuple[str, ...] = ()
    files: list[str] = field(default_factory=list)
    pictures: list[Tensor] = field(default_factory=list)
    told: list[list[bool]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def check_attributes(data: Sequence[Path], table: str, *, sheet: Path | None = None) -> AttributeCheckReport:
    """Look at pictures and a table of their attributes before training; every problem is in the report, none raises.

    table: its name, in each folder. sheet: where to write some pictures that have each attribute, and that lack it.
    """
    found = _Found()
    for folder in data:
        _read(Path(folder), table, found)
    has = np.array(found.told, dtype=bool).reshape(len(found.told), len(found.names))
    counts = dict(zip(found.names, has.sum(axis=0).tolist(), strict=True))
    constant = [name for name, count in counts.items() if min(count, len(has) - count) < LEAST_OF_EACH]
    found.problems += [
        f"the attribute {name} hardly varies: {counts[name]} of {len(has)} pictures have it; needed: {LEAST_OF_EACH} "
        "with it and so many without among what is learned from; leave it out by --data.attributes"
        for name in constant if len(has)
    ]  # fmt: skip
    if len(has) < LEAST_PICTURES and (found.pictures or not found.problems):
        found.problems.append(f"{len(has)} pictures; needed: {LEAST_PICTURES} or more, and some hundreds serve")
    words = [part for path in data for part in ("--data", str(path))]
    words += ["--data.table", table] if table != USUAL else []
    if constant and len(constant) < len(counts):
        words += ["--data.attributes", f"[{', '.join(name for name in counts if name not in constant)}]"]
    drawn = None
    if sheet is not None and found.pictures:
        write_picture(sheet, _sheet(found, has))
        drawn = str(sheet)
    warnings = _warnings(found, has, [name for name in found.names if name not in constant]) if len(has) else []
    return AttributeCheckReport(
        tuple(found.problems), tuple(warnings), shlex.join(["limner", "train", "translate/icgan-light", *words]), drawn,
        len(has), counts, sizes_of(found.pictures),
    )  # fmt: skip


def _read(folder: Path, table: str, found: _Found) -> None:
    """Add what a folder holds to what was found."""
    try:
        told = read_table(folder, folder / table, found.names)
        files = picture_files(folder)
    except UserError as error:
        found.problems.append(str(error))
        return
    found.names, rows = told.names, dict(told.rows)
    found.problems += told.problems
    with Progress("check", len(files), "pictures") as progress:
        for path in files:
            name = path.relative_to(folder).as_posix()
            has = rows.pop(name, None)
            try:
                picture = read_image(path)
                if has is None:
                    found.problems.append(f"{folder / table}: no row that can be read for the picture {name}")
                else:
                    found.files.append(f"{folder.name}/{name}")
                    found.pictures.append(picture)
                    found.told.append(has)
            except UserError as error:
                found.problems.append(str(error))
            progress.advance()
    found.problems += [f"{folder / table}: no picture {name} in {folder}; correct or remove the row" for name in rows]


def _warnings(found: _Found, has: np.ndarray, varying: Sequence[str]) -> list[str]:
    count, warnings = len(has), []
    if LEAST_PICTURES <= count < FEW:
        warnings.append(f"{count} pictures are few: the discriminator may learn them by heart; some hundreds serve")
    columns = {name: has[:, found.names.index(name)] for name in varying}
    for name, column in columns.items():
        if min(column.mean(), 1 - column.mean()) < RARE:
            side = "have" if column.mean() < RARE else "lack"
            few = int(min(column.sum(), count - column.sum()))
            warnings.append(f"only {few} of {count:,} pictures {side} the attribute {name}: it may not be learned")
    for place, name in enumerate(varying):
        for other in varying[place + 1 :]:
            if line := _coincide(name, columns[name], other, columns[other]):
                warnings.append(line)
    kept: dict[bytes, tuple[str, list[bool]]] = {}
    for file, picture, told in zip(found.files, found.pictures, found.told, strict=True):
        first, same = kept.setdefault(key_of(picture), (file, told))
        if same != told:
            warnings.append(f"{file} is the same picture as {first}, and has other attributes")
    if twins := twins_of(found.pictures):
        warnings.append(
            f"{twins} pictures look like another one: held-out ones are drawn evenly, so such may be learned from and "
            "scored at once"
        )
    slim = sum(each.shape[1] != each.shape[2] for each in found.pictures)
    if slim:
        warnings.append(f"{slim:,} pictures are no squares, and are squeezed into such")
    return warnings


def _coincide(name: str, column: np.ndarray, other: str, column_of_other: np.ndarray) -> str:
    """A line where two attributes that vary are the same, or opposite, in nearly all pictures; else nothing."""
    correlation = float(np.corrcoef(column, column_of_other)[0, 1])
    if abs(correlation) < SAME:
        return ""
    what = "the same" if correlation > 0 else "opposite"
    differing = int((column != column_of_other).sum())
    but = differing if correlation > 0 else len(column) - differing
    where = f"all but {but} of {len(column):,}" if but else f"all {len(column):,}"
    return f"the attributes {name} and {other} are {what} in {where} pictures: no network can tell one from the other"


def _sheet(found: _Found, has: np.ndarray) -> np.ndarray:
    rows, captions = [], []
    for place, name in enumerate(found.names):
        for there in (True, False):
            chosen = [each for each, own in zip(found.pictures, has[:, place], strict=True) if own == there]
            if chosen:
                rows.append([pixels_of(each) for each in spread_over(chosen)])
                captions.append([name if there else f"not {name}"] * len(rows[-1]))
    return captioned_rows(rows, captions)
