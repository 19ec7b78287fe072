"""Under which terms pictures may be used, as far as their folder says."""

from pathlib import Path

NAMES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "NOTICE.md", "README.md")


def terms_beside(folder: Path) -> str:
    """Words to stand behind the folder's name: which file of terms lies in it or in the one above it,
    or that none does.
    """
    for place in (folder, folder.parent):
        for name in NAMES:
            if (place / name).is_file():
                return f" (terms: {name} in {place.name}/)"
    return " (terms not stated beside the data)"
