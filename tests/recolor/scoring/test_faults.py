"""Blotches, halos and opacity: pictures that are spoiled on purpose score worse, the more the worse; others 0."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from limner.colors.spaces import srgb_to_lab
from limner.recolor.scoring.faults import blotches, halos, opacity
from limner.recolor.superpixels.segmentation import superpixels


def sky(height: int = 120, width: int = 180) -> torch.Tensor:
    """(3, H, W): an even evening sky above dark ground with grain."""
    shade = torch.linspace(0.45, 0.6, height)[:, None].expand(height, width)
    picture = torch.stack([shade * 0.9, shade * 0.8, shade]).contiguous()
    grain = torch.rand(height, width, generator=torch.Generator().manual_seed(0))
    picture[:, 2 * height // 3 :] = 0.1 + 0.12 * grain[2 * height // 3 :]
    return picture


def cloud(picture: torch.Tensor, strength: float) -> torch.Tensor:
    """A soft dark cloud that is not in the picture, in its sky."""
    height, width = picture.shape[1:]
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    apart = ((rows - height / 3) / (height / 9)) ** 2 + ((columns - width / 2) / (width / 9)) ** 2
    return picture - strength * torch.exp(-apart / 2)


def soft_edged(picture: torch.Tensor, reach: int, strength: float = 0.3) -> torch.Tensor:
    """The ground made bluer, by a change that is blurred over the horizon by ``reach`` pixels."""
    change = torch.zeros_like(picture)
    change[2, 2 * picture.shape[1] // 3 :] = strength
    if reach:
        change = functional.avg_pool2d(functional.pad(change[None], [reach] * 4, mode="replicate"), 2 * reach + 1, 1)[0]
    return picture + change


def painted(picture: torch.Tensor, share: float) -> torch.Tensor:
    """Each region on its way to its mean color: flat paint at 1."""
    labels = superpixels(picture, 300).long()
    flat = picture.clone()
    for number in range(int(labels.max()) + 1):
        flat[:, labels == number] = picture[:, labels == number].mean(1, keepdim=True)
    return torch.lerp(picture, flat, share)


def textured(height: int = 90, width: int = 120, seed: int = 0) -> torch.Tensor:
    return 0.2 + 0.6 * torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (33, 47), (300, 700)])
def test_the_target_itself_has_no_fault(size):
    picture = textured(*size)
    assert (blotches(picture, picture), halos(picture, picture)) == (0, 0)
    assert opacity(picture, picture, textured(20, 30, seed=1)) == 0


def test_a_false_cloud_in_an_even_sky_is_a_blotch_and_a_darker_one_a_greater():
    target = sky()
    found = [blotches(target, cloud(target, strength)) for strength in (0, 0.03, 0.1, 0.2)]
    assert found[0] == 0
    assert found[1] > 0.2
    assert found[2] > 2 * found[1] and found[3] > 1.5 * found[2]


def test_a_sky_that_changes_as_a_whole_has_no_blotches():
    target = sky()
    assert blotches(target, target * torch.tensor([1.0, 0.9, 0.8])[:, None, None]) < 0.02
    assert blotches(target, 0.5 * target + 0.2) == 0


def test_more_contrast_counts_far_less_than_a_cloud_of_the_same_range():
    target = sky()
    steeper = target.clone()
    steeper[:, :80] = 2 * (target[:, :80] - 0.5) + 0.5
    assert 0 < blotches(target, steeper) < 0.35 * blotches(target, cloud(target, 0.15))


def test_a_cloud_of_the_target_or_in_its_grain_is_no_blotch():
    target = sky()
    clouded = cloud(target, 0.1)
    assert blotches(clouded, clouded) == 0
    assert blotches(clouded, target) < 0.2 * blotches(target, clouded)
    assert blotches(textured(), cloud(textured(), 0.2)) < 0.02 * blotches(target, cloud(target, 0.2))


def test_blotches_mean_the_same_at_every_size():
    small, large = (sky(120 * scale, 180 * scale) for scale in (2, 4))
    assert blotches(large, cloud(large, 0.1)) == pytest.approx(blotches(small, cloud(small, 0.1)), rel=0.1)


def test_what_is_not_seen_has_no_blotches():
    target = sky()
    spoiled = cloud(target, 0.2)
    clear = (spoiled - target).abs().amax(0) < 1e-4
    assert blotches(target, spoiled, clear) < 0.01 < blotches(target, spoiled)


def test_a_change_that_crosses_an_edge_is_a_halo_and_the_stronger_the_greater():
    target = sky(240, 360)
    found = [halos(target, soft_edged(target, 6, strength)) for strength in (0, 0.1, 0.3)]
    assert found[0] == 0
    assert found[1] > 1
    assert found[2] > 1.5 * found[1]
    assert halos(target, soft_edged(target, 0)) < 0.01


def test_a_change_that_stops_short_of_an_edge_is_a_halo():
    target = sky(240, 360)
    result = target.clone()
    result[:2, :145] += 0.15  # the edge is at 160
    assert halos(target, result) > 1
    result[:2, :160] = target[:2, :160] + 0.15
    assert halos(target, result) < 0.05


def test_halos_are_seen_on_every_side():
    target = sky(240, 360)
    found = [halos(one, two) for one, two in turns(target, soft_edged(target, 10))]
    assert found == pytest.approx([found[0]] * 4, rel=1e-4)


def turns(*pictures):
    return [[one.rot90(turn, (1, 2)) for one in pictures] for turn in range(4)]


def test_regions_painted_flat_are_opaque_by_the_share_of_the_paint():
    picture = textured()
    found = [opacity(picture, painted(picture, share), picture) for share in (0, 0.25, 0.5, 1)]
    assert found == pytest.approx([0, 0.25, 0.5, 1], abs=0.05)


def test_a_veil_over_the_picture_is_opacity():
    picture = textured()
    assert opacity(picture, 0.5 * picture + 0.5, picture) > 0.35


def test_a_plain_reference_asks_for_no_more_than_its_own_contrast():
    picture = textured()
    plain = 0.3 * (picture - 0.5) + 0.5
    assert opacity(picture, plain, plain) < 0.05
    assert opacity(picture, picture, plain) == 0
    assert opacity(picture, plain, picture) > 0.5


def test_contrast_of_one_half_makes_up_for_no_flat_paint_in_the_other():
    picture = textured()
    half = painted(picture, 1)
    half[:, :, 60:] = 1.4 * (picture[:, :, 60:] - 0.5) + 0.5
    assert opacity(picture, half, picture) == pytest.approx(0.5, abs=0.07)


def test_what_is_not_seen_counts_neither_for_nor_against():
    picture = textured()
    half = painted(picture, 1)
    half[:, :, 60:] = picture[:, :, 60:]
    seen = torch.zeros(90, 120, dtype=torch.bool)
    seen[:, 64:] = True
    assert opacity(picture, half, picture, seen, seen) < 0.05
    assert opacity(picture, half, picture, ~seen) > 0.8


def test_a_picture_of_one_color_has_no_fault_and_makes_none():
    flat = torch.full((3, 40, 50), 0.4)
    found = blotches(flat, flat * 0.5), halos(flat, flat * 0.5), opacity(flat, flat * 0.5, flat)
    assert found == pytest.approx((0, 0, 0), abs=1e-5)
    assert math.isfinite(opacity(textured(40, 50), flat, flat))


def test_a_blotch_is_as_large_as_a_slow_count_says():
    target = sky(24, 40)
    result = cloud(target, 0.1)
    before, after = (srgb_to_lab(picture).numpy() for picture in (target, result))
    means = []
    for distance in (1, 2, 5, 10):  # 40 px times 1/64, 1/32 (both 1), 1/16 (2), 1/8, 1/4
        added = []
        for one, two in ((before, after), (before.swapaxes(1, 2), after.swapaxes(1, 2))):
            for row in range(one.shape[1]):
                for column in range(one.shape[2] - distance):
                    way = one[:, row, column : column + distance + 1]
                    steps = np.linalg.norm(np.diff(way, axis=1), axis=0)
                    ends = np.linalg.norm(way[:, -1] - way[:, 0])
                    if (steps <= 2).all() and ends <= 4:
                        new = np.linalg.norm(two[:, row, column + distance] - two[:, row, column])
                        added.append(max(0.0, new - ends))
        means.append(np.mean(added))
    assert blotches(target, result) == pytest.approx(np.mean(means), rel=1e-4)
