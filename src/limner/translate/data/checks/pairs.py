"""`limner check --room translate`: pairs before a training: sizes, broken files, shifts, near-duplicates."""

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from limner.foundation.errors import UserError
from limner.foundation.progress import Progress
from limner.reporting.pictures import captioned_rows, write_picture
from limner.translate.data.checks.report import (
    FEW,
    SHOWN,
    CheckReport,
    Sizes,
    pixels_of,
    sizes_of,
    told_sizes,
    twins_of,
)
from limner.translate.data.options import PairCheckOptions
from limner.translate.data.pairs import PairFiles, find_pairs, read_pair, scale_of
from limner.translate.data.reading import as_float
from limner.translate.data.shifts import agreed_shift, find_shift

SHIFTS_LOOKED_AT = 24
FLAT = 1 / 255


@dataclass(frozen=True)
class PairCheckReport(CheckReport):
    """What `check` found of pairs.

    sizes: of targets. scale: how many times larger targets are; None where they differ.
    """

    pairs: int
    sizes: Sizes
    scale: int | None

    @property
    def usable(self) -> bool:
        """Whether training would start on this data."""
        return self.pairs > 1 and not self.problems

    def heading(self) -> list[str]:
        """See `CheckReport`."""
        larger = f"; targets are {self.scale} times as large as sources" if (self.scale or 1) > 1 else ""
        sizes = told_sizes(self.sizes)
        return [f"{self.pairs:,} pairs{larger}. Sizes of targets: {sizes}.", ""] if self.sizes else []


def check_pairs(data: Sequence[Path], options: PairCheckOptions, *, sheet: Path | None = None) -> PairCheckReport:
    """Look at pairs before training; every problem is in the report, none raises. sheet: where to write some side by
    side."""
    command = f"limner degrade PICTURES --upscale 4 --out {shlex.quote(str(data[0]) if data else 'pairs')}"
    try:
        files = find_pairs(data, source=options.source, target=options.target, joined=options.joined, made=False)
    except UserError as error:
        return PairCheckReport((str(error),), (), command, None, 0, (), None)
    problems: list[str] = []
    read: list[tuple[PairFiles, Tensor, Tensor]] = []
    scales: Counter[int] = Counter()
    with Progress("check", len(files), "pairs") as progress:
        for each in files:
            try:
                source, target = read_pair(each, "rgb", "rgb", options.joined)
                assert source is not None
                scales[scale_of(each, source, target)] += 1
                read.append((each, source, target))
            except UserError as error:
                problems.append(str(error))
            progress.advance()
    if len(scales) > 1:
        told = ", ".join(f"{count} pairs {scale} times" for scale, count in scales.items())
        problems.append(f"targets are enlarged differently: {told}; all must be alike")
    if len(files) < 2:
        problems.append(f"{len(files)} pair is too little; needed: 2 or more, and dozens to learn from")
    drawn = None
    if sheet is not None and read:
        write_picture(sheet, _sheet(read))
        drawn = str(sheet)
    scale = next(iter(scales)) if len(scales) == 1 else None
    return PairCheckReport(
        tuple(problems), tuple(_warnings(read)), _next(data, options, scale), drawn,
        len(files), sizes_of([target for _, _, target in read]), scale,
    )  # fmt: skip


def _warnings(read: Sequence[tuple[PairFiles, Tensor, Tensor]]) -> list[str]:
    found = []
    if len(read) < FEW:
        found.append(f"{len(read)} pairs are few: a network may learn them by heart; some hundreds serve better")
    same = sum(source.shape == target.shape and torch.equal(source, target) for _, source, target in read)
    if same:
        found.append(f"in {same} pairs both pictures are the same: nothing is to be learned from them")
    flat = sum(float(as_float(target).amax() - as_float(target).amin()) <= FLAT for _, _, target in read)
    if flat:
        found.append(f"{flat} targets are of one color")
    looked_at = [
        read[int(place)] for place in torch.linspace(0, len(read) - 1, min(len(read), SHIFTS_LOOKED_AT)).long()
    ]
    shifts = [
        find_shift(as_float(source), as_float(target)) for _, source, target in looked_at if min(target.shape[1:]) >= 32
    ]
    if (shift := agreed_shift(shifts)) is not None:
        found.append(shift.sentence())
    if twins := twins_of([target for _, _, target in read]):
        found.append(f"{twins} targets look like another one; such pairs are learned from or held out together")
    return found


def _sheet(read: Sequence[tuple[PairFiles, Tensor, Tensor]]) -> Any:
    rows, captions = [], []
    for place in torch.linspace(0, len(read) - 1, min(SHOWN, len(read))).long().unique():
        files, source, target = read[int(place)]
        rows.append([pixels_of(each) for each in (source, target)])
        captions.append([files.name, "target"])
    return captioned_rows(rows, captions, cell_px=256)


def _next(data: Sequence[Path], options: PairCheckOptions, scale: int | None) -> str:
    words = ["limner", "train", "translate/upscale" if (scale or 1) > 1 else "translate/pairs"]
    if (scale or 1) > 1:
        words += ["--degrade.name", "none"]
    for path in data:
        words += ["--data", str(path)]
    for name, usual in (("source", "source"), ("target", "target"), ("joined", "no")):
        if getattr(options, name) != usual:
            words += [f"--data.{name}", getattr(options, name)]
    return shlex.join(words)
