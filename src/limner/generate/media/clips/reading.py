"""Clips to learn from: ``.npz`` files with an array ``videos``, (N, T, S, S, 3) or (N, T, S, S) of 0 to 255."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from limner.datasets.npz import array_head, holds_array, read_array
from limner.foundation.errors import UserError
from limner.generate.media.clips.sizes import SIZES_PX

ARRAY, INSIDE = "videos", "clips"
"""The array of a file, and the folder of clips within one that holds other things, too (`limner draw world`)."""
LEAST, MOST_BYTES = 16, 4 << 30
"""Clips that are needed, and bytes that they may take in memory."""


@dataclass(frozen=True)
class ClipSet:
    """clips: (N, 3, T, S, S) uint8. fingerprint: a digest of them. given: the shape of one as it was read."""

    clips: Tensor
    fingerprint: str
    given: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.clips)

    def summary(self) -> str:
        """One line for people."""
        frames, side = self.clips.shape[2:4]
        length, height = self.given[:2]
        reduced = "" if (length, height) == (frames, side) else f", of {length} frames of {height} x {height}"
        return f"{len(self):,} clips of {frames} frames of {side} x {side} px{reduced}"


def read_clips(paths: Sequence[Path], size_px: int) -> ClipSet:
    """The clips of files, and of all such ``.npz`` files of folders, in order of their names: their first size_px / 2
    frames, reduced by means of squares where they are larger; gray becomes three equal colors.

    Raises `UserError` for what is not there, for files that hold no such array, for fewer frames, for sides that
    size_px does not divide, for values other than bytes, for more than memory should hold, and for fewer than `LEAST`
    clips.
    """
    frames = size_px // 2
    if not paths:
        raise UserError(
            f"no data is given; needed: --data FILE.npz, with an array {ARRAY} of (N, frames, side, side, 3)"
        )
    files = [file for path in paths for file in _files(path)]
    shapes = [_shape(file) for file in files]
    for file, shape in zip(files, shapes, strict=True):
        if len(shape) not in (4, 5) or shape[2] != shape[3] or (len(shape) == 5 and shape[4] != 3):
            raise UserError(
                f"{file}: {ARRAY} is of shape {shape}; needed: (N, frames, side, side) or with 3 colors behind"
            )
        if shape[1] < frames:
            least = "clips of one frame are pictures; " if shape[1] == 1 else ""
            raise UserError(
                f"{file}: clips of {shape[1]} frame{'s' * (shape[1] > 1)}; {least}needed: {frames} or more at "
                f"data.size_px {size_px}, which takes half as many frames; give a smaller --data.size-px or longer "
                "clips"
            )
        if shape[2] % size_px:
            raise UserError(
                f"{file}: clips of {shape[2]} px, which data.size_px {size_px} does not divide; give --data.size-px "
                f"{_fitting(shape[2])}"
            )
    taken = sum(int(np.prod(shape)) for shape in shapes)
    if taken > MOST_BYTES:
        raise UserError(f"{sum(each[0] for each in shapes):,} clips take {taken / (1 << 30):.0f} GB; give fewer")
    kept = torch.cat([_reduced(torch.from_numpy(read_array(file, ARRAY)), size_px, frames) for file in files])
    if len(kept) < LEAST:
        raise UserError(f"{paths[0]}: {len(kept)} clips; needed: {LEAST} or more")
    digest = hashlib.sha256(kept.numpy().tobytes() + str(tuple(kept.shape)).encode()).hexdigest()
    return ClipSet(kept, digest[:16], shapes[0][1:])


def _reduced(videos: Tensor, size_px: int, frames: int) -> Tensor:
    """(N, 3, frames, size_px, size_px) uint8 of (N, T, S, S) or (N, T, S, S, 3)."""
    clips = videos[:, :frames]
    clips = clips[:, None].expand(-1, 3, -1, -1, -1) if clips.ndim == 4 else clips.permute(0, 4, 1, 2, 3)
    factor = clips.shape[-1] // size_px
    if factor == 1:
        return clips.contiguous()
    squares = clips.unflatten(4, (size_px, factor)).unflatten(3, (size_px, factor))
    return torch.cat([part.float().mean((4, 6)).round().to(torch.uint8) for part in squares.split(64)])


def _fitting(side: int) -> str:
    found = [str(size) for size in SIZES_PX if side % size == 0]
    return " or ".join(found) if found else "after resizing the clips to 16, 32, 64 or 128 px"


def _files(path: Path) -> list[Path]:
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")
    if path.is_file():
        return [path]
    for folder in (path, path / INSIDE):
        files = sorted(folder.glob("*.npz"))
        found = [file for file in files if holds_array(file, ARRAY, otherwise=False)]
        if found:
            return found
    raise UserError(
        f"{path}: holds no .npz files with an array {ARRAY}; needed: one of (N, frames, side, side, 3) "
        "(limner draw world --clips 500 --size-px 32 draws such data)"
    )


def _shape(file: Path) -> tuple[int, ...]:
    """The shape of a file's clips, from its head alone."""
    shape, kind = array_head(file, ARRAY)
    if kind != np.uint8:
        raise UserError(f"{file}: {ARRAY} is of type {kind}; needed: uint8, 0 to 255")
    return shape
