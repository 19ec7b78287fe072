"""Files that hold several pictures, of which the first is used: animations, pages of a TIFF, stereo pairs (MPO)."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from PIL import Image
from PIL.TiffImagePlugin import TiffImageFile

from limner.datasets.pictures.decoding import DAMAGES, KIND
from limner.foundation.progress import say

REDUCED, MASK = 1, 4
"""Bits of a TIFF page's kind: a smaller copy of another page, such as overviews of a map; where another has data."""
LEFT_OUT = "holds more pictures behind the first (frames or pages); they are left out"


def count_pictures(path: Path) -> int:
    """How many frames, pages or pictures a file holds, without the smaller copies and masks in a TIFF.

    Reads heads, decodes no pixels. A file that cannot be read counts as one: whoever decodes it says what is wrong.
    """
    with warnings.catch_warnings(), suppress(*DAMAGES):
        warnings.simplefilter("ignore")  # of Pillow, about sizes and damages
        with Image.open(path) as image:
            return sum(_pages(image)) if isinstance(image, TiffImageFile) else getattr(image, "n_frames", 1)
    return 1


def _pages(image: TiffImageFile) -> Iterator[bool]:
    """Of each page from the second on whether it is a picture of its own; the first is one."""
    yield True
    for number in itertools.count(1):
        try:
            image.seek(number)
        except EOFError:  # the end
            return
        except DAMAGES:  # a kind of pixels that Pillow does not know, such as a mask's: its tags are read all the same
            pass
        yield not image.tag_v2.get(KIND, 0) & (REDUCED | MASK)


def tell_several(files: Sequence[Path]) -> None:
    """Say in one line on stderr how many of the files hold several pictures, and that the first is used; nothing where
    none does."""
    if held := {path: count for path in files if (count := count_pictures(path)) > 1}:
        path, count = next(iter(held.items()))
        if len(files) == 1:
            say(f"Careful: {path}: holds {count} pictures (frames or pages); the first is used")
            return
        hold = "1 file holds" if len(held) == 1 else f"{len(held):,} files hold"
        say(
            f"Careful: {hold} several pictures (frames or pages; {path.name}: {count}); of each the first is used; "
            "save the others as files of their own if they are wanted"
        )
