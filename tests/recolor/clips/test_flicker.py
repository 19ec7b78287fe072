import math

import pytest
import torch
from torch import Tensor

from limner.colors.spaces import lab_to_srgb, srgb_to_lab
from limner.recolor.clips.flicker import measure_flicker


def shots(frames: int = 8, height: int = 33, width: int = 47, speed: float = 0.2, seed: int = 0) -> list[Tensor]:
    """Soft colored waves that move."""
    generator = torch.Generator().manual_seed(seed)
    phases = torch.rand(3, 1, 1, generator=generator) * 6
    rows, columns = torch.meshgrid(torch.linspace(0, 4, height), torch.linspace(0, 6, width), indexing="ij")
    return [0.5 + 0.2 * torch.sin(rows + columns + phases + speed * number) for number in range(frames)]


def jittered(frames: list[Tensor], delta_e: float) -> list[Tensor]:
    """Brightness that goes up and down by ``delta_e`` of L from frame to frame."""
    step = torch.tensor([delta_e, 0.0, 0.0])[:, None, None]
    return [lab_to_srgb(srgb_to_lab(frame) + step * (-1) ** number) for number, frame in enumerate(frames)]


def test_the_source_itself_has_the_ratio_one_exactly() -> None:
    flicker = measure_flicker(shots(), shots())
    assert flicker.ratio == flicker.still_ratio == flicker.contrast_ratio == 1
    assert flicker.source > 0 and flicker.frames == 6


def test_brightness_that_alternates_on_a_clip_at_rest_counts_with_its_amplitude() -> None:
    still = shots(speed=0.0)
    flicker = measure_flicker(still, jittered(still, 2.0))
    assert flicker.source == flicker.still_source == 0 and flicker.still_share == 1
    assert flicker.result == pytest.approx(2.0, abs=1e-3) and flicker.still_result == pytest.approx(2.0, abs=1e-3)
    assert flicker.ratio == flicker.still_ratio == math.inf


def test_jitter_on_a_moving_clip_raises_both_ratios() -> None:
    moving = shots(speed=0.02)
    flicker = measure_flicker(moving, jittered(moving, 1.0))
    assert flicker.ratio > 5 and flicker.still_ratio > 5 and flicker.still_share > 0
    assert flicker.contrast_ratio == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("gain", [0.5, 1.6])
def test_a_fixed_color_map_has_about_the_ratio_of_its_gain(gain: float) -> None:
    moving = jittered(shots(speed=0.02), 0.2)
    middle = torch.tensor([50.0, 0.0, 0.0])[:, None, None]
    stretched = [lab_to_srgb((srgb_to_lab(frame) - middle) * gain + middle) for frame in moving]
    flicker = measure_flicker(moving, stretched)
    for ratio in (flicker.ratio, flicker.still_ratio, flicker.contrast_ratio):
        assert ratio == pytest.approx(gain, rel=0.05)


def test_an_even_drift_of_colors_is_no_flicker() -> None:
    still = shots(speed=0.0)
    warmer = [
        lab_to_srgb(srgb_to_lab(frame) + torch.tensor([0.5, 0.2, 0.4])[:, None, None] * number)
        for number, frame in enumerate(still)
    ]
    assert measure_flicker(still, warmer).result < 1e-3


def test_edges_that_dance_inside_areas_are_seen_at_pixels_at_rest() -> None:
    still = shots(height=160, width=160, speed=0.0)  # areas of 4 x 4 pixels
    checks = (torch.arange(160)[:, None] + torch.arange(160)) % 2 * 0.1 - 0.05
    dancing = [frame + checks * (-1) ** number for number, frame in enumerate(still)]
    flicker = measure_flicker(still, dancing)
    assert flicker.still_result > 3 > 10 * flicker.result


def test_frames_beside_a_cut_are_left_out() -> None:
    before, after = shots(5, seed=0), [1 - frame.flip(0) * 0.9 for frame in shots(5, seed=3)]
    joined = measure_flicker(before + after, before + after)
    parts = [measure_flicker(part, part) for part in (before, after)]
    assert joined.frames == 6
    assert joined.source == pytest.approx((parts[0].source + parts[1].source) / 2, rel=1e-5)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (200, 3)])
def test_any_size_can_be_measured(size: tuple[int, int]) -> None:
    frames = shots(4, *size, speed=0.0)
    assert measure_flicker(frames, jittered(frames, 1.0)).result > 0.5


def test_clips_of_other_lengths_or_sizes_and_too_short_ones_are_refused() -> None:
    frames = shots(4)
    with pytest.raises(ValueError, match="differ in the number or size"):
        measure_flicker(frames, frames[:3])
    with pytest.raises(ValueError, match="differ in the number or size"):
        measure_flicker(frames, [frame[:, 1:] for frame in frames])
    with pytest.raises(ValueError, match="no three frames of one scene"):
        measure_flicker(frames[:2], frames[:2])


def test_the_numbers_go_into_json_by_name() -> None:
    numbers = measure_flicker(shots(), shots()).to_json()
    assert numbers["ratio"] == 1 and numbers["frames"] == 6
