"""`limner check` for pictures with classes: how they were read, broken files, balance, what stands twice, what is
next."""

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from limner.classify.data.digits import DIGITS
from limner.classify.data.examples import Examples, bring, load_examples
from limner.classify.data.found import Found
from limner.classify.data.options import CheckOptions
from limner.classify.data.sources import find_pictures, part_of
from limner.classify.data.split import MOST_COMPARED, SAME, SplitRule, crossing_duplicates, split_found
from limner.datasets.pictures.duplicates import Thumbnails, likeness
from limner.datasets.pictures.quantized import as_rgb
from limner.foundation.errors import UserError
from limner.foundation.progress import Progress
from limner.reporting.pictures import contact_sheet, write_picture

LISTED = 10
SIZE_PX = 64
"""Edge at which pictures are looked at."""
FEW, UNEVEN = 20, 10
"""Pictures of a class below which a warning is given, and how many times the largest class may be the smallest."""
SHOWN = 36
SMALL_PX = 64
"""Edge up to which LeNet-5 is advised, where pictures are gray."""


@dataclass(frozen=True)
class ClassCheckReport:
    """What `check` found. problems stop a training; leaks make its scores worthless; warnings may be intended.

    classes: pictures of each. sizes: the most frequent (width, height) in pixels, with how many there are. held_out:
    how many the data holds out itself.
    """

    form: str
    pictures: int
    classes: dict[str, int]
    sizes: tuple[tuple[tuple[int, int], int], ...]
    held_out: int | None
    problems: tuple[str, ...]
    leaks: tuple[str, ...]
    warnings: tuple[str, ...]
    next_command: str
    sheet: str | None

    @property
    def usable(self) -> bool:
        """Whether training would start on this data."""
        return bool(self.classes) and not self.problems

    def to_json(self) -> dict[str, Any]:
        """Everything, as JSON holds it."""
        return {**asdict(self), "usable": self.usable}

    def to_text(self) -> str:
        """The same for a terminal."""
        lines = []
        if self.classes:
            told = ", ".join(f"{name} {count:,}" for name, count in list(self.classes.items())[:20])
            more = f" and {len(self.classes) - 20} more" if len(self.classes) > 20 else ""
            sizes = ", ".join(f"{width} x {height} px ({count:,})" for (width, height), count in self.sizes)
            lines += [
                f"{self.pictures:,} pictures, read as {self.form}; {len(self.classes)} classes.",
                f"Classes: {told}{more}.",
                f"Sizes: {sizes}.",
                "Held out: "
                + (
                    "a share that training draws."
                    if self.held_out is None
                    else f"{self.held_out:,}, by the data itself."
                ),
                "",
            ]
        for title, found in (("Problems", self.problems), ("Leaks", self.leaks), ("Warnings", self.warnings)):
            if found:
                lines += [title, "", *(f"- {line}" for line in found[:LISTED])]
                lines += [f"- and {len(found) - LISTED} more"] if len(found) > LISTED else []
                lines += [""]
        lines += [f"Contact sheet: {self.sheet}", ""] if self.sheet else []
        return "\n".join([*lines, f"Next: {self.next_command}"])


def check(data: Sequence[Path], options: CheckOptions, *, sheet: Path | None = None) -> ClassCheckReport:
    """Look at pictures with classes before training; every problem is in the report, none raises.

    data: as `limner.classify.data.sources.find_pictures` takes it; the word ``digits`` alone is scikit-learn's. sheet:
    where to write some pictures of each class.
    """
    embedded = [str(path) for path in data] == [DIGITS] and not data[0].exists()
    paths = [] if embedded else list(data)
    try:
        found = find_pictures(paths, class_folder=options.class_folder, torchvision=options.torchvision)
    except UserError as error:
        return _nothing(str(error))
    readable, sizes, broken = _look(found)
    counts = dict(zip(found.class_names, found.counts().tolist(), strict=True))
    problems = [*broken]
    leaks: list[str] = []
    warnings = _balance(counts)
    if len(readable) and not broken:
        examples = load_examples(found, size_px=SIZE_PX, colors="rgb")
        more, leaking = _twice(examples)
        warnings += more
        leaks += leaking
    drawn = None
    if sheet is not None and len(readable):
        write_picture(sheet, _sheet(found, readable))
        drawn = str(sheet)
    return ClassCheckReport(
        form=found.form,
        pictures=len(found),
        classes=counts,
        sizes=tuple(sizes.most_common(3)),
        held_out=None if found.held_out is None else int(found.held_out.sum()),
        problems=tuple(problems),
        leaks=tuple(leaks),
        warnings=tuple(warnings),
        next_command=_next(paths, options, found, readable, sizes),
        sheet=drawn,
    )


def _nothing(problem: str) -> ClassCheckReport:
    again = "limner check DATA --room classify"
    return ClassCheckReport("nothing", 0, {}, (), None, (problem,), (), (), again, None)


def _look(found: Found) -> tuple[Tensor, Counter[tuple[int, int]], list[str]]:
    """((n,) int64 readable pictures, how many there are of each size, a line for each that cannot be read)."""
    readable: list[int] = []
    sizes: Counter[tuple[int, int]] = Counter()
    broken: list[str] = []
    with Progress("check", len(found), "pictures") as progress:
        for number in range(len(found)):
            try:
                image = found.opener(number, "rgb", 1 << 20)
                sizes[image.size] += 1
                readable.append(number)
            except UserError as error:
                broken.append(str(error))
            progress.advance()
    return torch.tensor(readable, dtype=torch.int64), sizes, broken


def _balance(counts: dict[str, int]) -> list[str]:
    found = []
    few = [name for name, count in counts.items() if count < FEW]
    if few:
        found.append(
            f"{len(few)} of {len(counts)} classes have fewer than {FEW} pictures (least: "
            f"{min(counts, key=lambda name: counts[name])}, {min(counts.values())}): their scores will be rough"
        )
    least, most = min(counts.values()), max(counts.values())
    if most > UNEVEN * max(1, least):
        found.append(
            f"the largest class has {most / max(1, least):.0f} times as many pictures as the smallest; look at the "
            "mean recall beside the accuracy, and train with --balance"
        )
    return found


def _twice(examples: Examples) -> tuple[list[str], list[str]]:
    """(Warnings of pictures that stand twice, leaks of those that stand on both sides of the data's own split)."""
    found, labels = examples.found, examples.found.labels
    if examples.pictures is None or len(examples) > MOST_COMPARED:
        return [f"more than {MOST_COMPARED:,} pictures: they were not compared with each other"], []
    leaks = []
    if found.held_out is not None:
        leaking = crossing_duplicates(examples, split_found(found, SplitRule(), 0))
        leaks = [
            f"{found.names[one]} is held out and is nearly {found.names[other]}, learned from" for one, other in leaking
        ]
    thumbnails = Thumbnails.of_set(examples.pictures)(examples.pictures)
    count = 0
    conflicts: list[str] = []
    for start in range(0, len(thumbnails), 1024):
        alike = likeness(thumbnails[start : start + 1024], thumbnails) >= SAME
        for row, other in alike.nonzero().tolist():
            one = start + row
            if one < other:
                count += 1
                if labels[one] != labels[other]:
                    conflicts.append(
                        f"{found.names[one]} is '{found.class_names[labels[one]]}', and {found.names[other]}, "
                        f"nearly the same picture, is '{found.class_names[labels[other]]}': one label is wrong"
                    )
    warnings = conflicts
    if count:
        pairs = f"{count:,} pair{'s' * (count > 1)}"
        warnings = [*conflicts, f"{pairs} of nearly the same picture; training keeps each on one side"]
    return warnings, leaks


def _sheet(found: Found, readable: Tensor) -> np.ndarray:
    """Some pictures of each class, (H, W, 3) uint8."""
    labels = found.labels[readable.numpy()]
    names = np.unique(labels)[:12]
    each = max(1, SHOWN // max(1, len(names)))
    chosen = np.concatenate([readable.numpy()[labels == label][:each] for label in names])
    some = part_of(found, chosen)
    pictures, captions = [], []
    for number in range(len(some)):
        pixels = torch.from_numpy(bring(some, number, 128, "rgb", "crop"))
        pictures.append(as_rgb(pixels[None])[0].permute(1, 2, 0).numpy())
        captions.append(some.class_names[some.labels[number]])
    return contact_sheet(pictures, captions, columns=6 if len(names) > 6 else each, cell_px=128)


def _next(
    paths: Sequence[Path], options: CheckOptions, found: Found, readable: Tensor, sizes: Counter[tuple[int, int]]
) -> str:
    largest = max((max(size) for size in sizes), default=0)
    small = largest <= SMALL_PX and _gray(found, readable)
    words = ["limner", "train", "classify/lenet-digits" if small else "classify/tune"]
    for path in paths:
        words += ["--data", str(path)]
    words += ["--data.class-folder", options.class_folder] if options.class_folder != "first" else []
    words += ["--data.torchvision", options.torchvision] if options.torchvision else []
    return shlex.join(words)


def _gray(found: Found, readable: Tensor) -> bool:
    """Whether the first pictures have no colors."""
    some = (np.asarray(found.opener(number, "rgb", 1 << 20)) for number in readable[:SHOWN].tolist())
    return all((pixels[..., :1] == pixels).all() for pixels in some)
