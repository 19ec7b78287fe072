"""Detectors, a file each; recipes know them by the names in `NETWORKS`."""

from collections.abc import Callable
from typing import Any

from limner.detect.networks.rcnn import FasterRcnn, MaskRcnn

NETWORKS: dict[str, Callable[..., Any]] = {"faster-rcnn": FasterRcnn, "mask-rcnn": MaskRcnn}
GIVEN = ("channels", "classes")
"""What the task supplies."""
