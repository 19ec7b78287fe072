"""How deep each pixel lies inside its own object: what a network learns to tell objects apart that touch.

This file imports no torch: `limner check` and `limner score` stay light.
"""

import numpy as np
from scipy import ndimage

from limner.reporting.pictures import IGNORE
from limner.scenes.windows import Window
from limner.segment.labels.forms import background_of
from limner.segment.labels.reader import Labelled, LabelReader


def read_depths(reader: LabelReader, chip: Labelled, window: Window, most: int) -> np.ndarray:
    """How many pixels deep each pixel of a chip's window lies inside its object: (height, width) uint8.

    0 outside objects and where nothing is known; 1 on an object's own border; never more than ``most``. An object is a
    polygon, or a connected region of a mask's class; the classes but the background have objects. Where the labelled
    ground ends is no border: nobody knows how the object goes on.
    """
    margin = most + 1  # nothing farther away decides
    around = Window(window.row - margin, window.column - margin, window.height + 2 * margin, window.width + 2 * margin)
    mask, objects = reader.read_objects(chip, around)
    background = background_of(reader.form.class_names)
    objects[(mask == IGNORE) | (mask == (IGNORE if background is None else background))] = 0
    inside = slice(margin, margin + window.height), slice(margin, margin + window.width)
    return depths(mask, objects, most)[inside]


def depths(mask: np.ndarray, objects: np.ndarray, most: int) -> np.ndarray:
    """The same for classes (height, width), 255 = not known, and the number of each pixel's object, 0 for none.

    >>> depths(np.array([[0, 1, 1, 1, 1, 0]]), np.array([[0, 1, 1, 2, 2, 0]]), 8).tolist()
    [[0, 1, 1, 1, 1, 0]]
    """
    borders = object_borders(mask, objects)
    if not borders.any():
        return np.where(objects > 0, most, 0).astype(np.uint8)
    distance = np.minimum(np.rint(ndimage.distance_transform_edt(~borders)) + 1, most)
    return np.where(objects > 0, distance, 0).astype(np.uint8)


def object_borders(mask: np.ndarray, objects: np.ndarray) -> np.ndarray:
    """(height, width) bool: object pixels with one of four neighbors that is labelled and not of the same object."""
    known = mask != IGNORE
    borders = np.zeros(mask.shape, bool)
    for one, other in (
        ((slice(1, None), slice(None)), (slice(None, -1), slice(None))),
        ((slice(None), slice(1, None)), (slice(None), slice(None, -1))),
    ):
        differ = (objects[one] != objects[other]) & known[one] & known[other]
        borders[one] |= differ
        borders[other] |= differ
    return borders & (objects > 0)
