"""Detectors, a file a family; recipes know them by the names in `NETWORKS`."""

from collections.abc import Callable
from typing import Any

from limner.detect.networks.fast_rcnn import FastRcnnNetwork
from limner.detect.networks.grid import DarknetYolo, LiteYolo, PaperYolo, TinyYolo
from limner.detect.networks.perceptual import PerceptualNetwork
from limner.detect.networks.rcnn import FasterRcnn, MaskRcnn
from limner.detect.networks.rcnn_by_fit import RcnnNetwork

NETWORKS: dict[str, Callable[..., Any]] = {
    "rcnn": RcnnNetwork,
    "fast-rcnn": FastRcnnNetwork,
    "perceptual": PerceptualNetwork,
    "faster-rcnn": FasterRcnn,
    "mask-rcnn": MaskRcnn,
    "yolo-v1": PaperYolo,
    "yolo-v1-darknet": DarknetYolo,
    "yolo-tiny": TinyYolo,
    "yolo-small": LiteYolo,
}
GIVEN = ("channels", "classes")
"""What the task supplies."""
