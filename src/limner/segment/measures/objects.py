"""Objects counted: which polygons of a map are objects of the truth, and how well they lie on them.

This file imports no torch: `limner score` stays light.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import shapely

IOU = 0.5
SQUARE_METERS, PIXELS = "m²", "px"


@dataclass(frozen=True)
class ObjectScores:
    """What a map's polygons are worth against the truth's; fractions 0..1, None where there is nothing to divide by.

    An object is found when a polygon overlaps it by an intersection over union of at least ``iou``, each polygon and
    each object once, best pairs first (as COCO and SpaceNet count).

    true, mapped, found: how many objects, polygons, pairs. mean_iou: of the pairs. area_error: median of
    |polygon's area - object's area| / object's area over the pairs. median_area, true_median_area: of all polygons, all
    objects, in ``unit``. boundary_precision, boundary_recall: the shares of the map's and of the truth's border pixels
    that have one of the other's near (the "BF score" of Csurka et al. 2013).
    """

    true: int
    mapped: int
    found: int
    mean_iou: float | None = None
    area_error: float | None = None
    median_area: float | None = None
    true_median_area: float | None = None
    boundary_precision: float | None = None
    boundary_recall: float | None = None
    unit: str = PIXELS
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

    @property
    def boundary_f1(self) -> float | None:
        """The harmonic mean of the boundary's precision and recall."""
        one, other = self.boundary_precision, self.boundary_recall
        if one is None or other is None:
            return None
        return 2 * one * other / (one + other) if one + other else 0.0

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads, with the scores that follow."""
        following = ("precision", "recall", "f1", "count_error", "boundary_f1")
        return {name: getattr(self, name) for name in (*(item.name for item in fields(self)), *following)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "ObjectScores":
        """The scores that `to_json` gave."""
        return cls(**{item.name: value[item.name] for item in fields(cls)})


NUMBERS = ("precision", "recall", "f1", "count_error", "area_error", "boundary_f1")
"""Scores of objects that a table shows and that have a mean over areas."""


@dataclass(frozen=True)
class Objects:
    """The scores of each area's objects. protocol: what was counted as one, in words."""

    areas: Mapping[str, ObjectScores] = field(default_factory=dict)
    protocol: str = ""

    def mean(self) -> dict[str, float | None]:
        """The plain mean over the areas of each of `NUMBERS`; an area where a score is undefined is left out of it."""
        known = [{name: getattr(scores, name) for name in NUMBERS} for scores in self.areas.values()]
        found = {name: [each[name] for each in known if each[name] is not None] for name in NUMBERS}
        return {name: float(np.mean(values)) if values else None for name, values in found.items()}

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads."""
        areas = {name: scores.to_json() for name, scores in self.areas.items()}
        return {"protocol": self.protocol, "areas": areas, "mean": self.mean()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Objects":
        """The objects that `to_json` gave."""
        areas = {name: ObjectScores.from_json(scores) for name, scores in value["areas"].items()}
        return cls(areas, str(value["protocol"]))


NO_OBJECTS = Objects()


@dataclass(frozen=True, eq=False)
class ObjectCounts:
    """What `ObjectScores` follow from; counts of several pictures add up.

    areas, true_areas: of all polygons and all objects. overlaps, area_errors: of the pairs. boundary: (2, 2) int64,
    border pixels of the map and of the truth: all of them, and those that have one of the other's near.
    """

    areas: np.ndarray
    true_areas: np.ndarray
    overlaps: np.ndarray
    area_errors: np.ndarray
    boundary: np.ndarray = field(default_factory=lambda: np.zeros((2, 2), np.int64))
    unit: str = PIXELS
    iou: float = IOU

    def __add__(self, other: "ObjectCounts") -> "ObjectCounts":
        names = ("areas", "true_areas", "overlaps", "area_errors")
        together: dict[str, Any] = {name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in names}
        return replace(self, **together, boundary=self.boundary + other.boundary)

    def scores(self) -> ObjectScores:
        """What follows."""
        boundary = [int(near) / int(total) if total else None for total, near in self.boundary]
        return ObjectScores(
            true=len(self.true_areas),
            mapped=len(self.areas),
            found=len(self.overlaps),
            mean_iou=float(self.overlaps.mean()) if len(self.overlaps) else None,
            area_error=float(np.median(self.area_errors)) if len(self.area_errors) else None,
            median_area=float(np.median(self.areas)) if len(self.areas) else None,
            true_median_area=float(np.median(self.true_areas)) if len(self.true_areas) else None,
            boundary_precision=boundary[0],
            boundary_recall=boundary[1],
            unit=self.unit,
            iou=self.iou,
        )


def score_objects(mapped: np.ndarray, truth: np.ndarray, iou: float = IOU) -> ObjectScores:
    """Score polygons against true ones, both arrays of valid shapely polygons in one plane of equal units.

    >>> square = shapely.box(0, 0, 2, 2)
    >>> score_objects(np.array([shapely.box(0, 0, 2, 1.5)]), np.array([square, shapely.box(5, 5, 6, 6)])).f1
    0.6666666666666666
    """
    return count_objects(mapped, truth, iou=iou).scores()


def count_objects(
    mapped: np.ndarray, truth: np.ndarray, *, unit_m2: float | None = None, iou: float = IOU
) -> ObjectCounts:
    """Count polygons against true ones. unit_m2: square meters of a unit of their plane; None: areas stay in it."""
    pairs, overlaps = _matched(mapped, truth, iou)
    areas, true_areas = shapely.area(mapped), shapely.area(truth)
    errors = [abs(areas[a] - true_areas[b]) / true_areas[b] for a, b in pairs]
    factor = unit_m2 or 1.0
    return ObjectCounts(
        areas * factor,
        true_areas * factor,
        np.array(overlaps),
        np.array(errors),
        unit=PIXELS if unit_m2 is None else SQUARE_METERS,
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
