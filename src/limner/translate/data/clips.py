"""Clips as pairs: a frame, and those before it, or around it."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from limner.datasets.pictures.listing import picture_files
from limner.foundation.draws import Draws
from limner.foundation.errors import UserError
from limner.foundation.files.dependencies import digests
from limner.foundation.files.suffixes import PICTURES, VIDEOS, ends_with
from limner.foundation.progress import Progress
from limner.translate.data.pairs import Frame, PairSet
from limner.translate.data.reading import Colors, squared
from limner.translate.degrading.looks import luma
from limner.video.clips import open_clip

LEAST_CLIPS = 2
MOVED = 8 / 255
"""A pixel moves that changes by more than this in any channel: more than noise and compression change."""


def find_clips(paths: Sequence[Path]) -> list[Path]:
    """Video files, and folders of frames: the folders themselves that hold pictures, and else what stands in them.

    Raises `UserError` for no data, and where nothing is a clip.
    """
    if not paths:
        raise UserError("no data is given; needed: data.paths in the recipe, or --data FOLDER")
    found: list[Path] = []
    for path in map(Path, paths):
        if not path.exists():
            raise UserError(f"{path}: no such file or folder")
        inside = [path] if _is_clip(path) else sorted(each for each in _entries(path) if _is_clip(each))
        if not inside:
            raise UserError(f"{path}: no clip in it; needed: video files, or a folder of numbered frames for each clip")
        found += inside
    return found


def _entries(path: Path) -> list[Path]:
    return list(path.iterdir()) if path.is_dir() else []


def _is_clip(path: Path) -> bool:
    if path.is_dir():
        return any(ends_with(each, PICTURES) for each in path.iterdir())
    return ends_with(path, VIDEOS)


def read_clips(
    paths: Sequence[Path], *, frames: int, colors: Colors, size_px: int | None, frame: Frame = "next"
) -> PairSet:
    """Frames of clips as targets, each with ``frames`` others, the newest first, as its source.

    frame: the others stand before it, or half of them before and half after it. size_px: bring frames to squares of
    this side. Raises `UserError` for fewer than two clips, clips that cannot be
    read or are too short, and ``colors`` that frames do not have.
    """
    if colors == "bands":
        raise UserError("data.colors is bands; the frames of clips are rgb or gray")
    if len(paths) < LEAST_CLIPS:
        raise UserError(f"{len(paths)} clip is too little; needed: {LEAST_CLIPS} or more: cut a long one into several")
    sources: list[Tensor] = []
    targets: list[Tensor] = []
    names: list[str] = []
    numbers: list[int] = []
    with Progress("clips", len(paths), "clips") as progress:
        for number, path in enumerate(paths):
            shown = [_as_stored(each, colors, size_px) for each in open_clip(path)]
            if len(shown) <= frames:
                what = f"the next frame is learned from {frames} before it"
                if frame == "between":
                    what = f"a frame is learned from {frames} around it"
                raise UserError(
                    f"{path}: {len(shown)} frames; {what}, so {frames + 1} are needed: give longer clips, or a smaller "
                    "--data.frames"
                )
            backwards = torch.stack(shown[::-1])  # the newest first; sources of next frames share its memory
            after = frames // 2 if frame == "between" else 0
            for place in range(len(shown) - frames):
                some = backwards[place : place + 1 + frames]
                targets.append(some[after])
                sources.append((torch.cat([some[:after], some[after + 1 :]]) if after else some[1:]).flatten(0, 1))
                names.append(f"{path.name}/{len(shown) - place - after}")
                numbers.append(number)
            progress.advance()
    reading = (frames, colors, size_px, *(["between"] if frame == "between" else []))
    return PairSet(tuple(sources), tuple(targets), tuple(names), _fingerprint(paths, reading), 1, tuple(numbers), frame)


def _as_stored(frame: Tensor, colors: Colors, size_px: int | None) -> Tensor:
    picture = frame.clamp(0, 1)
    stored = ((luma(picture) if colors == "gray" else picture) * 255).round().to(torch.uint8)
    return stored if size_px is None else squared(stored, size_px)


def hold_out_clips(clips: Sequence[int], wanted: float, seed: int) -> tuple[Tensor, Tensor]:
    """(Pairs to learn from, held-out ones), each (n,) int64: those of a clip are all on one side.

    clips: the clip that each pair is of. wanted: a share of the clips below 1, or how many clips. Raises `UserError`
    for more than half of them.
    """
    count = max(clips) + 1
    number = round(wanted * count) if wanted < 1 else int(wanted)
    if 2 * number > count:
        raise UserError(f"data.held_out is {wanted:g}, of {count:,} clips; needed: at most half of them")
    order = torch.randperm(count, generator=Draws(seed, torch.device("cpu")).of("held-out clips"))
    held = torch.zeros(count, dtype=torch.bool)
    held[order[:number]] = True
    apart = held[torch.tensor(clips)]
    return (~apart).nonzero().flatten(), apart.nonzero().flatten()


def beside(source: Tensor, channels: int, frame: Frame) -> tuple[Tensor, ...]:
    """Of a source's frames, the newest first, those that stand beside its target, each (channels, h, w): the last one,
    or the one before the target and the one after it."""
    frames = source.unflatten(0, (-1, channels))
    middle = len(frames) // 2
    return (frames[0],) if frame == "next" else (frames[middle], frames[middle - 1])


def moving(frame01: Tensor, *beside01: Tensor) -> Tensor:
    """(1, H, W) float32, 1 where a frame (C, H, W) in [0, 1] differs by more than `MOVED` from one of those beside it;
    all 1 where it does nowhere."""
    mask = torch.stack([(frame01 - each).abs().amax(0, keepdim=True) > MOVED for each in beside01]).any(0).float()
    return mask if bool(mask.any()) else torch.ones_like(mask)


def _fingerprint(paths: Sequence[Path], reading: object) -> str:
    digest = hashlib.sha256(repr(reading).encode())
    for path in paths:
        digest.update(path.name.encode())
        for content in digests(picture_files(path) if path.is_dir() else [path]):
            digest.update(content.encode())
    return digest.hexdigest()[:16]
