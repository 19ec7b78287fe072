"""How much a clip flickers: what changes from frame to frame and back again, as a multiple of what the source does."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import pairwise, zip_longest
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, avg_pool2d

from limner.colors.spaces import srgb_to_lab
from limner.recolor.clips.cuts import is_cut

BLOCKS = 40
"""Along the longest edge, for the colors of areas: 16 pixels of 640, the size of a superpixel."""
STILL_DELTA_E = 1.0
"""A pixel whose surroundings change by less, to the frame before and the frame after, is at rest."""
SURROUNDINGS_PX = 5
TINY = 1e-12


@dataclass(frozen=True)
class Flicker:
    """The flicker of a recolored clip beside its source's, in Delta E (1976); see `measure_flicker`.

    source, result: of the colors of areas. still_source, still_result: of single pixels where the source is at rest.
    source_contrast, result_contrast: mean difference of neighboring areas. still_share: of the pixels, over all frames.
    frames: how many stood in the middle of three.
    """

    source: float
    result: float
    still_source: float
    still_result: float
    source_contrast: float
    result_contrast: float
    still_share: float
    frames: int

    @property
    def ratio(self) -> float:
        """The result's flicker of areas over the source's."""
        return _over(self.result, self.source)

    @property
    def still_ratio(self) -> float:
        """The result's flicker of single pixels at rest over the source's."""
        return _over(self.still_result, self.still_source)

    @property
    def contrast_ratio(self) -> float:
        """How much more contrast the result has: a color map that stretches differences stretches flicker alike."""
        return _over(self.result_contrast, self.source_contrast)

    def to_json(self) -> dict[str, float]:
        """The numbers by name."""
        ratios = {name: getattr(self, name) for name in ("ratio", "still_ratio", "contrast_ratio")}
        return {name: round(value, 6) for name, value in (asdict(self) | ratios).items()}


def measure_flicker(source: Iterable[Tensor], result: Iterable[Tensor]) -> Flicker:
    """Compare the flicker of two clips, three frames of each in memory at a time.

    Flicker is what changes and changes back: h(t) = (x(t-1) - 2 x(t) + x(t+1)) / 4 of the CIELAB colors x, which is 0
    for colors that stay or drift evenly, and the amplitude of those that alternate. It is measured twice.

    - Of areas: x is the mean over blocks (40 along the longest edge), so that what moves inside a block counts little;
      mean length of h over blocks and frames.
    - Of pixels at rest: those around which (5 x 5) the source changes by less than 1 Delta E to both neighbors; the
      mean length of h over them. It sees what blocks average away, such as edges that dance.

    Both ratios are exactly 1 for the source itself, and near the gain of a map that stretches colors: contrast and
    flicker grow together, so `Flicker.contrast_ratio` stands beside them. Motion of the scene counts in both clips
    alike and hides flicker smaller than itself. Frames beside a cut of the source are left out.

    source, result: (3, H, W) float frames, gamma-encoded, clipped here to [0, 1], of one size and number.
    Raises `ValueError` when they differ in that, or are fewer than three.
    """
    rows = []
    for triple in _triples(source, result):
        if not any(is_cut(first.picture, second.picture) for first, second in pairwise(triple)):
            rows.append(_row(*triple))
    if not rows:
        raise ValueError("no three frames of one scene in a row; needed: at least three")
    areas, pixels, contrast, share = torch.stack(rows).double().mean(dim=0).cpu().split([2, 2, 2, 1])
    pixels = pixels / share.clamp_min(TINY)
    (source_areas, result_areas), (source_pixels, result_pixels) = areas.tolist(), pixels.tolist()
    source_contrast, result_contrast = contrast.tolist()
    return Flicker(
        source=source_areas,
        result=result_areas,
        still_source=source_pixels,
        still_result=result_pixels,
        source_contrast=source_contrast,
        result_contrast=result_contrast,
        still_share=float(share),
        frames=len(rows),
    )


class _Pair(NamedTuple):
    """Frames of one moment: the source's picture, and of source and result the colors of pixels and areas, CIELAB."""

    picture: Tensor
    pixels: Tensor  # (2, 3, H, W)
    areas: Tensor  # (2, 3, h, w)


def _triples(source: Iterable[Tensor], result: Iterable[Tensor]) -> Iterator[tuple[_Pair, _Pair, _Pair]]:
    """Each frame with its neighbors."""
    last: deque[_Pair] = deque(maxlen=3)
    ended = object()
    for picture, recolored in zip_longest(source, result, fillvalue=ended):
        if not isinstance(picture, Tensor) or not isinstance(recolored, Tensor) or picture.shape != recolored.shape:
            raise ValueError("source and result differ in the number or size of their frames; needed: the same")
        last.append(_pair(picture, recolored))
        if len(last) == 3:
            yield last[0], last[1], last[2]


def _pair(picture: Tensor, recolored: Tensor) -> _Pair:
    pixels = torch.stack([srgb_to_lab(frame.clamp(0, 1)) for frame in (picture, recolored)])
    height, width = (math.ceil(edge * BLOCKS / max(picture.shape[1:])) for edge in picture.shape[1:])
    return _Pair(picture, pixels, adaptive_avg_pool2d(pixels, (height, width)))


def _row(before: _Pair, here: _Pair, after: _Pair) -> Tensor:
    """(7,): of source and result flicker of areas, of pixels at rest times their share, contrast; then the share."""
    still = _at_rest(before.pixels[0], here.pixels[0]) & _at_rest(here.pixels[0], after.pixels[0])
    areas = _swing(before.areas, here.areas, after.areas).mean(dim=(1, 2))
    pixels = (_swing(before.pixels, here.pixels, after.pixels) * still).mean(dim=(1, 2))
    return torch.cat([areas, pixels, _contrast(here.areas), still.float().mean()[None]])


def _swing(before: Tensor, here: Tensor, after: Tensor) -> Tensor:
    """(2, H, W): how far colors change and change back."""
    return ((before - 2 * here + after) / 4).norm(dim=1)


def _at_rest(before: Tensor, here: Tensor) -> Tensor:
    """(H, W) bool: where the colors around, CIELAB (3, H, W), stay."""
    change = avg_pool2d(here - before, SURROUNDINGS_PX, 1, SURROUNDINGS_PX // 2, count_include_pad=False)
    return change.norm(dim=0) < STILL_DELTA_E


def _contrast(areas: Tensor) -> Tensor:
    """(2,): mean difference of areas side by side and one above the other."""
    steps = [areas.diff(dim=axis).norm(dim=1).flatten(1) for axis in (2, 3)]
    return torch.cat(steps, dim=1).mean(dim=1)


def _over(value: float, source: float) -> float:
    """A ratio; 1 for two zeros, as the source itself has."""
    if source == 0:
        return 1.0 if value == 0 else math.inf
    return value / source
