"""How chance changes training crops: cut, turned, enlarged, mirrored, and changed in contrast.

Pixels and mask go through one sampling together: the mask as a code that also says where there is anything to see.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from limner.reporting.pictures import IGNORE
from limner.scenes.statistics import Statistics

KNOWN = 256  # added to the mask where a pixel may be used
A_DEPTH = 512  # added for each pixel of depth: the code stays a whole number that float32 holds


class Draws(NamedTuple):
    """What chance decides for each crop of a batch.

    turned: (B,) bool, rotate (else: cut at an offset). angle: (B,) radians. offset01: (B, 2) place of the cut in the
    tile, row and column. scale: (B,) enlargement. flip: (B, 2) bool, top-bottom and left-right. gain, shift:
    (B, C) factor of a band's contrast, and offset in deviations.
    """

    turned: Tensor
    angle: Tensor
    offset01: Tensor
    scale: Tensor
    flip: Tensor
    gain: Tensor
    shift: Tensor

    @property
    def whole_pixels(self) -> Tensor:
        """(B,) bool: the crops that are cut as they are, pixel by pixel: neither turned nor enlarged."""
        return ~self.turned & (self.scale == 1)

    def of(self, chosen: Tensor) -> "Draws":
        """The draws of the crops at the places ``chosen``."""
        return Draws(*(draw[chosen] for draw in self))


def draw(generator: torch.Generator, size: int, bands: int, scale_range: tuple[float, float], jitter: float) -> Draws:
    """What chance decides for ``size`` crops; scale_range, jitter: as in `limner.segment.data.crops.CropSource`."""
    numbers = torch.rand(size, 7, generator=generator)
    contrast = torch.rand(2, size, bands, generator=generator) * 2 - 1
    low, high = map(math.log, scale_range)
    return Draws(
        turned=numbers[:, 0] < 0.5,
        angle=numbers[:, 1] * (2 * math.pi),
        offset01=numbers[:, 2:4],
        scale=torch.exp(low + numbers[:, 4] * (high - low)),
        flip=numbers[:, 5:7] < 0.5,
        gain=1 + jitter * contrast[0],
        shift=jitter * contrast[1],
    )


def coded(mask: np.ndarray, usable: np.ndarray, depth: np.ndarray | None = None) -> np.ndarray:
    """(h, w) float32: 0 where training must not look, else class + 256 + 512 depth: one sampling serves all.

    depth: (h, w) uint8, see `limner.segment.labels.depths.read_depths`.
    """
    code = mask + np.float32(KNOWN)
    if depth is not None:
        code += np.float32(A_DEPTH) * depth
    return code if usable.all() else np.where(usable, code, 0)


def decoded(code: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What `coded` put in: valid bool, the mask int64 with 255 = ignore where not valid, and the depth uint8."""
    valid = code >= KNOWN
    number = code.long()
    mask = torch.where(valid, number % A_DEPTH - KNOWN, IGNORE)
    return valid, mask, (number // A_DEPTH).to(torch.uint8)


def cut_offsets(offset01: Tensor, tile_px: int, crop_px: int) -> tuple[int, int]:
    """A place of the cut, 0..1, as whole (row, column) offsets in the tile, each of 0..tile - crop equally likely."""
    free = tile_px - crop_px
    row, column = (offset01 * (free + 1)).long().clamp(max=free).tolist()
    return row, column


def warp(tiles: Sequence[tuple[np.ndarray, np.ndarray]], draws: Draws, crop_px: int) -> tuple[Tensor, Tensor]:
    """Crops of tiles turned about their center, or cut at any offset and scale.

    tiles: of each crop the values (C, tile, tile) and the code (tile, tile) as `coded` gives it.
    Returns the values (B, C, crop, crop) float32, blended from valid pixels only, and the code (B, crop, crop).
    """
    image = torch.from_numpy(np.stack([values for values, _ in tiles]).astype(np.float32))
    sure = [np.where(whole_footprint(code >= KNOWN), code, 0) for _, code in tiles]
    grid_size = [len(tiles), 1, crop_px, crop_px]
    grid = functional.affine_grid(crop_affine(draws, image.shape[-1], crop_px), grid_size, align_corners=False)
    seen = functional.grid_sample(image, grid, mode="bilinear", padding_mode="border", align_corners=False)
    codes = torch.from_numpy(np.stack(sure))[:, None]
    known = functional.grid_sample(codes, grid, mode="nearest", align_corners=False)[:, 0]
    return seen.masked_fill_((known < KNOWN)[:, None], 0), known


def crop_affine(draws: Draws, tile_px: int, crop_px: int) -> Tensor:
    """The (B, 2, 3) matrices for `affine_grid` that take a crop's places to its tile's, both -1..1 over their edges.

    A turned crop is the center crop of the tile turned about its center; another is cut at its offset.
    """
    angle = torch.where(draws.turned, draws.angle, 0.0)
    seen = crop_px / tile_px / draws.scale  # share of the tile's edge that the crop sees
    free = torch.where(draws.turned, 0.0, (1 - seen).clamp(min=0))
    row, column = (draws.offset01.T * 2 - 1) * free
    cosine, sine = seen * torch.cos(angle), seen * torch.sin(angle)
    return torch.stack([cosine, -sine, column, sine, cosine, row], dim=1).reshape(-1, 2, 3)


def whole_footprint(valid: np.ndarray) -> np.ndarray:
    """(h, w) bool: pixels that are valid with their eight neighbors: no blend near them touches an invalid one."""
    if valid.all():
        return valid
    rows = valid.copy()
    rows[1:] &= valid[:-1]
    rows[:-1] &= valid[1:]
    both = rows.copy()
    both[:, 1:] &= rows[:, :-1]
    both[:, :-1] &= rows[:, 1:]
    return both


def flip(crops: tuple[Tensor, Tensor], flips: Tensor) -> None:
    """Mirror (B, ..., h, w) tensors in place. flips: (B, 2) bool, top-bottom and left-right."""
    for axis in (0, 1):
        chosen = torch.nonzero(flips[:, axis]).flatten()
        for tensor in crops:
            tensor[chosen] = tensor[chosen].flip(axis - 2)


def jittered(image: Tensor, valid: Tensor, draws: Draws, statistics: Statistics) -> Tensor:
    """The picture (B, C, h, w) with each band's contrast and brightness changed about its mean; 0 where not valid."""
    mean, deviation = torch.tensor(statistics.mean), torch.tensor(statistics.std)
    offset = mean * (1 - draws.gain) + draws.shift * deviation
    return (image * draws.gain[:, :, None, None] + offset[:, :, None, None]).masked_fill_(~valid[:, None], 0)
