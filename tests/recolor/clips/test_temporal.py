import weakref
from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from limner.foundation.errors import UserError
from limner.recolor.clips import temporal
from limner.recolor.clips.flicker import measure_flicker
from limner.recolor.clips.temporal import key_frames, recolor_clip, sample_colors
from limner.recolor.methods.methods import Options, transfer_color
from limner.recolor.methods.superpixel import SuperpixelOptions

HAND_MADE = SuperpixelOptions(features="lab-gradient", count=30, perplexity=1.5, centering="channel")
"""A superpixel transfer small enough for tests, whose matching is sharp and so jumps easily."""


def landscape(shift: float = 0.0, height: int = 22, width: int = 32) -> Tensor:
    """Sky over a field, with a red thing ``shift`` pixels to the right of the middle."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    colors = torch.tensor([[0.4, 0.6, 0.9], [0.3, 0.5, 0.2], [0.8, 0.2, 0.1]])
    sky, field, red = colors[:, :, None, None]
    picture = torch.where(rows < height // 2, sky, field) * (0.8 + 0.2 * torch.sin(columns / 9.0))
    thing = ((columns - width / 2 - shift).abs() < 4) & ((rows - height / 2).abs() < 5)
    return torch.where(thing, red, picture)


def moving(frames: int, noise: float = 0.0) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [
        (landscape(number) + noise * torch.randn(3, 22, 32, generator=generator)).clamp(0, 1)
        for number in range(frames)
    ]


def sunset() -> Tensor:
    ramp = torch.linspace(0.2, 1, 20).expand(3, 15, 20)
    return ramp * torch.tensor([1.0, 0.6, 0.3])[:, None, None]


def test_without_the_temporal_mode_each_frame_is_recolored_by_itself() -> None:
    clip = moving(3)
    for frame, picture in zip(clip, recolor_clip(clip, [sunset()], HAND_MADE, temporal=False), strict=True):
        assert torch.equal(picture, transfer_color(frame, [sunset()], HAND_MADE).picture)


@pytest.mark.parametrize("method", ["superpixel", "sct", "mkl", "histogram", "idt-regrain"])
def test_a_clip_at_rest_gives_one_picture_again_and_again(method: str) -> None:
    options = HAND_MADE if method == "superpixel" else method
    pictures = list(recolor_clip([landscape()] * 5, [sunset()], options, key_every=3))
    assert len(pictures) == 5
    for picture in pictures:
        assert (picture - pictures[0]).abs().max() < 1e-6
    assert (pictures[0] - landscape()).abs().mean() > 0.05


def test_a_global_method_has_one_map_for_all_frames() -> None:
    bright, dark = landscape(), landscape() * 0.7  # no cut between them
    pictures = list(recolor_clip([bright, dark, bright], [sunset()], "reinhard"))
    assert torch.equal(pictures[0], pictures[2])
    alone = transfer_color(dark, [sunset()], "reinhard").picture
    assert (pictures[1] - alone).abs().mean() > 0.02  # one by one, both frames would become equally bright


def test_with_every_frame_a_key_frame_it_is_the_method_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporal, "SLOWEST", 1.0)
    clip = moving(3)
    for frame, picture in zip(clip, recolor_clip(clip, [sunset()], HAND_MADE, key_every=1), strict=True):
        wanted = transfer_color(frame, [sunset()], HAND_MADE).picture
        assert (picture - wanted).abs().mean() < 0.01 < 0.2 < (wanted - frame).abs().mean()


def test_between_key_frames_the_second_fades_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporal, "SLOWEST", 1.0)  # nothing settles
    first, middle, last = landscape(0), landscape(4), landscape(8)
    clip = [first, middle, middle, middle, last]
    pictures = list(recolor_clip(clip, [sunset()], replace(HAND_MADE, smoothness=0.0), key_every=4))
    assert (pictures[1] - pictures[3]).abs().max() > 0.01
    assert (pictures[2] - (pictures[1] + pictures[3]) / 2).abs().max() < 1e-5


def test_nothing_fades_across_a_cut() -> None:
    night = [frame.flip(0) * 0.3 for frame in moving(3)]
    joined = list(recolor_clip(moving(4) + night, [sunset()], HAND_MADE, key_every=2))
    apart = [*recolor_clip(moving(4), [sunset()], HAND_MADE, key_every=2)]
    apart += recolor_clip(night, [sunset()], HAND_MADE, key_every=2)
    for got, wanted in zip(joined, apart, strict=True):
        assert torch.equal(got, wanted)


def test_noise_flickers_less_than_frame_by_frame() -> None:
    """By far in the paper's form; the default hardly flickers where frames stand alone, either."""
    clip = moving(8, noise=0.02)
    for options, share in (
        (replace(HAND_MADE, diffusion=0, contrast=0, global_share=0, soft_range=0, fusion="colors", palette=0.55), 0.9),
        (HAND_MADE, 1.0),
    ):
        together, alone = (
            measure_flicker(clip, recolor_clip(clip, [sunset()], options, temporal=held)) for held in (True, False)
        )
        assert together.ratio < share * alone.ratio and together.still_ratio < share * alone.still_ratio
    assert together.ratio < 1.1 and together.still_ratio < 1.2


def test_where_the_source_rests_a_new_look_comes_slowly_and_where_it_moves_at_once() -> None:
    light, lighter = torch.full((3, 9, 9), 0.5), torch.full((3, 9, 9), 0.55)
    frames, looks = [light, light, light, lighter], [0.1, 0.2, 0.2, 0.3]
    pairs = [(frame, frame + look) for frame, look in zip(frames, looks, strict=True)]
    settled = [float((picture - frame)[0, 4, 4]) for frame, picture in temporal._settled(pairs)]
    assert settled == pytest.approx([0.1, 0.12, 0.136, 0.3], abs=1e-6)


def test_key_frames_are_the_ends_of_scenes_and_equal_steps_between() -> None:
    light, dark = landscape(), landscape() * 0.2
    clip = [light] * 8 + [dark] + [light] * 2
    assert [number for number, _ in key_frames(clip, 3)] == [0, 3, 6, 7, 8, 9, 10]
    assert [number for number, _ in key_frames([light] * 7, 3)] == [0, 3, 6]
    assert list(key_frames([], 3)) == []


class Watched:
    """A clip of which it is known how many frames are alive at once."""

    def __init__(self, frames: int) -> None:
        self.frames, self.alive, self.most = frames, 0, 0

    def __iter__(self) -> Iterator[Tensor]:
        for number in range(self.frames):
            frame = landscape(number % 5)
            self.alive += 1
            self.most = max(self.most, self.alive)
            weakref.finalize(frame, self._gone)
            yield frame

    def _gone(self) -> None:
        self.alive -= 1


@pytest.mark.parametrize("options", [HAND_MADE, "mkl"], ids=["superpixel", "mkl"])
def test_a_long_clip_is_never_in_memory(options: Options | str) -> None:
    clip = Watched(24)
    assert sum(1 for _ in recolor_clip(clip, [sunset()], options, key_every=12)) == 24
    assert clip.most <= 6


def test_the_sample_of_a_clip_is_bounded_spread_and_the_same_each_time() -> None:
    clip = [torch.full((3, 2, 2), number / 300) for number in range(300)]
    colors = sample_colors(clip)
    frames = (colors[0] * 300).round().unique()
    assert 32 <= len(frames) <= 64 and len(frames.diff().unique()) == 1 and frames[0] == 0 and frames[-1] > 290
    assert torch.equal(colors, sample_colors(clip))


def test_strength_and_luminance_are_those_of_pictures() -> None:
    clip = moving(3)
    for frame, picture in zip(clip, recolor_clip(clip, [sunset()], "mkl", strength=0.0), strict=True):
        assert torch.equal(picture, frame)
    whole, half = (list(recolor_clip(clip, [sunset()], HAND_MADE, strength=share)) for share in (1.0, 0.5))
    assert (half[1] - (clip[1] + whole[1]) / 2).abs().max() < 1e-5


def test_the_palette_is_a_little_wider_than_a_pictures_unless_it_is_wished() -> None:
    clip = moving(3)
    usual, named, other = (
        list(recolor_clip(clip, [sunset()], replace(HAND_MADE, palette=palette)))
        for palette in (None, temporal.PALETTE, 0.5)
    )
    assert all(torch.equal(one, two) for one, two in zip(usual, named, strict=True))
    assert not torch.equal(usual[0], other[0])


def test_impossible_options_are_one_line() -> None:
    with pytest.raises(UserError, match=r"strength is 1\.5; needed: 0 \(nothing changes\) to 1"):
        list(recolor_clip(moving(2), [sunset()], "mkl", strength=1.5))
    with pytest.raises(UserError, match="key frames every 0"):
        list(recolor_clip(moving(2), [sunset()], key_every=0))
    with pytest.raises(UserError, match="no method is called 'superpixl'; did you mean 'superpixel'"):
        list(recolor_clip(moving(2), [sunset()], "superpixl"))
