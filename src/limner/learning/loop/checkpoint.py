"""Checkpoints: what a training needs to go on. The newest is kept, and the one before it."""

import os
import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from limner.foundation.files.writing import replacing
from limner.foundation.progress import say

NEWEST, BEFORE = "state.pt", "state-before.pt"
DAMAGES = (
    RuntimeError, ValueError, EOFError, pickle.UnpicklingError, zipfile.BadZipFile, KeyError, TypeError, AttributeError,
    IndexError,
)  # fmt: skip
"""What torch raises for files that are cut short, changed, or no checkpoints."""


def write_checkpoint(folder: Path, content: Mapping[str, Any]) -> None:
    """Write a checkpoint, whole or not at all; the one that was the newest is kept as the one before.

    content: ``position`` and ``task``, of tensors, numbers, texts, lists and dictionaries.
    """
    newest = folder / NEWEST
    with replacing(newest) as temporary:
        with temporary.open("wb") as file:
            torch.save(dict(content), file)
        if newest.exists():  # whoever is killed right here goes on from it, under its other name
            os.replace(newest, folder / BEFORE)


def read_checkpoint(folder: Path) -> dict[str, Any] | None:
    """The newest checkpoint that is whole, or None where there is none; one that is not is told on stderr."""
    for path in (folder / NEWEST, folder / BEFORE):
        if not path.exists():
            continue
        try:
            content = _load(path)
            if isinstance(content["position"], dict) and isinstance(content["task"], dict):
                return dict(content)
        except DAMAGES:
            pass
        earlier = path.name == NEWEST and (folder / BEFORE).exists()
        going_on = "the training goes on from the one before" if earlier else "the training begins anew"
        say(f"{path}: the checkpoint is cut short or damaged; {going_on}")
    return None


def _load(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:
        if archive.testzip() is not None:  # torch does not look at the checksums of the tensors
            raise ValueError("other bytes than were written")
    with path.open("rb") as file:
        return torch.load(file, map_location="cpu", weights_only=True)
