"""`limner degrade`: pairs made of pictures, as two folders, with what they were made by."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from limner.datasets.pictures.listing import picture_files
from limner.foundation.errors import UserError
from limner.foundation.files.dependencies import digests
from limner.foundation.files.records import Account, Made, make_once
from limner.foundation.files.writing import as_paths, make_folder
from limner.foundation.progress import Progress
from limner.photos.photos import Photo, read_photo, write_photo
from limner.translate.degrading.degradation import Degradation, degrade
from limner.translate.degrading.options import DegradeOptions
from limner.translate.degrading.ways import DEGRADATIONS

RECIPE = "degrade.json"


def degrade_pictures(
    pictures: str | Path | Sequence[str | Path],
    options: DegradeOptions,
    *,
    out: str | Path = "pairs",
    overwrite: bool = False,
) -> Made:
    """Make pairs: ``out`` gets ``source/`` and ``target/`` (of holes ``mask/``, too) and ``degrade.json``, the way and
    the seed; whole or not there. The same call again finds them made.

    pictures: files and folders of photos. The targets are the pictures themselves, cut to a multiple of the factor
    where they become smaller. Files are PNG, of 8 or 16 bits as the picture's; of floats TIFF.

    Raises `UserError` for no pictures, one that cannot be read or is too small, and two of one name.
    """
    name, chosen = options.chosen
    made: Any = DEGRADATIONS[name](**chosen)
    files = _files(as_paths(pictures))
    request = {
        "pictures": digests(files), "names": [path.stem for path in files], "way": name, "options": chosen,
        "seed": options.seed,
    }  # fmt: skip

    def make(temporary: Path) -> Account:
        make_folder(temporary)
        with Progress("degrade", len(files), "pictures") as progress:
            for number, path in enumerate(files):
                _write_pair(temporary, path, made, number, options.seed)
                progress.advance()
        told = {"way": name, "options": chosen, "seed": options.seed, "pictures": [path.name for path in files]}
        (temporary / RECIPE).write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
        return Account({"pairs": len(files)})

    return make_once(Path(out), request, make, overwrite=overwrite)


def _files(paths: Sequence[Path]) -> list[Path]:
    found: dict[str, Path] = {}
    for path in paths:
        if not path.exists():
            raise UserError(f"{path}: no such file or folder")
        for file in picture_files(path) if path.is_dir() else [path]:
            other = found.get(file.stem.casefold())
            if other is not None and other.resolve() != file.resolve():
                raise UserError(f"{file}: has the same name as {other}; pairs are known by their names: rename one")
            found[file.stem.casefold()] = file
    if not found:
        raise UserError("no picture is given; name files or folders of pictures")
    return list(found.values())


def _write_pair(folder: Path, path: Path, made: Degradation, number: int, seed: int) -> None:
    photo = read_photo(path)
    picture, scale = photo.filled.clamp(0, 1), made.scale
    height, width = (side // scale * scale for side in picture.shape[1:])
    target = picture[:, :height, :width]
    found = degrade(made, target, number, seed)
    suffix = ".tif" if photo.bits == 32 else ".png"
    _write(folder / "source" / f"{path.stem}{suffix}", found.picture, photo)
    _write(folder / "target" / f"{path.stem}{suffix}", target, photo)
    if found.mask is not None:
        _write(folder / "mask" / f"{path.stem}.png", found.mask, replace(photo, bits=8))


def _write(path: Path, picture: Tensor, photo: Photo) -> None:
    colors = picture.expand(3, -1, -1)
    make_folder(path.parent)
    write_photo(path, colors, replace(photo, picture=colors, alpha=None, missing=None, has_alpha=False))
