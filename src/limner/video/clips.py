"""Clips: moving pictures to be recolored, from a video file or from a folder of numbered frames, and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Protocol

from torch import Tensor

from limner.foundation.errors import UserError
from limner.video.frame_folders import FrameFolder, open_folder, write_folder
from limner.video.video_files import WRITTEN_SUFFIXES, VideoFile, open_video, write_video


class Clip(Protocol):
    """Frames in order, read anew at every iteration, never all in memory.

    A frame is (3, H, W) float32, gamma-encoded; in [0, 1] but for frames of floats or wide gamuts.
    """

    @property
    def path(self) -> Path: ...

    @property
    def height(self) -> int: ...

    @property
    def width(self) -> int: ...

    @property
    def rate(self) -> Fraction:
        """Frames a second."""

    @property
    def length(self) -> int | None:
        """Frames, where that is known without reading all."""

    @property
    def has_audio(self) -> bool: ...

    def __iter__(self) -> Iterator[Tensor]: ...


def open_clip(path: Path) -> Clip:
    """Open a video file (what PyAV reads: mp4, mov, mkv, webm, avi, ...) or a folder of frames.

    Frames of a folder come in natural order: frame_2 before frame_10.

    Raises `UserError` for what is missing, broken, empty, without pictures, or of mixed sizes.
    """
    return open_folder(path) if path.is_dir() else open_video(path)


def write_clip(path: Path, frames: Iterable[Tensor], like: Clip) -> None:
    """Write frames as a video with the rate and sound of ``like``, or as a folder with its names; whole or not at all.

    path: .mp4, .mov or .mkv for a video (H.264; odd sizes grow by a pixel), without a suffix for a folder, which must
    not hold anything yet. frames: (3, H, W) float, clipped to [0, 1]. like: the clip that was recolored.

    Raises `UserError` for another suffix, for a name that is taken by the source or a filled folder, and for sound that
    the kind of file cannot hold; `ValueError` for no frames.
    """
    if path.resolve() == like.path.resolve():
        raise UserError(f"{path}: is the clip itself, which is read while the result is written; choose another --out")
    if path.suffix.lower() in WRITTEN_SUFFIXES:
        write_video(path, frames, like.rate, like if isinstance(like, VideoFile) else None)
    elif path.suffix == "":
        write_folder(path, frames, like if isinstance(like, FrameFolder) else None)
    else:
        kinds = ", ".join(WRITTEN_SUFFIXES)
        raise UserError(f"{path}: clips are written as {kinds}, or as a folder of frames for a name without a suffix")
