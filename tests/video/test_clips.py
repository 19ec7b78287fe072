from fractions import Fraction
from pathlib import Path

import pytest
import torch

from limner.foundation.errors import UserError
from limner.video.clips import open_clip, write_clip
from limner.video.frame_folders import FrameFolder, write_folder
from limner.video.video_files import VideoFile
from limner.video.video_writing import write_video


def fading(frames: int = 5) -> list[torch.Tensor]:
    return [torch.full((3, 20, 30), 0.1 + 0.1 * number) for number in range(frames)]


def test_a_folder_becomes_a_video_and_a_video_a_folder(tmp_path: Path) -> None:
    write_folder(tmp_path / "frames", fading())
    folder = open_clip(tmp_path / "frames")
    assert isinstance(folder, FrameFolder)
    write_clip(tmp_path / "clip.mp4", folder, folder)
    video = open_clip(tmp_path / "clip.mp4")
    assert isinstance(video, VideoFile) and (video.length, video.rate) == (5, 25)
    write_clip(tmp_path / "again", video, video)
    again = open_clip(tmp_path / "again")
    assert again.length == 5
    for got, wanted in zip(again, fading(), strict=True):
        assert (got - wanted).abs().max() < 0.02


def test_a_result_has_the_rate_or_the_names_of_its_clip(tmp_path: Path) -> None:
    write_video(tmp_path / "slow.mkv", fading(), Fraction(12))
    write_clip(tmp_path / "result.mov", fading(), open_clip(tmp_path / "slow.mkv"))
    assert open_clip(tmp_path / "result.mov").rate == 12
    write_folder(tmp_path / "plain", fading(2))
    for old, new in (("frame_000001.png", "b.png"), ("frame_000002.png", "a.png")):
        (tmp_path / "plain" / old).rename(tmp_path / "plain" / new)
    write_clip(tmp_path / "named", fading(2), open_clip(tmp_path / "plain"))
    assert sorted(path.name for path in (tmp_path / "named").iterdir()) == ["a.png", "b.png"]


def test_a_clip_is_not_written_over_itself_or_under_another_suffix(tmp_path: Path) -> None:
    write_video(tmp_path / "clip.mp4", fading(), Fraction(25))
    clip = open_clip(tmp_path / "clip.mp4")
    with pytest.raises(UserError, match="is the clip itself"):
        write_clip(tmp_path / "." / "clip.mp4", fading(), clip)
    with pytest.raises(UserError, match=r"clip\.gif: clips are written as \.mp4, \.mov, \.mkv, or as a folder"):
        write_clip(tmp_path / "clip.gif", fading(), clip)


def test_what_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file; needed: a video"):
        open_clip(tmp_path / "missing")
