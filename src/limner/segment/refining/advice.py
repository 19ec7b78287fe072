"""What the annotated ground lacks, and what to draw next: lines for people."""

from dataclasses import dataclass

import numpy as np

from limner.reporting.pictures import IGNORE
from limner.scenes.windows import row_bands
from limner.segment.data.chips import Chip, DataSet
from limner.segment.labels.forms import background_of
from limner.segment.labels.reader import RING_PX

SMALL_TILES = 1
"""Less than the pixels of so many tiles is little: one square of a neighborhood. Of 3.6 tiles, the 7 % of the demo's
scene, refining gains 15 points (docs/results/buildings.md)."""
ONE_SIDED = 0.02
"""A class of a smaller share of the annotated ground is hardly learned."""
ONE_CORNER = 0.5
"""Annotated ground within so short a part of the scene, along both edges, tells nothing of the rest."""
LARGE_TILES = 16
"""Only of scenes of at least so many tiles can one corner be too little."""


@dataclass(frozen=True)
class AnnotatedSummary:
    """What is annotated of a scene.

    pixels: of each class. rows, columns: (first, end) of the ground with labels. height, width: of the scene.
    """

    pixels: tuple[int, ...]
    rows: tuple[int, int]
    columns: tuple[int, int]
    height: int
    width: int

    @property
    def total(self) -> int:
        """All annotated pixels."""
        return sum(self.pixels)


def summarize_annotation(data: DataSet, chip: Chip, *, ring_px: int = RING_PX) -> AnnotatedSummary:
    """Count what is annotated of a picture, by bands of rows. ring_px: as in `LabelReader`."""
    reader = data.reader(ring_px=ring_px)
    counts = np.zeros(IGNORE + 1, np.int64)
    in_rows, in_columns = np.zeros(chip.height, bool), np.zeros(chip.width, bool)
    for window in row_bands(chip.height, chip.width):
        mask = reader.read(chip, window)
        known = mask != IGNORE
        counts += np.bincount(mask.ravel(), minlength=IGNORE + 1)
        in_rows[window.slices[0]] |= known.any(1)
        in_columns |= known.any(0)
    rows, columns = (np.flatnonzero(known) for known in (in_rows, in_columns))
    ends = [(int(each[0]), int(each[-1]) + 1) if len(each) else (0, 0) for each in (rows, columns)]
    return AnnotatedSummary(tuple(counts[: len(data.class_names)].tolist()), ends[0], ends[1], chip.height, chip.width)


def advice_on(annotated: AnnotatedSummary, class_names: tuple[str, ...], tile_px: int) -> list[str]:
    """What the annotated ground lacks, a line each, with what to draw next; nothing where it lacks nothing."""
    lines = []
    total = annotated.total
    if total < SMALL_TILES * tile_px**2:
        lines.append(
            f"little is annotated: {total:,} pixels, {total / (annotated.height * annotated.width):.1%} of the scene; "
            f"draw more, {SMALL_TILES * tile_px**2:,} pixels or more, in several places"
        )
    background = background_of(class_names)
    for number, name in enumerate(class_names):
        share = annotated.pixels[number] / max(1, total)
        if share >= ONE_SIDED:
            continue
        if number == background:
            draw = "draw the outline of the annotated ground (--within) so that it holds ground around the objects, too"
        else:
            draw = f"draw where there is {name}, all of it"
        lines.append(f"{name} is {share:.1%} of the annotated ground; {draw}")
    if annotated.height * annotated.width >= LARGE_TILES * tile_px**2:
        lines += _of_one_corner(annotated)
    return lines


def _of_one_corner(annotated: AnnotatedSummary) -> list[str]:
    """A line where the annotated ground lies in one part of the scene."""
    extents = ((annotated.rows, annotated.height), (annotated.columns, annotated.width))
    if annotated.total == 0 or any(end - first > ONE_CORNER * length for (first, end), length in extents):
        return []
    names = (("upper", "lower"), ("left", "right"))
    late = [first + end > length for (first, end), length in extents]
    here = " ".join(pair[side] for pair, side in zip(names, late, strict=True))
    there = " ".join(pair[not side] for pair, side in zip(names, late, strict=True))
    return [f"all that is annotated lies in the {here} part of the scene; draw some in the {there}, and in between"]
