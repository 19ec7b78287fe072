"""The way of a whole picture: against the plain map of all pixels, and within its bounds."""

import pytest
import torch

from limner.colors.classic.mkl import mkl
from limner.recolor.matching.overall import LARGEST_GAIN, overall_map
from limner.recolor.superpixels.pooling import Regions, measure_regions
from limner.recolor.superpixels.segmentation import superpixels


def colorful(seed: int, height: int = 40, width: int = 50) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    mixing = torch.rand(3, 3, generator=generator) / 4 + torch.eye(3) / 2
    noise = torch.rand(3, height, width, generator=generator)
    return torch.einsum("ij,jhw->ihw", mixing, noise) * 0.5 + 0.1 * seed


def cut(picture: torch.Tensor, count: int = 30) -> Regions:
    return measure_regions(picture, superpixels(picture, count))


def test_the_moments_of_superpixels_are_those_of_all_pixels() -> None:
    target, reference = colorful(1), 0.85 * colorful(2, 30, 34)  # within the largest gain
    whole = overall_map(cut(target), cut(reference), 1.0)
    plain = mkl(target.flatten(1), reference.flatten(1))
    assert whole is not None
    assert (whole(target.flatten(1)) - plain(target.flatten(1))).abs().max() < 1e-4


@pytest.mark.parametrize("share", [0.25, 0.6])
def test_a_share_goes_so_far_toward_the_whole(share: float) -> None:
    target, regions, looks = colorful(1).flatten(1), cut(colorful(1)), cut(colorful(3))
    whole, part = overall_map(regions, looks, 1.0), overall_map(regions, looks, share)
    assert whole is not None and part is not None
    assert torch.allclose(part(target), torch.lerp(target, whole(target), share), atol=1e-5)
    assert overall_map(regions, looks, 0.0) is None


def test_weights_of_superpixels_count_in_place_of_their_pixels() -> None:
    one, other = cut(colorful(2)), cut(colorful(4))
    both = Regions.joined([one, other])
    only_one = torch.cat([one.count / one.count.sum(), torch.zeros(len(other.count))])
    weighed, alone = overall_map(cut(colorful(1)), both, 1.0, only_one), overall_map(cut(colorful(1)), one, 1.0)
    assert weighed is not None and alone is not None
    assert torch.allclose(weighed.matrix, alone.matrix, atol=1e-5)
    assert torch.allclose(weighed.new_center, alone.new_center, atol=1e-6)


def test_the_noise_of_an_even_picture_is_not_blown_up() -> None:
    even = 0.5 + 0.004 * torch.randn(3, 40, 50, generator=torch.Generator().manual_seed(0))
    found = overall_map(cut(even), cut(colorful(2)), 1.0)
    assert found is not None
    gains = torch.linalg.eigvalsh(found.matrix)
    assert gains.max() <= LARGEST_GAIN + 1e-9 and gains.min() >= 1 / LARGEST_GAIN - 1e-9


def test_the_map_of_a_picture_onto_itself_moves_nothing() -> None:
    picture = colorful(1)
    found = overall_map(cut(picture), cut(picture), 0.6)
    assert found is not None
    assert torch.allclose(found(picture.flatten(1)), picture.flatten(1), atol=1e-6)
