"""Large pictures at the size at which their superpixels are found."""

from dataclasses import replace

import pytest
import torch

from limner.recolor.methods.methods import transfer_color
from limner.recolor.methods.superpixel import PinnedPoints, SuperpixelOptions
from limner.recolor.superpixels import working
from limner.recolor.superpixels.working import at_full_size, working_copy

QUICK = SuperpixelOptions(features="lab-gradient")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Working copies of at most 2000 pixels."""
    monkeypatch.setattr(working, "WORKING_PX", 2000)


def halves(height: int, width: int, left: tuple[float, ...], right: tuple[float, ...]) -> torch.Tensor:
    picture = torch.tensor(left)[:, None, None].repeat(1, height, width)
    picture[:, :, width // 2 :] = torch.tensor(right)[:, None, None]
    return picture + 0.02 * torch.rand(3, height, width, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("size", [(100, 151), (77, 40), (2000, 3)])
def test_a_copy_keeps_means_and_form_and_few_pixels(small: None, size: tuple[int, int]) -> None:
    picture = torch.rand(3, *size, generator=torch.Generator().manual_seed(0))
    copy = working_copy(picture)
    assert copy[0].numel() <= 2400 and torch.allclose(copy.mean((1, 2)), picture.mean((1, 2)), atol=0.02)
    assert abs(copy.shape[1] / copy.shape[2] / (size[0] / size[1]) - 1) < 0.5
    assert working_copy(picture[:, :20, :3]) is not picture
    assert torch.equal(working_copy(picture[:, :20, :3]), picture[:, :20, :3])


def test_labels_of_a_copy_lie_where_the_pixels_are() -> None:
    labels = torch.tensor([[0, 1], [2, 3]], dtype=torch.int32)
    assert at_full_size(labels, 4, 6).tolist() == [[0, 0, 0, 1, 1, 1]] * 2 + [[2, 2, 2, 3, 3, 3]] * 2
    assert at_full_size(labels, 2, 2) is labels


def test_a_large_picture_gets_what_a_small_one_gets(small: None, monkeypatch: pytest.MonkeyPatch) -> None:
    target = halves(90, 120, (0.2, 0.3, 0.8), (0.6, 0.5, 0.2))
    reference = halves(80, 100, (0.9, 0.4, 0.2), (0.2, 0.6, 0.3))
    done = transfer_color(target, reference, QUICK)
    monkeypatch.setattr(working, "WORKING_PX", 1 << 22)
    whole = transfer_color(target, reference, QUICK)
    assert done.picture.shape == target.shape
    assert (done.picture - whole.picture).abs().mean() < 0.02
    assert done.numbers["target superpixels"] < whole.numbers["target superpixels"]
    assert done.matching is not None and done.matching.sizes == [(90, 120), (80, 100)]
    assert abs(int(done.matching.target_regions.count.sum()) / (90 * 120) - 1) < 0.02


def test_masks_points_and_hidden_pixels_fit_a_large_picture(small: None) -> None:
    target, reference = (
        halves(90, 120, (0.2, 0.3, 0.8), (0.6, 0.5, 0.2)),
        halves(80, 100, (0.9, 0.2, 0.1), (0.1, 0.2, 0.9)),
    )
    only_left = torch.zeros(80, 100)
    only_left[:, :50] = 1
    seen = torch.ones(90, 120, dtype=torch.bool)
    seen[:20] = False
    done = transfer_color(target, reference, QUICK, reference_masks=[only_left], target_seen=seen).picture
    assert torch.equal(done[:, :20], target[:, :20])
    assert float(done[0, 20:].mean() - done[2, 20:].mean()) > 0.4  # red, of the left half alone
    free = SuperpixelOptions(features="lab-gradient", palette=0.0)
    pinned = replace(free, pins=(PinnedPoints((45, 100), (40, 90)),))
    around = [transfer_color(target, reference, options).picture[:, 35:55, 95:105] for options in (pinned, free)]
    blue = [float((made[2] - made[0]).mean()) for made in around]
    assert blue[0] > blue[1] + 0.3  # the right half, which by itself looks at the red one
