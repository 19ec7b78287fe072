"""Voxels to learn from: ``.npz`` files with an array ``voxels``, (N, side, side, side) of 0 and 1."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from limner.datasets.npz import array_head, holds_array, read_array
from limner.foundation.errors import UserError

ARRAY = "voxels"
LEAST, MOST_BYTES = 16, 4 << 30
"""Solids that are needed, and bytes that they may take in memory."""


@dataclass(frozen=True)
class VoxelSet:
    """voxels: (N, side, side, side) uint8, 0 or 1. fingerprint: a digest of them. empty: how many were left out, for
    nothing is in them."""

    voxels: Tensor
    fingerprint: str
    empty: int = 0

    def __len__(self) -> int:
        return len(self.voxels)

    def summary(self) -> str:
        """One line for people."""
        side = self.voxels.shape[1]
        share = float(self.voxels.float().mean())
        left = f"; {self.empty} empty ones left out" if self.empty else ""
        return f"{len(self):,} solids of {side} x {side} x {side} voxels, {100 * share:.1f} % of them filled{left}"


def read_voxels(paths: Sequence[Path], side: int) -> VoxelSet:
    """The solids of files, and of all ``.npz`` files of folders, in order of their names.

    Raises `UserError` for what is not there, for files that hold no such array, for another side, for values that are
    not 0 and 1, for more than memory should hold, and for fewer than `LEAST` solids.
    """
    if not paths:
        raise UserError(
            f"no data is given; needed: --data FILE.npz, with an array {ARRAY} of (N, {side}, {side}, {side})"
        )
    files = [file for path in paths for file in _files(path)]
    shapes = [_shape(file) for file in files]
    for file, shape in zip(files, shapes, strict=True):
        if len(shape) != 4 or len(set(shape[1:])) != 1:
            raise UserError(f"{file}: {ARRAY} is of shape {shape}; needed: (N, side, side, side)")
        if shape[1] != side:
            raise UserError(
                f"{file}: solids of {shape[1]} voxels a side, and data.side is {side}; give --data.side {shape[1]}"
            )
    count = sum(shape[0] for shape in shapes)
    if count * side**3 > MOST_BYTES:
        raise UserError(
            f"{count:,} solids of {side} voxels a side take {count * side**3 / (1 << 30):.0f} GB; give fewer"
        )
    found = np.concatenate([_read(file) for file in files])
    filled = found.reshape(len(found), -1).any(1)
    kept = torch.from_numpy(found[filled])
    if len(kept) < LEAST:
        raise UserError(f"{paths[0]}: {len(kept)} solids with something in them; needed: {LEAST} or more")
    digest = hashlib.sha256(np.packbits(kept.numpy()).tobytes() + str(tuple(kept.shape)).encode()).hexdigest()
    return VoxelSet(kept, digest[:16], int((~filled).sum()))


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")
    files = [path] if path.is_file() else sorted(path.glob("*.npz"))
    files = [file for file in files if path.is_file() or holds_array(file, ARRAY, otherwise=True)] or files
    if not files:
        raise UserError(
            f"{path}: holds no .npz files; needed: one with an array {ARRAY} of (N, side, side, side) "
            "(limner draw world --voxels 500 draws such data)"
        )
    return files


def _shape(file: Path) -> tuple[int, ...]:
    """The shape of a file's voxels, from its head alone."""
    shape, kind = array_head(file, ARRAY)
    if kind.hasobject or kind.kind not in "buif":
        raise UserError(f"{file}: {ARRAY} is of type {kind}; needed: numbers 0 and 1, such as uint8")
    return shape


def _read(file: Path) -> np.ndarray:
    values = read_array(file, ARRAY)
    if not ((values == 0) | (values == 1)).all():
        raise UserError(f"{file}: {ARRAY} has values from {values.min()} to {values.max()}; needed: 0 and 1 alone")
    return values.astype(np.uint8)
