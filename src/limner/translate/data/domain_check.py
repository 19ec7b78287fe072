"""`limner check --room translate --domains`: folders without pairs before a training."""

import shlex
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from limner.datasets.pictures.duplicates import find_groups
from limner.foundation.errors import UserError
from limner.foundation.progress import Progress
from limner.reporting.pictures import captioned_rows, write_picture
from limner.translate.data.domains import LEAST_PICTURES, find_domains
from limner.translate.data.reading import as_float, read_image
from limner.translate.data.thumbnails import thumbnails

LISTED, SHOWN, FEW = 10, 6, 50
UNEQUAL = 4


@dataclass(frozen=True)
class DomainCheckReport:
    """What `check` found of domains. counts: pictures of each. problems stop a training; warnings may be intended."""

    counts: dict[str, int]
    problems: tuple[str, ...]
    warnings: tuple[str, ...]
    next_command: str
    sheet: str | None

    @property
    def usable(self) -> bool:
        """Whether training would start on this data."""
        return len(self.counts) > 1 and not self.problems

    def to_json(self) -> dict[str, Any]:
        """Everything, as JSON holds it."""
        return {**asdict(self), "usable": self.usable}

    def to_text(self) -> str:
        """The same for a terminal."""
        lines = []
        if self.counts:
            told = ", ".join(f"{name} {count:,}" for name, count in self.counts.items())
            lines += [f"{len(self.counts)} domains: {told} pictures.", ""]
        for title, found in (("Problems", self.problems), ("Warnings", self.warnings)):
            if found:
                lines += [title, "", *(f"- {line}" for line in found[:LISTED])]
                lines += [f"- and {len(found) - LISTED} more"] if len(found) > LISTED else []
                lines += [""]
        lines += [f"Contact sheet: {self.sheet}", ""] if self.sheet else []
        return "\n".join([*lines, f"Next: {self.next_command}"])


def check_domains(data: Sequence[Path], *, sheet: Path | None = None) -> DomainCheckReport:
    """Look at domains before training; every problem is in the report, none raises. sheet: where to write some pictures
    of each."""
    command = shlex.join(
        ["limner", "train", "translate/cyclegan-light", *(part for path in data for part in ("--data", str(path)))]
    )
    try:
        files = find_domains(data)
    except UserError as error:
        return DomainCheckReport({}, (str(error),), (), command, None)
    problems, warnings = [], []
    read: dict[str, list[Tensor]] = {}
    with Progress("check", sum(map(len, files.values())), "pictures") as progress:
        for name, paths in files.items():
            for path in paths:
                try:
                    read.setdefault(name, []).append(read_image(path))
                except UserError as error:
                    problems.append(str(error))
                progress.advance()
    counts = {name: len(read.get(name, [])) for name in files}
    for name, count in counts.items():
        if count < LEAST_PICTURES:
            problems.append(f"the domain {name} has {count} pictures; needed: {LEAST_PICTURES} or more")
        elif count < FEW:
            warnings.append(f"{count} pictures of {name} are few: its discriminator may learn them by heart")
    if min(counts.values()) and max(counts.values()) > UNEQUAL * min(counts.values()):
        warnings.append("one domain has more than four times as many pictures as another: the small one is seen often")
    groups = {name: find_groups(thumbnails(pictures)) for name, pictures in read.items() if len(pictures) > 1}
    for name, found in groups.items():
        if twins := len(found) - len(found.unique()):
            warnings.append(
                f"{twins} pictures of {name} look like another one; such are learned from or held out together"
            )
    small = {name: set(map(_key, pictures)) for name, pictures in read.items()}
    names = list(small)
    for place, name in enumerate(names):
        for other in names[place + 1 :]:
            if shared := len(small[name] & small[other]):
                warnings.append(f"{shared} pictures stand in both {name} and {other}")
    if len(files) > 2:
        command += f" --data.domains '[{', '.join(list(files)[:2])}]'"
    drawn = None
    if sheet is not None and read:
        rows = [[_pixels(each) for each in _spread(pictures)] for pictures in read.values()]
        write_picture(sheet, captioned_rows(rows, [[name] * len(row) for name, row in zip(read, rows, strict=True)]))
        drawn = str(sheet)
    return DomainCheckReport(counts, tuple(problems), tuple(warnings), command, drawn)


def _key(picture: Tensor) -> bytes:
    return picture.numpy().tobytes()


def _spread(pictures: Sequence[Tensor]) -> list[Tensor]:
    return [pictures[int(place)] for place in torch.linspace(0, len(pictures) - 1, min(SHOWN, len(pictures))).long()]


def _pixels(picture: Tensor) -> Any:
    return (as_float(picture) * 255).round().byte().permute(1, 2, 0).numpy()
