"""What ``limner generate RUN`` does: a run's pictures as files, as a grid, or as a walk from one to the next."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import torch
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from limner.datasets.pictures.quantized import quantized
from limner.foundation.errors import UserError
from limner.foundation.files.records import Account, make_once, read_record, write_record
from limner.foundation.files.writing import alone_in, remove, remove_leftovers, replacing
from limner.foundation.machine.disk import open_for_encoder
from limner.foundation.progress import Progress, say
from limner.foundation.version import __version__
from limner.generate.making.like import digest_of, find_like, read_like
from limner.generate.making.options import PLAIN, GenerateOptions
from limner.generate.making.predictor import BATCH, PictureGenerator, load_generator
from limner.generate.making.styles import edited, mixed
from limner.generate.making.walk import check_suffix, write_walk
from limner.learning.runs.opening import open_run
from limner.reporting.grid import grid

GENERATE = "generate"
RECORD = "generated.json"
NAME = re.compile(r"\d+-\d{6,}\.png")
"""Of a picture: its seed and its number."""
COLUMNS = 8
GRID_PICTURES = 256
"""More in one picture than anybody looks at are left out of the grid."""
SOFTWARE = "Software"
"""The keyword of PNG for who made a file."""


class _FolderTold(TypedDict):
    """Of a folder of pictures the record tells no more than the request."""


class _Frames(TypedDict):
    frames: int


class _WalkTold(TypedDict):
    numbers: _Frames


class _Mixed(TypedDict):
    pictures: int


class _MixTold(TypedDict):
    numbers: _Mixed


class _Differences(TypedDict):
    error: float
    chance: float


class _LikeTold(TypedDict):
    numbers: _Differences


@dataclass(frozen=True)
class Generated:
    """What was written. pictures: of the seed, in order. new: how many of them were not there before. grid: all in one.
    walk: the GIF or video, of ``frames`` frames. like: a given picture beside the one found for it; error: their root
    mean square difference, in gray levels of 255. mix: a sheet of pictures mixed with each other."""

    pictures: tuple[Path, ...] = ()
    new: int = 0
    grid: Path | None = None
    walk: Path | None = None
    frames: int = 0
    like: Path | None = None
    error: float | None = None
    mix: Path | None = None

    def paths(self) -> list[Path]:
        """Where to look first: the walk, or the folder and the grid."""
        folders = list(dict.fromkeys(path.parent for path in self.pictures))
        return [*folders, *(path for path in (self.grid, self.walk, self.like, self.mix) if path is not None)]

    def to_json(self) -> dict[str, Any]:
        """``{"pictures": [...], "new", "grid", "walk", "frames", "like", "error", "mix"}``."""
        return {
            "pictures": [str(path) for path in self.pictures],
            "new": self.new,
            "grid": None if self.grid is None else str(self.grid),
            "walk": None if self.walk is None else str(self.walk),
            "frames": self.frames,
            "like": None if self.like is None else str(self.like),
            "error": self.error,
            "mix": None if self.mix is None else str(self.mix),
        }


def generate_pictures(
    run: str | Path,
    options: GenerateOptions = PLAIN,
    *,
    out: Path = Path("generated"),
    device: str = "auto",
    overwrite: bool = False,
) -> Generated:
    """Write pictures that a run makes: ``<seed>-<number>.png`` into ``out``, and the first of them in
    ``<out>-grid.png`` beside it, so that whoever reads the folder finds pictures of one kind only. With
    ``options.interpolate``, the walk alone; with ``options.mix``, a sheet of mixtures alone; with ``options.like``, a
    given picture beside the one found for it alone.

    Picture k of a seed is the same however many are made: the same command again, or with more, makes those that are
    not there yet, and other seeds add theirs. Pictures of another run, truncation or classes in that folder are
    refused, or with ``overwrite`` removed.

    Raises `UserError` for a run that does not generate, options that it cannot grant, and other things in the way.
    """
    opened = open_run(run)
    task = opened.task
    if task != GENERATE:
        raise UserError(f"{run}: a run of the room {task}; limner generate needs one that makes pictures")
    if options.text:
        raise UserError(f"--text: {run} learned without sentences; leave it out, or train generate/gan-cls-light")
    generator = load_generator(opened, device, latent_steps=options.latent_steps).truncated(options.truncation)
    generator = edited(generator, options.edits)
    generator.labels([0], classes=options.classes)  # a wrong name is told before anything is made
    folder, request = Path(out), {"model": generator.digest, **options.request()}
    if options.like is not None:
        return _like(generator, options, options.like, folder, request, overwrite)
    if options.mix is not None:
        return _mix(generator, options, options.mix, folder, request, overwrite)
    if options.interpolate is not None:
        return _walk(generator, options, options.interpolate, request, overwrite)
    return write_made(lambda numbers: _make(generator, options, numbers), options, folder, request, overwrite)


def write_made(
    make: Callable[[Sequence[int]], Tensor],
    options: GenerateOptions,
    folder: Path,
    request: dict[str, Any],
    overwrite: bool,
) -> Generated:
    """Pictures as files and in a grid, as `generate_pictures` has them.

    make: gives the pictures with these numbers, (n, C, S, S) uint8. request: all that decides what they look like, but
    for the seed.
    """
    sheet = _grid_path(folder, overwrite) if not options.no_grid else None
    pictures: tuple[Path, ...] = ()
    missing: list[int] = []
    if not options.no_files:
        with alone_in(folder):
            _open_folder(folder, request, overwrite)
            pictures = tuple(folder / f"{options.seed}-{number:06d}.png" for number in range(options.count))
            missing = [number for number, path in enumerate(pictures) if not path.exists()]
            _write_files(make, pictures, missing)
    if sheet is not None:
        _write_png(sheet, grid(make(range(min(options.count, GRID_PICTURES))), COLUMNS))
    return Generated(pictures, len(missing), sheet)


def _make(generator: PictureGenerator, options: GenerateOptions, numbers: Sequence[int]) -> Tensor:
    """(n, C, S, S) uint8: the pictures with these numbers."""
    latents = generator.latents(numbers, seed=options.seed)
    labels = generator.labels(numbers, seed=options.seed, classes=options.classes)
    return quantized(generator.decode(latents, labels))


def _write_files(make: Callable[[Sequence[int]], Tensor], paths: Sequence[Path], missing: Sequence[int]) -> None:
    with Progress("generate", len(paths), "pictures", start=len(paths) - len(missing)) as progress:
        for start in range(0, len(missing), BATCH):
            numbers = missing[start : start + BATCH]
            for number, picture in zip(numbers, make(numbers), strict=True):
                pixels = picture.permute(1, 2, 0).numpy()
                _write_png(paths[number], pixels[..., 0] if pixels.shape[2] == 1 else pixels)
            progress.advance(len(numbers))


def _write_png(path: Path, pixels: np.ndarray) -> None:
    """Write (H, W), (H, W, 3) or (H, W, 4) uint8, and who made it."""
    told = PngInfo()
    told.add_text(SOFTWARE, f"limner {__version__}")
    with replacing(path) as temporary, open_for_encoder(temporary) as file:
        Image.fromarray(pixels).save(file, "PNG", pnginfo=told)


def _open_folder(folder: Path, request: dict[str, Any], overwrite: bool) -> None:
    """Make sure that a folder holds pictures of this request only, and says so.

    Raises `UserError` where it does not.
    """
    held = [path for path in folder.iterdir() if not path.name.startswith(".")]
    if held and not overwrite:
        record = read_record(folder / RECORD, _FolderTold)
        if record is None or not record.is_of(request):
            what = "other files" if record is None else "pictures of another run, truncation or classes"
            raise UserError(f"--out {folder}: holds {what}; choose another folder or add --overwrite")
    remove_leftovers(folder)
    if overwrite:
        for path in held:
            if NAME.fullmatch(path.name):
                remove(path)
    write_record(folder / RECORD, request)


def _grid_path(folder: Path, overwrite: bool) -> Path:
    """Where the grid goes. Raises `UserError` where something that limner did not write has that name."""
    place = folder if folder.name else folder.resolve()
    path = place.with_name(f"{place.name}-grid.png")
    if path.exists() and not overwrite and not _is_ours(path):
        raise UserError(f"{path}: is there already and not a grid of limner's; choose another --out or add --overwrite")
    return path


def _is_ours(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            return str(image.info.get(SOFTWARE, "")).startswith("limner")
    except (OSError, SyntaxError, ValueError):
        return False


def _walk(
    generator: PictureGenerator, options: GenerateOptions, path: Path, request: dict[str, Any], overwrite: bool
) -> Generated:
    check_suffix(path)
    asked = {**request, "seed": options.seed, "stops": options.count, "seconds": options.seconds}

    def make(temporary: Path) -> Account:
        numbers = range(options.count)
        stops = generator.latents(numbers, seed=options.seed)
        labels = generator.labels(numbers, seed=options.seed, classes=options.classes)
        return Account({"frames": write_walk(temporary, generator, stops, labels, seconds=options.seconds)})

    made = make_once(path, asked, make, overwrite=overwrite, kind=_WalkTold)
    return Generated(walk=path, frames=made.numbers["frames"])


def _mix(
    generator: PictureGenerator,
    options: GenerateOptions,
    numbers: Sequence[int],
    folder: Path,
    request: dict[str, Any],
    overwrite: bool,
) -> Generated:
    """Pictures mixed with each other in ``<out>-mix-<numbers>.png``."""
    place = folder if folder.name else folder.resolve()
    path = place.with_name(f"{place.name}-mix-{'-'.join(map(str, numbers))}.png")

    def make(temporary: Path) -> Account:
        made = mixed(generator, numbers, seed=options.seed)
        _write_png(temporary, grid(quantized(made.flatten(0, 1)), len(numbers) + 1))
        return Account({"pictures": len(numbers)})

    asked = {**request, "seed": options.seed, "mix": list(numbers)}
    make_once(path, asked, make, overwrite=overwrite, kind=_MixTold)
    return Generated(mix=path)


def _like(
    generator: PictureGenerator,
    options: GenerateOptions,
    picture: Path,
    folder: Path,
    request: dict[str, Any],
    overwrite: bool,
) -> Generated:
    """The given picture and the one found for it, side by side in ``<out>-like-<name>.png``."""
    given = read_like(generator, picture)
    place = folder if folder.name else folder.resolve()
    path = place.with_name(f"{place.name}-like-{picture.stem}.png")
    asked = {**request, "seed": options.seed, "like": digest_of(given), "by": options.by}

    def make(temporary: Path) -> Account:
        found = find_like(generator, picture, options.by, seed=options.seed)
        say(f"--like {picture}: {found.sentence()}")
        _write_png(temporary, grid(quantized(torch.cat([found.given, found.found])), 2))
        return Account({"error": round(found.error, 2), "chance": round(found.chance, 2)})

    made = make_once(path, asked, make, overwrite=overwrite, kind=_LikeTold)
    return Generated(like=path, error=made.numbers["error"])
