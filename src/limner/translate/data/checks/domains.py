"""`limner check --room translate --domains`: folders without pairs before a training."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from limner.foundation.errors import UserError
from limner.foundation.progress import Progress
from limner.reporting.pictures import captioned_rows, write_picture
from limner.translate.data.checks.report import (
    FEW,
    CheckReport,
    pixels_of,
    shared_warnings,
    spread_over,
    twins_of,
    unequal_warnings,
)
from limner.translate.data.domains import LEAST_PICTURES, find_domains
from limner.translate.data.reading import read_image


@dataclass(frozen=True)
class DomainCheckReport(CheckReport):
    """What `check` found of domains. counts: pictures of each."""

    counts: dict[str, int]

    @property
    def usable(self) -> bool:
        """Whether training would start on this data."""
        return len(self.counts) > 1 and not self.problems

    def heading(self) -> list[str]:
        """See `CheckReport`."""
        told = ", ".join(f"{name} {count:,}" for name, count in self.counts.items())
        return [f"{len(self.counts)} domains: {told} pictures.", ""] if self.counts else []


def check_domains(data: Sequence[Path], *, sheet: Path | None = None) -> DomainCheckReport:
    """Look at domains before training; every problem is in the report, none raises. sheet: where to write some pictures
    of each."""
    command = shlex.join(
        ["limner", "train", "translate/cyclegan-light", *(part for path in data for part in ("--data", str(path)))]
    )
    try:
        files = find_domains(data)
    except UserError as error:
        return DomainCheckReport((str(error),), (), command, None, {})
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
    warnings += unequal_warnings(counts, "domain")
    for name, pictures in read.items():
        if twins := twins_of(pictures):
            warnings.append(
                f"{twins} pictures of {name} look like another one; such are learned from or held out together"
            )
    warnings += shared_warnings(read)
    if len(files) > 2:
        command += f" --data.domains '[{', '.join(list(files)[:2])}]'"
    drawn = None
    if sheet is not None and read:
        rows = [[pixels_of(each) for each in spread_over(pictures)] for pictures in read.values()]
        write_picture(sheet, captioned_rows(rows, [[name] * len(row) for name, row in zip(read, rows, strict=True)]))
        drawn = str(sheet)
    return DomainCheckReport(tuple(problems), tuple(warnings), command, drawn, counts)
