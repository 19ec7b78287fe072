"""Which form a data set has, told by what lies where it is said to be."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from limner.classify.data.binaries import find_cifar, find_idx, idx_pairs, is_cifar
from limner.classify.data.digits import find_digits
from limner.classify.data.folders import ClassFolder, find_folders
from limner.classify.data.found import Found
from limner.classify.data.table import find_table
from limner.classify.data.torchvision_sets import SETS, find_torchvision
from limner.foundation.errors import UserError
from limner.foundation.nearest import did_you_mean

FORMS = (
    "a folder with a folder for each class, a CSV of path,label, idx files, CIFAR's binary version, or with "
    "data.torchvision a folder that torchvision downloaded to"
)


def find_pictures(
    paths: Sequence[Path], *, class_folder: ClassFolder = "first", torchvision: str | None = None
) -> Found:
    """Pictures with their classes, in whatever form they lie; without paths, scikit-learn's digits.

    class_folder: of a folder for each class, which one names it. torchvision: the name of a data set that torchvision
    has, whose root the one path is.

    Raises `UserError` for several data sets that are no folders for each class, an unknown name, and as each form does.
    """
    if torchvision is not None:
        if torchvision not in SETS:
            raise UserError(f"data.torchvision is '{torchvision}'; {did_you_mean(torchvision, SETS)}")
        return find_torchvision(torchvision, _only(paths, f"torchvision's {torchvision}"))
    if not paths:
        return find_digits()
    for path in paths:
        if path.is_file():
            if path.suffix.lower() != ".csv":
                raise UserError(f"{path}: a file of another kind; needed: {FORMS}")
            return find_table(_only(paths, "a CSV"))
        if not path.is_dir():
            raise UserError(f"{path}: no such file or folder; needed: {FORMS}")
        if idx_pairs(path):
            return find_idx(_only(paths, "a folder of idx files"))
        if is_cifar(path):
            return find_cifar(_only(paths, "CIFAR's binary version"))
        if (path / "data_batch_1").is_file():
            raise UserError(
                f"{path}: CIFAR's version for Python, whose files may run code when read; give the binary version, or "
                "the folder above with --data.torchvision CIFAR10, which checks their hashes"
            )
    return find_folders(paths, class_folder)


def _only(paths: Sequence[Path], what: str) -> Path:
    if len(paths) != 1:
        raise UserError(f"{len(paths)} paths to {what}; needed: one")
    return paths[0]


def part_of(found: Found, chosen: np.ndarray) -> Found:
    """The pictures ``chosen``, (n,) int64, of a data set; it says nothing of a split any more."""
    opener = found.opener
    return replace(
        found,
        names=tuple(found.names[number] for number in chosen),
        labels=found.labels[chosen],
        opener=lambda number, colors, least_px: opener(int(chosen[number]), colors, least_px),
        held_out=None,
        groups=None if found.groups is None else found.groups[chosen],
        files=None if found.files is None else tuple(found.files[number] for number in chosen),
    )
