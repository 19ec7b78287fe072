"""Pairs of pictures in memory: two folders of equal names, one joined picture, or targets alone that are made worse."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from torch import Tensor

from limner.datasets.pictures.listing import picture_files
from limner.foundation.errors import UserError
from limner.foundation.files.dependencies import digests
from limner.foundation.files.names import paired_by
from limner.foundation.machine.cores import allowed_cores
from limner.foundation.progress import Progress, say
from limner.translate.data.reading import Colors, as_float, read_image, squared
from limner.translate.data.thumbnails import hold_out_pictures

Joined = Literal["no", "source-left", "source-right"]
"""Whether a file holds both pictures of a pair side by side, and which half is given."""
Frame = Literal["next", "between"]
"""Which frame of a clip is made of others: the one after them, or the one in their middle."""
LEAST_PAIRS = 2
MOST_THREADS = 8
GRAY = 2 / 255
"""Channels of a gray picture differ less in the mean: JPEG leaves that much."""


class PairFiles(NamedTuple):
    """One pair. source: None where it is made of the target, the same file where both are joined."""

    name: str
    source: Path | None
    target: Path


@dataclass(frozen=True)
class PairSet:
    """Pairs in memory, each picture (C, H, W) uint8, or float32 in [0, 1].

    sources: empty where they are made of the targets. names: below the folder. scale: how many times larger targets
    are than sources. clips: the clip that each pair is of, from 0, where targets are frames. frame: which ones.
    """

    sources: tuple[Tensor, ...]
    targets: tuple[Tensor, ...]
    names: tuple[str, ...]
    fingerprint: str
    scale: int = 1
    clips: tuple[int, ...] = ()
    frame: Frame = "next"

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def target_channels(self) -> int:
        """Channels of the targets."""
        return len(self.targets[0])

    @property
    def one_size(self) -> tuple[int, int] | None:
        """(Height, width) of all targets, or None where they differ."""
        sizes = {tuple(target.shape[1:]) for target in self.targets}
        return next(iter(sizes)) if len(sizes) == 1 else None  # type: ignore[return-value]

    @property
    def shortest_px(self) -> int:
        """The shortest side of a target."""
        return min(min(target.shape[1:]) for target in self.targets)

    def summary(self) -> str:
        """One line for people."""
        count, size = len(self), self.one_size
        told = f"{size[1]} x {size[0]} px" if size else f"of {self.shortest_px} px and more"
        if self.clips:
            what = {"next": "next frames", "between": "frames between others"}[self.frame]
            return f"{count:,} {what} of {max(self.clips) + 1:,} clips, {told}"
        return f"{count:,} pairs, {told}" if self.sources else f"{count:,} pictures, {told}"


def find_pairs(paths: Sequence[Path], *, source: str, target: str, joined: Joined, made: bool) -> list[PairFiles]:
    """The files of all pairs, in order of their names.

    paths: folders. made: sources are made of the pictures in them. joined: pairs stand in one file. Else each folder
    holds two, named ``source`` and ``target``, in which both files of a pair have the same name but for the suffix.

    Raises `UserError` for no folder, a missing subfolder, and a picture without its other half.
    """
    if not paths:
        raise UserError("no data is given; needed: data.paths in the recipe, or --data FOLDER")
    found: dict[str, PairFiles] = {}
    for folder in map(Path, paths):
        if made or joined != "no":
            for path in picture_files(folder):
                name = path.relative_to(folder).as_posix()
                key = name if name not in found else f"{folder.name}/{name}"
                found[key] = PairFiles(key, None if made else path, path)
        else:
            found |= {each.name: each for each in _two_folders(folder, source, target, found)}
    return sorted(found.values(), key=lambda each: each.name)


def _two_folders(folder: Path, source: str, target: str, taken: object) -> list[PairFiles]:
    if not folder.is_dir():
        what = "a file" if folder.exists() else "no such folder"
        raise UserError(f"{folder}: {what}; needed: a folder that holds two, {source} and {target}")
    halves = []
    for name in (source, target):
        if not (folder / name).is_dir():
            there = ", ".join(sorted(each.name for each in folder.iterdir() if each.is_dir())) or "none"
            raise UserError(
                f"{folder}: no folder '{name}' in it; there are: {there}; name them with --data.source and "
                "--data.target, say --data.joined source-left for pairs in one file, or make pairs with limner degrade"
            )
        by_name: dict[str, Path] = {}
        for path in picture_files(folder / name):
            key = paired_by(path.relative_to(folder / name))
            if key in by_name:
                raise UserError(f"{path}: {by_name[key].name} has the same name; keep one of the two")
            by_name[key] = path
        halves.append(by_name)
    sources, targets = halves
    lonely = sorted(sources.keys() ^ targets.keys())
    if lonely:
        alone = sources.get(lonely[0]) or targets[lonely[0]]
        other = target if lonely[0] in sources else source
        more = f" (and {len(lonely) - 1} more)" if len(lonely) > 1 else ""
        raise UserError(f"{alone}: no picture of this name in {folder / other}{more}; both of a pair have one name")
    prefix = f"{folder.name}/" if taken else ""
    return [PairFiles(prefix + key, sources[key], targets[key]) for key in sorted(sources)]


def read_pairs(
    files: Sequence[PairFiles],
    *,
    colors: Colors = "rgb",
    source_colors: Colors = "rgb",
    joined: Joined = "no",
    size_px: int | None = None,
    scale: int = 1,
) -> PairSet:
    """All pairs in memory.

    size_px: bring both of a pair to squares of this side, by Lanczos' filter; None: leave them as large as they are.
    scale: how many times larger targets shall be than sources (of made pairs; of others it is found).

    Raises `UserError` for fewer than two pairs, files that cannot be read, sizes of a pair that are not equal (or one
    2, 4 or 8 times the other), and pictures of different channels.
    """
    if len(files) < LEAST_PAIRS:
        raise UserError(f"{len(files)} pair is too little; needed: {LEAST_PAIRS} or more, and dozens to learn from")
    sources: list[Tensor] = []
    targets: list[Tensor] = []
    with (
        ThreadPoolExecutor(min(MOST_THREADS, allowed_cores()), thread_name_prefix="decode") as pool,
        Progress("pictures", len(files), "pairs") as progress,
    ):
        for source, target in pool.map(lambda each: read_pair(each, colors, source_colors, joined), files):
            if source is not None:
                sources.append(source if size_px is None else squared(source, size_px))
            targets.append(target if size_px is None else squared(target, size_px))
            progress.advance()
    if sources:
        scale = _common_scale(files, sources, targets)
    for each in (sources, targets):
        _check_channels(files, each)
    fingerprint = _fingerprint(files, (colors, source_colors, joined, size_px))
    return PairSet(tuple(sources), tuple(targets), tuple(each.name for each in files), fingerprint, scale)


def read_pair(files: PairFiles, colors: Colors, source_colors: Colors, joined: Joined) -> tuple[Tensor | None, Tensor]:
    """(Source or None, target) of one pair. Raises `UserError` as `read_pairs` does."""
    if files.source is None:
        return None, read_image(files.target, colors)
    if joined == "no":
        return read_image(files.source, source_colors), read_image(files.target, colors)
    both = {each: read_image(files.target, each) for each in {colors, source_colors}}
    width = both[colors].shape[2]
    if width % 2:
        raise UserError(f"{files.target}: {width} px wide; two joined pictures have an even width: cut it into halves")
    left, right = slice(0, width // 2), slice(width // 2, width)
    given, wanted = (left, right) if joined == "source-left" else (right, left)
    return both[source_colors][..., given].contiguous(), both[colors][..., wanted].contiguous()


def scale_of(files: PairFiles, source: Tensor, target: Tensor) -> int:
    """How many times larger a target is than its source. Raises `UserError` where that is not 1, 2, 4 or 8."""
    height, width = source.shape[1:]
    for scale in (1, 2, 4, 8):
        if target.shape[1:] == (scale * height, scale * width):
            return scale
    raise UserError(
        f"{files.source}: {width} x {height} px, and {files.target} {target.shape[2]} x {target.shape[1]} px; needed: "
        "equal sizes, or the target 2, 4 or 8 times as large; crop them alike, or give --data.size-px"
    )


def _common_scale(files: Sequence[PairFiles], sources: Sequence[Tensor], targets: Sequence[Tensor]) -> int:
    scales = [scale_of(*each) for each in zip(files, sources, targets, strict=True)]
    for each, scale in zip(files, scales, strict=True):
        if scale != scales[0]:
            raise UserError(
                f"{each.target}: {scale} times as large as its source, {files[0].target} {scales[0]} times; all pairs "
                "must be enlarged alike"
            )
    return scales[0]


def _check_channels(files: Sequence[PairFiles], pictures: Sequence[Tensor]) -> None:
    for each, picture in zip(files, pictures, strict=False):
        if len(picture) != len(pictures[0]):
            raise UserError(
                f"{each.target}: {len(picture)} channels, {files[0].target} {len(pictures[0])}; all must have as many"
            )


def check_colored(pairs: PairSet, paths: Sequence[Path]) -> None:
    """Raise `UserError` where all targets, of three channels, are gray; say where some are: they teach gray."""
    gray = sum(_is_gray(target) for target in pairs.targets)
    if gray == len(pairs):
        raise UserError(
            f"{', '.join(map(str, paths))}: none of the {gray:,} pictures has color, so none can be learned; "
            "needed: pictures in color, which are made gray in training"
        )
    if gray:
        say(f"{gray:,} of {len(pairs):,} pictures are gray, and teach that nothing has color; better without them")


def _is_gray(picture: Tensor) -> bool:
    values = as_float(picture)
    return float((values.amax(0) - values.amin(0)).mean()) < GRAY


def hold_out(pairs: PairSet, wanted: float, seed: int) -> tuple[Tensor, Tensor]:
    """(Pairs to learn from, held-out ones), each (n,) int64: targets that look alike are all on one side.

    wanted: a share below 1, or how many. Raises `UserError` as `limner.datasets.pictures.duplicates.split_held_out`.
    """
    return hold_out_pictures(pairs.targets, pairs.names, wanted, seed)


def _fingerprint(files: Sequence[PairFiles], reading: object) -> str:
    digest = hashlib.sha256(repr(reading).encode())
    kept = [path for each in files for path in dict.fromkeys((each.source, each.target)) if path is not None]
    for content in digests(kept):
        digest.update(content.encode())
    for each in files:
        digest.update(each.name.encode())
    return digest.hexdigest()[:16]
