"""A clip through a network that translates, frame by frame."""

import time
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


def translate_clip(
    translator: PictureTranslator, path: Path, out: Path, temporary: Path, options: TranslateOptions
) -> Account:
    """Translate a video, or a folder of frames, each frame by itself, so that what is invented may flicker.

    out: what it shall be called: .mp4, .mov or .mkv, or a folder. temporary: where it is written now. Raises
    `UserError` for a run that fills holes, and for one of other channels.
    """
    if translator.fills:
        raise UserError(f"{path}: the run fills holes, and a mask is of one picture; give pictures, not clips")
    if translator.channels not in (1, 3):
        raise UserError(f"{path}: frames have 3 channels; the run translates pictures of {translator.channels}")
    began = time.perf_counter()
    clip = open_clip(path)
    frames = _translated(translator, clip, options.tile_px)
    if translator.scale > 1 and isinstance(clip, FrameFolder) and not ends_with(out, WRITTEN_VIDEOS):
        write_folder(temporary, frames)
    else:
        write_clip(temporary, frames, clip, as_folder=not ends_with(out, WRITTEN_VIDEOS))
    numbers = {"seconds": round(time.perf_counter() - began, 2)}
    return Account(numbers, notes=(*clip.notes, *losses(clip, out)))


def _translated(translator: PictureTranslator, clip: Clip, tile_px: int) -> Iterator[Tensor]:
    with Progress(f"translate {clip.path.name}", clip.length or 0, "frames") as progress:
        for frame in clip:
            source = frame.clamp(0, 1)
            made = translator.translate(luma(source) if translator.channels == 1 else source, tile_px=tile_px)
            yield made.expand(3, -1, -1)
            progress.advance()
