"""Domains: two or more kinds of pictures without pairs, each in a folder of its own, in memory."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from limner.datasets.pictures.listing import picture_files
from limner.foundation.errors import UserError
from limner.foundation.files.dependencies import digests
from limner.foundation.nearest import did_you_mean
from limner.translate.data.reading import Colors, as_float, read_images
from limner.translate.data.thumbnails import hold_out_pictures

LEAST_PICTURES = 4
"""Of a domain; some hundreds serve better."""


@dataclass(frozen=True)
class DomainSet:
    """Pictures in memory, (C, H, W) uint8 or float32 in [0, 1], all of one number of channels.

    domains: their names. labels: (N,) int64, the domain of each picture. names: of the files, below their domain.
    """

    pictures: tuple[Tensor, ...]
    labels: Tensor
    domains: tuple[str, ...]
    names: tuple[str, ...]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def channels(self) -> int:
        """Channels of every picture."""
        return len(self.pictures[0])

    @property
    def shortest_px(self) -> int:
        """The shortest side of a picture."""
        return min(min(each.shape[1:]) for each in self.pictures)

    @property
    def one_size(self) -> tuple[int, int] | None:
        """(Height, width) of all pictures, or None where they differ."""
        sizes = {tuple(each.shape[1:]) for each in self.pictures}
        return next(iter(sizes)) if len(sizes) == 1 else None  # type: ignore[return-value]

    def of(self, domain: int, among: Tensor | None = None) -> Tensor:
        """(n,) int64: the pictures of a domain, among some or all."""
        chosen = torch.arange(len(self)) if among is None else among
        return chosen[self.labels[chosen] == domain]

    def picture(self, index: int) -> Tensor:
        """(C, H, W) float32 in [0, 1]."""
        return as_float(self.pictures[index])

    def summary(self) -> str:
        """One line for people."""
        counts = ", ".join(
            f"{name} {count:,}" for name, count in zip(self.domains, self.labels.bincount().tolist(), strict=True)
        )
        size = self.one_size
        told = f"{size[1]} x {size[0]} px" if size else f"of {self.shortest_px} px and more"
        return f"{len(self):,} pictures, {told}, in {len(self.domains)} domains ({counts})"


def find_domains(paths: Sequence[Path], wanted: Sequence[str] = ()) -> dict[str, list[Path]]:
    """The files of each domain by its name.

    paths: folders. One with pictures directly in it is a domain by its own name; of one with none, every folder in it
    that holds pictures is a domain, and those of equal names in several paths are one. wanted: which domains, in this
    order; empty: all, in the order of paths and names.

    Raises `UserError` for no folder, fewer than two domains, and a wanted one that is not there.
    """
    if not paths:
        raise UserError("no data is given; needed: data.paths in the recipe, or --data FOLDER for each domain")
    found: dict[str, list[Path]] = {}
    for folder in map(Path, paths):
        files = picture_files(folder)
        if any(path.parent == folder for path in files):
            name = folder.resolve().name
            found.setdefault(name if name not in found else f"{folder.resolve().parent.name}/{name}", []).extend(files)
            continue
        for inner in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
            if below := [path for path in files if path.is_relative_to(inner)]:
                found.setdefault(inner.name, []).extend(below)
    for name in wanted:
        if name not in found:
            raise UserError(f"no domain '{name}' in the data; {did_you_mean(name, found)}")
    chosen = {name: found[name] for name in wanted or found}
    if len(chosen) < 2:
        raise UserError(
            f"{', '.join(map(str, paths))}: {len(chosen)} domain ({', '.join(chosen)}); needed: two or more, each a "
            "folder of pictures; give --data A --data B, or one folder that holds a folder for each"
        )
    return chosen


def read_domains(
    files: dict[str, list[Path]], *, colors: Colors = "rgb", size_px: int | None = None
) -> DomainSet:  # fmt: skip
    """All pictures in memory.

    size_px: bring them to squares of this side; None: leave them as large as they are. Raises `UserError` for a domain
    of fewer than `LEAST_PICTURES`, files that cannot be read, and pictures of different channels.
    """
    for name, paths in files.items():
        if len(paths) < LEAST_PICTURES:
            raise UserError(
                f"the domain {name} has {len(paths)} picture{'' if len(paths) == 1 else 's'}; needed: "
                f"{LEAST_PICTURES} or more, and some hundreds to learn from"
            )
    every = [path for paths in files.values() for path in paths]
    pictures = read_images(every, colors, size_px)
    labels = torch.tensor([number for number, paths in enumerate(files.values()) for _ in paths])
    names = tuple(f"{name}/{path.name}" for name, paths in files.items() for path in paths)
    digest = hashlib.sha256(repr((colors, size_px, list(files))).encode())
    for name, content in zip(names, digests(every), strict=True):
        digest.update(f"{name}:{content}".encode())
    return DomainSet(pictures, labels, tuple(files), names, digest.hexdigest()[:16])


def hold_out_domains(domains: DomainSet, wanted: float, seed: int) -> tuple[Tensor, Tensor]:
    """(Pictures to learn from, held-out ones), each (n,) int64: of every domain its share, near-duplicates of a domain
    on one side.

    wanted: a share below 1, or how many of each domain. Raises `UserError` as `hold_out_pictures`, with the domain.
    """
    learned, held = [], []
    for number, name in enumerate(domains.domains):
        own = domains.of(number)
        try:
            kept, out = hold_out_pictures(
                [domains.pictures[place] for place in own.tolist()],
                [domains.names[place] for place in own.tolist()],
                wanted, seed,
            )  # fmt: skip
        except UserError as error:
            raise UserError(f"domain {name}: {error}") from None
        learned.append(own[kept])
        held.append(own[out])
    return torch.cat(learned), torch.cat(held)
