"""Detectors as files that other programs run: `limner export` of this room."""

import json
from typing import Any

import torch
from torch import Tensor, nn

from limner.detect.networks.grid import GridDetector
from limner.detect.networks.rcnn import Found, RegionDetector
from limner.detect.predicting.predictor import ObjectDetector, load_detector
from limner.detect.yolo.decoding import decode_answer
from limner.foundation.errors import UserError
from limner.learning.runs.export.export import told
from limner.learning.runs.export.exportable import Exportable, noise
from limner.learning.runs.run import Run

OUTLINE_PX = 28


class RawDetector(nn.Module):
    """A detector that takes a picture's raw values and gives its objects as rows of a table.

    picture: (1, 3, H, W) float32 in 0..255. least_score: (), the score from which objects are given. Gives (n, 6)
    float32, the surest first: left, top, right and bottom in the picture's pixels, score, and the number of the class
    from 0; with outlines (n, 790): behind them 28 x 28 values in 0..1 spread over the box, row by row.
    """

    def __init__(self, network: RegionDetector | GridDetector) -> None:
        super().__init__()
        self.network = network

    def forward(self, picture: Tensor, least_score: Tensor) -> Tensor:
        found = self._found(picture / 255, least_score)
        columns = [found.boxes, found.scores[:, None], found.labels[:, None].to(found.boxes.dtype)]
        if found.masks is not None:
            columns.append(found.masks.flatten(1))
        return torch.cat(columns, 1)

    def _found(self, image01: Tensor, least_score: Tensor) -> Found:
        network: Any = self.network
        if isinstance(network, RegionDetector):
            network.heads.score_thresh = least_score
            (found,) = network([image01[0]])
            return Found(*found)
        whole = network.whole
        size = (whole.network.size_px, whole.network.size_px)
        (seen,) = decode_answer(whole.network(image01), whole.network.layout, [size], least_score)
        return Found(seen.boxes, seen.labels, seen.scores, None)


def exportable(run: Run) -> Exportable:
    """A run's network for `limner.export`: one picture at once. Raises `UserError` for one that asks selective search
    for its regions."""
    detector = load_detector(run, "cpu")
    network = detector.network
    if not isinstance(network, RegionDetector | GridDetector):
        raise UserError(
            f"{run.folder}: takes its regions from selective search, which is no network; runs of faster-rcnn, "
            "mask-rcnn and the YOLOs can be exported"
        )
    sizes, takes = _sizes(detector)
    gives = (
        "objects: (n, 6) float32, the surest first: left, top, right, bottom in the picture's pixels, score, number of "
        "the class"
    )
    if detector.outlines:
        gives += f"; behind them {OUTLINE_PX} x {OUTLINE_PX} values in 0..1 spread over the box, inside from 0.5"
    return Exportable(
        module=RawDetector(network).eval(),
        inputs=("picture", "least_score"),
        output="objects",
        examples=tuple(
            (noise(1, 3, *size, seed=number).clamp(0, 255), torch.tensor(0.0)) for number, size in enumerate(sizes)
        ),
        dynamic={"objects": {0: "objects"}, **({} if len(set(sizes)) == 1 else {"picture": {2: "height", 3: "width"}})},
        answers="objects",
        metadata={
            **told(run.facts, "detect", takes, gives),
            "class_names": json.dumps(dict(enumerate(detector.class_names))),
            "threshold": json.dumps(detector.threshold),
        },
    )


def _sizes(detector: ObjectDetector) -> tuple[list[tuple[int, int]], str]:
    """Heights and widths of example pictures, and what the graph takes, in words."""
    score = "least_score: () float32, the score from which objects are given"
    network = detector.network
    if isinstance(network, GridDetector):
        side: int = network.whole.network.size_px
        return [(side, side)] * 3, (
            f"picture: (1, 3, {side}, {side}) float32, pixels in 0..255, squeezed to that square; {score}"
        )
    short, longest = detector.sizing.short_px, detector.sizing.longest_px
    long = min(longest, round(1.3 * short) + 1)  # no multiple of what sides are padded to
    takes = (
        f"picture: (1, 3, height, width) float32, pixels in 0..255, brought to a shorter side of {short} px, or a "
        f"longer one of {longest} where that would be more; {score}"
    )
    return [(short, long), (long, short), (short, short)], takes
