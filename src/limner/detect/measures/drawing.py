"""Pictures of detections: boxes and outlines with their classes, objects that were missed, precision and recall."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from limner.detect.boxes.error_kinds import PLACE, picture_errors
from limner.detect.boxes.matching import match_class, precision_recall
from limner.detect.boxes.objects import Detections, Objects
from limner.detect.boxes.overlap import iou_matrix
from limner.foundation.files.writing import replacing
from limner.reporting.pictures import captioned_rows, class_colors

MISSED, TRUTH = (220, 0, 0), (0, 200, 0)
SHOWN, ASTRAY = 12, 4
"""Missed objects, and detections not quite there, that the sheet holds."""
SMALL_PX = 400
"""Longer side of a picture below which its boxes are drawn thin."""
AROUND = 0.75
"""Of a missed object's longer side: what is shown around it."""


def draw_detections(
    picture: np.ndarray, found: Detections, class_names: Sequence[str], *, scored: bool = True
) -> np.ndarray:
    """(H, W, 3) uint8: each detection's box, outline where it has one, class and score; labels keep clear of each other
    where there is room. picture: (H, W, 3) uint8. scored: whether the scores are drawn; true boxes have none."""
    from pycocotools import mask as coco_mask

    colors = class_colors(min(255, len(class_names) + 1))
    drawn = picture.copy()
    for label, code in zip(found.labels.tolist(), found.masks or (), strict=False):
        inside = coco_mask.decode(code).astype(bool)
        drawn[inside] = (0.55 * drawn[inside] + 0.45 * colors[1 + label % (len(colors) - 1)]).astype(np.uint8)
    image = Image.fromarray(drawn)
    draw = ImageDraw.Draw(image)
    longest = max(image.size)
    size_px = max(round(longest / 60), min(11, max(9, round(longest / 36))))  # smaller on small pictures
    font = ImageFont.load_default(size_px)
    rows = [
        (box, class_names[label], f"{score:.2f}", tuple(colors[1 + label % (len(colors) - 1)].tolist()))
        for box, label, score in zip(found.boxes.tolist(), found.labels.tolist(), found.scores.tolist(), strict=True)
    ]
    for box, _, _, color in rows:
        draw.rectangle(_corners(box), outline=color, width=max(1 if longest < SMALL_PX else 2, size_px // 6))
    taken: list[tuple[float, float, float, float]] = []
    for box, name, score, color in rows:  # after all boxes, which else would be drawn over them; the surest first
        texts = (f"{name} {score}", score) if scored else (name,)
        text, place = place_label([draw.textbbox((0, 0), each, font)[2:] for each in texts], box, image.size, taken)
        taken.append(place)
        draw.rectangle(place, fill=color)
        draw.text(place[:2], texts[text], (0, 0, 0), font)
    return np.asarray(image)


def place_label(
    sizes: Sequence[tuple[float, float]], box: Sequence[float], picture: tuple[int, int],
    taken: Sequence[tuple[float, float, float, float]],
) -> tuple[int, tuple[float, float, float, float]]:  # fmt: skip
    """Which of several texts to write at a box, and where: (its number, (x0, y0, x1, y1)).

    The first text, in the first place at a corner of the box, that covers nothing of ``taken``; where none does, the
    one that covers least. sizes: (width, height) of each text, the one that says most first. picture: (width, height).
    """
    best, least = (0, (0.0, 0.0, 0.0, 0.0)), float("inf")
    x0, y0, x1, y1 = box
    for number, (width, height) in enumerate(sizes):
        for left, top in (
            (x0 + 2, y0 - height - 1), (x1 - width - 2, y0 - height - 1), (x0 + 2, y1 + 1), (x1 - width - 2, y1 + 1),
            (x0 + 2, y0 + 2), (x1 - width - 2, y1 - height - 2), (x0 + 2, y1 - height - 2), (x1 - width - 2, y0 + 2),
        ):  # fmt: skip
            left, top = max(0.0, min(left, picture[0] - width)), max(0.0, min(top, picture[1] - height))
            place = left, top, left + width, top + height
            covered = sum(_shared_area(place, other) for other in taken)
            if covered < least:
                best, least = (number, place), covered
            if not covered:
                return best
    return best


def _shared_area(one: Sequence[float], other: Sequence[float]) -> float:
    wide = min(one[2], other[2]) - max(one[0], other[0])
    high = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, wide) * max(0.0, high)


def missed_sheet(
    pictures: Sequence[np.ndarray], found: Sequence[Detections], truths: Sequence[Objects], names: Sequence[str],
    class_names: Sequence[str],
) -> np.ndarray | None:  # fmt: skip
    """(H, W, 3) uint8: the largest objects that nothing found (green), with what was found beside them (red), then
    detections not quite there (red) on objects (green) that another detection found; None where there is neither.
    found: what would be shown."""
    cells, captions = [], []
    errors = [picture_errors(each, truth) for each, truth in zip(found, truths, strict=True)]
    missed = [
        (_area(truths[picture].boxes[number]), picture, number)
        for picture, each in enumerate(errors)
        for number in each.missed.tolist()
    ]
    for _, picture, number in sorted(missed, reverse=True)[:SHOWN]:
        box, label = truths[picture].boxes[number].tolist(), int(truths[picture].labels[number])
        cells.append(_around(pictures[picture], box, [(other, MISSED) for other in found[picture].boxes.tolist()]
                             + [(box, TRUTH)]))  # fmt: skip
        captions.append(f"{class_names[label]}, {Path(names[picture]).name}")
    astray = [
        (_area(found[picture].boxes[number]), picture, number)
        for picture, each in enumerate(errors)
        for number, kind in enumerate(each.kinds)
        if kind == PLACE and _nearest(found[picture], truths[picture], number) not in each.missed.tolist()
    ]
    for _, picture, number in sorted(astray, reverse=True)[:ASTRAY]:
        box = found[picture].boxes[number].tolist()
        true = truths[picture].boxes[_nearest(found[picture], truths[picture], number)].tolist()
        cells.append(_around(pictures[picture], box, [(true, TRUTH), (box, MISSED)]))
        captions.append(f"not quite there, {Path(names[picture]).name}")
    if not cells:
        return None
    rows = [cells[start : start + 4] for start in range(0, len(cells), 4)]
    return captioned_rows(rows, [captions[start : start + 4] for start in range(0, len(cells), 4)], cell_px=240)


def _area(box: Tensor) -> float:
    return float((box[2:] - box[:2]).prod())


def _nearest(found: Detections, truth: Objects, number: int) -> int:
    """The object of a detection's class that it overlaps most."""
    overlaps = iou_matrix(found.boxes[number : number + 1], truth.boxes)[0]
    return int(overlaps.masked_fill(truth.labels != found.labels[number], -1).argmax())


def _around(
    picture: np.ndarray, box: Sequence[float], boxes: Sequence[tuple[Sequence[float], tuple[int, int, int]]]
) -> np.ndarray:
    """The part of a picture around a box, with boxes in their colors drawn on it."""
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    longer = max(box[2] - box[0], box[3] - box[1])
    for each, color in boxes:
        draw.rectangle(_corners(each), outline=color, width=max(1, round(longer / 60)))
    around = AROUND * longer
    return np.asarray(
        image.crop(
            (
                max(0, int(box[0] - around)), max(0, int(box[1] - around)),
                min(image.width, int(box[2] + around) + 1), min(image.height, int(box[3] + around) + 1),
            )
        )
    )  # fmt: skip


def draw_precision_recall(
    found: Sequence[Detections], truths: Sequence[Objects], class_names: Sequence[str], score: float | None, path: Path
) -> None:
    """Write a figure of precision by recall at IoU 0.5: of all together, of each class where they are few, and the
    point of the score from which detections are best shown."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4.5), layout="constrained")
    axes = figure.add_subplot()
    matches = [match_class(found, truths, label) for label in range(len(class_names))]
    if 1 < len(class_names) <= 6:
        for name, each in zip(class_names, matches, strict=True):
            curve = precision_recall(each)
            axes.plot(100 * curve.recall, 100 * curve.precision, linewidth=1, alpha=0.7, label=name)
    every = precision_recall(*matches)
    axes.plot(100 * every.recall, 100 * every.precision, color="black", label="all")
    if score is not None:
        at = int(np.abs(every.scores - score).argmin())
        axes.plot(100 * every.recall[at], 100 * every.precision[at], "o", color="black", label=f"score {score:.2f}")
    axes.set(xlabel="recall, %", ylabel="precision, %", xlim=(0, 100), ylim=(0, 102))
    axes.legend(loc="lower left")
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=110, metadata={"Software": None})


def _corners(box: Sequence[float]) -> tuple[float, float, float, float]:
    """As Pillow draws them, whose last pixel is inside."""
    x0, y0, x1, y1 = box
    return x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)
