"""Flicker of a recolored clip, frame by frame and in the temporal mode, beside how near the colors come.

    python benchmarks/recolor_clip.py [--data CLIP] [--like PICTURE...] [--method superpixel...] [--frames 38]

Recolors a clip, a video or a folder of frames (default: $LIMNER_DATA, whose road-frames-udacity/frames is taken where
it has one), at full strength to each reference (default: coffee, rocket and astronaut of scikit-image). Prints
Markdown:

- closed, ssim: of the frames, each against the reference and its source (`limner.recolor.scoring.score`), the mean;
- flicker: of areas, in Delta E, and its ratio to the source's; at rest: the ratio of pixels at rest; contrast: how much
  more contrast the result has, which raises flicker alike (`limner.recolor.clips.flicker`);
- s/frame: seconds a frame, of the wall clock.
"""

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import mean
from typing import Any

import skimage.data
import torch
from torch import Tensor

from limner.photos.photos import read_photo
from limner.recolor.clips.flicker import measure_flicker
from limner.recolor.clips.temporal import recolor_clip
from limner.recolor.scoring.score import score_transfer
from limner.video.clips import Clip, open_clip

FRAMES = "road-frames-udacity/frames"
EMBEDDED = ("coffee", "rocket", "astronaut")
SCORED_EVERY = 5
"""Frames from one whose colors and structure are scored to the next: not a multiple of those between key frames."""


@dataclass(frozen=True)
class Part:
    """The first frames of a clip."""

    clip: Clip
    frames: int

    def __iter__(self) -> Iterator[Tensor]:
        return islice(self.clip, self.frames)


def main() -> None:
    """Measure and print the table."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--data", type=Path, default=os.environ.get("LIMNER_DATA"), help="a video or a folder of frames")
    given.add_argument("--like", type=Path, nargs="+", default=[], help="pictures whose colors to take")
    given.add_argument(
        "--method", nargs="+", default=["superpixel"], help="keys of limner.recolor.methods.methods.METHODS"
    )
    given.add_argument("--frames", type=int, default=38, help="how many of the clip")
    given.add_argument("--key-every", type=int, nargs="+", default=[4], help="frames between key frames")
    given.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = given.parse_args()
    if options.data is None:
        given.error("no clip: name one by --data, or its folder by $LIMNER_DATA")
    torch.set_num_threads(options.threads)
    clip = Part(open_clip(options.data / FRAMES if (options.data / FRAMES).is_dir() else options.data), options.frames)
    print(f"{options.frames} frames of {clip.clip.width} x {clip.clip.height} px, {options.threads} threads\n")
    print("| reference | method | mode | closed | ssim | flicker | ratio | at rest | contrast | s/frame |")
    print("| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, reference in references(options.like).items():
        for method in options.method:
            print_row(name, method, "alone", clip, reference, temporal=False)
            for every in options.key_every:
                print_row(name, method, f"temporal, {every}", clip, reference, key_every=every)


def references(paths: Sequence[Path]) -> dict[str, Tensor]:
    """Pictures by name."""
    if paths:
        return {path.stem: read_photo(path).picture for path in paths}
    pictures = {name: torch.from_numpy(getattr(skimage.data, name)()) for name in EMBEDDED}
    return {name: picture.permute(2, 0, 1).contiguous() / 255 for name, picture in pictures.items()}


def print_row(name: str, method: str, mode: str, clip: Part, reference: Tensor, **options: Any) -> None:
    """Recolor in one way, measure, and print the row."""
    began = time.perf_counter()
    results = list(recolor_clip(clip, [reference], method, **options))
    seconds = (time.perf_counter() - began) / len(results)
    flicker = measure_flicker(clip, results)
    scores = [
        score_transfer(frame, result, reference)
        for number, (frame, result) in enumerate(zip(clip, results, strict=True))
        if number % SCORED_EVERY == 0
    ]
    closed, ssim = mean(score.closed for score in scores), mean(score.ssim for score in scores)
    print(
        f"| {name} | {method} | {mode} | {closed:.3f} | {ssim:.3f} | {flicker.result:.3f} | {flicker.ratio:.3f} "
        f"| {flicker.still_ratio:.3f} | {flicker.contrast_ratio:.3f} | {seconds:.2f} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
