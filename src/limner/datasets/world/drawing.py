"""`limner draw world`: pictures, clips, voxels and views of the drawn world as files, with sentences and the truth."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from limner.datasets.pictures.gif_writing import write_gif
from limner.datasets.world.options import WorldOptions
from limner.datasets.world.rendering import clip_of, picture_of, views_of, voxels_of
from limner.datasets.world.sentences import sentence_of
from limner.datasets.world.solids import Solid, draw_solid
from limner.foundation.files.records import Account, Made, make_once
from limner.foundation.progress import Progress

CAPTIONS, SOLIDS, CLIPS, VOXELS = "captions.csv", "solids.csv", "clips.npz", "solids.npz"
CAPTION_COLUMNS = ("file", "caption")
SIDES = 8
"""Views of a solid."""
SHOWN, SECONDS = 16, 0.1
"""Clips that are there as GIF, too, to be looked at, and how long a frame of them lasts."""


def draw_world(options: WorldOptions, *, out: str | Path = "world", overwrite: bool = False) -> Made:
    """Draw the world into folder ``out``: ``pictures/``, ``clips/``, ``voxels/`` and ``views/``, as many as the options
    say; whole or not there. The same call again finds it drawn.

    Number k of a seed is the same solid in all of them, however many are drawn. ``captions.csv`` (columns file and
    caption, a row a sentence) tells pictures and clips in words, ``solids.csv`` tells what all show. Clips are
    ``clips.npz``: videos (N, T, S, S, 3) uint8; voxels are ``solids.npz``: voxels (N, side, side, side) uint8.

    Raises `UserError` for options of nothing, and where something else has that name.
    """
    options.check_something()

    def make(temporary: Path) -> Account:
        numbers = {
            name: count
            for name, count in (("pictures", options.pictures), ("clips", options.clips), ("voxels", options.voxels),
                                ("views", options.views))
            if count
        }  # fmt: skip
        with Progress("draw", sum(numbers.values()), "solids") as progress:
            for name in numbers:
                (temporary / name).mkdir(parents=True)
                _DRAWN[name](temporary / name, options, progress)
        return Account(numbers)

    return make_once(Path(out), {"world": asdict(options)}, make, overwrite=overwrite)


def _pictures(folder: Path, options: WorldOptions, progress: Progress) -> None:
    solids = [draw_solid(options.seed, number) for number in range(options.pictures)]
    for number, solid in enumerate(solids):
        Image.fromarray(picture_of(solid, options.size_px)).save(folder / f"{number:06d}.png")
        progress.advance()
    names = [f"{number:06d}.png" for number in range(len(solids))]
    _write_captions(folder, names, solids, options, moving=False)
    _write_solids(folder, names, solids)


def _clips(folder: Path, options: WorldOptions, progress: Progress) -> None:
    solids = [draw_solid(options.seed, number, moving=True) for number in range(options.clips)]
    videos = np.empty((len(solids), options.frames, options.size_px, options.size_px, 3), np.uint8)
    for number, solid in enumerate(solids):
        videos[number] = clip_of(solid, options.size_px, options.frames)
        if number < SHOWN:
            write_gif(folder / f"{number:06d}.gif", videos[number], SECONDS)
        progress.advance()
    np.savez_compressed(folder / CLIPS, videos=videos)
    names = [f"{number:06d}" for number in range(len(solids))]
    _write_captions(folder, names, solids, options, moving=True)
    _write_solids(folder, names, solids)


def _voxels(folder: Path, options: WorldOptions, progress: Progress) -> None:
    solids = [draw_solid(options.seed, number) for number in range(options.voxels)]
    voxels = np.empty((len(solids), options.side, options.side, options.side), np.uint8)
    for number, solid in enumerate(solids):
        voxels[number] = voxels_of(solid, options.side)
        progress.advance()
    np.savez_compressed(folder / VOXELS, voxels=voxels)
    _write_solids(folder, [f"{number:06d}" for number in range(len(solids))], solids)


def _views(folder: Path, options: WorldOptions, progress: Progress) -> None:
    solids = [draw_solid(options.seed, number) for number in range(options.views)]
    for number, solid in enumerate(solids):
        for side, view in enumerate(views_of(solid, options.size_px, SIDES)):
            Image.fromarray(view).save(folder / f"{number:06d}-{side}.png")
        progress.advance()
    _write_solids(folder, [f"{number:06d}" for number in range(len(solids))], solids)


_DRAWN = {"pictures": _pictures, "clips": _clips, "voxels": _voxels, "views": _views}


def _write_captions(
    folder: Path, names: Sequence[str], solids: Sequence[Solid], options: WorldOptions, *, moving: bool
) -> None:
    rows = (
        (name, sentence_of(solid, options.seed, number, which, moving=moving))
        for number, (name, solid) in enumerate(zip(names, solids, strict=True))
        for which in range(options.sentences)
    )
    _write_table(folder / CAPTIONS, CAPTION_COLUMNS, rows)


def _write_solids(folder: Path, names: Sequence[str], solids: Sequence[Solid]) -> None:
    columns = ("file", "shape", "color", "size", "place", "motion", "radius", "x", "y", "yaw", "light", "ground")
    rows = (
        (
            name, solid.shape, solid.color, solid.size, solid.place, solid.motion, f"{solid.radius:.4f}",
            *(f"{each:.4f}" for each in solid.center), f"{solid.yaw:.2f}", solid.light, f"{solid.ground:.4f}",
        )
        for name, solid in zip(names, solids, strict=True)
    )  # fmt: skip
    _write_table(folder / SOLIDS, columns, rows)


def _write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
