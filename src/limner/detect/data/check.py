"""`limner check` for pictures with objects: how they were read, what is broken, what stands twice, sizes, what is
next."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from limner.datasets.pictures.decoding import WHOLE_PX
from limner.detect.boxes.ceilings import SIZES, grid_ceiling, proposal_recall, size_of
from limner.detect.boxes.objects import Detections
from limner.detect.data.found import ObjectSet, find_objects
from limner.detect.data.options import ALIKE, ObjectReading
from limner.detect.data.pictures import Sizing, as_tensor, load_pictures, resized, scaled_boxes
from limner.detect.data.split import Sides, crossing_duplicates, groups_of, thumbnails_of
from limner.detect.proposals.selective_search import SearchSettings, selective_search
from limner.foundation.errors import UserError
from limner.reporting.pictures import contact_sheet, write_picture

LISTED = 10
FEW, UNEVEN = 50, 10
"""Objects of a class below which a warning is given, and how many times the largest class may be the smallest."""
SHOWN = 12
SIZING = Sizing(160, 320)
"""At which pictures are looked at."""
SMALL_PX = 12
"""Side, at the size that the light recipe reads, below which objects are hard to find."""
LIGHT = Sizing(320, 544)
SEARCHED, SEARCH_PX, SMALLEST_PX = 20, 250, 10
"""Pictures that proposals are counted in, the width that they are searched at, and the least side of a proposal."""


@dataclass(frozen=True)
class ObjectCheckReport:
    """What `check` found. problems stop a training; leaks make its scores worthless; warnings may be intended.

    classes: objects of each. sizes: objects that are small, medium and large (COCO's). empty: pictures without any.
    side_px: the tenth, the half and nine tenths of the objects have a shorter side (of a square of their area).
    grid: the share of objects that the 7 x 7 cells of YOLO v1 can hold. proposals: the share of objects, in some of the
    pictures, that a box of selective search overlaps by half. groups: of pictures that are alike.
    """

    form: str
    pictures: int
    classes: dict[str, int]
    outlined: bool
    empty: int
    sizes: dict[str, int]
    side_px: tuple[int, int, int]
    grid: float
    proposals: float
    groups: int
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
            by_size = ", ".join(f"{count:,} {name}" for name, count in self.sizes.items())
            held = "a share that training draws" if self.held_out is None else f"{self.held_out:,}, by the data itself"
            lines += [
                f"{self.pictures:,} pictures, read as {self.form}; {sum(self.classes.values()):,} objects, "
                f"{'outlined' if self.outlined else 'in boxes'}; {self.empty:,} pictures without any.",
                f"Classes: {told}{more}.",
                f"Sizes: {by_size} (below 32^2, to 96^2, and more pixels); sides of {self.side_px[0]}, "
                f"{self.side_px[1]} and {self.side_px[2]} px at a tenth, half and nine tenths of them.",
                f"A grid of 7 x 7 cells, as YOLO v1 has it, can find {100 * self.grid:.0f} % of them at most, and "
                f"selective search, which R-CNN and Fast R-CNN look at, {100 * self.proposals:.0f} %.",
                f"Held out: {held}. Pictures that are alike stand in {self.groups:,} groups.",
                "",
            ]
        for title, found in (("Problems", self.problems), ("Leaks", self.leaks), ("Warnings", self.warnings)):
            if found:
                lines += [title, "", *(f"- {line}" for line in found[:LISTED])]
                lines += [f"- and {len(found) - LISTED} more"] if len(found) > LISTED else []
                lines += [""]
        lines += [f"Contact sheet: {self.sheet}", ""] if self.sheet else []
        return "\n".join([*lines, f"Next: {self.next_command}"])


def check(data: Sequence[Path], options: ObjectReading, *, sheet: Path | None = None) -> ObjectCheckReport:
    """Look at pictures with objects before training; every problem is in the report, none raises.

    sheet: where to write some pictures with their boxes.
    """
    try:
        found = find_objects(data, options)
        pictures = load_pictures(found, SIZING)
        thumbnails = thumbnails_of(pictures)
        groups = groups_of(found, options.group or ALIKE, thumbnails)
    except UserError as error:
        words = ["limner", "check", *map(str, data), "--room", "detect", *_reading_words(options)]
        again = " ".join(map(shlex.quote, words))
        return ObjectCheckReport(
            "nothing", 0, {}, False, 0, {}, (0, 0, 0), 0.0, 0.0, 0, None, (str(error),), (), (), again, None
        )
    truths = [each.objects._replace(masks=None) for each in found.pictures]
    boxes = torch.cat([each.boxes[each.counted] for each in truths])
    counts = dict(zip(found.class_names, found.counts().tolist(), strict=True))
    sides = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1).sqrt().numpy()
    sizes = np.bincount(size_of(boxes).numpy(), minlength=len(SIZES))
    held = found.held_out
    leaks = []
    if held is not None:
        numbers = np.arange(len(found))
        parted = Sides(tuple(numbers[~held].tolist()), tuple(numbers[held].tolist()), "")
        names = [each.name for each in found.pictures]
        leaks = [
            f"{names[one]} is held out and is nearly {names[other]}, learned from"
            for one, other in crossing_duplicates(thumbnails, parted)
        ]
    drawn = None
    if sheet is not None:
        write_picture(sheet, _sheet(found))
        drawn = str(sheet)
    return ObjectCheckReport(
        form=found.form,
        pictures=len(found),
        classes=counts,
        outlined=found.outlined,
        empty=sum(not len(each.boxes) for each in found.pictures),
        sizes=dict(zip(SIZES, sizes.tolist(), strict=True)),
        side_px=tuple(round(float(value)) for value in np.quantile(sides, (0.1, 0.5, 0.9))),  # type: ignore[arg-type]
        grid=grid_ceiling(truths, [each.size[::-1] for each in found.pictures]).recall,
        proposals=_proposals(found),
        groups=len(np.unique(groups)),
        held_out=None if held is None else int(held.sum()),
        problems=(),
        leaks=tuple(leaks),
        warnings=tuple(_warnings(found, counts)),
        next_command=_next(data, options, found),
        sheet=drawn,
    )


def _proposals(found: ObjectSet) -> float:
    """The recall of selective search, as the light recipes search, in some pictures with objects; 0 to 1."""
    shown = [each for each in found.pictures if (~each.ignored).any()]
    chosen = [shown[number] for number in np.unique(np.linspace(0, len(shown) - 1, SEARCHED).round().astype(int))]
    proposals, truths = [], []
    for each in chosen:
        size = LIGHT.size(*each.size)
        image01 = as_tensor(resized(each.opener(2 * max(size)), size)).float() / 255
        boxes = selective_search(image01, SearchSettings("fast", SEARCH_PX, SMALLEST_PX)).numpy()
        proposals.append(torch.from_numpy(scaled_boxes(boxes, size, each.size)))
        truths.append(each.objects._replace(masks=None))
    return proposal_recall(proposals, truths).recall()


def _warnings(found: ObjectSet, counts: dict[str, int]) -> list[str]:
    told = [*found.notes, *(f"left out: {line}" for line in found.unreadable)]
    reasons = Counter(one.reason.partition(":")[0] for one in found.lost)
    for reason, count in reasons.items():
        first = next(one for one in found.lost if one.reason.startswith(reason))
        told.append(
            f"objects left out, {reason}: {count:,}, such as {first.name} {first.number} of {first.picture} "
            f"({first.reason})"
        )
    ignored = sum(int(each.ignored.sum()) for each in found.pictures)
    if ignored:
        told.append(f"{ignored:,} objects are groups or difficult: they are neither learned from nor counted as missed")
    few = [name for name, count in counts.items() if count < FEW]
    if few:
        least = min(counts, key=lambda name: counts[name])
        told.append(
            f"{len(few)} of {len(counts)} classes have fewer than {FEW} objects (least: {least}, {counts[least]}): "
            "their scores will be rough"
        )
    least_count, most_count = min(counts.values()), max(counts.values())
    if most_count > UNEVEN * max(1, least_count):
        told.append(
            f"the largest class has {most_count / max(1, least_count):.0f} times as many objects as the smallest; look "
            "at the AP of each class"
        )
    scales = [LIGHT.scale(*each.size) for each in found.pictures]
    sides = np.concatenate(
        [
            np.sqrt((each.boxes[:, 2:] - each.boxes[:, :2]).prod(axis=1)) * scale
            for each, scale in zip(found.pictures, scales, strict=True)
        ]
    )
    small = float((sides < SMALL_PX).mean()) if len(sides) else 0.0
    if small > 0.1:
        told.append(
            f"{100 * small:.0f} % of the objects are smaller than {SMALL_PX} px where the light recipes read pictures "
            f"of {LIGHT.short_px} px; give a larger --data.short-px and a smaller --network.anchor-px"
        )
    return told


def _next(data: Sequence[Path], options: ObjectReading, found: ObjectSet) -> str:
    words = ["limner", "train", "detect/mask-rcnn-light" if found.outlined else "detect/faster-rcnn-light"]
    words += [word for path in data for word in ("--data", str(path))]
    return " ".join(map(shlex.quote, [*words, *_reading_words(options)]))


def _reading_words(options: ObjectReading) -> list[str]:
    """The options that were given, as words of a command."""
    words = []
    for name, value in vars(options).items():
        if value is True:
            words.append(f"--{name.replace('_', '-')}")
        elif value is not None:
            words += [f"--{name.replace('_', '-')}", ",".join(value) if isinstance(value, tuple) else str(value)]
    return words


def _sheet(found: ObjectSet) -> np.ndarray:
    from limner.detect.measures.drawing import draw_detections

    numbers = np.unique(np.linspace(0, len(found) - 1, SHOWN).round().astype(int))
    cells = []
    for number in numbers.tolist():
        each = found.pictures[number]
        objects = each.objects
        shown = Detections(objects.boxes, objects.labels, torch.ones(len(objects.boxes)), objects.masks)
        cells.append(draw_detections(np.asarray(each.opener(WHOLE_PX)), shown, found.class_names, scored=False))
    return contact_sheet(cells, [found.pictures[number].name for number in numbers.tolist()], columns=4, cell_px=300)
