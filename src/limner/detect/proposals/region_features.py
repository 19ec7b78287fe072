"""What selective search knows of a region: its size, its box, and histograms of its colors and textures."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from limner.foundation.machine.compiled import compiled

COLOR_BINS, TEXTURE_BINS, ORIENTATIONS = 25, 10, 8
TEXTURE_SIGMA_PX = 1.0


class Regions(NamedTuple):
    """The regions of a picture. sizes: (n,) int64 pixels. boxes: (n, 4) int32, x0, y0, x1, y1. histograms: (n, colors +
    textures) float32, of which the first ``colors`` add up to 1, and the others too. pairs: (p, 2) int32, regions that
    touch, each pair once, the smaller number first. pixels: of the picture."""

    sizes: np.ndarray
    boxes: np.ndarray
    histograms: np.ndarray
    colors: int
    pairs: np.ndarray
    pixels: int


def feature_bins(channels: np.ndarray) -> tuple[np.ndarray, int]:
    """The histogram bin of every pixel in every channel and orientation: (features, H, W) uint8, and how many of these
    are colors (the first ones).

    Colors have 25 bins from 0 to 255. Textures are the derivatives of a Gaussian (sigma 1) in eight directions, of
    which the negative half is 0, in ten bins from 0 to a channel's steepest (Uijlings et al. 2013, section 3.2, which
    leaves open how far the bins reach).

    channels: (C, H, W) float32, 0 to 255.
    """
    colors = np.minimum((channels * (COLOR_BINS / 256)).astype(np.int32), COLOR_BINS - 1).astype(np.uint8)
    textures = []
    for channel in channels:
        down = ndimage.gaussian_filter(channel, TEXTURE_SIGMA_PX, order=(1, 0), mode="nearest")
        across = ndimage.gaussian_filter(channel, TEXTURE_SIGMA_PX, order=(0, 1), mode="nearest")
        textures.append(_texture_bins(down, across))
    return np.concatenate((colors, *textures)), len(channels)


@compiled
def _texture_bins(down: np.ndarray, across: np.ndarray) -> np.ndarray:
    """(8, H, W) uint8: the bin of the slope towards each of eight directions, the steepest of all in the last."""
    height, width = down.shape
    steepest = np.float32(1e-6)
    diagonal = np.float32(np.sqrt(0.5))
    for y in range(height):
        for x in range(width):
            straight = max(abs(across[y, x]), abs(down[y, x]))
            steepest = max(steepest, straight, diagonal * (abs(across[y, x]) + abs(down[y, x])))
    bins = np.empty((8, height, width), np.uint8)
    factor = np.float32(TEXTURE_BINS) / steepest
    for direction in range(8):
        angle = direction * np.pi / 4
        cosine, sine = np.float32(np.cos(angle)) * factor, np.float32(np.sin(angle)) * factor
        for y in range(height):
            for x in range(width):
                slope = max(np.float32(0), cosine * across[y, x] + sine * down[y, x])
                bins[direction, y, x] = np.uint8(min(slope, np.float32(TEXTURE_BINS - 1)))
    return bins


def describe_regions(labels: np.ndarray, bins: np.ndarray, colors: int) -> Regions:
    """labels: (H, W) int32, numbered from 0 without a gap. bins, colors: as `feature_bins` gives them."""
    count = int(labels.max()) + 1
    sizes, boxes = np.zeros(count, np.int64), np.empty((count, 4), np.int32)
    boxes[:, :2], boxes[:, 2:] = max(labels.shape), 0
    codes = np.empty(2 * labels.size, np.int64)
    pairs = np.unique(codes[: _outline(labels, sizes, boxes, codes)])
    histograms = np.concatenate(
        (
            _histograms(labels.ravel(), bins[:colors].reshape(colors, -1), count, COLOR_BINS),
            _histograms(labels.ravel(), bins[colors:].reshape(len(bins) - colors, -1), count, TEXTURE_BINS),
        ),
        axis=1,
    )
    return Regions(
        sizes, boxes, histograms, colors * COLOR_BINS, np.stack((pairs // count, pairs % count), 1).astype(np.int32),
        labels.size,
    )  # fmt: skip


@compiled
def _outline(labels: np.ndarray, sizes: np.ndarray, boxes: np.ndarray, codes: np.ndarray) -> int:
    """Count the sizes from 0, stretch the boxes, and write a number for each place where two regions touch side by
    side, smaller * count + larger; gives how many."""
    height, width = labels.shape
    count, found = len(sizes), 0
    for y in range(height):
        for x in range(width):
            label = labels[y, x]
            sizes[label] += 1
            boxes[label, 0], boxes[label, 1] = min(boxes[label, 0], x), min(boxes[label, 1], y)
            boxes[label, 2], boxes[label, 3] = max(boxes[label, 2], x + 1), max(boxes[label, 3], y + 1)
            for v, u in ((y, x + 1), (y + 1, x)):
                if v < height and u < width and labels[v, u] != label:
                    low, high = min(label, labels[v, u]), max(label, labels[v, u])
                    codes[found] = np.int64(low) * count + high
                    found += 1
    return found


@compiled
def _histograms(labels: np.ndarray, bins: np.ndarray, count: int, width: int) -> np.ndarray:
    """(count, features x width) float32, each row of which adds up to 1."""
    counts = np.zeros((count, len(bins) * width), np.int32)
    for feature in range(len(bins)):
        start = feature * width
        for pixel in range(labels.size):
            counts[labels[pixel], start + bins[feature, pixel]] += 1
    histograms = np.empty(counts.shape, np.float32)
    for label in range(count):
        total = np.float32(0)
        for place in range(counts.shape[1]):
            total += counts[label, place]
        for place in range(counts.shape[1]):
            histograms[label, place] = counts[label, place] / total
    return histograms
