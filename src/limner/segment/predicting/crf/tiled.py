"""The CRF over a scene of any size, tile by tile: no more than a row of tiles is held."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import torch

from limner.segment.predicting.crf.dense_crf import DenseCrf
from limner.segment.predicting.crf.options import CrfOptions

TILE_PX = 1024
"""Of a tile without its halo: about 200 MB of lattice for three bands."""


class Rows(NamedTuple):
    """Whole rows of a scene as the CRF looks at them.

    picture: (bands, h, width) float32, each band standardized. valid: (h, width) bool. probabilities: (classes, h,
    width) float32, 0..1, of sum 1.
    """

    picture: np.ndarray
    valid: np.ndarray
    probabilities: np.ndarray


ReadRows = Callable[[int, int], Rows]
"""(first row, end) -> those rows of the scene."""


def crf_rows(
    read: ReadRows, height: int, width: int, options: CrfOptions, device: torch.device, tile_px: int = TILE_PX
) -> Iterator[tuple[int, np.ndarray]]:
    """What the CRF makes of a scene's probabilities, top to bottom: (first row, (classes, h, width) float32).

    Each tile of ``tile_px`` sees ``options.halo_px`` around it. Pixels farther away pull hardly, so tiles give nearly
    what one pass over the whole scene would: the tests say how nearly.
    """
    halo = options.halo_px
    for top in range(0, height, tile_px):
        end = min(height, top + tile_px)
        first, last = max(0, top - halo), min(height, end + halo)
        rows = read(first, last)
        answer = np.empty((len(rows.probabilities), end - top, width), np.float32)
        for left in range(0, width, tile_px):
            right = min(width, left + tile_px)
            start, stop = max(0, left - halo), min(width, right + halo)
            picture, valid, probabilities = (torch.from_numpy(part[..., start:stop]).to(device) for part in rows)
            crf = DenseCrf(picture, valid, options, origin=(first, start))
            inner = crf(probabilities)[:, top - first : end - first, left - start : right - start]
            answer[:, :, left:right] = inner.cpu().numpy()
        yield top, answer
