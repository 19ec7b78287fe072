"""Which photos a user means, and where their results go."""

import re
from collections.abc import Collection, Sequence
from pathlib import Path

from limner.foundation.errors import UserError
from limner.foundation.files.suffixes import PICTURES, ends_with


def list_photos(paths: Sequence[Path]) -> list[Path]:
    """The photo files among ``paths``: files as they are given, of folders those with a photo's suffix, sorted.

    Folders inside folders are not searched; hidden files are left out; a file that is named twice comes once. Raises
    `UserError` for a path that does not exist and for a folder without photos.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        if not path.exists():
            raise UserError(f"{path}: no such file or folder")
        for photo in _photos_in(path) if path.is_dir() else [path]:
            found.setdefault(photo.resolve(), photo)
    return list(found.values())


def _photos_in(folder: Path) -> list[Path]:
    photos = sorted(
        path
        for path in folder.iterdir()
        if ends_with(path, PICTURES) and path.is_file() and not path.name.startswith(".")
    )
    if not photos:
        raise UserError(f"{folder}: no photos in this folder ({', '.join(PICTURES)}; folders inside are not searched)")
    return photos


def output_paths(
    photos: Sequence[Path], folder: Path, inputs: Sequence[Path] = (), done: str = "recolored"
) -> list[Path]:
    """A path in ``folder`` for the result of each of ``photos``: its own name where that is free.

    A name that an input or an earlier result has is followed by "-recolored", and then by -2, -3 and so on; letters'
    case makes no difference, as on many disks. The same photos in the same order get the same names, whatever is in the
    folder already. A suffix that no photo is written with becomes .png.

    inputs: other files that must not be overwritten, such as references. done: what became of them, in a word.
    """
    taken = {_key(path) for path in (*photos, *inputs)}
    results = []
    for photo in photos:
        suffix = photo.suffix if ends_with(photo, PICTURES) else ".png"
        result, number = folder / f"{photo.stem}{suffix}", 1
        while _key(result) in taken:
            result = folder / f"{photo.stem}-{done}{f'-{number}' if number > 1 else ''}{suffix}"
            number += 1
        taken.add(_key(result))
        results.append(result)
    return results


def names_a_file(out: Path, suffixes: Collection[str], what: str) -> bool:
    """Whether --out means one file rather than a folder.

    Raises `UserError` for a name that looks like a file's, such as look.xyz, and has none of the suffixes. v1.2 is a
    folder.
    """
    if out.is_dir() or not re.fullmatch(r"\.[a-z]\w{1,4}", out.suffix.lower()):
        return False
    if not ends_with(out, suffixes):
        raise UserError(
            f"--out {out}: {what} are written as {', '.join(suffixes)}; give a name that ends so, or a folder"
        )
    return True


def refuse_shared_names(inputs: Sequence[Path], results: Sequence[Path]) -> None:
    """Raise `UserError` where a result would take the place of an input, or two results one name."""
    taken = {_key(path) for path in inputs}
    made: set[str] = set()
    for result in results:
        if _key(result) in taken:
            raise UserError(f"{result}: is what is read; choose another --out")
        if _key(result) in made:
            raise UserError(f"{result}: two inputs have this name; give each an --out of its own")
        made.add(_key(result))


def _key(path: Path) -> str:
    return str(path.resolve()).casefold()
