"""A detector of the user's own, a run of the room `detect`, as the judge of cut-outs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from limner.detect.predicting.predictor import ObjectDetector, load_detector
from limner.foundation.errors import UserError
from limner.foundation.nearest import did_you_mean
from limner.generate.cutouts.detector import Finding
from limner.learning.runs.opening import open_run


class RunFilter:
    """A trained detector, asked for one class a picture. digest: of its run's weights."""

    def __init__(self, detector: ObjectDetector, digest: str) -> None:
        self.detector, self.digest = detector, digest
        self.names = detector.class_names

    @classmethod
    def opened(cls, run: str, names: Sequence[str], device: str) -> RunFilter:
        """Of a run. Raises `UserError` for one of another room, and where it does not find one of ``names``."""
        opened = open_run(run, "detect")
        found = cls(load_detector(opened, device), opened.digest())
        for name in names:
            if name not in found.names:
                raise UserError(
                    f"--filter {run}: finds no '{name}'; name one of its classes with --detect-as: "
                    f"{did_you_mean(name, found.names)}"
                )
        return found

    def find(self, pictures: Sequence[np.ndarray], names: Sequence[str]) -> list[Finding | None]:
        """As `limner.generate.cutouts.detector.Detector.find` says."""
        found: list[Finding | None] = []
        for picture, name in zip(pictures, names, strict=True):
            seen = self.detector.detect(picture, min_score=0.0)
            right = (seen.labels == self.names.index(name)).nonzero().flatten()
            if not len(right):
                found.append(None)
                continue
            x0, y0, x1, y1 = seen.boxes[right[0]].tolist()
            found.append(Finding(float(seen.scores[right[0]]), (x0, y0, x1, y1)))
        return found
