"""What the numbers of a YOLO's answer mean, and how objects are written as such numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from limner.detect.boxes.ceilings import cells_of
from limner.detect.boxes.objects import Objects
from limner.detect.boxes.overlap import box_areas


class GridAnswer(NamedTuple):
    """A network's answer. boxes: (B, S, S, b, 4): a center's x and y within its cell, 0 to 1, then the square roots of
    width and height as shares of the picture's. confidences: (B, S, S, b). classes: (B, S, S, C)."""

    boxes: Tensor
    confidences: Tensor
    classes: Tensor


class GridTargets(NamedTuple):
    """What the answer should be. objects: (B, S, S) bool, cells that hold an object. boxes: (B, S, S, 4) float32, as
    in `GridAnswer`. labels: (B, S, S) int64. lost: (B,) int64, objects whose cell holds a larger one."""

    objects: Tensor
    boxes: Tensor
    labels: Tensor
    lost: Tensor

    def to(self, device: torch.device) -> GridTargets:
        return GridTargets(*(each.to(device) for each in self))


@dataclass(frozen=True)
class GridLayout:
    """A grid of ``grid`` x ``grid`` cells (S), each with ``boxes`` boxes (b) and one choice of ``classes`` (C).

    The paper's: 7, 2 and 20, which are 1,470 numbers; darknet's later form has 3 boxes.
    """

    grid: int = 7
    boxes: int = 2
    classes: int = 20

    @property
    def channels(self) -> int:
        """Numbers of a cell: 5 a box, and the classes."""
        return 5 * self.boxes + self.classes

    def split(self, answer: Tensor) -> GridAnswer:
        """answer: (B, S, S, 5 b + C), box by box x, y, roots of width and height, confidence; then the classes."""
        boxes = answer[..., : 5 * self.boxes].unflatten(-1, (self.boxes, 5))
        return GridAnswer(boxes[..., :4], boxes[..., 4], answer[..., 5 * self.boxes :])

    def corners(self, boxes: Tensor) -> Tensor:
        """Boxes of a `GridAnswer`, (B, S, S, ..., 4), as x0, y0, x1, y1 in shares of the picture.

        A root that is answered as negative is squared like any other.
        """
        steps = torch.arange(self.grid, device=boxes.device, dtype=boxes.dtype)
        cells = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), 2)  # (S, S, 2): column, row
        cells = cells.view(1, self.grid, self.grid, *[1] * (boxes.dim() - 4), 2)
        centers = (boxes[..., :2] + cells) / self.grid
        half = boxes[..., 2:] ** 2 / 2
        return torch.cat((centers - half, centers + half), -1)

    def targets(self, truths: Sequence[Objects], sizes: Sequence[tuple[int, int]]) -> GridTargets:
        """What the answer should be for pictures of ``sizes`` (height, width), whose objects are ``truths``.

        An object belongs to the cell that its center lies in. Of several in a cell the largest stays, the others are
        lost: `limner.detect.boxes.ceilings.grid_ceiling` counts how many. The paper leaves open which stays; darknet
        keeps the first of its list. Objects that are ignored are left out. A picture without objects has none in any
        cell, and teaches where nothing is.

        Raises `ValueError` for a label that is no class and for a box without area, whose root teaches nothing.
        """
        count, grid = len(truths), self.grid
        objects = torch.zeros(count, grid * grid, dtype=torch.bool)
        boxes = torch.zeros(count, grid * grid, 4)
        labels = torch.zeros(count, grid * grid, dtype=torch.int64)
        lost = torch.zeros(count, dtype=torch.int64)
        for number, (there, (height, width)) in enumerate(zip(truths, sizes, strict=True)):
            wanted, named = there.boxes[there.counted].float(), there.labels[there.counted]
            if ((named < 0) | (named >= self.classes)).any():
                raise ValueError(f"labels {named.tolist()} of {self.classes} classes; needed: 0 to {self.classes - 1}")
            areas = box_areas(wanted)
            if (areas <= 0).any():
                raise ValueError(f"a box without area among {wanted.tolist()}; remove it first")
            cells = cells_of(wanted, (height, width), grid)
            order = areas.argsort(stable=True)  # the largest is written last and stays
            shares = wanted / torch.tensor([width, height, width, height])
            centers = (shares[:, :2] + shares[:, 2:]) / 2 * grid
            corner = torch.stack((cells % grid, cells // grid), 1)
            written = torch.cat((centers - corner, (shares[:, 2:] - shares[:, :2]).sqrt()), 1)
            for place in order.tolist():
                lost[number] += objects[number, cells[place]]
                objects[number, cells[place]] = True
                boxes[number, cells[place]], labels[number, cells[place]] = written[place], named[place]
        shape = (count, grid, grid)
        return GridTargets(objects.view(shape), boxes.view(*shape, 4), labels.view(shape), lost)
