"""Look-up tables: a global color map as a .cube file, for Resolve, Photoshop and their like, and back.

The format: Cube LUT Specification 1.0 (Adobe 2013), with Resolve's LUT_3D_INPUT_RANGE and LUT_1D_INPUT_RANGE.
"""

import codecs
import math
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import embedding_bag

from limner.colors.color_map import ColorMap
from limner.foundation.errors import UserError
from limner.foundation.files.writing import replacing

LARGEST = {"LUT_1D_SIZE": 65536, "LUT_3D_SIZE": 256}  # of the specification
RANGES = ("LUT_1D_INPUT_RANGE", "LUT_3D_INPUT_RANGE")
CHUNK = 1 << 17  # colors at a time: the corners looked up for them stay in the cache


@dataclass(frozen=True)
class CubeLook:
    """A look-up table as a color map of three bands (see `ColorMap`).

    Between the points of a 3D table it interpolates in tetrahedra, as graders' programs do: a gray then depends on the
    table's grays alone, and stays gray if they are, which eight corners would not give; and it takes half the reads.
    Colors outside the domain are first clamped to it: the table knows nothing of them, and its slope at the border,
    which may be steep, would be a guess.

    table: (size ** 3, 3) float32 with red running fastest (3D), or (size, 3) (1D, each channel by itself).
    low, high: (3,) float32, the domain, such as 0 and 1.
    """

    table: Tensor
    size: int
    low: Tensor = field(default_factory=lambda: torch.zeros(3))
    high: Tensor = field(default_factory=lambda: torch.ones(3))
    title: str = ""

    def __call__(self, colors: Tensor) -> Tensor:
        """New colors for ``colors``: both (3, n) floating, gamma-encoded. `UserError` for another number of bands."""
        if len(colors) != 3:
            raise UserError(f"colors of {len(colors)} bands; a .cube look-up table maps red, green and blue")
        table, low, high = (tensor.to(colors) for tensor in (self.table, self.low[:, None], self.high[:, None]))
        look_up = self._in_tetrahedra if len(table) == self.size**3 else self._in_channels
        result = torch.empty_like(colors)
        for start in range(0, colors.shape[1], CHUNK):
            part = colors[:, start : start + CHUNK]
            place = ((part - low) / (high - low)).clamp_(0, 1).mul_(self.size - 1)
            result[:, start : start + CHUNK] = look_up(table, place)
        return result

    def _in_tetrahedra(self, table: Tensor, place: Tensor) -> Tensor:
        """place: (3, n) in steps of the table. The way from a cell's lowest corner to its highest goes first along the
        axis with the largest fraction, last along that with the smallest; the four corners on it hold the color,
        weighed by the differences of the fractions.
        """
        corner = place.int().clamp_(max=self.size - 2)
        red, green, blue = fractions = place - corner
        most, least = fractions.amax(0), fractions.amin(0)
        middle = red + green + blue - most - least
        step, far = (1, self.size, self.size**2), 1 + self.size + self.size**2
        along_most = torch.where(red == most, step[0], torch.where(green == most, step[1], step[2])).int()
        along_least = torch.where(blue == least, step[2], torch.where(green == least, step[1], step[0])).int()
        low = corner[0] + corner[1] * step[1] + corner[2] * step[2]
        corners = torch.stack([low, low + along_most, low + far - along_least, low + far], 1)  # (n, 4)
        weights = torch.stack([1 - most, most - middle, middle - least, least], 1)
        return embedding_bag(corners, table, per_sample_weights=weights, mode="sum").T

    def _in_channels(self, table: Tensor, place: Tensor) -> Tensor:
        below = place.long().clamp_(max=self.size - 2)
        columns = table.T
        return columns.gather(1, below).lerp(columns.gather(1, below + 1), place - below)


def write_cube(path: Path, color_map: ColorMap, size: int = 33, title: str = "limner") -> None:
    """Write ``color_map`` (three bands, for [0, 1]) as a 3D look-up table of ``size`` points along each edge.

    Values beyond [0, 1] are written as they are: who reads the table clips its result, and points between would come
    out wrong if the table were clipped before.
    """
    if not 2 <= size <= LARGEST["LUT_3D_SIZE"]:
        raise UserError(f"a look-up table of {size} points along each edge; needed: 2 to {LARGEST['LUT_3D_SIZE']}")
    colors = color_map(lattice(size)).T.to(torch.float64).cpu().numpy()
    if not np.isfinite(colors).all():
        raise ValueError("the color map gives NaN or infinite values on [0, 1]")
    head = [f'TITLE "{title.replace(chr(34), chr(39))}"', f"LUT_3D_SIZE {size}"]
    head += ["DOMAIN_MIN 0.0 0.0 0.0", "DOMAIN_MAX 1.0 1.0 1.0"]
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", newline="\n") as file:
        file.write("\n".join(head) + "\n\n")
        np.savetxt(file, colors, fmt="%.7f")


def lattice(size: int) -> Tensor:
    """The points of a table: (3, size ** 3) float32 in [0, 1], red running fastest."""
    steps = torch.linspace(0, 1, size)
    blue, green, red = torch.meshgrid(steps, steps, steps, indexing="ij")
    return torch.stack([red.flatten(), green.flatten(), blue.flatten()])


def read_cube(path: Path) -> CubeLook:
    """The look-up table of a .cube file, 1D or 3D. `UserError` with the line for one that breaks the format."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except OSError:
        raise UserError(f"{path}: not a .cube look-up table, which is text") from None
    is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if b"\x00" in content and not is_wide:
        raise UserError(f"{path}: not a .cube look-up table, which is text")
    # Titles and comments are in any encoding; what counts is ASCII in most of them.
    lines = content.decode("utf-16" if is_wide else "utf-8-sig", errors="replace").splitlines()
    head, begin = _Head(), 0
    while begin < len(lines) and head.takes(lines[begin], f"{path}, line {begin + 1}"):
        begin += 1
    if head.size == 0 and "\ufffd" in "".join(lines[begin : begin + 1]):  # bytes that are no text
        raise UserError(f"{path}: not a .cube look-up table, which is text")
    if head.size == 0:
        raise UserError(f"{path}, line {begin + 1}: no LUT_3D_SIZE or LUT_1D_SIZE before; not a .cube look-up table")
    if any(bottom >= top for bottom, top in zip(head.low, head.high, strict=True)):
        raise UserError(f"{path}: a domain from {head.low} to {head.high}; DOMAIN_MIN must be below DOMAIN_MAX")
    table = _table(path, lines, begin, head.size**3 if head.kind == "LUT_3D_SIZE" else head.size)
    return CubeLook(table, head.size, torch.tensor(head.low), torch.tensor(head.high), head.title)


@dataclass
class _Head:
    """The lines before the table."""

    kind: str = ""
    size: int = 0
    low: list[float] = field(default_factory=lambda: [0.0] * 3)
    high: list[float] = field(default_factory=lambda: [1.0] * 3)
    title: str = ""

    def takes(self, line: str, at: str) -> bool:
        """Take what ``line`` says; False where it is no line of the head. at: file and line, for a `UserError`."""
        word, *rest = line.split(None, 1) or ["#"]
        values = rest[0] if rest else ""
        if word == "TITLE":
            self.title = values.strip().strip('"')
        elif word in LARGEST:
            if self.kind:
                raise UserError(f"{at}: a second table ({word}); needed: one, either 1D or 3D")
            self.kind, self.size = word, _size(values, LARGEST[word], at)
        elif word == "DOMAIN_MIN":
            self.low = _numbers(values, 3, at)
        elif word == "DOMAIN_MAX":
            self.high = _numbers(values, 3, at)
        elif word in RANGES:
            self.low, self.high = ([value] * 3 for value in _numbers(values, 2, at))
        else:
            return word.startswith("#")
        return True


def _table(path: Path, lines: list[str], begin: int, count: int) -> Tensor:
    """(count, 3) float32 of the lines from ``begin`` (0-based) on."""
    values = np.empty((0, 3), np.float32)
    with suppress(ValueError):  # the line that is wrong is looked for below
        if begin < len(lines):
            values = np.loadtxt(lines[begin:], dtype=np.float32, comments="#", ndmin=2)
    if values.shape != (count, 3) or not np.isfinite(values).all():
        rows = 0
        for number, line in enumerate(lines[begin:], begin + 1):
            if line.split("#")[0].strip():
                _numbers(line.split("#")[0], 3, f"{path}, line {number}")
                rows += 1
        raise UserError(f"{path}, line {len(lines)}: the table ends after {rows} colors; its size needs {count}")
    return torch.from_numpy(values)


def _numbers(text: str, count: int, at: str) -> list[float]:
    """``count`` finite numbers, or a `UserError` that shows what stands there instead."""
    try:
        numbers = [float(word) for word in text.split()]
    except ValueError:
        numbers = []
    if len(numbers) != count or not all(math.isfinite(number) for number in numbers):
        raise UserError(f"{at}: {text.strip()[:60]!r}; needed: {count} finite numbers")
    return numbers


def _size(text: str, largest: int, at: str) -> int:
    if not (text.strip().isdecimal() and 2 <= int(text) <= largest):
        raise UserError(f"{at}: a size of {text.strip()[:20]!r}; needed: a whole number from 2 to {largest}")
    return int(text)
