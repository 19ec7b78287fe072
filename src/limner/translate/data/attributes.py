"""Pictures with a table of their attributes, which may stand together, in memory."""

import csv
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from limner.datasets.order import draw_held_out
from limner.datasets.pictures.listing import picture_files
from limner.datasets.pictures.quantized import quantized
from limner.foundation.errors import UserError
from limner.foundation.files.dependencies import digests
from limner.foundation.files.tables import separator_of
from limner.foundation.nearest import did_you_mean
from limner.translate.data.reading import Colors, read_images

LEAST_PICTURES = 8
"""Some hundreds serve better."""
LEAST_OF_EACH = 2
"""Pictures that must have an attribute, and that must lack it, among those that are learned from."""
VALUES = {"0": False, "-1": False, "1": True}
"""What a cell of the table may say."""
NEEDED = "needed: a head such as file,smiling,hat and a row for each picture with 0 or 1 (or -1 and 1) below each"


@dataclass(frozen=True)
class AttributeSet:
    """pictures: (N, C, S, S) uint8. attributes: (N, k) float32, 1 for what a picture has and -1 for what it lacks.
    names: of the attributes. files: of the pictures, below their folders."""

    pictures: Tensor
    attributes: Tensor
    names: tuple[str, ...]
    files: tuple[str, ...]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.pictures)

    def images(self, places: Tensor) -> Tensor:
        """(n, C, S, S) float32 in [-1, 1]: some pictures, (n,) int64."""
        return self.pictures[places].float() / 127.5 - 1

    def summary(self) -> str:
        """One line for people."""
        shares = (self.attributes > 0).float().mean(0).tolist()
        told = ", ".join(f"{name} {share:.0%}" for name, share in zip(self.names, shares, strict=True))
        return f"{len(self):,} pictures of {self.pictures.shape[-1]} px with {len(self.names)} attributes ({told})"


def read_attributes(
    paths: Sequence[Path], *, table: str, wanted: Sequence[str] = (), colors: Colors = "rgb", size_px: int
) -> AttributeSet:
    """All pictures of folders and what their tables say of them.

    table: its name, in each folder. Its first column names the picture, below the folder; each other one is an
    attribute. wanted: which attributes, in this order; empty: all. size_px: pictures are brought to squares of this
    side.

    Raises `UserError` for a folder without pictures or without a table, a table that is none, an attribute that is not
    there, a value that is neither 0 nor 1 nor -1, a picture without a row, a row without a picture, and fewer than
    `LEAST_PICTURES`.
    """
    if not paths:
        raise UserError(f"no data is given; needed: --data FOLDER with pictures and {table}")
    names: tuple[str, ...] = tuple(wanted)
    files: list[Path] = []
    below: list[str] = []
    told: list[list[bool]] = []
    for folder in map(Path, paths):
        found = read_table(folder, folder / table, names)
        if found.problems:
            raise UserError(found.problems[0])
        rows, names = found.rows, found.names
        for path in picture_files(folder):
            name = path.relative_to(folder).as_posix()
            if name not in rows:
                raise UserError(f"{folder / table}: no row for the picture {name}; add one, or remove the picture")
            files.append(path)
            below.append(f"{folder.name}/{name}")
            told.append(rows.pop(name))
        if rows:
            raise UserError(f"{folder / table}: no picture {next(iter(rows))} in {folder}; correct or remove the row")
    if len(files) < LEAST_PICTURES:
        raise UserError(f"{paths[0]}: {len(files)} pictures; needed: {LEAST_PICTURES} or more, and some hundreds serve")
    pictures = torch.stack([_in_8_bits(each) for each in read_images(files, colors, size_px)])
    attributes = torch.tensor(told).float() * 2 - 1
    digest = hashlib.sha256(repr((names, told, below, tuple(pictures.shape))).encode())
    for content in digests(files):
        digest.update(content.encode())
    return AttributeSet(pictures, attributes, names, tuple(below), digest.hexdigest()[:16])


def hold_out_attributes(data: AttributeSet, wanted: float, seed: int) -> tuple[Tensor, Tensor]:
    """(Pictures to learn from, held-out ones), each (n,) int64, drawn evenly: pictures of one kind, as attributes need
    them, all look alike, and whole groups of near-duplicates would leave one side without an attribute.

    wanted: a share below 1, or how many. Raises `UserError` for more than half, and for an attribute that hardly varies
    among what is learned from.
    """
    learned, held = draw_held_out(len(data), wanted, seed)
    if len(held) > len(learned):
        raise UserError(f"data.held_out is {wanted:g}, of {len(data):,} pictures; needed: at most half of them")
    for number, name in enumerate(data.names):
        having = int((data.attributes[learned, number] > 0).sum())
        if min(having, len(learned) - having) < LEAST_OF_EACH:
            raise UserError(
                f"the attribute {name} hardly varies: {having} of {len(learned)} pictures to learn from have it; "
                f"needed: {LEAST_OF_EACH} with it and {LEAST_OF_EACH} without, or leave it out by --data.attributes"
            )
    return learned, held


class Table(NamedTuple):
    """What a table says. rows: whether each attribute of ``names`` is there, by the picture's name below the folder.
    problems: of lines that say nothing, one line each; such are not among the rows."""

    names: tuple[str, ...]
    rows: dict[str, list[bool]]
    problems: tuple[str, ...] = ()


def read_table(folder: Path, table: Path, wanted: tuple[str, ...] = ()) -> Table:
    """A table of attributes, whatever is wrong with its lines. wanted: which attributes; empty: all.

    Raises `UserError` for no folder, no table, a head that is none, and an attribute that is not there.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; {NEEDED}, in a folder of pictures")
    if not table.is_file():
        raise UserError(f"{folder}: holds no {table.name}; {NEEDED} (another name: --data.table)")
    try:
        lines = table.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise UserError(f"{table}: not text in UTF-8; save it so") from None
    head, *cells = list(csv.reader(lines, delimiter=separator_of(lines[0] if lines else ""))) or [[]]
    head = [name.strip() for name in head]
    if len(head) < 2 or len(set(head)) < len(head) or not all(head):
        raise UserError(f"{table}: its head is {', '.join(head) or 'empty'}; {NEEDED}")
    names = wanted or tuple(head[1:])
    for name in names:
        if name not in head[1:]:
            raise UserError(f"{table}: no attribute '{name}'; {did_you_mean(name, head[1:])}")
    places = {name: head.index(name) for name in names}
    rows: dict[str, list[bool]] = {}
    problems = []
    for number, row in enumerate(cells, 2):
        if not row:
            continue
        wrong = _wrong(row, head, places, rows)
        if wrong:
            problems.append(f"{table}, line {number}: {wrong}")
        else:
            rows[row[0].strip()] = [VALUES[row[place].strip()] for place in places.values()]
    return Table(names, rows, tuple(problems))


def _wrong(row: Sequence[str], head: Sequence[str], places: Mapping[str, int], rows: Mapping[str, object]) -> str:
    """What is wrong with a line; empty where nothing is."""
    if len(row) != len(head):
        return f"{len(row)} cells; the head has {len(head)}"
    if row[0].strip() in rows:
        return f"a second row for {row[0].strip()}; keep one"
    for name, place in places.items():
        if row[place].strip() not in VALUES:
            return f"{name} is '{row[place]}'; needed: 0 or 1, or -1 and 1"
    return ""


def _in_8_bits(picture: Tensor) -> Tensor:
    return picture if picture.dtype == torch.uint8 else quantized(picture)
