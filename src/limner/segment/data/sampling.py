"""The order in which an epoch shows its tiles: all once, areas in turn, or classes sought equally often."""

import math
from collections.abc import Sequence

import numpy as np
import torch


def each_once(tiles: int, generator: torch.Generator) -> np.ndarray:
    """(tiles,) int64: every tile once, shuffled."""
    return torch.randperm(tiles, generator=generator).numpy()


def grouped(areas: Sequence[str]) -> list[np.ndarray]:
    """The numbers of each area's tiles, given the area of every tile; areas in the order of their first tile."""
    by_area: dict[str, list[int]] = {}
    for tile, area in enumerate(areas):
        by_area.setdefault(area, []).append(tile)
    return [np.array(tiles) for tiles in by_area.values()]


def in_turn(
    groups: Sequence[np.ndarray], generator: torch.Generator, class_pixels: np.ndarray | None = None
) -> np.ndarray:
    """An order as long as all groups together, in which every group has as many places as the others (or one more).

    A group's places show its tiles in shuffled rounds; or, with ``class_pixels`` (tiles, classes), tiles drawn by
    `by_class`. Returns (tiles,) int64.
    """
    total = sum(map(len, groups))
    turns = torch.randperm(len(groups), generator=generator).tolist()
    parts = []
    for turn, tiles in zip(turns, groups, strict=True):
        wanted = total // len(groups) + (turn < total % len(groups))
        if class_pixels is None:
            parts.append(tiles[_rounds(len(tiles), wanted, generator)])
        else:
            parts.append(tiles[by_class(class_pixels[tiles], wanted, generator)])
    drawn = np.concatenate(parts)
    return drawn[torch.randperm(len(drawn), generator=generator).numpy()]


def by_class(class_pixels: np.ndarray, wanted: int, generator: torch.Generator) -> np.ndarray:
    """``wanted`` tiles, for each of which a class is picked among those that occur, all alike, and then a tile with a
    probability in proportion to its pixels of that class.

    So tile t is drawn with probability 1/K * sum over the K classes of n[t, c] / sum(n[:, c]).

    class_pixels: (tiles, classes) pixel counts n, at least one above 0. Returns (wanted,) int64, with repeats.
    """
    present = class_pixels[:, class_pixels.sum(0) > 0]
    until = np.cumsum(present, axis=0)  # up to which pixel of a class each tile reaches
    sought = torch.randint(present.shape[1], (wanted,), generator=generator).numpy()
    place01 = torch.rand(wanted, generator=generator, dtype=torch.float64).numpy()
    drawn = np.zeros(wanted, np.int64)
    for number in range(present.shape[1]):
        ours = sought == number
        pixel = np.floor(place01[ours] * until[-1, number])
        drawn[ours] = np.searchsorted(until[:, number], pixel, side="right")
    return drawn


def _rounds(tiles: int, wanted: int, generator: torch.Generator) -> np.ndarray:
    rounds = [torch.randperm(tiles, generator=generator) for _ in range(math.ceil(wanted / tiles))]
    return torch.cat(rounds)[:wanted].numpy() if rounds else np.zeros(0, np.int64)
