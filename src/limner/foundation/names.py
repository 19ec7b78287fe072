"""Names of files that are no UTF-8, such as those of old disks and archives, for libraries that take nothing else.

Python reads the bytes that are not UTF-8 as lone surrogates and gives them back to the system as they were. GDAL and
others are handed text in UTF-8, and cannot be told such a name. They are given a link to the file under another one.
"""

import hashlib
import os
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path


def is_plain(name: str) -> bool:
    """Whether a name can be written in UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def plain(name: str) -> str:
    """The name with what is no UTF-8 written as ``%FF``; a plain name as it is.

    >>> plain(os.fsdecode(b"stra\\xdfe.tif"))
    'stra%DFe.tif'
    """
    return "".join(
        letter if is_plain(letter) else "".join(f"%{byte:02X}" for byte in os.fsencode(letter)) for letter in name
    )


def spelled(path: Path) -> str:
    """A name in UTF-8 under which a library finds the file: its own, or that of a link to it.

    What lies beside it and has its stem is found by such a name, too. A name that is to be written must itself be
    plain; its folder's need not be. A name that could be taken for a driver's prefix ("a:b.tif") begins with its
    folder.
    """
    text = str(path)
    if is_plain(text):
        return text if ":" not in text.partition("/")[0] else f"./{text}"
    folder = path.absolute().parent
    links = _links() / hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    if is_plain(path.name):
        with suppress(FileExistsError):
            links.symlink_to(folder)
        return str(links / path.name)
    links = links.with_name(f"{links.name}-files")
    links.mkdir(exist_ok=True)
    for name in os.listdir(folder):
        if name.startswith(path.stem):
            with suppress(FileExistsError):
                (links / plain(name)).symlink_to(folder / name)
    return str(links / plain(path.name))


@cache
def _links() -> Path:
    """A folder for links that goes when the process ends."""
    folder = tempfile.TemporaryDirectory(prefix="limner-names-", ignore_cleanup_errors=True)
    _kept.append(folder)
    return Path(folder.name)


_kept: list[tempfile.TemporaryDirectory[str]] = []
