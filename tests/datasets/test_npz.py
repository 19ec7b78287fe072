"""Arrays in .npz files: told from damaged ones, whatever the damage, and looked at before memory is taken."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from limner.datasets.npz import array_head, holds_array, read_array
from limner.foundation.errors import UserError


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """An array of 2 x 3, packed."""
    np.savez_compressed(tmp_path / "a.npz", clips=np.arange(6, dtype=np.uint8).reshape(2, 3))
    return tmp_path / "a.npz"


def test_what_was_written_is_read(packed: Path) -> None:
    assert array_head(packed, "clips") == ((2, 3), np.dtype("uint8"))
    assert read_array(packed, "clips").tolist() == [[0, 1, 2], [3, 4, 5]]
    assert holds_array(packed, "clips", otherwise=False) and not holds_array(packed, "other", otherwise=True)
    with pytest.raises(UserError, match="holds no array called other"):
        array_head(packed, "other")


def test_no_injury_of_a_byte_lets_an_error_through(packed: Path) -> None:
    whole = packed.read_bytes()
    told = 0
    for place in range(len(whole)):
        for injury in (0x00, 0xFF, whole[place] ^ 0x10):
            packed.write_bytes(whole[:place] + bytes([injury]) + whole[place + 1 :])
            holds_array(packed, "clips", otherwise=False)
            for read in (array_head, read_array):
                try:
                    read(packed, "clips")
                except UserError:
                    told += 1
    assert told > len(whole)


@pytest.mark.parametrize("head", ["{'descr': '|u1', 'shape': (2, 3", "(((", "{1:\n    2\n  3}", "\t1\n 2\n"])
def test_a_head_that_is_no_dictionary_is_told_however_python_fails_at_it(tmp_path: Path, head: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("clips.npy", b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head.encode())
    for read in (array_head, read_array):
        with pytest.raises(UserError, match=r"not an \.npz file, or cut short"):
            read(tmp_path / "a.npz", "clips")


def test_files_locked_by_a_password_are_told(packed: Path) -> None:
    whole = bytearray(packed.read_bytes())
    for head in (b"PK\x03\x04", b"PK\x01\x02"):
        whole[whole.index(head) + (6 if head[2] == 3 else 8)] |= 1
    packed.write_bytes(whole)
    with pytest.raises(UserError, match=r"not an \.npz file, or cut short"):
        read_array(packed, "clips")


def test_more_than_there_is_memory_for_is_refused_by_its_head(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive, archive.open("clips.npy", "w") as entry:
        head = {"descr": "|u1", "fortran_order": False, "shape": (1 << 24, 1 << 24)}
        np.lib.format.write_array_header_1_0(entry, head)
    with pytest.raises(UserError, match=r"clips of shape \(16777216, 16777216\)"):
        read_array(tmp_path / "a.npz", "clips")
