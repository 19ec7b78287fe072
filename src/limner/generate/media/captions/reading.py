"""Clips with sentences: a folder with ``clips.npz`` and ``captions.csv``, as `limner draw world --clips` writes it."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from limner.datasets.npz import array_head, read_array
from limner.foundation.errors import UserError
from limner.generate.media.text.captions import caption_rows

ARRAY, FILE = "videos", "clips.npz"
LEAST = 16
MOST_BYTES = 4 << 30
"""Of clips as they are learned from."""


@dataclass(frozen=True)
class CaptionedClips:
    """clips: (N, frames, 3, S, S) uint8. captions: of each clip, one or several. fingerprint: a digest of all."""

    clips: Tensor
    captions: tuple[tuple[str, ...], ...]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.clips)

    def summary(self) -> str:
        """One line for people."""
        count, frames, _, size_px, _ = self.clips.shape
        return (
            f"{count:,} clips of {frames} frames of {size_px} x {size_px} px with {sum(map(len, self.captions)):,} "
            "sentences"
        )


def read_clips(paths: Sequence[Path], *, frames: int, size_px: int) -> CaptionedClips:
    """The clips and sentences of folders; captions name clips by their numbers, 000000 the first.

    Raises `UserError` for a folder without clips or captions, captions without words or of clips that are not there,
    clips without a caption, clips of one frame, and for fewer than `LEAST`.
    """
    if not paths:
        raise UserError("no data is given; needed: --data FOLDER with clips.npz and captions.csv")
    clips, captions = [], []
    for folder in map(_place, paths):
        held, told = _clips(folder, frames, size_px), dict[str, list[str]]()
        for name, caption, where in caption_rows(folder):
            if not name.isdecimal() or int(name) >= len(held):
                raise UserError(
                    f"{where}: there is no clip {name} among {len(held)}; correct the name, or remove the row"
                )
            told.setdefault(f"{int(name):06d}", []).append(caption)
        for number in range(len(held)):
            if f"{number:06d}" not in told:
                raise UserError(f"{folder}: clip {number:06d} has no caption; write one")
        clips.append(held)
        captions += [tuple(told[f"{number:06d}"]) for number in range(len(held))]
    joined = torch.cat(clips)
    if len(joined) < LEAST:
        raise UserError(f"{paths[0]}: {len(joined)} clips; needed: {LEAST} or more")
    said = "\n".join(caption for each in captions for caption in each)
    digest = hashlib.sha256(joined.numpy().tobytes() + said.encode()).hexdigest()
    return CaptionedClips(joined, tuple(captions), digest[:16])


def fitted_clip(clip: Tensor, frames: int, size_px: int) -> Tensor:
    """(frames, 3, size_px, size_px) uint8 of (T, 3, H, W) uint8: frames evenly in time, the middle square, smaller by
    means of areas."""
    chosen = clip[torch.linspace(0, len(clip) - 1, frames).round().long()]
    side = min(chosen.shape[2:])
    top, left = (chosen.shape[2] - side) // 2, (chosen.shape[3] - side) // 2
    square = chosen[:, :, top : top + side, left : left + side]
    if side == size_px:
        return square
    return functional.interpolate(square.float(), (size_px, size_px), mode="area").round().to(torch.uint8)


def _place(folder: Path) -> Path:
    """Where in a folder clips stand: below it in ``clips/``, as `limner draw world` has them, or in itself."""
    if not folder.exists():
        raise UserError(f"{folder}: no such file or folder")
    inside = folder / "clips"
    return inside if (inside / FILE).is_file() else folder


def _clips(folder: Path, frames: int, size_px: int) -> Tensor:
    path = folder / FILE
    if not path.is_file():
        raise UserError(
            f"{folder}: holds no {FILE}; needed: an array {ARRAY} (limner draw world --clips 2000 draws it)"
        )
    shape, kind = array_head(path, ARRAY)
    if len(shape) != 5 or shape[-1] != 3 or kind != np.uint8:
        raise UserError(f"{path}: {ARRAY} is of shape {shape} and type {kind}; needed: (N, T, H, W, 3) uint8")
    if shape[1] < 2:
        raise UserError(f"{path}: clips of one frame, in which nothing moves; needed: 2 frames or more")
    if shape[0] * frames * size_px**2 * 3 > MOST_BYTES:
        raise UserError(f"{path}: {shape[0]:,} clips take more than {MOST_BYTES >> 30} GB; give fewer")
    videos = read_array(path, ARRAY)
    return torch.stack([fitted_clip(torch.from_numpy(clip).permute(0, 3, 1, 2), frames, size_px) for clip in videos])
