"""Regions of a picture as paths of SVG, which a page can point at."""

from itertools import pairwise

import numpy as np


def outlines(numbers: np.ndarray, count: int) -> list[str]:
    """The regions 0 to ``count`` - 1 of a map, each as the ``d`` of an SVG path in pixels of the map; "" for none.

    A path is made of rectangles: runs of a row, as far down as the next rows have the very same run.

    numbers: (h, w) integers; others than 0 to ``count`` - 1 belong to no path.

    >>> outlines(np.array([[0, 0, 1], [0, 0, 1]]), 3)
    ['M0 0h2v2h-2z', 'M2 0h1v2h-1z', '']
    """
    parts: list[list[str]] = [[] for _ in range(count)]
    open_runs: dict[tuple[int, int, int], int] = {}  # (region, first and last column) to the row where it began
    for row in range(len(numbers) + 1):
        runs = _runs(numbers[row]) if row < len(numbers) else set()
        for run in [run for run in open_runs if run not in runs]:
            top, (region, left, right) = open_runs.pop(run), run
            if 0 <= region < count:
                parts[region].append(f"M{left} {top}h{right - left}v{row - top}h{left - right}z")
        for run in sorted(runs):
            open_runs.setdefault(run, row)
    return ["".join(path) for path in parts]


def _runs(row: np.ndarray) -> set[tuple[int, int, int]]:
    """(value, first column, the column after the last) of each run of equal values."""
    edges = [0, *(np.flatnonzero(np.diff(row)) + 1).tolist(), len(row)]
    return {(int(row[left]), left, right) for left, right in pairwise(edges)}
