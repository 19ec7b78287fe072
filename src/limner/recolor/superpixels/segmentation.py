"""Superpixels: a picture cut into small connected regions, each about one color (SLIC)."""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import Tensor

from limner.foundation.errors import UserError
from limner.foundation.machine.threads import threads
from limner.recolor.superpixels.pieces import join_pieces
from limner.recolor.superpixels.slic import assign, move, to_lab

SMALLEST = 0.25  # of the mean area: smaller pieces join a neighbor, as in the authors' program


def superpixels(picture: Tensor, count: int | None = None, compactness: float = 10.0, iterations: int = 10) -> Tensor:
    """The superpixel of every pixel, (H, W) int32, 0..N-1 without gaps, numbered by first pixel in reading order.

    SLIC (Achanta et al., TPAMI 2012) in CIELAB: a k-means over color and position, eq. (3), in which a center sees only
    the pixels within one grid step S of it. Every superpixel is one 4-connected region. The same on any number of
    threads; computed on the CPU, returned on the picture's device.

    picture: (3, H, W) floating, gamma-encoded sRGB 0..1; values outside count as colors up to 100 times white.
    count: how many are wanted; ``N`` comes near it. By default 3 sqrt(H W) (Carrillo et al. 2021).
    compactness: how many units of Lab a distance of S weighs as much as; more gives rounder superpixels.
    Raises UserError where count or iterations is below 1, or compactness not above 0.
    """
    if picture.ndim != 3 or picture.shape[0] != 3 or picture.numel() == 0:
        raise ValueError(f"got a picture of shape {tuple(picture.shape)}; superpixels need (3, H, W), not empty")
    if count is not None and count < 1:
        raise UserError(f"got {count} superpixels; at least 1 is needed: leave the count out for 3 sqrt(pixels)")
    if not compactness > 0:
        raise UserError(f"got a compactness of {compactness}; it must be above 0: 10 is usual, more is rounder")
    if iterations < 1:
        raise UserError(f"got {iterations} iterations of SLIC; at least 1 is needed: 10 is usual")
    height, width = picture.shape[1:]
    rgb = np.ascontiguousarray(picture.detach().to("cpu", torch.float32).numpy()).reshape(3, -1)
    lab = np.empty_like(rgb)
    rows, columns = _grid(height, width, round(3 * math.sqrt(height * width)) if count is None else count)
    reach = max(height / rows, width / columns)
    nearness = (compactness / reach) ** 2
    with ThreadPoolExecutor(threads()) as pool:
        _share(pool, height * width, to_lab, rgb, lab)
        lab = lab.reshape(3, height, width)
        labels, centers = _seeds(lab, rows, columns)
        _share(pool, height, assign, lab, centers, reach, nearness, labels)
        for _ in range(iterations - 1):
            _share(pool, len(centers), move, lab, labels, reach, centers)
            _share(pool, height, assign, lab, centers, reach, nearness, labels)
    joined = join_pieces(labels, lab, SMALLEST * height * width / (rows * columns))
    return torch.from_numpy(joined).to(picture.device)


def neighbors(labels: Tensor) -> Tensor:
    """The pairs of superpixels that share an edge of a pixel, (E, 2) int64, each once, smaller first, in order.

    labels: (H, W) integers from 0. Returned on the same device.
    """
    sides = (labels[:, :-1], labels[:, 1:]), (labels[:-1], labels[1:])
    touching = torch.cat([_apart(one, other) for one, other in sides], dim=1).long()
    low, high = touching.amin(dim=0), touching.amax(dim=0)
    names = int(labels.max()) + 1
    pairs = torch.unique(low * names + high)
    return torch.stack([pairs // names, pairs % names], dim=1)


def _apart(one: Tensor, other: Tensor) -> Tensor:
    """The values of two maps where they differ, (2, places)."""
    apart = one != other
    return torch.stack([one[apart], other[apart]])


def _share(pool: Executor, length: int, kernel: Callable[..., None], *arguments: Any) -> None:
    """Call ``kernel(*arguments, start, stop)`` on several shares of ``length`` at once."""
    parts = min(length, 2 * threads())
    edges = [length * part // parts for part in range(parts + 1)]
    for done in [pool.submit(kernel, *arguments, *share) for share in pairwise(edges)]:
        done.result()


def _grid(height: int, width: int, count: int) -> tuple[int, int]:
    """Rows and columns of about ``count`` cells, as square as they can be.

    >>> _grid(1000, 1000, 3000), _grid(1, 1000, 95), _grid(2, 3, 100)
    ((55, 55), (1, 95), (2, 3))
    """
    if height > width:
        columns, rows = _grid(width, height, count)
        return rows, columns
    rows = min(max(1, round(math.sqrt(count * height / width))), height)
    return rows, min(max(1, round(count / rows)), width)


def _seeds(lab: np.ndarray, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """The grid to begin with: labels (H, W) int32 and centers (rows x columns, 5) float32, amid the cells."""
    _, height, width = lab.shape
    down = (np.arange(rows) + 0.5) * height / rows - 0.5
    across = (np.arange(columns) + 0.5) * width / columns - 0.5
    row, column = np.repeat(down, columns), np.tile(across, rows)
    colors = lab[:, np.rint(row).astype(int), np.rint(column).astype(int)]
    cells = (np.arange(height) * rows // height)[:, None] * columns + np.arange(width) * columns // width
    return cells.astype(np.int32), np.stack([row, column, *colors], axis=1).astype(np.float32)
