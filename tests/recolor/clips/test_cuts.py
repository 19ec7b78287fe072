import pytest
import torch

from limner.recolor.clips.cuts import color_shift, is_cut


def test_things_that_move_make_no_cut() -> None:
    picture = torch.rand(3, 40, 60, generator=torch.Generator().manual_seed(0))
    assert color_shift(picture, picture.roll((7, 20), dims=(1, 2))) == pytest.approx(0, abs=1e-4)


def test_another_scene_is_a_cut_and_a_brighter_frame_is_none() -> None:
    generator = torch.Generator().manual_seed(0)
    meadow = torch.rand(3, 40, 60, generator=generator) * torch.tensor([0.4, 0.8, 0.3])[:, None, None]
    beach = torch.rand(3, 80, 33, generator=generator) * torch.tensor([0.9, 0.8, 0.6])[:, None, None]
    assert is_cut(meadow, beach)
    assert not is_cut(meadow, meadow * 1.03)


def test_a_shift_of_lightness_counts_in_delta_e() -> None:
    gray, lighter = torch.full((3, 5, 7), 0.5), torch.full((3, 5, 7), 0.55)
    assert color_shift(gray, lighter) == pytest.approx(4.96, abs=0.01)  # L of 53.39 and 58.35


def test_single_pixels_can_be_compared() -> None:
    assert not is_cut(torch.zeros(3, 1, 1), torch.zeros(3, 1, 1))
