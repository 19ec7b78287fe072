"""A source whose pictures have classes, and a target: what is learned from where a classifier of the source comes
first."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from limner.datasets.pictures.listing import picture_files
from limner.foundation.errors import UserError
from limner.foundation.nearest import did_you_mean
from limner.translate.data.domains import DomainSet, read_domains
from limner.translate.data.reading import Colors

SOURCE, TARGET = 0, 1
UNKNOWN = -1


@dataclass(frozen=True)
class LabeledDomains:
    """Pictures of two domains, `SOURCE` and `TARGET`.

    classes: their names. labels: (N,) int64, the class of each picture, `UNKNOWN` of all targets where their folders
    are not the source's classes. Targets' classes are for scores alone.
    """

    domains: DomainSet
    classes: tuple[str, ...]
    labels: Tensor

    @property
    def fingerprint(self) -> str:
        """A digest of the pictures and of the source's classes."""
        of_source = self.labels[self.domains.of(SOURCE)].tolist()
        return hashlib.sha256(repr((self.domains.fingerprint, self.classes, of_source)).encode()).hexdigest()[:16]


def read_labeled(
    paths: Sequence[Path], wanted: Sequence[str] = (), *, colors: Colors = "rgb", size_px: int | None = None
) -> LabeledDomains:
    """All pictures of a source and a target in memory.

    paths: the source, which holds a folder for each class, and the target, a folder of pictures; or one folder that
    holds both. wanted: their names, the source first; empty: as given, or in the order of names. size_px: as
    `read_domains`.

    Raises `UserError` for other than two folders, a source without two classes, a target in the source, and as
    `read_domains`.
    """
    found = find_labeled(paths, wanted)
    numbers = {name: number for number, name in enumerate(found.classes)}
    known = found.target_has_classes
    labels = [numbers[name] for name in found.kinds[SOURCE]]
    labels += [numbers[name] if known else UNKNOWN for name in found.kinds[TARGET]]
    domains = read_domains(dict(zip(found.names, found.files, strict=True)), colors=colors, size_px=size_px)
    return LabeledDomains(domains, found.classes, torch.tensor(labels))


class LabeledFiles(NamedTuple):
    """The files of a source and a target. kinds: the folder directly below its domain that each file lies in, empty
    where in none; of the source these are its ``classes``."""

    names: tuple[str, str]
    files: tuple[list[Path], list[Path]]
    kinds: tuple[list[str], list[str]]
    classes: tuple[str, ...]

    @property
    def target_has_classes(self) -> bool:
        """Whether all of the target lies in folders called as classes of the source."""
        return set(self.kinds[TARGET]) <= set(self.classes)


def find_labeled(paths: Sequence[Path], wanted: Sequence[str] = ()) -> LabeledFiles:
    """The files that `read_labeled` reads. Raises `UserError` as that does, but for what is in the files."""
    source, target = _source_and_target(paths, wanted)
    files = picture_files(source), picture_files(target)
    kinds = _classes(source, files[SOURCE]), _classes(target, files[TARGET])
    loose = [path for path, name in zip(files[SOURCE], kinds[SOURCE], strict=True) if not name]
    if loose:
        raise UserError(
            f"{loose[0]}: lies in no class's folder; the source {source.name}, which comes first, needs a folder of "
            f"pictures for each class ({len(loose)} of {len(files[SOURCE])} pictures lie in none)"
        )
    classes = tuple(sorted(set(kinds[SOURCE])))
    if len(classes) < 2:
        raise UserError(
            f"{source}: the source has one class, {classes[0]}; needed: a folder of pictures for each of two classes "
            "or more"
        )
    return LabeledFiles(_names(source, target), files, kinds, classes)


def _source_and_target(paths: Sequence[Path], wanted: Sequence[str]) -> tuple[Path, Path]:
    if not paths:
        raise UserError("no data is given; needed: --data SOURCE --data TARGET, or data.paths in the recipe")
    folders = [Path(path) for path in paths]
    if len(folders) == 1:
        whole = folders[0]
        picture_files(whole)
        folders = sorted(path for path in whole.iterdir() if path.is_dir() and not path.name.startswith("."))
    by_name = {path.resolve().name: path for path in folders}
    for name in wanted:
        if name not in by_name:
            raise UserError(f"no domain '{name}' in the data; {did_you_mean(name, by_name)}")
    chosen = [by_name[name] for name in wanted] or folders
    if len(chosen) != 2:
        raise UserError(
            f"{', '.join(map(str, paths))}: {len(chosen)} domains ({', '.join(path.name for path in chosen)}); needed: "
            "two, --data SOURCE --data TARGET, the source with a folder for each class"
        )
    source, target = (path.resolve() for path in chosen)
    if source.is_relative_to(target) or target.is_relative_to(source):
        raise UserError(
            f"{chosen[0]} and {chosen[1]}: source and target are one folder, or one lies in the other; needed: two "
            "folders"
        )
    return chosen[0], chosen[1]


def _classes(folder: Path, files: Sequence[Path]) -> list[str]:
    """The folder directly below ``folder`` that each file lies in; empty where it lies in none."""
    parts = [path.relative_to(folder).parts for path in files]
    return [each[0] if len(each) > 1 else "" for each in parts]


def _names(source: Path, target: Path) -> tuple[str, str]:
    """What the domains are called: as their folders, and where these are called alike, with the folders above."""
    places = source.resolve(), target.resolve()
    if places[0].name != places[1].name:
        return places[0].name, places[1].name
    one, other = (f"{place.parent.name}/{place.name}" for place in places)
    return one, other
