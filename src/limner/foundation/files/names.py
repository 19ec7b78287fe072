"""Names of files that are no UTF-8, such as those of old disks and archives, for libraries that take nothing else.

Python reads the bytes that are not UTF-8 as lone surrogates and gives them back to the system as they were. GDAL and
others are handed text in UTF-8, and cannot be told such a name; pyogrio takes every name for an address of the web, and
loses what stands behind ``;``, line ends, and more. They are given a link to the file under another name.
"""

import hashlib
import os
import tempfile
import unicodedata
from contextlib import suppress
from functools import cache
from pathlib import Path

OF_ADDRESSES = ";!?"


def is_plain(name: str) -> bool:
    """Whether a name can be written in UTF-8."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_simple(text: str) -> bool:
    """Whether libraries take the text for a file's name, and all of it."""
    return is_plain(text) and not any(letter in OF_ADDRESSES or not letter.isprintable() for letter in text)


def _simple(name: str) -> str:
    return "".join(each if _is_simple(each) else f"%{ord(each):02X}" for each in plain(name))


def plain(name: str) -> str:
    """The name with what is no UTF-8 written as ``%FF``; a plain name as it is.

    >>> plain(os.fsdecode(b"stra\\xdfe.tif"))
    'stra%DFe.tif'
    """
    return "".join(
        letter if is_plain(letter) else "".join(f"%{byte:02X}" for byte in os.fsencode(letter)) for letter in name
    )


def paired_by(below: Path) -> str:
    """What a file is called by those that go with it: its name without the suffix, with / between folders, and every
    accented letter as one sign.

    macOS writes accents as signs of their own, other systems mostly do not, and archives carry both kinds.

    >>> paired_by(Path("places/Belém.tif")) == paired_by(Path("places/Bele\u0301m.png"))
    True
    """
    return unicodedata.normalize("NFC", below.with_suffix("").as_posix())


def found_below(folder: Path, name: str) -> Path:
    """The file that a list calls ``name`` in a folder, though it may be spelled otherwise there: folders parted by
    Windows' ``\\``, accented letters as one sign or as two. As it is spelled where there is none."""
    for text in dict.fromkeys((name, name.replace("\\", "/"))):
        for spelling in dict.fromkeys((text, *(unicodedata.normalize(form, text) for form in ("NFC", "NFD")))):
            if (folder / spelling).is_file():
                return folder / spelling
    return folder / name


def spelled(path: Path, *, as_address: bool = False) -> str:
    """A name in UTF-8 under which a library finds the file, or makes it: its own, or that of a link to it.

    What lies beside it and has its stem is found by such a name, too. A name that could be taken for a driver's prefix
    ("a:b.tif") begins with its folder. as_address: the library takes it for an address of the web (pyogrio).
    """
    text = str(path)
    simple = _is_simple if as_address else is_plain
    if simple(text):
        return text if ":" not in text.partition("/")[0] else f"./{text}"
    folder = path.absolute().parent
    links = _links() / hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    if simple(path.name):
        with suppress(FileExistsError):
            links.symlink_to(folder)
        return str(links / path.name)
    links = links.with_name(f"{links.name}-files")
    links.mkdir(exist_ok=True)
    for name in {path.name, *(os.listdir(folder) if folder.is_dir() else ())}:
        if name.startswith(path.stem):
            with suppress(FileExistsError):
                (links / _simple(name)).symlink_to(folder / name)
    return str(links / _simple(path.name))


@cache
def _links() -> Path:
    """A folder for links that goes when the process ends."""
    folder = tempfile.TemporaryDirectory(prefix="limner-names-", ignore_cleanup_errors=True)
    _kept.append(folder)
    return Path(folder.name)


_kept: list[tempfile.TemporaryDirectory[str]] = []
