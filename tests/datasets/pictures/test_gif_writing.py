"""GIFs hold every frame, also those that are like the one before."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence

from limner.datasets.pictures.gif_writing import write_gif
from limner.video.clips import open_clip


@pytest.mark.parametrize("moving", [(), (3,), (1, 2, 3, 4)])
def test_frames_alike_stay_frames_and_times_stay_even(tmp_path: Path, moving: tuple[int, ...]) -> None:
    frames = np.full((5, 24, 32, 3), 200, np.uint8)
    for number in moving:
        frames[number, 4:12, 4 + number : 12 + number] = (20, 90, 160)
    write_gif(tmp_path / "a.gif", frames, 0.1)
    with Image.open(tmp_path / "a.gif") as opened:
        assert opened.info["loop"] == 0
        held = [(np.asarray(each.convert("RGB")), each.info["duration"]) for each in ImageSequence.Iterator(opened)]
    assert len(held) == 5 and {duration for _, duration in held} == {100}
    assert all(np.array_equal(pixels, frame) for (pixels, _), frame in zip(held, frames, strict=True))
    clip = open_clip(tmp_path / "a.gif")
    assert len(list(clip)) == 5 and clip.rate == 10


def test_more_colors_than_a_gif_has_are_near(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 255, (2, 40, 40, 3), dtype=np.uint8) // 2 * 2
    write_gif(tmp_path / "a.gif", frames, 0.04)
    with Image.open(tmp_path / "a.gif") as opened:
        assert opened.n_frames == 2
        assert np.abs(np.asarray(opened.convert("RGB")).astype(int) - frames[0]).mean() < 25
