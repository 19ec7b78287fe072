"""Clips: moving pictures to be recolored, from a video file or from a folder of numbered frames, and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Protocol

from torch import Tensor

from limner.foundation.errors import UserError
from limner.foundation.files.suffixes import WRITTEN_VIDEOS, ends_with
from limner.video.frame_folders import FrameFolder, open_folder, write_folder
from limner.video.video_files import VideoFile, open_video
from limner.video.video_writing import kept_fields, write_video


class Clip(Protocol):
    """Frames in order, read anew at every iteration, never all in memory.

    A frame is (3, H, W) float32, gamma-encoded; in [0, 1] but for frames of floats or wide gamuts; what is transparent
    in it has the color of the nearest pixel that is seen.
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

    @property
    def has_alpha(self) -> bool:
        """Whether the first frame says what is transparent."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know of its reading."""

    def __iter__(self) -> Iterator[Tensor]: ...

    def layers(self) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Frames as they are stored, each with its alpha, (H, W) float32 in [0, 1], where it has one."""


def open_clip(path: Path) -> Clip:
    """Open a video file (what PyAV reads: mp4, mov, mkv, webm, avi, ...) or a folder of frames.

    Frames of a folder come in natural order: frame_2 before frame_10.

    Raises `UserError` for what is missing, broken, empty, without pictures, or of mixed sizes.
    """
    return open_folder(path) if path.is_dir() else open_video(path)


def write_clip(path: Path, frames: Iterable[Tensor], like: Clip, *, as_folder: bool | None = None) -> None:
    """Write frames as a video with the rate and sound of ``like``, or as a folder with its names; whole or not at all.

    path: .mp4, .mov or .mkv for a video (H.264; odd sizes grow by a pixel), without a suffix for a folder, which must
    not hold anything yet. frames: (3, H, W) float, clipped to [0, 1]. like: the clip that was recolored. as_folder:
    whether a folder is written, whatever the name.

    Raises `UserError` for another suffix, for a name that is taken by the source or a filled folder, and for sound that
    the kind of file cannot hold; `ValueError` for no frames.
    """
    if path.resolve() == like.path.resolve():
        raise UserError(f"{path}: is the clip itself, which is read while the result is written; choose another --out")
    alphas = (alpha for _, alpha in like.layers()) if like.has_alpha else None
    if as_folder or (as_folder is None and path.suffix == ""):
        if isinstance(like, FrameFolder):
            write_folder(path, frames, like)
        else:
            write_folder(path, frames, bits=16 if isinstance(like, VideoFile) and like.deep else 8, alphas=alphas)
    elif ends_with(path, WRITTEN_VIDEOS):
        write_video(path, frames, like.rate, like if isinstance(like, VideoFile) else None, alphas=alphas)
    else:
        kinds = ", ".join(WRITTEN_VIDEOS)
        raise UserError(f"{path}: clips are written as {kinds}, or as a folder of frames for a name without a suffix")


def losses(like: Clip, path: Path) -> tuple[str, ...]:
    """What of ``like`` a result called ``path`` does not keep, a line each."""
    lost: dict[str, bool] = {}
    if ends_with(path, WRITTEN_VIDEOS):
        lost |= {"alpha: what is transparent is laid on black; a folder of frames keeps it": like.has_alpha}
        if isinstance(like, FrameFolder):
            lost |= {"the times of frames in a folder, which says none: 25 are shown a second": True}
        if isinstance(like, VideoFile):
            times = list(like.shown())
            lost |= {
                "more than 8 bits: 8 are written; a folder of frames keeps 16": like.deep,
                "fields of interlaced frames that are turned: it is flagged progressive": like.fields is not None
                and kept_fields(like) is None,
                f"times of frames that its file does not say: {float(like.rate):g} are shown a second": not times,
                "its subtitles": like.has_subtitles,
            }
    elif isinstance(like, VideoFile):
        lengths = [after.at - before.at for before, after in pairwise(like.shown())]
        lost |= {
            "fields: interlaced frames hold two moments each": like.fields is not None,
            "times: frames of the video that are shown for different lengths are numbered alone": len(set(lengths)) > 1,
            "sound": like.has_audio,
        }
    kind = path.suffix if ends_with(path, WRITTEN_VIDEOS) else "a folder of frames"
    return tuple(f"{kind} cannot hold {what}" for what, is_lost in lost.items() if is_lost)
