"""Kernels without labels: Gabor functions are found again, k-means finds them in pictures, noise has none."""

import math

import numpy as np
import pytest
import skimage.data
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from limner.foundation.errors import UserError
from limner.nn.kernels.autoencoder import learn_autoencoder
from limner.nn.kernels.gabor import edge_kernels, fit_gabors, gabor, gabor_bank
from limner.nn.kernels.kmeans import KMeansKernels, TriangleEncoder, learn_kmeans
from limner.nn.kernels.patches import draw_patches, normalize_patches


@pytest.fixture(scope="module")
def photos() -> list[Tensor]:
    """Gray photographs that come with scikit-image: (1, H, W) in 0..1."""
    pixels = (Image.fromarray(getattr(skimage.data, name)()) for name in ("astronaut", "coffee", "chelsea", "camera"))
    return [torch.from_numpy(np.asarray(each.convert("L"), np.float32) / 255)[None] for each in pixels]


@pytest.fixture(scope="module")
def learned(photos: list[Tensor]) -> KMeansKernels:
    return learn_kmeans(draw_patches(photos, 20_000, 9), 64, iterations=30)


def test_kmeans_kernels_of_natural_pictures_are_gabor_functions_and_noise_is_not(learned: KMeansKernels) -> None:
    found = fit_gabors(learned.centroids[:, 0])
    noise = fit_gabors(torch.randn(64, 9, 9, generator=torch.Generator().manual_seed(0)))
    assert found.r2.median() >= 0.85
    assert noise.r2.median() < 0.3
    assert bool((found.r2 <= 1).all())


def test_a_gabor_function_is_found_again() -> None:
    wanted = {"angle": 0.3, "frequency": 1.2, "sharpness": (0.1, 0.05), "center": (0.5, -0.7)}
    found = fit_gabors(7 * gabor(11, phase=0.5, **wanted)[None], starts=24)
    assert found.r2.item() > 0.999
    assert found.frequency.item() == pytest.approx(1.2, abs=0.02)
    assert found.angle.item() == pytest.approx(0.3, abs=0.02)
    assert (found.row.item(), found.column.item()) == pytest.approx((0.5, -0.7), abs=0.05)
    assert found.sharpness[0].tolist() == pytest.approx([0.1, 0.05], abs=0.01)


def test_a_gabor_function_is_what_the_book_writes() -> None:
    kernel = gabor(5, math.pi / 2, 0.9, 0.4, (0.2, 0.1), (1.0, 0.0))
    for row in range(5):
        for column in range(5):
            x, y = column - 2, row - 2 - 1.0
            along, across = y, -x  # turned by a quarter
            expected = math.exp(-0.2 * along**2 - 0.1 * across**2) * math.cos(0.9 * along + 0.4)
            assert kernel[row, column].item() == pytest.approx(expected, abs=1e-12)


def test_a_flat_kernel_has_no_fit_and_no_nan() -> None:
    found = fit_gabors(torch.ones(1, 5, 5))
    assert found.r2.isfinite().all()
    with pytest.raises(ValueError, match=r"needed: \(n, k, k\)"):
        fit_gabors(torch.ones(5, 5))


def test_designed_kernels_answer_to_edges_and_not_to_flat_ground() -> None:
    for bank in (gabor_bank(9), edge_kernels()):
        assert functional.conv2d(torch.full((1, 1, 20, 20), 0.7), bank).abs().max() < 1e-5
    step = torch.zeros(1, 1, 20, 20)
    step[..., 10:] = 1
    vertical, horizontal = functional.conv2d(step, edge_kernels()[:2]).abs().amax((0, 2, 3))
    assert vertical > 3
    assert horizontal == 0
    assert gabor_bank(9, angles=4, frequencies=(1.0,)).shape == (8, 1, 9, 9)


def test_patches_are_drawn_from_all_pictures_within_them_and_the_same_by_the_same_seed() -> None:
    pictures = [torch.full((1, 6, 9), 0.25), torch.full((1, 20, 5), 0.75), torch.zeros(1, 3, 3)]
    patches = draw_patches(pictures, 200, 5, seed=3)
    assert set(patches.flatten(1).mean(1).tolist()) == {0.25, 0.75}
    ramp = [torch.arange(30.0).view(1, 5, 6)]
    assert torch.equal(draw_patches(ramp, 20, 3, seed=1), draw_patches(ramp, 20, 3, seed=1))
    assert {patch[0, 0, 0].item() for patch in draw_patches(ramp, 400, 3)} == {0, 1, 2, 3, 6, 7, 8, 9, 12, 13, 14, 15}
    with pytest.raises(UserError, match="no picture is as large as a patch of 7 x 7"):
        draw_patches([torch.zeros(1, 6, 9)], 1, 7)


def test_patches_are_normalized_as_in_the_paper() -> None:
    patches = torch.rand(4, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    bytes_ = patches * 255
    for ours, theirs in zip(normalize_patches(patches), bytes_, strict=True):
        expected = (theirs - theirs.mean()) / (theirs.var(correction=0) + 10).sqrt()
        assert torch.allclose(ours, expected, atol=1e-5)


def test_every_patch_lies_nearest_to_the_centroid_that_counts_it(learned: KMeansKernels, photos: list[Tensor]) -> None:
    assert learned.counts.sum() == 20_000
    assert learned.as_kernels().flatten(1).norm(dim=1).tolist() == pytest.approx([1] * 64)
    few = learn_kmeans(draw_patches(photos, 8, 5), 8, iterations=3)
    assert few.counts.tolist() == [1] * 8
    with pytest.raises(ValueError, match="3 patches for 4 kernels"):
        learn_kmeans(torch.rand(3, 1, 5, 5), 4)


def test_the_triangle_encoder_is_three_loops() -> None:
    torch.manual_seed(0)
    learned = learn_kmeans(torch.rand(100, 2, 3, 3), 5, iterations=5)
    pictures = torch.rand(2, 2, 7, 6)
    maps = TriangleEncoder(learned, grid=None)(pictures)
    assert maps.shape == (2, 5, 5, 4)
    for number in range(2):
        for row in range(5):
            for column in range(4):
                patch = normalize_patches(pictures[number : number + 1, :, row : row + 3, column : column + 3])
                white = learned.whitening(patch.flatten(1))
                distance = (white - learned.centroids.flatten(1)).norm(dim=1)
                expected = (distance.mean() - distance).clamp_min(0)
                assert torch.allclose(maps[number, :, row, column], expected, atol=1e-4)
    sums = TriangleEncoder(learned)(pictures)
    assert torch.allclose(sums[:, :5], maps[:, :, :3, :2].sum((2, 3)), atol=1e-4)  # 5 rows in 3 + 2
    assert torch.allclose(sums[:, 15:], maps[:, :, 3:, 2:].sum((2, 3)), atol=1e-4)


def test_a_sparse_autoencoder_finds_gabor_functions_too(photos: list[Tensor]) -> None:
    kernels = learn_autoencoder(draw_patches(photos, 20_000, 9), 64)
    assert kernels.shape == (64, 1, 9, 9)
    assert kernels.flatten(1).norm(dim=1).tolist() == pytest.approx([1] * 64, abs=1e-4)
    assert fit_gabors(kernels[:, 0]).r2.median() > 0.7
