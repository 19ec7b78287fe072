"""Labels of pictures that their EXIF turns: which pixels they count, and where those lie in the upright picture."""

from __future__ import annotations

from dataclasses import replace

from limner.datasets.annotations.instances import Box, Instance, LabeledPicture, Labels, OtherSizeError
from limner.foundation.orientation import FLIPS_COLUMNS, FLIPS_ROWS, UPRIGHT, swaps_edges, turned

TURNED = "turned by its EXIF"
"""Begins the note on a picture whose labels may count other pixels."""


def read_upright(
    picture: LabeledPicture, size: tuple[int, int], orientation: int, *, upright_labels: bool = False
) -> Labels:
    """The labels of a picture, in pixels of it as it was turned upright.

    Labels count pixels as they are stored in the file, as COCO's tools and torchvision read them, unless their size
    fits the upright picture alone. Where both fit (turned by half, mirrored, or square), a note says what was decided.

    size: (width, height) of the upright picture. orientation: EXIF's, 1 to 8, by which it was turned. upright_labels:
    the upright picture is tried first. Raises `OtherSizeError` for labels of neither size, and what reading them does.
    """
    if orientation == UPRIGHT:
        return picture.read(*size)
    stored = size[::-1] if swaps_edges(orientation) else size
    sizes = [size, stored] if upright_labels else [stored, size]
    count_stored = not upright_labels
    try:
        labels = picture.read(*sizes[0])
    except OtherSizeError:
        if sizes[0] == sizes[1]:
            raise
        labels = picture.read(*sizes[1])
        count_stored = upright_labels
    counted = "the pixels as stored" if count_stored else "the upright picture's pixels"
    other = "" if upright_labels else "; if they do not, add --upright-labels"
    note = f"{TURNED} (orientation {orientation}): its labels are taken to count {counted}{other}"
    instances = [_turned(one, stored, orientation) for one in labels.instances] if count_stored else labels.instances
    return Labels(instances, labels.lost, (*labels.notes, note))


def _turned(instance: Instance, stored: tuple[int, int], orientation: int) -> Instance:
    """An instance in a stored picture of (width, height), in the upright one: the steps of `turned`, of its box."""
    width, height = stored
    x0, y0, x1, y1 = instance.box
    if swaps_edges(orientation):
        x0, y0, x1, y1, width, height = y0, x0, y1, x1, height, width
    if orientation in FLIPS_ROWS:
        y0, y1 = height - y1, height - y0
    if orientation in FLIPS_COLUMNS:
        x0, x1 = width - x1, width - x0
    return replace(instance, box=Box(x0, y0, x1, y1), mask=turned(instance.mask, orientation))
