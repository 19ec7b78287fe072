"""Under which terms data may be used, as far as its folders say."""

from pathlib import Path

NAMES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "LICENCE.txt", "NOTICE.md", "README.md")
ABOVE = 2
"""Folders above the data's own that may hold its terms: data/town/images below data/LICENSE."""


def terms_beside(folder: Path) -> str:
    """Words to stand behind the name of data in ``folder``: which file of terms lies in it or next above it, or
    none."""
    for place in (folder, *folder.parents[:ABOVE]):
        for name in NAMES:
            if (place / name).is_file():
                return f" (terms: {name} in {place.name}/)"
    return " (terms not stated beside the data)"
