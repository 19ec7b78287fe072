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

    A run that learned the next frame makes those that come after the clip's last.

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
        return _continued(translator, clip, out, temporary, options, began)
    frames = _translated(translator, clip, options.tile_px)
    if translator.scale > 1 and isinstance(clip, FrameFolder) and not ends_with(out, WRITTEN_VIDEOS):
        write_folder(temporary, frames)
    else:
        write_clip(temporary, frames, clip, as_folder=not ends_with(out, WRITTEN_VIDEOS))
    numbers = {"seconds": round(time.perf_counter() - began, 2)}
    return Account(numbers, notes=(*clip.notes, *losses(clip, out)))


def _continued(
    translator: PictureTranslator, clip: Clip, out: Path, temporary: Path, options: TranslateOptions, began: float
) -> Account:
    """Write the frames that come after a clip's last, each made of those before it, made ones among them."""
    last: deque[Tensor] = deque(maxlen=translator.frames)
    for frame in clip:
        shown = frame.clamp(0, 1)
        last.append(luma(shown) if translator.outputs == 1 else shown)
    if len(last) < translator.frames:
        raise UserError(f"{clip.path}: {len(last)} frames; the run makes the next one of {translator.frames}")

    def made() -> Iterator[Tensor]:
        for _ in range(options.ahead or 1):
            last.append(translator.next_frame(list(last), tile_px=options.tile_px))
            yield last[-1].expand(3, -1, -1)

    if ends_with(out, WRITTEN_VIDEOS):
        write_video(temporary, made(), clip.rate, None)
    else:
        write_folder(temporary, made())
    return Account({"seconds": round(time.perf_counter() - began, 2)}, notes=clip.notes)


def _translated(translator: PictureTranslator, clip: Clip, tile_px: int) -> Iterator[Tensor]:
    with Progress(f"translate {clip.path.name}", clip.length or 0, "frames") as progress:
        for frame in clip:
            source = frame.clamp(0, 1)
            made = translator.translate(luma(source) if translator.channels == 1 else source, tile_px=tile_px)
            yield made.expand(3, -1, -1)
            progress.advance()
