"""Pictures with sentences: a folder with ``captions.csv`` (or ``.tsv``), whose columns are file and caption."""

import csv
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from limner.datasets.pictures.decoding import Colors, decode
from limner.datasets.pictures.fitting import Fit, fitted
from limner.datasets.world.sentences import words_of
from limner.foundation.errors import UserError
from limner.foundation.files.dependencies import digests

TABLES = {"captions.csv": ",", "captions.tsv": "\t"}
COLUMNS = ("file", "caption")
BESIDE = ("", "images", "pictures")
"""Folders in which a table's pictures are looked for, below its own."""
LEAST, MOST_CAPTION = 16, 2000
"""Pictures that are needed, and characters that a caption may have."""


@dataclass(frozen=True)
class CaptionedPictures:
    """pictures: (N, C, S, S) uint8. captions: of each picture, one or several. fingerprint: a digest of all."""

    pictures: Tensor
    captions: tuple[tuple[str, ...], ...]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.pictures)

    def summary(self) -> str:
        """One line for people."""
        count, _, _, size_px = self.pictures.shape
        sentences = sum(map(len, self.captions))
        return f"{count:,} pictures of {size_px} x {size_px} px with {sentences:,} sentences"


def read_captioned(paths: Sequence[Path], *, size_px: int, colors: Colors, fit: Fit) -> CaptionedPictures:
    """The pictures and sentences of folders, in the tables' order.

    Raises `UserError` for a folder without a table, a table without the columns, a caption without words, a picture
    that is not there or cannot be read, and for fewer than `LEAST` pictures.
    """
    if not paths:
        raise UserError("no data is given; needed: --data FOLDER with pictures and captions.csv, columns file, caption")
    captions: dict[Path, list[str]] = {}
    for folder in paths:
        for file, caption in _rows(folder):
            captions.setdefault(file, []).append(caption)
    if len(captions) < LEAST:
        raise UserError(f"{paths[0]}: {len(captions)} pictures with captions; needed: {LEAST} or more")
    pictures = [np.asarray(fitted(decode(path, colors), size_px, fit)) for path in captions]
    stacked = torch.from_numpy(np.stack(pictures))
    stacked = stacked[:, None] if stacked.ndim == 3 else stacked.permute(0, 3, 1, 2).contiguous()
    told = "\n".join(caption for each in captions.values() for caption in each)
    seen = hashlib.sha256("\n".join([*digests(list(captions)), told, str(tuple(stacked.shape))]).encode())
    return CaptionedPictures(stacked, tuple(map(tuple, captions.values())), seen.hexdigest()[:16])


def captions_table(folder: Path) -> Path:
    """Where a folder's captions stand. Raises `UserError` where there are none."""
    if not folder.exists():
        raise UserError(f"{folder}: no such file or folder")
    for name in TABLES:
        if (folder / name).is_file():
            return folder / name
    raise UserError(
        f"{folder}: holds no captions.csv; needed: a table with the columns file and caption, a row a sentence "
        "(limner draw world --pictures 2000 draws such data)"
    )


def _rows(folder: Path) -> list[tuple[Path, str]]:
    places: dict[str, Path] = {}
    found = []
    for name, caption, where in caption_rows(folder):
        if name not in places:
            places[name] = _picture(folder, name, where)
        found.append((places[name], caption))
    return found


def caption_rows(folder: Path) -> list[tuple[str, str, str]]:
    """(file, caption, where it stands) of a folder's table, in order.

    Raises `UserError` for a folder without a table, a table without the columns, and a caption without words.
    """
    table = captions_table(folder)
    try:
        text = table.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UserError(f"{table}: not text in UTF-8; save it so") from None
    found = []
    lines = csv.reader(text.splitlines(), delimiter=TABLES[table.name])
    head = next(lines, [])
    if not set(COLUMNS) <= set(head):
        raise UserError(f"{table}: its columns are {', '.join(head) or 'none'}; needed: file and caption")
    file_at, caption_at = (head.index(name) for name in COLUMNS)
    for number, row in enumerate(lines, 2):
        if not row:
            continue
        if len(row) <= max(file_at, caption_at):
            raise UserError(f"{table}, line {number}: has {len(row)} columns; needed: {len(head)}")
        name, caption = row[file_at], row[caption_at].strip()
        if not words_of(caption):
            raise UserError(f"{table}, line {number}: the caption of {name} has no words; write some, or remove it")
        if len(caption) > MOST_CAPTION:
            raise UserError(f"{table}, line {number}: {len(caption)} characters; a caption has {MOST_CAPTION} at most")
        found.append((name, caption, f"{table}, line {number}"))
    return found


def _picture(folder: Path, name: str, where: str) -> Path:
    for beside in BESIDE:
        path = folder / beside / name
        if path.is_file():
            if not path.resolve().is_relative_to(folder.resolve()):
                break
            return path
    raise UserError(f"{where}: there is no picture {name} in {folder}; correct the name, or remove the row")
