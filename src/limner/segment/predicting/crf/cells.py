"""The CRF over a cell of a picture and the ground around it, where scores are counted cell by cell."""

from dataclasses import dataclass

import numpy as np
import torch

from limner.scenes.statistics import Statistics
from limner.scenes.windows import Pixels, Window
from limner.segment.predicting.crf.dense_crf import DenseCrf
from limner.segment.predicting.crf.options import CrfOptions


@dataclass(frozen=True)
class CellCrf:
    """What the CRF makes of a cell's probabilities. statistics: of the place, by which colors are compared."""

    options: CrfOptions
    statistics: Statistics
    device: torch.device

    @property
    def halo_px(self) -> int:
        """Ground around a cell that it must see."""
        return self.options.halo_px

    def __call__(self, cell: Window, pixels: Pixels, probabilities: np.ndarray) -> np.ndarray:
        """(classes, h, w) float32 probabilities of a cell (with what lies around it) as the CRF leaves them."""
        mean, std = (np.array(each, np.float32)[:, None, None] for each in (self.statistics.mean, self.statistics.std))
        picture = np.where(pixels.valid, (pixels.values.astype(np.float32) - mean) / std, np.float32(0))
        given = np.where(pixels.valid, probabilities, np.float32(1 / len(probabilities)))
        tensors = (torch.from_numpy(each).to(self.device) for each in (picture, pixels.valid, given))
        colors, valid, known = tensors
        smoothed = DenseCrf(colors, valid, self.options, origin=(cell.row, cell.column))(known)
        return np.asarray(smoothed.cpu().numpy())
