"""Which files of a folder are pictures. Imports no torch: what is not there is told at once."""

from pathlib import Path

from limner.foundation.errors import UserError
from limner.foundation.files.suffixes import PICTURES, ends_with
from limner.foundation.files.writing import files_below


def picture_files(folder: Path | str) -> list[Path]:
    """The pictures in a folder and those below it, also behind links, hidden ones left out, sorted by path.

    Raises `UserError` for no folder, a file, or a folder without pictures.
    """
    folder = Path(folder)
    if not folder.is_dir():
        what = "a file" if folder.exists() else "no such folder"
        raise UserError(f"{folder}: {what}; needed: a folder of pictures ({', '.join(PICTURES)})")
    found = [
        path
        for path in files_below(folder)
        if ends_with(path, PICTURES) and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    ]
    if not found:
        raise UserError(f"{folder}: no pictures in it; needed: {', '.join(PICTURES)} files")
    return found
