"""One picture is chosen among those of an idx file."""

import gzip
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from limner.datasets.pictures.idx import is_idx, one_picture
from limner.foundation.errors import UserError

PICTURES = np.arange(5 * 6 * 7, dtype=np.uint8).reshape(5, 6, 7)


def write_idx(path: Path, values: np.ndarray) -> Path:
    content = bytes((0, 0, 8, values.ndim)) + np.array(values.shape, ">u4").tobytes() + values.tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


@pytest.mark.parametrize("name", ["images-idx3-ubyte", "images-idx3-ubyte.gz"])
def test_the_picture_of_a_number_is_lent_as_a_file_and_the_first_without_one(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_idx(tmp_path / name, PICTURES)
    for index in (0, 3, 4):
        with one_picture(path, index) as file:
            assert np.array_equal(np.asarray(Image.open(file)), PICTURES[index])
        assert not file.exists()
    assert capsys.readouterr().err == ""
    with one_picture(path, None) as file:
        assert np.array_equal(np.asarray(Image.open(file)), PICTURES[0])
    assert "holds 5 pictures; the first is used; --index N takes another" in capsys.readouterr().err


@pytest.mark.parametrize("index", [-1, 5])
def test_a_number_that_no_picture_has_is_refused(tmp_path: Path, index: int) -> None:
    path = write_idx(tmp_path / "images-idx3-ubyte", PICTURES)
    with pytest.raises(UserError, match=re.escape(f"--index {index}: {path} holds the pictures 0 to 4")):
        one_picture(path, index).__enter__()


def test_labels_are_no_pictures_and_other_files_hold_none_to_choose(tmp_path: Path) -> None:
    labels = write_idx(tmp_path / "labels-idx1-ubyte", np.arange(5, dtype=np.uint8))
    with pytest.raises(UserError, match="holds 5 numbers; needed: pictures"):
        one_picture(labels, 0).__enter__()
    photo = tmp_path / "photo.png"
    Image.fromarray(PICTURES[0]).save(photo)
    assert not is_idx(photo) and not is_idx(tmp_path / "nothing.gz")
    with one_picture(photo, None) as file:
        assert file == photo
    with pytest.raises(
        UserError, match=r"--index 2 chooses a picture of an idx file, as of MNIST; .*photo\.png is none"
    ):
        one_picture(photo, 2).__enter__()
