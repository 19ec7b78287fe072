"""What ``limner generate`` writes of a run that makes clips: MP4 and GIF, and all of them in one file."""

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from limner.datasets.pictures.decoding import decode
from limner.datasets.pictures.fitting import fitted
from limner.datasets.pictures.gif_writing import write_gif
from limner.foundation.errors import UserError
from limner.foundation.files.records import Account, make_once
from limner.foundation.files.writing import make_folder
from limner.foundation.progress import Progress
from limner.generate.making.like import digest_of
from limner.generate.making.options import GenerateOptions
from limner.generate.making.sample import Generated
from limner.generate.media.clips.predictor import ClipMaker
from limner.video.video_writing import write_video

CLIPS_FILE, RATE, SHOWN_PX = "clips.npz", 10, 128
"""Frames a second, and the side in pixels to about which smaller clips are enlarged by a whole factor."""


def write_clips(
    maker: ClipMaker, options: GenerateOptions, folder: Path, request: dict[str, Any], overwrite: bool
) -> Generated:
    """Write clips into a folder: of each ``<seed>-<number>.mp4`` and ``.gif``, enlarged; all of them in ``clips.npz``
    (videos (n, T, S, S, 3) uint8) and, as strips of frames, in ``grid.png``. Whole or not at all.

    With ``options.like``, the one clip that goes on from that picture. Raises `UserError` for a picture that cannot be
    read, and for a run that makes clips of stills and is given none, or the other way round.
    """
    if maker.from_stills and options.like is None:
        raise UserError(f"{maker.folder}: makes clips that go on from a still; give --like PICTURE")
    still = None
    asked = {**request, "n": options.count, "seed": options.seed}
    if options.like is not None:
        still = read_still(options.like, maker.size_px)
        maker.go_on(still[:0]) if not maker.from_stills else None
        asked = {**request, "n": 1, "like": digest_of(still)}

    def make(temporary: Path) -> Account:
        make_folder(temporary)
        if still is None:
            clips = maker.generate(options.count, seed=options.seed, truncation=options.truncation)
        else:
            clips = maker.go_on(still)
        frames = (clips.permute(0, 1, 3, 4, 2) * 255).round().to(torch.uint8).numpy()
        np.savez_compressed(temporary / CLIPS_FILE, videos=frames)
        Image.fromarray(maker.pictures(clips)).save(temporary / "grid.png")
        with Progress("generate", 0 if options.no_files else len(clips), "clips") as progress:
            for number, clip in enumerate([] if options.no_files else clips):
                write_clip_files(temporary / f"{options.seed}-{number:06d}", clip)
                progress.advance()
        return Account({"clips": len(clips)})

    made = make_once(folder, asked, make, overwrite=overwrite)
    count = int(made.numbers["clips"])
    return Generated(tuple(sorted(folder.glob("*.mp4"))), 0 if made.skipped else count, folder / "grid.png")


def write_clip_files(stem: Path, clip: Tensor) -> None:
    """``.mp4`` and ``.gif`` of a clip (T, 3, S, S) in [0, 1], at `RATE` frames a second."""
    factor = max(1, SHOWN_PX // clip.shape[-1])
    large = clip.repeat_interleave(factor, dim=2).repeat_interleave(factor, dim=3)
    write_video(stem.with_suffix(".mp4"), large, Fraction(RATE))
    pixels = (large.permute(0, 2, 3, 1) * 255).round().to(torch.uint8).numpy()
    write_gif(stem.with_suffix(".gif"), pixels, 1 / RATE)


def read_still(picture: Path, size_px: int) -> Tensor:
    """(1, 3, S, S) float32 in 0..1: a picture as the first frame of a clip, cut to a square in its middle.

    Raises `UserError` for one that is not there or cannot be read.
    """
    if not picture.is_file():
        raise UserError(f"--like {picture}: no such file; give a picture")
    pixels = np.array(fitted(decode(picture, "rgb"), size_px, "crop"))
    return torch.from_numpy(pixels).float().permute(2, 0, 1)[None] / 255
