"""U-Net's weights: the ground between two objects that nearly touch counts most (Ronneberger et al. 2015, eq. 2).

numpy and scipy only; the weights are computed in the background, with the crops.
"""

import math

import numpy as np
from scipy import ndimage

from limner.reporting.pictures import IGNORE
from limner.segment.labels.depths import object_borders

NEGLIGIBLE = 1e-3  # a weight below this share of its peak is taken for 0


def boundary_weights(mask: np.ndarray, peak: float = 10.0, sigma_px: float = 5.0) -> np.ndarray:
    """The second term of eq. 2, peak * exp(-(d1 + d2)^2 / (2 sigma^2)), of each pixel of a crop.

    d1 and d2 are a pixel's distances, in pixels from center to center, to the border of the nearest object and to
    that of the second nearest one. The paper leaves open what follows:

    - Objects are the 4-connected regions of each class other than 0, so that roofs which meet at a corner are two.
    - An object's border is those of its pixels that have a neighbor above, below, left or right of another label.
      Where the crop or the labelled ground ends is no border: nobody knows how the object goes on.
    - Pixels inside objects have their weight by the same equation.
    - With fewer than two objects near, d2 is without end and the weight is 0.

    Weights below peak / 1000 are 0, that is where d1 + d2 > `reach_px`. So each object is looked at only in its box
    grown by that reach.

    Args:
        mask: (height, width) class numbers, 255 = ignore.
        peak: the weight where d1 + d2 = 0 (the paper's w0).
        sigma_px: the paper's sigma, in pixels.

    Returns:
        (height, width) float32, from 0 to ``peak``; 0 on ignored pixels.
    """
    mask = mask.astype(np.uint8)  # numpy is several times quicker on bytes
    reach = reach_px(sigma_px)
    objects = label_objects(mask)
    borders = object_borders(mask, objects)
    nearest = np.full(mask.shape, np.inf)
    second = np.full(mask.shape, np.inf)
    for number, box in enumerate(ndimage.find_objects(objects), start=1):
        around = _grown(box, math.ceil(reach))
        border = borders[around] & (objects[around] == number)
        if not border.any():
            continue
        distance = ndimage.distance_transform_edt(~border)
        second[around] = np.minimum(second[around], np.maximum(nearest[around], distance))
        nearest[around] = np.minimum(nearest[around], distance)
    together = nearest + second
    counts = (together <= reach) & (mask != IGNORE)
    weights = np.zeros(mask.shape, np.float32)
    weights[counts] = peak * np.exp(-np.square(together[counts]) / (2 * sigma_px**2))
    return weights


def reach_px(sigma_px: float) -> float:
    """The d1 + d2 beyond which a weight is below a thousandth of its peak: sigma * sqrt(2 ln 1000).

    >>> round(reach_px(5), 2)
    18.58
    """
    return sigma_px * math.sqrt(-2 * math.log(NEGLIGIBLE))


def label_objects(mask: np.ndarray) -> np.ndarray:
    """(height, width) int32: the objects, numbered from 1; 0 on class 0 and where nothing is known."""
    objects = np.zeros(mask.shape, np.int32)
    found = 0
    for number in np.unique(mask):
        if number in (0, IGNORE):
            continue
        regions, count = ndimage.label(mask == number)
        regions[regions > 0] += found
        objects += regions
        found += count
    return objects


def _grown(box: tuple[slice, ...], margin: int) -> tuple[slice, ...]:
    return tuple(slice(max(0, side.start - margin), side.stop + margin) for side in box)
