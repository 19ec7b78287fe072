"""Superpixels drawn: a picture with its labels at the size of a page, with borders, flat colors, heat and marks.

What is drawn is (h, w, 3) uint8, as in `limner.reporting.pictures`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from limner.reporting.pictures import INK, PAPER, luma, overlay, resized

BORDER = (255, 225, 0)
MARK_PX = 15
"""Least radius of the ring around a marked superpixel, which alone may be too small to see."""
COLOR_MAP = "viridis"
"""From dark blue to yellow: even in lightness, and told apart by the color-blind."""
FAINT = 0.6
"""How bright a gray picture is below its heat."""


@dataclass(frozen=True)
class Drawing:
    """A picture, (h, w, 3) uint8, and the superpixel of each of its pixels, (h, w) integers; -1: of none."""

    picture: np.ndarray
    labels: np.ndarray

    @staticmethod
    def at_size(picture: Tensor, labels: Tensor, longest_px: int) -> Drawing:
        """The picture made to fit, shrunk or enlarged by a whole factor, and its labels with it.

        picture: (3, H, W) float in [0, 1], shown clipped. labels: (H, W) integers.
        """
        shown = resized(as_shown(picture), longest_px)
        factor = max(1, longest_px // max(shown.shape[:2]))
        shown = shown.repeat(factor, axis=0).repeat(factor, axis=1)
        numbers = labels.cpu().numpy()
        rows, columns = (
            (np.arange(new) + 0.5) * old / new for new, old in zip(shown.shape, numbers.shape, strict=False)
        )
        return Drawing(shown, numbers[rows.astype(int)[:, None], columns.astype(int)])

    def bordered(self) -> np.ndarray:
        """The picture with a line of one pixel between superpixels."""
        drawn = self.picture.copy()
        drawn[_edges(self.labels)] = BORDER
        return drawn

    def flat(self, colors: Tensor) -> np.ndarray:
        """Each superpixel in one color of ``colors``, (N, 3) float in [0, 1], shown clipped; none is white."""
        palette = (colors.cpu().numpy().clip(0, 1) * 255).round().astype(np.uint8)
        return np.where(self.labels[..., None] < 0, np.uint8(255), palette[self.labels])

    def painted(self, groups: np.ndarray, colors: np.ndarray, alpha: float = 0.6) -> np.ndarray:
        """Each superpixel tinted in the color of its group, over the picture in gray; lines between groups.

        groups: (N,) number of each superpixel's group. colors: (G, 3) uint8. A superpixel of no number is hatched.
        """
        mask = np.where(self.labels < 0, 255, groups[self.labels])
        drawn = overlay(_gray(self.picture), mask, colors, alpha, background=None)
        drawn[_edges(mask)] = INK
        return drawn

    def heat(self, values: np.ndarray) -> np.ndarray:
        """The picture in dim gray, each superpixel the more covered by its color of heat the larger its value.

        values: (N,) from 0; the largest of them is the hottest. A superpixel of no number stays gray.
        """
        share = np.where(self.labels < 0, 0, values[self.labels]) / max(values.max(), np.finfo(np.float32).tiny)
        cover = np.minimum(1, 3 * np.sqrt(share))[..., None]
        dim = FAINT * _gray(self.picture)
        return (dim + cover * (heat_colors(share) - dim)).round().astype(np.uint8)

    def marked(self, number: int, name: str = "") -> np.ndarray:
        """The picture with one superpixel outlined, in a ring with its name."""
        rows, columns = np.nonzero(self.labels == number)
        drawn = self.picture.copy()
        drawn[_edges(self.labels == number)] = BORDER
        if not len(rows):  # lost where the picture was shrunk
            return drawn
        image = Image.fromarray(drawn)
        draw = ImageDraw.Draw(image)
        row, column = (float(places.min() + places.max()) / 2 for places in (rows, columns))
        radius = max(MARK_PX, 0.75 * max(np.ptp(rows), np.ptp(columns)) + 3)
        for width, color in ((5, INK), (3, BORDER)):
            ring = (column - radius, row - radius, column + radius, row + radius)
            draw.ellipse(ring, outline=color, width=width)
        place = _beside(column, radius, image.width), min(max(row, MARK_PX), image.height - MARK_PX)
        draw.text(place, name, PAPER, _font(), anchor="mm", stroke_width=3, stroke_fill=INK)
        return np.asarray(image)


def heat_colors(share: np.ndarray) -> np.ndarray:
    """(..., 3) float 0..255: colors of heat for shares from 0 to 1, by their root: most shares are small."""
    from matplotlib import colormaps  # a third of a second, which a transfer without pictures need not pay

    return np.asarray(colormaps[COLOR_MAP](np.sqrt(share))[..., :3] * 255)


def as_shown(picture: Tensor) -> np.ndarray:
    """(H, W, 3) uint8 of (3, H, W) float, clipped."""
    return (picture.detach().cpu().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).contiguous().numpy()


def _edges(values: np.ndarray) -> np.ndarray:
    """(h, w) bool: where the pixel to the right or below is another."""
    edges = np.zeros(values.shape, bool)
    edges[:, :-1] |= values[:, :-1] != values[:, 1:]
    edges[:-1] |= values[:-1] != values[1:]
    return edges


def _gray(picture: np.ndarray) -> np.ndarray:
    """The luminance of a picture, three times, uint8."""
    return np.repeat(luma(picture)[..., None], 3, axis=2).round().astype(np.uint8)


def _beside(column: float, radius: float, width: int) -> float:
    """Where a name stands: right of its ring, or left of it at the right edge."""
    right = column + radius + MARK_PX
    return right if right + MARK_PX < width else column - radius - MARK_PX


@cache
def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(20)
