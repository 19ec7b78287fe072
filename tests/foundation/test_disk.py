"""A disk without room is told in one line that names the file."""

import errno
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from limner.foundation.errors import UserError
from limner.foundation.files.writing import make_folder, replacing, write_json, write_text
from limner.foundation.machine.disk import DiskFullError, WatchedFile, open_for_encoder, telling_full_disk


@contextmanager
def files_below(size: int) -> Iterator[None]:
    """No file of this process grows beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_the_line_names_the_file_and_the_free_space(tmp_path: Path) -> None:
    with pytest.raises(DiskFullError) as told, telling_full_disk(tmp_path / "a/b.tif", tmp_path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert str(tmp_path / "a/b.tif") in str(told.value)
    assert " GB free)" in str(told.value) or " MB free)" in str(told.value)


def test_a_library_that_calls_it_something_else_is_asked_by_writing_on(tmp_path: Path) -> None:
    target = tmp_path / "weights.pt"
    with files_below(5000), pytest.raises(DiskFullError, match=r"weights\.pt"), replacing(target) as temporary:
        temporary.write_bytes(bytes(5000))
        raise RuntimeError("unexpected pos 704 vs 598")
    assert list(tmp_path.iterdir()) == []


def test_another_error_stays_what_it_is(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="of our own"), replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("x")
        raise RuntimeError("of our own")
    with pytest.raises(PermissionError), telling_full_disk(tmp_path / "a.txt"):
        raise PermissionError(errno.EACCES, "denied")


def test_a_folder_of_files_is_named_and_not_the_hidden_file_in_it(tmp_path: Path) -> None:
    with (
        files_below(5000),
        pytest.raises(DiskFullError) as told,
        replacing(tmp_path / "frames") as folder,
    ):
        make_folder(folder)
        write_text(folder / "frame.txt", "x" * 6000)
    assert str(told.value).startswith(f"{tmp_path / 'frames'}: ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["JPEG", "BMP", "GIF", "PNG"])
def test_pillow_cannot_overlook_a_write_that_was_cut(form: str, tmp_path: Path) -> None:
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 255, (150, 150, 3), dtype=np.uint8))

    def written(path: Path) -> None:
        with open_for_encoder(path) as file:
            picture.save(file, form)

    written(tmp_path / "whole")
    size = (tmp_path / "whole").stat().st_size
    for limit in (1, size // 2, size - 1):
        with files_below(limit), pytest.raises(OSError):
            written(tmp_path / "cut")
    with Image.open(tmp_path / "whole") as again:
        again.load()


@pytest.mark.parametrize("bytes_a_write", [1, 700, 4096])
def test_a_watched_file_is_as_the_system_s_until_it_fails(bytes_a_write: int, tmp_path: Path) -> None:
    with WatchedFile(str(tmp_path / "a"), "w+b") as file, files_below(3000):
        for start in range(0, 6000, bytes_a_write):
            assert file.write(bytes([start % 251]) * bytes_a_write) == bytes_a_write
        assert file.error is not None and file.error.errno == errno.EFBIG
        assert file.seek(0, os.SEEK_END) >= 0
        file.seek(0)
        assert file.read(1) == b"\0"
        assert len(file.read(5000)) == 5000  # a library that reads on comes to its end


def test_a_watched_file_reads_and_writes_anywhere(tmp_path: Path) -> None:
    with WatchedFile(str(tmp_path / "a"), "wb") as file:
        file.write(b"abcdef")
        file.seek(2)
        file.write(b"XY")
        file.seek(-2, os.SEEK_END)
        assert (file.read(), file.tell(), file.error) == (b"ef", 6, None)
        file.truncate(3)
    assert (tmp_path / "a").read_bytes() == b"abX"


@pytest.mark.parametrize("write", [lambda path: write_json(path, {"a": 1}), lambda path: make_folder(path / "deeper")])
def test_a_link_to_nothing_is_refused_and_stays(write: Callable[[Path], object], tmp_path: Path) -> None:
    link = tmp_path / "out"
    link.symlink_to("nowhere")
    with pytest.raises(UserError, match="is a link to nowhere, which is not there"):
        write(link)
    assert link.is_symlink() and not (tmp_path / "nowhere").exists()


def test_a_name_that_is_not_utf8_comes_back_from_json(tmp_path: Path) -> None:
    import json

    name = os.fsdecode(b"stra\xdfe.tif")
    write_json(tmp_path / "a.json", {"scene": name})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"scene": name}
