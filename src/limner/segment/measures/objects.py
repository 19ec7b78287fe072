"""Objects counted: which polygons of a map are objects of the truth, and how well they lie on them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

IOU = 0.5


@dataclass(frozen=True)
class ObjectScores:
    """What a map's polygons are worth against the truth's; fractions 0..1, None where there is nothing to divide by.

    An object is found when a polygon overlaps it by an intersection over union of at least ``iou``, each polygon and
    each object once, best pairs first (as COCO and SpaceNet count).

    true, mapped, found: how many objects, polygons, pairs. mean_iou: of the pairs. area_error: median of
    |polygon's area - object's area| / object's area over the pairs. median_area, true_median_area: of all polygons, all
    objects, in the square of the unit of their coordinates.
    """

    true: int
    mapped: int
    found: int
    mean_iou: float | None
    area_error: float | None
    median_area: float | None
    true_median_area: float | None
    iou: float = IOU

    @property
    def precision(self) -> float | None:
        """The share of polygons that are objects."""
        return self.found / self.mapped if self.mapped else None

    @property
    def recall(self) -> float | None:
        """The share of objects that are found."""
        return self.found / self.true if self.true else None

    @property
    def f1(self) -> float | None:
        """The harmonic mean of precision and recall."""
        total = self.true + self.mapped
        return 2 * self.found / total if total else None

    @property
    def count_error(self) -> float | None:
        """(polygons - objects) / objects."""
        return (self.mapped - self.true) / self.true if self.true else None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        names = (
            "iou", "true", "mapped", "found", "precision", "recall", "f1", "count_error", "mean_iou", "area_error",
            "median_area", "true_median_area",
        )  # fmt: skip
        return {name: getattr(self, name) for name in names}


def score_objects(mapped: np.ndarray, truth: np.ndarray, iou: float = IOU) -> ObjectScores:
    """Score polygons against true ones, both arrays of valid shapely polygons in one plane of equal units.

    >>> square = shapely.box(0, 0, 2, 2)
    >>> score_objects(np.array([shapely.box(0, 0, 2, 1.5)]), np.array([square, shapely.box(5, 5, 6, 6)])).f1
    0.6666666666666666
    """
    pairs, overlaps = _matched(mapped, truth, iou)
    areas, true_areas = shapely.area(mapped), shapely.area(truth)
    found = [abs(areas[a] - true_areas[b]) / true_areas[b] for a, b in pairs]
    return ObjectScores(
        true=len(truth),
        mapped=len(mapped),
        found=len(pairs),
        mean_iou=float(np.mean(overlaps)) if overlaps else None,
        area_error=float(np.median(found)) if found else None,
        median_area=float(np.median(areas)) if len(areas) else None,
        true_median_area=float(np.median(true_areas)) if len(true_areas) else None,
        iou=iou,
    )


def _matched(mapped: np.ndarray, truth: np.ndarray, iou: float) -> tuple[list[tuple[int, int]], list[float]]:
    """Pairs of a polygon and an object, each once, and their intersection over union: the best pair first."""
    if not len(mapped) or not len(truth):
        return [], []
    one, other = shapely.STRtree(truth).query(mapped, predicate="intersects")
    shared = shapely.area(shapely.intersection(mapped[one], truth[other]))
    union = shapely.area(mapped)[one] + shapely.area(truth)[other] - shared
    share = np.divide(shared, union, out=np.zeros_like(shared), where=union > 0)
    pairs: list[tuple[int, int]] = []
    overlaps: list[float] = []
    taken: tuple[set[int], set[int]] = set(), set()
    for number in np.argsort(-share, kind="stable"):
        if share[number] < iou:
            break
        pair = int(one[number]), int(other[number])
        if pair[0] not in taken[0] and pair[1] not in taken[1]:
            taken[0].add(pair[0])
            taken[1].add(pair[1])
            pairs.append(pair)
            overlaps.append(float(share[number]))
    return pairs, overlaps
