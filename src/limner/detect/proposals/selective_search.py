"""Selective search (Uijlings et al. 2013): about 2,000 boxes a picture, from colors and textures alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from limner.detect.proposals.color_channels import color_channels
from limner.detect.proposals.grouping import Similarity, group_regions
from limner.detect.proposals.region_features import describe_regions, feature_bins
from limner.detect.proposals.segmentation import join_pixels, pixel_edges

ALL = Similarity()
NO_COLOR = Similarity(color=False)
MOST_WIDTHS = 4
"""Pictures are searched at no more pixels than so many squares of the width."""


@dataclass(frozen=True)
class Strategies:
    """What is varied: every color space, with every scale of the segmentation (which is its smallest segment, too),
    with every similarity, gives a hierarchy of its own."""

    spaces: tuple[str, ...]
    scales: tuple[int, ...]
    similarities: tuple[Similarity, ...]


MODES = {
    "single": Strategies(("hsv",), (100,), (ALL,)),
    "fast": Strategies(("hsv", "lab"), (50, 100), (ALL, NO_COLOR)),
    "quality": Strategies(
        ("hsv", "lab", "rgi", "hue", "gray"),
        (50, 100, 150, 300),
        (ALL, NO_COLOR, Similarity(color=False, texture=False, size=False), Similarity(False, False, True, False)),
    ),
}
"""1, 8 and 80 hierarchies. R-CNN and Fast R-CNN take the boxes of ``fast``."""


@dataclass(frozen=True)
class SearchSettings:
    """How selective search looks for boxes.

    mode: one of `MODES`. width_px: the width that pictures are searched at; R-CNN's demo takes 500. smallest_px: the
    least width and height of a box, at that width. most: at most so many boxes a picture; 0 for all. seed: of the order
    that boxes come in.
    """

    mode: str = "fast"
    width_px: int = 500
    smallest_px: int = 20
    most: int = 0
    seed: int = 0


def selective_search(image01: Tensor, settings: SearchSettings = SearchSettings()) -> Tensor:
    """Boxes that may hold an object: (N, 4) float32, in the picture's own pixels.

    The same picture and settings give the same boxes in the same order. Large regions tend to come first: each
    hierarchy's boxes are numbered from its top, the numbers are multiplied by draws between 0 and 1, and the smallest
    products come first, as in the paper's program; so a first part of the boxes is a fair choice. Boxes that several
    hierarchies give are kept once.

    image01: (3, H, W) floating sRGB, 0 to 1, on the CPU.

    Raises `ValueError` for another shape, and for a mode that is none of `MODES`.
    """
    if image01.dim() != 3 or len(image01) != 3:
        raise ValueError(f"a picture of the shape {tuple(image01.shape)}; needed: (3, height, width)")
    if settings.mode not in MODES:
        raise ValueError(f"no selective search is called {settings.mode!r}; needed: one of {', '.join(MODES)}")
    height, width = image01.shape[1:]
    image = _resized(image01, settings.width_px)
    hierarchies = _hierarchies(image, MODES[settings.mode])
    boxes = ordered_boxes(hierarchies, settings.smallest_px, settings.seed)
    if settings.most:
        boxes = boxes[: settings.most]
    back = np.array([width, height, width, height]) / np.array([*image.shape[:0:-1], *image.shape[:0:-1]])
    return torch.from_numpy((boxes * back).astype(np.float32))


def _resized(image01: Tensor, width_px: int) -> Tensor:
    height, width = image01.shape[1:]
    factor = min(width_px / width, (MOST_WIDTHS * width_px**2 / (height * width)) ** 0.5)
    size = (max(1, round(height * factor)), max(1, round(width * factor)))
    if size == (height, width):
        return image01.float()
    return functional.interpolate(image01.float()[None], size, mode="bilinear", antialias=True)[0].clamp(0, 1)


def _hierarchies(image01: Tensor, strategies: Strategies) -> list[np.ndarray]:
    """The boxes of every hierarchy, each (n, 4) int32 from the smallest regions to the whole picture."""
    found = []
    for space in strategies.spaces:
        channels = color_channels(image01, space).contiguous().numpy()
        edges = pixel_edges(channels)
        bins, colors = feature_bins(channels)
        for scale in strategies.scales:
            regions = describe_regions(join_pixels(edges, scale, scale), bins, colors)
            found += [group_regions(regions, similarity) for similarity in strategies.similarities]
    return found


def ordered_boxes(hierarchies: list[np.ndarray], smallest_px: int, seed: int) -> np.ndarray:
    """(N, 4) int32: the boxes of all hierarchies in the order that `selective_search` tells, each once."""
    generator = np.random.default_rng(seed)
    places = [np.arange(len(boxes), 0, -1) * generator.random(len(boxes)) for boxes in hierarchies]
    boxes = np.concatenate(hierarchies)[np.argsort(np.concatenate(places), kind="stable")]
    boxes = boxes[(boxes[:, 2:] - boxes[:, :2] >= smallest_px).all(1)]
    _, first = np.unique(boxes, axis=0, return_index=True)
    return boxes[np.sort(first)]
