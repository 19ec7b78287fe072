"""A clip through a network that translates, frame by frame."""

import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from torch import Tensor

from limner.foundation.errors import UserError
from limner.foundation.files.records import Account
from limner.foundation.files.suffixes import WRITTEN_VIDEOS, ends_with
from limner.foundation.progress import Progress
from limner.translate.degrading.looks import luma
from limner.translate.translating.options import TranslateOptions
from limner.translate.translating.predictor import PictureTranslator
from limner.video.clips import Clip, losses, open_clip, write_clip
from limner.video.frame_folders import FrameFolder, write_folder
from limner.video.video_writing import write_video


def translate_clip(
    translator: PictureTranslator, path: Path, out: Path, temporary: Path, options: TranslateOptions
) -> Account:
    """Translate a video, or a folder of frames, each frame by itself, so that what is invented may flicker.

    A run that learned the next frame makes those that come after the clip's last; one that learned frames between
    others slows the clip.

    out: what it shall be called: .mp4, .mov or .mkv, or a folder. temporary: where it is written now. Raises
    `UserError` for a run that fills holes, and for one of other channels.
    """
    if translator.fills:
        raise UserError(f"{path}: the run fills holes, and a mask is of one picture; give pictures, not clips")
    if not translator.frames and translator.channels not in (1, 3):
        raise UserError(f"{path}: frames have 3 channels; the run translates pictures of {translator.channels}")
    began = time.perf_counter()
    clip = open_clip(path)
    if translator.frames:
        return _made_of_frames(translator, clip, out, temporary, options, began)
    frames = _translated(translator, clip, options.tile_px)
    if translator.scale > 1 and isinstance(clip, FrameFolder) and not ends_with(out, WRITTEN_VIDEOS):
        write_folder(temporary, frames)
    else:
        write_clip(temporary, frames, clip, as_folder=not ends_with(out, WRITTEN_VIDEOS))
    numbers = {"seconds": round(time.perf_counter() - began, 2)}
    return Account(numbers, notes=(*clip.notes, *losses(clip, out)))


def _made_of_frames(
    translator: PictureTranslator, clip: Clip, out: Path, temporary: Path, options: TranslateOptions, began: float
) -> Account:
    """Write what a run makes of a clip that makes frames of frames: the ones that come next, or the clip slowed."""
    slows = translator.frame == "between"
    frames = (_slowed if slows else _continued)(translator, clip, options)
    if ends_with(out, WRITTEN_VIDEOS):
        write_video(temporary, frames, clip.rate, None)
    else:
        write_folder(temporary, frames)
    lost = ("sound is not copied: it would end before the slowed clip does",) if slows and clip.has_audio else ()
    return Account({"seconds": round(time.perf_counter() - began, 2)}, notes=(*clip.notes, *lost))


def _continued(translator: PictureTranslator, clip: Clip, options: TranslateOptions) -> Iterator[Tensor]:
    """The frames that come after a clip's last, each made of those before it, made ones among them."""
    last = deque(_given(translator, clip), maxlen=translator.frames)
    if len(last) < translator.frames:
        raise UserError(f"{clip.path}: {len(last)} frames; the run makes the next one of {translator.frames}")
    for _ in range(options.ahead or 1):
        last.append(translator.next_frame(list(last), tile_px=options.tile_px))
        yield last[-1].expand(3, -1, -1)


def _slowed(translator: PictureTranslator, clip: Clip, options: TranslateOptions) -> Iterator[Tensor]:
    """A clip with frames between its own, at its own rate: n frames become times (n - 1) + 1."""
    frames = _told(clip, _given(translator, clip))
    for _ in range((options.times or 2).bit_length() - 1):  # each doubling stands between what the one before it gave
        frames = _with_frames_between(translator, frames, clip.path, options.tile_px)
    return (frame.expand(3, -1, -1) for frame in frames)


def _with_frames_between(
    translator: PictureTranslator, frames: Iterator[Tensor], path: Path, tile_px: int
) -> Iterator[Tensor]:
    """Frames with one made between each two of them; no more are in memory than the run makes one of.

    Raises `UserError` for a single one.
    """
    half = translator.frames // 2
    shown: deque[Tensor] = deque(maxlen=2 * half)
    for frame in _ends_repeated(frames, half - 1):
        shown.append(frame)
        if len(shown) == 2 * half:
            yield shown[half - 1]
            yield translator.frame_between(list(shown), tile_px=tile_px)
    if len(shown) < 2 * half:
        raise UserError(f"{path}: a single frame; a frame is made between two: give a longer clip")
    yield shown[half]


def _ends_repeated(frames: Iterator[Tensor], times: int) -> Iterator[Tensor]:
    """Frames with the first and the last so many times more."""
    last: Tensor | None = None
    for frame in frames:
        if last is None:
            yield from [frame] * times
        yield frame
        last = frame
    if last is not None:
        yield from [last] * times


def _given(translator: PictureTranslator, clip: Clip) -> Iterator[Tensor]:
    """A clip's frames as a run takes them that makes frames of frames, (1 or 3, H, W) in [0, 1]."""
    for frame in clip:
        shown = frame.clamp(0, 1)
        yield luma(shown) if translator.outputs == 1 else shown


def _told(clip: Clip, frames: Iterator[Tensor]) -> Iterator[Tensor]:
    """The same frames, each told when the next one is asked for."""
    with Progress(f"translate {clip.path.name}", clip.length or 0, "frames") as progress:
        for frame in frames:
            yield frame
            progress.advance()


def _translated(translator: PictureTranslator, clip: Clip, tile_px: int) -> Iterator[Tensor]:
    for frame in _told(clip, iter(clip)):
        source = frame.clamp(0, 1)
        made = translator.translate(luma(source) if translator.channels == 1 else source, tile_px=tile_px)
        yield made.expand(3, -1, -1)
