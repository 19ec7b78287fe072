"""A detector for tests that knows nothing of pictures: it answers from the size of what is not background."""

from collections.abc import Sequence

import numpy as np

from limner.generate.cutouts.detector import Finding


class StubDetector:
    """Finds the box of all that is not ``background``, one pixel wider on each side; surer the larger it is.

    score: edge / 100 of the box's longer edge, at most 1; below 0.4 it finds nothing. batches: how many pictures it was
    shown at a time. asked: for which classes.
    """

    names = ("car", "person", "bus")
    digest = "stub-1"

    def __init__(self, background: tuple[int, int, int] = (51, 255, 51)) -> None:
        self.background, self.batches, self.asked = background, [], []  # type: ignore[var-annotated]

    def find(self, pictures: Sequence[np.ndarray], names: Sequence[str]) -> list[Finding | None]:
        self.batches.append(len(pictures))
        self.asked += names
        return [self._one(picture) for picture in pictures]

    def _one(self, picture: np.ndarray) -> Finding | None:
        rows, columns = np.nonzero((picture != self.background).any(axis=2))
        x0, y0, x1, y1 = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        score = min(1.0, max(x1 - x0, y1 - y0) / 100)
        return None if score < 0.4 else Finding(score, (x0 - 1 + 0.25, y0 - 1 + 0.25, x1 + 0.5, y1 + 0.5))
