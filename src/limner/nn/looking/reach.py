"""Windows of maps: how far a change reaches through a sliding kernel."""

from collections.abc import Sequence
from typing import NamedTuple

MOST = 0.7
"""Windows over more than this share of a map are no longer worth the copying."""


class Windows(NamedTuple):
    """Where each picture differs: ``height`` x ``width`` from its corner, (row, column) of each picture."""

    corners: tuple[tuple[int, int], ...]
    height: int
    width: int

    @property
    def size(self) -> tuple[int, int]:
        """Height and width."""
        return self.height, self.width


def worth_it(windows: Windows, height: int, width: int) -> bool:
    """Whether a window is small enough, of maps of so many rows and columns, to be computed by itself."""
    return windows.height * windows.width <= MOST * height * width


class Reach(NamedTuple):
    """What of the outputs of a sliding kernel changes, and which inputs (of the padded maps) that needs."""

    outputs: Windows
    inputs: Windows


def reach_of(
    windows: Windows,
    edges: Sequence[int],
    out: Sequence[int],
    kernel: Sequence[int],
    step: Sequence[int],
    pad: Sequence[int],
) -> Reach:
    """edges, out: height and width of the inputs and outputs. kernel: of its reach, so that dilation counts."""
    corners, outputs, inputs = [], [], []
    for axis in range(2):
        firsts, lasts = [], []
        for corner in windows.corners:
            first = -((kernel[axis] - 1 - corner[axis] - pad[axis]) // step[axis])
            last = (corner[axis] + windows.size[axis] - 1 + pad[axis]) // step[axis]
            firsts.append(max(0, first))
            lasts.append(min(out[axis] - 1, last))
        size = max(1, *(last - first + 1 for first, last in zip(firsts, lasts, strict=True)))
        corners.append([min(first, out[axis] - size) for first in firsts])
        outputs.append(size)
        inputs.append((size - 1) * step[axis] + kernel[axis])
    of_outputs = tuple(zip(*corners, strict=True))
    of_inputs = tuple((row * step[0], column * step[1]) for row, column in of_outputs)
    return Reach(Windows(of_outputs, *outputs), Windows(of_inputs, *inputs))
