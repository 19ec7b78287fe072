"""The cumulative color histogram of superpixels, against counting by hand."""

import numpy as np
import torch

from limner.recolor.matching.descriptors import color_descriptors


def test_descriptors_are_the_shares_of_pixels_in_no_higher_bin():
    generator = torch.Generator().manual_seed(0)
    picture = torch.rand(3, 33, 47, generator=generator) * 0.7
    labels = torch.randint(5, (33, 47), generator=generator, dtype=torch.int32)
    found = color_descriptors(picture, labels).reshape(5, 8, 8, 8)
    bins = np.minimum(picture.numpy() / picture.numpy().max() * 8, 7).astype(int)
    for superpixel in range(5):
        own = bins[:, labels.numpy() == superpixel]
        for red, green, blue in [(0, 0, 0), (3, 7, 2), (7, 0, 7), (5, 5, 5), (7, 7, 7)]:
            share = ((own[0] <= red) & (own[1] <= green) & (own[2] <= blue)).mean()
            assert abs(found[superpixel, red, green, blue] - share) < 1e-6


def test_descriptors_do_not_depend_on_the_exposure():
    picture = torch.rand(3, 10, 11, generator=torch.Generator().manual_seed(1))
    labels = torch.arange(110).reshape(10, 11) // 40
    assert torch.equal(color_descriptors(picture, labels), color_descriptors(picture / 4, labels))


def test_nearer_colors_have_nearer_descriptors():
    picture = torch.tensor([0.05, 0.3, 0.9, 1.0]).expand(3, 1, 4)
    dark, gray, bright, _ = color_descriptors(picture, torch.arange(4)[None])
    assert (dark - gray).square().sum() < (dark - bright).square().sum()


def test_black_pictures_single_pixels_and_values_outside_the_range_have_descriptors():
    for values in (torch.zeros(3, 1, 1), torch.full((3, 2, 2), -3.0), torch.tensor([-1.0, 5.0, 0.2])[:, None, None]):
        found = color_descriptors(values, torch.zeros(values.shape[1:], dtype=torch.int32))
        assert found.shape == (1, 512) and found.dtype == torch.float32
        assert found[0, -1] == 1 and found.min() >= 0 and found.isfinite().all()
