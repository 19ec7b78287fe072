"""What may mislead whoever reads labels as their files say: lines that stand first in every report.

This file imports no torch: `limner check` and `limner score` stay light.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from limner.foundation.orientation import UPRIGHT, swaps_edges
from limner.reporting.pictures import IGNORE
from limner.scenes.rasters import Raster
from limner.scenes.turning import orientation_of
from limner.segment.labels.alignment import counts_stored
from limner.segment.labels.forms import LabelForm
from limner.segment.labels.masks import MaskContent

NOT_LABELLED, NOT_MAPPED = "not labelled", "not mapped"
WHOLE = 0.999  # of the ground: a score of more is not called one of a part


def careful(lines: Iterable[str]) -> list[str]:
    """The lines as reports begin with them; nothing for none.

    >>> careful(["b.tif: ..."])
    ['Careful: b.tif: ...', '']
    """
    told = [f"Careful: {line}" for line in lines]
    return [*told, ""] if told else []


def mask_cautions(contents: Mapping[Path, MaskContent], form: LabelForm, silent: str = NOT_LABELLED) -> tuple[str, ...]:
    """A line for each kind of mask that may not mean what its file says.

    Masks whose nodata tag is the number of a class (QGIS, ArcGIS and ``gdal_rasterize -a_nodata 0`` write 0, which is
    mostly the background): those pixels say nothing, and a score or a training is on the others only. Masks of a lossy
    compression: their edges may have moved.

    silent: what pixels without a number are, in words.
    """
    meaning = dict(form.numbers)
    tagged: dict[int, list[Path]] = {}
    lossy: dict[str, list[Path]] = {}
    for path, content in contents.items():
        if content.lossy is not None:
            lossy.setdefault(content.lossy, []).append(path)
        if content.silent_px and content.nodata is not None and meaning.get(content.nodata, IGNORE) != IGNORE:
            tagged.setdefault(content.nodata, []).append(path)
    lines = []
    for value, paths in tagged.items():
        name = form.class_names[meaning[value]]
        share = sum(contents[path].silent_px for path in paths) / sum(contents[path].pixels for path in paths)
        lines.append(
            f"{_some(paths)}: {value} ({name}) is tagged as nodata, so {share:.1%} of the pixels count as {silent}; "
            f"if they are {name}, remove the tag (gdal_edit.py -unsetnodata FILE)"
        )
    for kind, paths in lossy.items():
        lines.append(f"{_some(paths)}: saved with lossy compression ({kind}), which moves edges; save masks without")
    return tuple(lines)


class Turn(NamedTuple):
    """A picture that its EXIF turns, and its mask. kept: its pixels are read as stored, for its place on the ground
    counts them. stored, upright: the mask has that size alone; neither: it may count either."""

    orientation: int
    kept: bool = False
    stored: bool = False
    upright: bool = False


def turn_of(mask: Raster, picture: Raster) -> Turn | None:
    """What a picture's EXIF says of it and its mask (as its file has it); None where the picture is not turned."""
    if picture.orientation == UPRIGHT:
        told = orientation_of(picture.path, picture.dataset)
        return None if told == UPRIGHT else Turn(told, kept=True)
    stored = counts_stored(mask, picture)
    return Turn(picture.orientation, stored=stored, upright=not stored and swaps_edges(picture.orientation)
                and picture.height != picture.width)  # fmt: skip


def turn_cautions(turns: Sequence[tuple[Path, Turn]]) -> list[str]:
    """A line for each way in which pictures and their masks are turned by EXIF.

    >>> turn_cautions([(Path("a.jpg"), Turn(6, stored=True)), (Path("b.jpg"), Turn(6, stored=True))])
    ['a.jpg and 1 more: turned upright by EXIF (orientation 6), and the mask, of the size as stored, with it']
    """
    found: dict[Turn, list[Path]] = {}
    for path, turn in turns:
        found.setdefault(turn, []).append(path)
    lines = []
    for turn, paths in found.items():
        named = f"EXIF (orientation {turn.orientation})"
        if turn.kept:
            said = f"{named} says turned, but its place on the ground counts the pixels as stored: read as stored"
        elif turn.stored:
            said = f"turned upright by {named}, and the mask, of the size as stored, with it"
        elif turn.upright:
            said = f"turned upright by {named}, as its mask is"
        else:
            said = (
                f"turned upright by {named}: its mask is taken to count the upright picture's pixels; if it counts "
                "those stored, remove the tag (exiftool -Orientation= FILE)"
            )
        lines.append(f"{_some(paths)}: {said}")
    return lines


def scored_part(scored: int, pixels: int, reasons: Sequence[str]) -> tuple[str, ...]:
    """A line where only a part of all ``pixels`` is scored, with why; none where it is nearly all, or nobody knows why.

    >>> scored_part(50, 200, ["150 pixels are not labelled"])
    ('only 50 of 200 pixels (25.0%) are scored: 150 pixels are not labelled',)
    """
    if not reasons or scored >= WHOLE * pixels:
        return ()
    return (f"only {scored:,} of {pixels:,} pixels ({scored / pixels:.1%}) are scored: {'; '.join(reasons)}",)


def rings_only(ring_px: int) -> str:
    """Why polygons alone, without ``within``, tell of a part of the ground only."""
    return (
        f"without --within only the polygons and {ring_px} px around each are; false alarms elsewhere count in no score"
    )


def _some(paths: Sequence[Path]) -> str:
    return f"{paths[0]}" + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")
