"""Many pictures in one grid, for people."""

import numpy as np
from torch import Tensor

from limner.datasets.pictures.quantized import as_rgb

GAP_PX = 2


def grid(pictures: Tensor, columns: int) -> np.ndarray:
    """(H, W, 3) uint8: pictures in rows of ``columns`` on white, `GAP_PX` apart; the last row may be shorter.

    pictures: (n, C, S, S) uint8, n at least 1.
    """
    shown = as_rgb(pictures).permute(0, 2, 3, 1).cpu().numpy()
    count, height, width = shown.shape[:3]
    columns = min(columns, count)
    rows = -(-count // columns)
    step_y, step_x = height + GAP_PX, width + GAP_PX
    sheet = np.full((rows * step_y + GAP_PX, columns * step_x + GAP_PX, 3), 255, np.uint8)
    for number, picture in enumerate(shown):
        y, x = GAP_PX + number // columns * step_y, GAP_PX + number % columns * step_x
        sheet[y : y + height, x : x + width] = picture
    return sheet
