"""What ``limner caption RUN CLIP...`` does."""

import csv
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import torch
from torch import Tensor

from limner.foundation.errors import UserError
from limner.foundation.files.records import Account, make_once
from limner.foundation.progress import Progress
from limner.generate.media.captions.predictor import load_captioner
from limner.generate.media.captions.reading import fitted_clip
from limner.generate.media.captions.recipe import CAPTIONS
from limner.learning.runs.opening import open_run
from limner.video.clips import open_clip

MOST_FRAMES = 3000
"""Of a clip that are looked at: two minutes; of the rest nothing is told."""
LARGER = 4
"""How many times the learned size frames are kept while a clip is read, so that long clips fit into memory."""


def caption_clips(
    run: str | Path,
    clips: Sequence[Path],
    *,
    out: Path | None = None,
    device: str = "auto",
    overwrite: bool = False,
) -> dict[str, str]:
    """A sentence of each clip, by its path as it was given: videos, GIFs, folders of numbered frames.

    out: a ``.csv`` file that is written, whole or not, with the columns file and caption.

    Raises `UserError` for a run that does not caption, for a clip that cannot be read or has one frame, and where
    something else has the name.
    """
    opened = open_run(run)
    if opened.task != CAPTIONS:
        raise UserError(f"{run}: a run of {opened.task}; limner caption needs one of generate/captions")
    if not clips:
        raise UserError("no clip is given; needed: limner caption RUN CLIP.mp4")
    if out is not None and out.suffix.lower() != ".csv":
        raise UserError(f"--out {out}: needed: a name in .csv")
    captioner = load_captioner(opened, device)
    said: dict[str, str] = {}
    with Progress("caption", len(clips), "clips") as progress:
        for path in clips:
            frames = _frames(path, LARGER * captioner.size_px)
            if len(frames) < 2:
                raise UserError(f"{path}: has one frame; a clip that is told has 2 or more")
            said[str(path)] = captioner.caption(frames)
            progress.advance()
    if out is not None:

        def write(temporary: Path) -> Account:
            with temporary.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file, lineterminator="\n").writerows([("file", "caption"), *said.items()])
            return Account({"clips": len(said)})

        make_once(out, {"model": opened.digest(), "clips": list(said)}, write, overwrite=overwrite)
    return said


def _frames(path: Path, size_px: int) -> Tensor:
    """(T, 3, size_px, size_px) uint8: the middle squares."""
    found = []
    for frame in islice(iter(open_clip(path)), MOST_FRAMES):
        pixels = (frame.clamp(0, 1) * 255).round().to(torch.uint8)
        found.append(fitted_clip(pixels[None], 1, min(size_px, *pixels.shape[1:]))[0])
    return torch.stack(found) if found else torch.empty(0, 3, 1, 1, dtype=torch.uint8)
