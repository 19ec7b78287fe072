"""Pictures of detections: boxes and outlines with their classes, objects that were missed, precision and recall."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from limner.detect.boxes.error_kinds import picture_errors
from limner.detect.boxes.matching import match_class, precision_recall
from limner.detect.boxes.objects import Detections, Objects
from limner.foundation.files.writing import replacing
from limner.reporting.pictures import captioned_rows, class_colors

MISSED, TRUTH = (220, 0, 0), (0, 200, 0)
SHOWN = 12
AROUND = 0.75
"""Of a missed object's longer side: what is shown around it."""


def draw_detections(picture: np.ndarray, found: Detections, class_names: Sequence[str]) -> np.ndarray:
    """(H, W, 3) uint8: each detection's box, outline where it has one, class and score. picture: (H, W, 3) uint8."""
    from pycocotools import mask as coco_mask

    colors = class_colors(min(255, len(class_names) + 1))
    drawn = picture.copy()
    for label, code in zip(found.labels.tolist(), found.masks or (), strict=False):
        inside = coco_mask.decode(code).astype(bool)
        drawn[inside] = (0.55 * drawn[inside] + 0.45 * colors[1 + label % (len(colors) - 1)]).astype(np.uint8)
    image = Image.fromarray(drawn)
    draw = ImageDraw.Draw(image)
    size_px = max(11, round(max(image.size) / 60))
    font = ImageFont.load_default(size_px)
    for box, label, score in zip(found.boxes.tolist(), found.labels.tolist(), found.scores.tolist(), strict=True):
        color = tuple(colors[1 + label % (len(colors) - 1)].tolist())
        draw.rectangle(_corners(box), outline=color, width=max(2, size_px // 6))
        text = f"{class_names[label]} {score:.2f}"
        place = box[0] + 2, max(0.0, box[1] - size_px - 3)
        draw.rectangle(draw.textbbox(place, text, font), fill=color)
        draw.text(place, text, (0, 0, 0), font)
    return np.asarray(image)


def missed_sheet(
    pictures: Sequence[np.ndarray], found: Sequence[Detections], truths: Sequence[Objects], names: Sequence[str],
    class_names: Sequence[str],
) -> np.ndarray | None:  # fmt: skip
    """(H, W, 3) uint8: the largest objects that nothing found (green), with what was found beside them (red); None
    where none is missed. found: what would be shown."""
    cells, captions = [], []
    places = [
        (float((truth.boxes[number, 2:] - truth.boxes[number, :2]).prod()), picture, number)
        for picture, (each, truth) in enumerate(zip(found, truths, strict=True))
        for number in picture_errors(each, truth).missed.tolist()
    ]
    for _, picture, number in sorted(places, reverse=True)[:SHOWN]:
        box, label = truths[picture].boxes[number].tolist(), int(truths[picture].labels[number])
        image = Image.fromarray(pictures[picture])
        draw = ImageDraw.Draw(image)
        wide = max(1, round(max(box[2] - box[0], box[3] - box[1]) / 60))
        for other in found[picture].boxes.tolist():
            draw.rectangle(_corners(other), outline=MISSED, width=wide)
        draw.rectangle(_corners(box), outline=TRUTH, width=wide)
        around = AROUND * max(box[2] - box[0], box[3] - box[1])
        crop = (
            max(0, int(box[0] - around)), max(0, int(box[1] - around)), min(image.width, int(box[2] + around) + 1),
            min(image.height, int(box[3] + around) + 1),
        )  # fmt: skip
        cells.append(np.asarray(image.crop(crop)))
        captions.append(f"{class_names[label]}, {Path(names[picture]).name}")
    if not cells:
        return None
    rows = [cells[start : start + 4] for start in range(0, len(cells), 4)]
    return captioned_rows(rows, [captions[start : start + 4] for start in range(0, len(cells), 4)], cell_px=240)


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
