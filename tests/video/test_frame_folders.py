from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from limner.foundation.errors import UserError
from limner.video.frame_folders import open_folder, write_folder


def draw(folder: Path, sizes: dict[str, tuple[int, int]]) -> Path:
    """Frames of one gray each, brighter from name to name."""
    folder.mkdir()
    for number, (name, (height, width)) in enumerate(sizes.items()):
        Image.fromarray(np.full((height, width, 3), 20 * number, np.uint8)).save(folder / name)
    return folder


def test_frames_come_in_natural_order_and_as_often_as_asked(tmp_path: Path) -> None:
    names = ["frame_1.png", "frame_2.png", "Frame_3.png", "frame_10.png", "frame_011.png"]
    folder = open_folder(draw(tmp_path / "clip", dict.fromkeys(names, (9, 12))))
    (tmp_path / "clip" / "notes.txt").write_text("no frame")
    assert folder.names == tuple(names)
    assert (folder.length, folder.height, folder.width, folder.rate, folder.has_audio) == (5, 9, 12, 25, False)
    for _ in range(2):
        assert [round(255 * float(frame.mean())) for frame in folder] == [0, 20, 40, 60, 80]
    assert next(iter(folder)).dtype == torch.float32


def test_a_written_folder_has_the_names_and_kinds_of_the_source(tmp_path: Path) -> None:
    folder = draw(tmp_path / "clip", {"a_9.png": (9, 12), "a_10.jpg": (9, 12)})
    deep = np.full((9, 12), 1234, np.uint16)
    Image.fromarray(deep).save(folder / "a_11.png")
    clip = open_folder(folder)
    write_folder(tmp_path / "result", (frame + 0.1 for frame in clip), clip)
    result = open_folder(tmp_path / "result")
    assert result.names == ("a_9.png", "a_10.jpg", "a_11.png")
    for got, frame in zip(result, clip, strict=True):
        assert (got - frame - 0.1).abs().max() < 1 / 255
    assert abs(float(list(result)[2].mean()) - 1234 / 65535 - 0.1) < 1 / 65535


def test_without_a_source_frames_are_numbered(tmp_path: Path) -> None:
    write_folder(tmp_path / "new" / "result", [torch.full((3, 4, 5), 0.2), torch.full((3, 4, 5), 1.4)])
    result = open_folder(tmp_path / "new" / "result")
    assert result.names == ("frame_000001.png", "frame_000002.png")
    assert [round(float(frame.max()), 1) for frame in result] == [0.2, 1.0]


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    folder = draw(tmp_path / "mine", {"family.png": (4, 4)})
    with pytest.raises(UserError, match=r"mine: the folder is not empty; choose another --out"):
        write_folder(folder, [torch.zeros(3, 4, 4)])
    assert (folder / "family.png").exists()


def test_an_error_on_the_way_leaves_no_folder(tmp_path: Path) -> None:
    folder = draw(tmp_path / "clip", {"1.png": (9, 12), "2.png": (9, 12), "3.png": (8, 12)})
    clip = open_folder(folder)
    with pytest.raises(UserError, match=r"3\.png: frames differ in size \(12 x 8, 1\.png 12 x 9\)"):
        write_folder(tmp_path / "result", clip, clip)
    assert [path.name for path in tmp_path.iterdir()] == ["clip"]


def test_a_folder_without_frames_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty: a folder without frames; needed: numbered pictures"):
        open_folder(tmp_path / "empty")


def test_a_broken_frame_is_one_line_that_names_it(tmp_path: Path) -> None:
    folder = draw(tmp_path / "clip", {"1.png": (9, 12), "2.png": (9, 12)})
    (folder / "2.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"2\.png"):
        list(open_folder(folder))


def test_no_frames_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no frames"):
        write_folder(tmp_path / "result", [])
