"""Codes of classes for LeNet-5's output: digits drawn on a grid of 7 x 12, ink +1 and paper -1."""

import torch
from torch import Tensor

from limner.foundation.draws import Draws

LENGTH = 84
"""Values of a code: 7 x 12."""
_DRAWN = """
..###.. ...#... ..###.. .#####. ....#.. ####### ..####. ####### ..###.. ..###..
.#...#. ..##... .#...#. ......# ...##.. #...... .#..... ......# .#...#. .#...#.
#.....# .#.#... #.....# ......# ...##.. #...... #...... .....#. #.....# #.....#
#.....# ...#... ......# .....#. ..#.#.. #...... #...... .....#. #.....# #.....#
#.....# ...#... .....#. ...##.. ..#.#.. #####.. #.###.. ....#.. .#...#. #.....#
#.....# ...#... ....#.. .....#. .#..#.. .....#. ##...#. ....#.. ..###.. .#...##
#.....# ...#... ...#... ......# .#..#.. ......# #.....# ...#... .#...#. ..###.#
#.....# ...#... ..#.... ......# #...#.. ......# #.....# ...#... #.....# ......#
#.....# ...#... .#..... ......# ####### ......# #.....# ..#.... #.....# ......#
#.....# ...#... #...... ......# ....#.. ......# #.....# ..#.... #.....# .....#.
.#...#. ...#... #...... #....#. ....#.. #....#. .#...#. .#..... .#...#. ....##.
..###.. .#####. ####### .####.. ....#.. .####.. ..###.. .#..... ..###.. .###...
"""
"""0 to 9, side by side. Ours: the paper shows its own as a figure."""


def digit_codes(classes: int) -> Tensor:
    """(classes, 84) float32 of +-1: of ten classes the digits 0 to 9, of other numbers codes drawn by lot, always the
    same."""
    if classes == 10:
        rows = [line.split() for line in _DRAWN.split("\n") if line]
        drawn = ["".join(row[digit] for row in rows) for digit in range(10)]
        return torch.tensor([[1.0 if cell == "#" else -1.0 for cell in each] for each in drawn])
    generator = Draws(1998, torch.device("cpu")).of("codes", classes)
    with torch.device("cpu"):
        return torch.randint(0, 2, (classes, LENGTH), generator=generator).float() * 2 - 1
