"""Who says whether a cut-out still looks like its object, and by what name it knows it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from limner.foundation.errors import UserError
from limner.foundation.nearest import near_names

ALSO = {
    "aeroplane": "airplane", "automobile": "car", "bike": "bicycle", "cyclist": "person", "diningtable": "dining table",
    "motorbike": "motorcycle", "pedestrian": "person", "pottedplant": "potted plant", "rider": "person",
    "sofa": "couch", "trafficlight": "traffic light", "tvmonitor": "tv", "van": "car",
}  # fmt: skip
"""What other data sets call objects of COCO."""


class Finding(NamedTuple):
    """What a detector found. score: 0 to 1. box: x0, y0, x1, y1 in pixels."""

    score: float
    box: tuple[float, float, float, float]


class Detector(Protocol):
    """What looks at cut-outs on a plain background."""

    @property
    def names(self) -> Sequence[str]:
        """The classes that it knows."""
        ...

    @property
    def digest(self) -> str:
        """Changes when what it finds does."""
        ...

    def find(self, pictures: Sequence[np.ndarray], names: Sequence[str]) -> list[Finding | None]:
        """The surest detection of ``names[i]`` in ``pictures[i]``, (H, W, 3) uint8, or None where there is none."""
        ...


def class_for(name: str, detector: Detector) -> str:
    """The detector's class for an object of a data set. Raises `UserError` where it has none."""
    for word in (name, name.lower(), ALSO.get(name.lower(), "")):
        if word in detector.names:
            return word
    near = near_names(name, detector.names)
    hint = f", such as {' or '.join(near)}" if near else ""
    raise UserError(f"Mask R-CNN knows no '{name}'; give a class of COCO with --detect-as{hint}, or add --no-filter")
