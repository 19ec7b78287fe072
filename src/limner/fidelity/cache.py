"""Features of folders that were seen before: kept in the user's cache, so that a score's real side is computed once."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from limner.foundation.files.dependencies import digests
from limner.foundation.files.writing import remove, replacing

FORMAT = 1
TENSORS = ("features", "logits", "colors")
"""Names of what is kept, a row for each file."""
LIMIT_BYTES = 2 * 2**30
"""What all files together may take; the longest unused go first."""


def cache_folder() -> Path:
    """Where features are kept: ``features`` in $LIMNER_CACHE, or in the system's place for caches. Safe to delete."""
    if chosen := os.environ.get("LIMNER_CACHE"):
        return Path(chosen) / "features"
    if sys.platform == "darwin":
        place = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        place = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    else:
        place = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return place / "limner" / "features"


def features_place(files: Sequence[Path], extractor: Sequence[str]) -> Path:
    """Where the features of these files, as they are now, are kept. Their contents are read: a folder that was made
    anew, with the sizes and times of before, has another place.

    extractor: all that decides its features, as texts.
    """
    digest = hashlib.sha256(json.dumps([FORMAT, *extractor]).encode())
    digest.update(" ".join(digests(files)).encode())
    return cache_folder() / f"{digest.hexdigest()[:32]}.safetensors"


def read_features(place: Path, count: int) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """The tensors and facts that `write_features` kept there for ``count`` files, or None where there is
    nothing whole."""
    try:
        with safe_open(place, framework="pt") as kept:
            facts = json.loads(kept.metadata()["facts"])
            tensors = {name: kept.get_tensor(name) for name in TENSORS}
        if any(len(tensor) != count for tensor in tensors.values()):
            return None
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return None
    with suppress(OSError):
        os.utime(place)  # it was of use: others are removed before it
    return tensors, facts


def write_features(place: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Keep ``tensors``, one row a file and named as `TENSORS`, and ``facts``, plain values, at `features_place`.

    Where the cache cannot be written, nothing is kept and nothing said.
    """
    with suppress(OSError, ValueError):  # a full disk, or a file where the folder should be
        with replacing(place) as temporary:
            temporary.write_bytes(
                save({name: tensors[name].contiguous() for name in TENSORS}, {"facts": json.dumps(facts)})
            )
        _make_room(cache_folder())


def _make_room(folder: Path) -> None:
    kept = sorted(
        ((path.stat().st_mtime, path.stat().st_size, path) for path in folder.glob("*.safetensors")), reverse=True
    )
    total = 0
    for _, size, path in kept:
        total += size
        if total > LIMIT_BYTES:
            remove(path)
