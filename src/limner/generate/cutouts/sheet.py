"""The contact sheet of a job: cut-outs that were kept, and some that were not, each with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from limner.datasets.annotations.instances import Box, LabeledPicture
from limner.datasets.pictures.decoding import decode
from limner.generate.cutouts.cutting import WHOLE
from limner.generate.cutouts.rows import Row
from limner.reporting.pictures import captioned_rows

KEPT, REJECTED, COLUMNS, CELL_PX = 48, 8, 8, 160
CHECKER_PX, LIGHT, DARK = 8, 255, 204
"""Of the pattern that stands for transparency."""
AROUND = 0.25
"""Of a rejected object's longer edge, shown around it."""


def draw_sheet(out: Path, rows: Sequence[Row], pictures: Sequence[LabeledPicture], title: str) -> np.ndarray:
    """(H, W, 3) uint8: up to `KEPT` cut-outs spread evenly over the data set, then up to `REJECTED` for each reason.

    What was rejected is shown in its picture, with its box drawn; what has no pixels is not shown.
    """
    kept = _spread([row for row in rows if row.file], KEPT)
    cells = [_checkered(np.asarray(decode(out / row.file, "rgba", least_px=WHOLE))) for row in kept]
    captions = [_told(row) for row in kept]
    lines = [cells[start : start + COLUMNS] for start in range(0, len(cells), COLUMNS)]
    words = [captions[start : start + COLUMNS] for start in range(0, len(cells), COLUMNS)]
    paths = {picture.name: picture.path for picture in pictures}
    for reason in sorted({row.reason for row in rows if row.reason and row.x0 is not None}):
        some = _spread([row for row in rows if row.reason == reason], REJECTED)
        lines.append([_in_its_picture(paths[row.source], row) for row in some])
        words.append([f"{reason}: {_told(row)}" for row in some])
    return captioned_rows(lines, words, cell_px=CELL_PX, title=title)


def _spread(rows: Sequence[Row], count: int) -> list[Row]:
    places = np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int)) if rows else ()
    return [rows[place] for place in places]


def _told(row: Row) -> str:
    size = f"{(row.x1 or 0) - (row.x0 or 0)} x {(row.y1 or 0) - (row.y0 or 0)}"
    return size if row.score is None else f"{size}, {row.score:.2f}"


def _checkered(rgba: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 of (H, W, 4) uint8, with a gray pattern behind what is transparent."""
    rows, columns = np.indices(rgba.shape[:2]) // CHECKER_PX
    behind = np.where((rows + columns) % 2 == 0, LIGHT, DARK)[..., None]
    alpha = rgba[..., 3:].astype(np.float32) / 255
    return (rgba[..., :3] * alpha + behind * (1 - alpha)).round().astype(np.uint8)


def _in_its_picture(path: Path, row: Row) -> np.ndarray:
    pixels = np.array(decode(path, "rgb", least_px=WHOLE))
    height, width = pixels.shape[:2]
    box = Box(row.x0 or 0, row.y0 or 0, row.x1 or 0, row.y1 or 0)
    around = box.grown(max(4, round(AROUND * max(box.width, box.height))))
    line = max(1, max(around.width, around.height) // 100)
    frame = box.grown(line).within(width, height)
    inner = pixels[box.window].copy()
    pixels[frame.window] = (220, 0, 0)
    pixels[box.window] = inner
    return pixels[around.within(width, height).window]
