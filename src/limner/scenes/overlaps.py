"""Where pictures lie on the ground: which of them show the same place.

This file imports no torch: `limner check` stays light.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from limner.foundation.errors import UserError
from limner.scenes.georeference import transformer
from limner.scenes.names import scene_name
from limner.scenes.rasters import Raster
from limner.scenes.windows import Window

TOUCHING_PX = 1e-3  # chips side by side overlap by rounding, not by ground
BY_GROUND = "ground"
"""What ``--group`` says to join what overlaps."""


class Located(Protocol):
    """What `Ground` needs to know of a chip."""

    @property
    def image(self) -> Any: ...
    @property
    def height(self) -> int: ...
    @property
    def width(self) -> int: ...
    def open(self) -> Raster:
        """The picture."""
        ...


class Ground:
    """Where chips lie on the ground, to find the chips that show a given block."""

    def __init__(self, chips: Sequence[Located]) -> None:
        self.transforms: list[Any] = []
        self.systems: list[Any] = []
        self.ground_m: list[float] = []
        for chip in chips:
            with chip.open() as raster:
                self.transforms.append(raster.transform if raster.georeferenced else None)
                self.systems.append(raster.crs if raster.georeferenced else None)
                self.ground_m.append(raster.ground_m or 0.0)
        located = [number for number, crs in enumerate(self.systems) if crs is not None]
        self.groups: list[tuple[Any, np.ndarray, np.ndarray, np.ndarray]] = []
        for crs in {self.systems[number].to_wkt(): self.systems[number] for number in located}.values():
            numbers = [number for number in located if self.systems[number] == crs]
            inverse = np.array([(~self.transforms[number])[:6] for number in numbers]).reshape(-1, 2, 3)
            size = np.array([(chips[number].width, chips[number].height) for number in numbers])
            self.groups.append((crs, np.array(numbers), inverse, size))

    def other_chips_on(self, number: int, window: Window) -> Iterator[tuple[int, Window]]:
        """The other chips that show ground of a chip's window, with the rectangle of theirs that holds all of it."""
        if self.transforms[number] is None:
            return
        row, column, height, width = window
        corners = np.array([(column + x * width, row + y * height, 1) for x in (0, 1) for y in (0, 1)])
        xy = np.array(self.transforms[number][:6]).reshape(2, 3) @ corners.T  # (2, 4)
        for crs, numbers, inverse, size in self.groups:
            ground = self._moved(xy, self.systems[number], crs)
            if ground is None or not np.isfinite(ground).all():
                continue
            there = inverse[:, :, :2] @ ground + inverse[:, :, 2:]  # (chips, (column, row), 4)
            low = np.clip(np.floor(there.min(2) + TOUCHING_PX), 0, size).astype(int)
            high = np.clip(np.ceil(there.max(2) - TOUCHING_PX), 0, size).astype(int)
            for place in np.flatnonzero((high > low).all(1)):
                if numbers[place] != number:
                    (left, top), (right, bottom) = low[place].tolist(), high[place].tolist()
                    yield int(numbers[place]), Window(top, left, bottom - top, right - left)

    def _moved(self, xy: np.ndarray, here: Any, there: Any) -> np.ndarray | None:
        """Points (2, n) of one reference system in another; None where one of them is local."""
        if here == there:
            return xy
        between = transformer(here, there)
        return None if between is None else np.array(between.transform(*xy))


def groups(chips: Sequence[Located], rule: str) -> list[str]:
    """The name of the area that each chip belongs to.

    rule: "ground" (chips whose ground overlaps, also by way of others, are one area, named after its first chip of the
    coarsest resolution), or a regular expression that is sought in the pictures' names before the suffix: its first
    group, or all of the match, is the name.

    Raises `UserError` for a broken expression, a picture that it does not match or that has no georeference.
    """
    return _by_overlap(chips) if rule == BY_GROUND else _by_name(chips, rule)


def told_apart(names: Sequence[str]) -> list[str]:
    """The names, equal ones with a number behind.

    >>> told_apart(["town", "port", "town"])
    ['town', 'port', 'town-2']
    """
    taken: set[str] = set()
    apart = []
    for wanted in names:
        name, number = wanted, 1
        while name in taken:
            number += 1
            name = f"{wanted}-{number}"
        taken.add(name)
        apart.append(name)
    return apart


def _by_name(chips: Sequence[Located], rule: str) -> list[str]:
    try:
        pattern = re.compile(rule)
    except re.error as error:
        raise UserError(
            f"--group {rule}: not a regular expression ({error}); such as '^([^_]+)_', or 'ground'"
        ) from None
    names = []
    for chip in chips:
        found = pattern.search(chip.image.stem)
        name = found and (found[1] if pattern.groups else found[0])
        if not name:
            raise UserError(f"--group {rule}: says no area for {chip.image.name}; it must match every picture's name")
        names.append(name)
    return names


def _by_overlap(chips: Sequence[Located]) -> list[str]:
    ground = Ground(chips)
    for chip, transform in zip(chips, ground.transforms, strict=True):
        if transform is None:
            raise UserError(f"--group ground: {chip.image} has no georeference; group by names instead: --group REGEX")
    leader = list(range(len(chips)))

    def first_of(number: int) -> int:
        while leader[number] != number:
            number = leader[number] = leader[leader[number]]
        return number

    for number, chip in enumerate(chips):
        for other, _ in ground.other_chips_on(number, Window(0, 0, chip.height, chip.width)):
            leader[first_of(other)] = first_of(number)
    members: dict[int, list[int]] = {}
    for number in range(len(chips)):
        members.setdefault(first_of(number), []).append(number)
    firsts = [
        min((-ground.ground_m[number], scene_name(chips[number].image)) for number in each)[1]
        for each in members.values()
    ]
    names = [""] * len(chips)
    for name, numbers in zip(told_apart(firsts), members.values(), strict=True):
        for number in numbers:
            names[number] = name
    return names
