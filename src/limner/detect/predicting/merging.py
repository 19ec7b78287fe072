"""What overlapping tiles found, brought together: each object once, and whole.

A tile that shows an object at its inner edge shows a part of it; the next tile may show all of it, or the other part.
So of two detections of a class in different tiles that are about one object

- the surer one stays where both are whole (non-maximum suppression across tiles);
- the whole one stays where the other is cut, and of two cut ones the larger where the other is a piece of it;
- two cut ones are joined where they are the same on the ground that both tiles see, and each goes on beyond it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from limner.scenes.windows import Window

IOU = 0.5
"""From which two detections of different tiles are one object."""
COVERED = 0.5
"""The share of a cut detection's ground from which another one is the same object."""
BEYOND = 0.05
"""The least share of its ground that a part has outside what both tiles see."""


@dataclass(frozen=True)
class SceneObject:
    """A detection in a scene. shape: its polygon in pixels of the scene. tile: the window that it was seen in. cut:
    whether it reaches an edge of its tile where the scene goes on. parts: of how many detections it is joined."""

    label: int
    score: float
    shape: shapely.Polygon
    tile: Window
    cut: bool = False
    parts: int = 1


class Merger:
    """Takes what each row of tiles found, top to bottom, and gives the objects that no later tile can change.

    The result is that of all detections brought together at once; what is held are the objects near the last row.

    iou: from which two detections of one class are one object. boxes: shapes are boxes, and joined ones stay so.
    """

    def __init__(self, iou: float = IOU, *, boxes: bool = False) -> None:
        self.iou, self.boxes = iou, boxes
        self.waiting: list[SceneObject] = []

    def add(self, found: Sequence[SceneObject], next_row: float) -> list[SceneObject]:
        """Finished objects after a row of tiles. next_row: the first row of pixels that later tiles see; infinity after
        the last."""
        self.waiting += found
        done: list[SceneObject] = []
        still: list[SceneObject] = []
        for group in self._groups():
            members = [self.waiting[number] for number in group]
            if any(each.shape.bounds[3] > next_row for each in members):
                still += members
            else:
                done += self._resolved(members)
        self.waiting = still
        return done

    def _groups(self) -> Iterator[list[int]]:
        """Numbers of waiting objects that are tied to each other, directly or by way of others."""
        root = list(range(len(self.waiting)))

        def owner(number: int) -> int:
            while root[number] != number:
                root[number] = root[root[number]]
                number = root[number]
            return number

        for one, other in _pairs(self.waiting):
            first, second = self.waiting[one], self.waiting[other]
            if self._same(first, second) or self._continued(first, second):
                low, high = sorted((owner(one), owner(other)))
                root[high] = low
        groups: dict[int, list[int]] = {}
        for number in range(len(self.waiting)):
            groups.setdefault(owner(number), []).append(number)
        yield from groups.values()

    def _same(self, one: SceneObject, other: SceneObject) -> bool:
        """Whether they are one object, of which one detection is enough."""

        def share_enough(shared: float) -> bool:
            if shared > self.iou * (one.shape.area + other.shape.area - shared):
                return True
            return any(
                part.cut
                and shared > COVERED * part.shape.area
                and not (whole.cut and whole.shape.area < part.shape.area)
                for part, whole in ((one, other), (other, one))
            )

        most = _shared_by_bounds(one.shape, other.shape)  # of outlines with many corners the exact share takes long
        return share_enough(most) and share_enough(one.shape.intersection(other.shape).area)

    def _continued(self, one: SceneObject, other: SceneObject) -> bool:
        """Whether they are two parts of one object that is larger than what both tiles see."""
        if not (one.cut and other.cut):
            return False
        both = _overlap(one.tile, other.tile)
        if both is None:
            return False
        parts = [each.shape.intersection(both) for each in (one, other)]
        common = parts[0].intersection(parts[1]).area
        alike = common > self.iou * (parts[0].area + parts[1].area - common)
        return alike and all(
            each.shape.area - part.area > BEYOND * each.shape.area
            for each, part in zip((one, other), parts, strict=True)
        )

    def _resolved(self, members: list[SceneObject]) -> list[SceneObject]:
        if len(members) == 1:
            return members
        candidates = [*members, *self._joined(members)]
        # Whole ones first, then those put together, then parts, the largest first; of each the surest.
        candidates.sort(key=lambda each: (each.cut, each.parts > 1, -each.shape.area * each.cut, -each.score,
                                          each.shape.bounds))  # fmt: skip
        kept: list[SceneObject] = []
        for each in candidates:
            if not any(self._covers(other, each) for other in kept):
                kept.append(each)
        return kept

    def _covers(self, kept: SceneObject, other: SceneObject) -> bool:
        if kept.tile == other.tile and kept.parts == other.parts == 1:
            return False  # the network itself told them apart
        shared = kept.shape.intersection(other.shape).area
        if shared > self.iou * (kept.shape.area + other.shape.area - shared):
            return True
        return (other.cut or other.parts > 1) and shared > COVERED * other.shape.area

    def _joined(self, members: list[SceneObject]) -> Iterator[SceneObject]:
        """Objects put together of the parts that go on in each other."""
        chains: list[set[int]] = []
        for one, other in _pairs(members):
            if not self._continued(members[one], members[other]):
                continue
            tied = {one, other}
            for chain in [chain for chain in chains if chain & tied]:
                chains.remove(chain)
                tied |= chain
            chains.append(tied)
        for chain in chains:
            parts = [members[number] for number in sorted(chain)]
            surest = max(parts, key=lambda each: each.score)
            whole = shapely.union_all([each.shape for each in parts])
            shape = shapely.box(*whole.bounds) if self.boxes else largest_part(whole)
            yield SceneObject(surest.label, surest.score, shape, surest.tile, False, len(parts))


def _shared_by_bounds(one: shapely.Geometry, other: shapely.Geometry) -> float:
    """The most that two shapes can share: what their bounds do."""
    (left, top, right, bottom), (x0, y0, x1, y1) = one.bounds, other.bounds
    return max(0.0, min(right, x1) - max(left, x0)) * max(0.0, min(bottom, y1) - max(top, y0))


def _pairs(objects: Sequence[SceneObject]) -> Iterator[tuple[int, int]]:
    """Numbers of objects of one class from different tiles whose shapes meet."""
    shapes = [each.shape for each in objects]
    left, right = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    for first, second in zip(left.tolist(), right.tolist(), strict=True):
        one, other = objects[first], objects[second]
        if first < second and one.label == other.label and one.tile != other.tile:
            yield first, second


def largest_part(shape: shapely.Geometry) -> shapely.Polygon:
    """The polygon, or of several the largest."""
    parts = [part for part in shapely.get_parts(shape) if isinstance(part, shapely.Polygon)]
    return parts[int(np.argmax([part.area for part in parts]))]


def _overlap(one: Window, other: Window) -> shapely.Polygon | None:
    top, left = max(one.row, other.row), max(one.column, other.column)
    bottom = min(one.row + one.height, other.row + other.height)
    right = min(one.column + one.width, other.column + other.width)
    return shapely.box(left, top, right, bottom) if bottom > top and right > left else None
