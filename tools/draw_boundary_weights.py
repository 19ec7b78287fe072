"""Draw docs/pictures/boundary-weights.png: a drawn mask of roofs beside the weights of cross-entropy-boundary.

    python tools/draw_boundary_weights.py

The picture stands on the page docs/losses.md.
"""

from pathlib import Path

import matplotlib
import numpy as np

from limner.segment.training.boundary import boundary_weights

matplotlib.use("agg")
from matplotlib import pyplot

PICTURE = Path(__file__).parents[1] / "docs" / "pictures" / "boundary-weights.png"
ROOFS = (
    # row and column of the center, height and width in px, angle in degrees
    (38, 40, 34, 30, 12),
    (43, 75, 30, 32, 12),
    (98, 30, 26, 34, -20),
    (100, 78, 40, 22, 0),
    (100, 104, 40, 22, 0),
    (28, 126, 22, 26, 30),
)


def main() -> None:
    """Write the picture."""
    mask = np.zeros((136, 150), np.uint8)
    for roof in ROOFS:
        mask |= draw_roof(mask.shape, *roof)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.9), layout="constrained")
    left.imshow(mask, cmap="gray_r", vmin=0, vmax=1.6, interpolation="nearest")
    left.set_title("mask: six roofs", fontsize=11)
    shown = right.imshow(1 + boundary_weights(mask), cmap="magma", vmin=0, interpolation="nearest")
    right.contour(mask, [0.5], colors="white", linewidths=0.6)
    right.set_title("weight of each pixel: w0 = 10, sigma = 5 px", fontsize=11)
    for axes in (left, right):
        axes.set_xticks([])
        axes.set_yticks([])
    figure.colorbar(shown, ax=right, shrink=0.9)
    figure.savefig(PICTURE, dpi=110)
    print(PICTURE)


def draw_roof(
    shape: tuple[int, int], row: float, column: float, height: float, width: float, degrees: float
) -> np.ndarray:
    """(rows, columns) uint8: 1 on a turned rectangle."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    angle = np.deg2rad(degrees)
    down = (rows - row) * np.cos(angle) - (columns - column) * np.sin(angle)
    across = (rows - row) * np.sin(angle) + (columns - column) * np.cos(angle)
    return ((np.abs(down) <= height / 2) & (np.abs(across) <= width / 2)).astype(np.uint8)


if __name__ == "__main__":
    main()
