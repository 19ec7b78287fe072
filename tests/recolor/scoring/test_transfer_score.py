"""Scores of color transfers against closed forms and slow references."""

import math

import numpy as np
import pytest
import torch
from skimage.color import lab2rgb

from limner.recolor.scoring.score import (
    banding,
    gradient_correlation,
    histogram_intersection,
    luminance_ssim,
    sampled_lab,
    score_transfer,
    sliced_wasserstein,
)

ODD_SIZES = [(33, 47), (1, 30), (30, 1), (1, 1), (6, 5)]


def picture_of(height: int, width: int, seed: int = 0) -> torch.Tensor:
    """(3, H, W): smooth colors with a little noise."""
    random = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 4, 4, generator=random)
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bilinear")[0]
    return (0.15 + 0.7 * smooth + 0.05 * torch.rand(3, height, width, generator=random)).contiguous()


def ramp(levels: int, width: int = 128) -> np.ndarray:
    """(40, width) float32 from 0.2 to 0.4 in as many equal steps as asked."""
    shares = np.round(np.linspace(0, 1, width, endpoint=False) * levels) / levels
    return np.tile((0.2 + 0.2 * shares).astype(np.float32), (40, 1))


@pytest.mark.parametrize("size", ODD_SIZES)
def test_the_identity_keeps_everything_and_closes_nothing(size):
    target, reference = picture_of(*size), picture_of(20, 31, seed=1)
    score = score_transfer(target, target, reference)
    assert (score.ssim, score.gradient_correlation) == pytest.approx((1, 1))
    assert (score.closed, score.clipped, score.banding) == (0, 0, 0)


def test_the_reference_itself_closes_all_of_the_distance():
    target, reference = picture_of(33, 47), picture_of(33, 47, seed=1)
    score = score_transfer(target, reference, reference)
    assert (score.color_distance, score.closed, score.histogram_intersection, score.chroma_ratio) == (0, 1, 1, 1)
    assert score.ssim < 0.9


def test_where_there_is_nothing_to_close_nothing_is_closed():
    target = picture_of(33, 47)
    assert score_transfer(target, target, target).closed == 0


def test_colors_that_go_away_from_the_reference_close_less_than_nothing():
    target = torch.full((3, 9, 9), 0.5)
    assert score_transfer(target, target + 0.2, target - 0.2).closed < 0


def test_constant_pictures_are_as_far_apart_as_their_colors():
    colors = np.array([[40.0, 10.0, -20.0], [60.0, -10.0, 5.0]])
    first, second = (torch.from_numpy(lab2rgb(color[None])).T.reshape(3, 1, 1).expand(3, 7, 9) for color in colors)
    distance = score_transfer(first, first, second).color_distance
    assert distance == pytest.approx(np.linalg.norm(colors[0] - colors[1]) / 2, rel=0.02)


def test_a_moved_cloud_has_half_of_its_way_as_distance():
    colors = np.random.default_rng(0).normal(50, 10, (5000, 3))
    for way in np.eye(3) * 12, -np.eye(3) * 12:
        for direction in way:
            assert sliced_wasserstein(colors, colors + direction) == pytest.approx(6, rel=0.03)


def test_gaussians_of_two_widths_have_the_distance_of_theory():
    """Along every direction |s - s'| E|z|, with E|z| = sqrt(2 / pi)."""
    random = np.random.default_rng(0)
    narrow, wide = random.normal(0, 5, (100_000, 3)), random.normal(0, 12, (80_000, 3))
    assert sliced_wasserstein(narrow, wide) == pytest.approx(7 * math.sqrt(2 / math.pi), rel=0.01)


def test_the_distance_agrees_with_sorted_samples_along_random_directions():
    random = np.random.default_rng(0)
    first, second = random.gamma(2, 6, (4000, 3)), random.uniform(-20, 30, (4000, 3))
    directions = random.normal(size=(2000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    exact = np.abs(np.sort(directions @ first.T, axis=1) - np.sort(directions @ second.T, axis=1)).mean()
    assert sliced_wasserstein(first, second) == pytest.approx(exact, rel=0.02)


def test_the_distance_does_not_depend_on_how_many_pixels_hold_the_same_colors():
    colors, others = np.random.default_rng(0).normal(50, 10, (2, 700, 3))
    assert sliced_wasserstein(np.repeat(colors, 9, axis=0), others) == pytest.approx(
        sliced_wasserstein(colors, others), rel=0.01
    )


def test_a_large_picture_is_sampled_and_the_sample_says_the_same():
    large = picture_of(600, 500)
    colors = sampled_lab(large.numpy())
    assert colors.shape == (100_000, 3)
    every_color = sampled_lab(large[:, ::2, ::2].numpy())
    assert sliced_wasserstein(colors, every_color) < 0.15


def test_histograms_intersect_in_what_both_hold():
    some = np.repeat([[5.0, 5.0, 5.0], [55.0, 5.0, 5.0]], [3, 1], axis=0)
    others = np.repeat([[6.0, 4.0, 5.0], [85.0, 5.0, 5.0]], [1, 1], axis=0)
    assert histogram_intersection(some, others) == 0.5
    assert histogram_intersection(some, some + np.array([0, 40, 0])) == 0


def test_structure_agrees_with_a_plain_ssim():
    first, second = picture_of(60, 50)[0].numpy(), picture_of(60, 50)[1].numpy()
    wide = [np.pad(values, 5, mode="symmetric") for values in (first, second)]
    weights = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    window = np.outer(weights, weights) / weights.sum() ** 2
    views = [np.lib.stride_tricks.sliding_window_view(values.astype(np.float64), (11, 11)) for values in wide]
    mean, other_mean = ((view * window).sum((2, 3)) for view in views)
    variance, other_variance, common = (
        (a * b * window).sum((2, 3)) - (a * window).sum((2, 3)) * (b * window).sum((2, 3))
        for a, b in [(views[0], views[0]), (views[1], views[1]), (views[0], views[1])]
    )
    plain = (2 * mean * other_mean + 0.01**2) * (2 * common + 0.03**2)
    plain /= (mean**2 + other_mean**2 + 0.01**2) * (variance + other_variance + 0.03**2)
    assert luminance_ssim(first, second) == pytest.approx(plain.mean(), abs=1e-5)


def test_gradients_do_not_see_contrast_but_see_inversion():
    luminance = picture_of(33, 47)[0].numpy()
    assert gradient_correlation(luminance, 0.2 + 0.5 * luminance) == pytest.approx(1, abs=1e-6)
    assert gradient_correlation(luminance, 1 - luminance) == pytest.approx(-1, abs=1e-6)
    noise = np.random.default_rng(0).random(luminance.shape, np.float32)
    assert abs(gradient_correlation(luminance, noise)) < 0.1


def test_a_picture_that_lost_its_gradients_does_not_correlate():
    luminance = picture_of(33, 47)[0].numpy()
    assert gradient_correlation(luminance, np.zeros_like(luminance)) == 0
    assert gradient_correlation(np.ones((5, 5)), np.zeros((5, 5))) == 1


@pytest.mark.parametrize("levels", [4, 8, 16])
def test_a_posterized_ramp_is_all_bands(levels):
    assert banding(ramp(128), ramp(levels)) > 0.95


@pytest.mark.parametrize("contrast", [-3, 0.3, 1, 3])
def test_a_smooth_ramp_has_no_bands_at_any_contrast(contrast):
    smooth = ramp(128)
    assert banding(smooth, np.float32(contrast) * (smooth - 0.3) + 0.5) == 0


def test_edges_of_the_target_are_no_bands():
    edges = ramp(4)
    assert banding(edges, 2 * edges) == 0


def test_bands_are_seen_along_columns_as_along_rows():
    assert banding(ramp(128).T, ramp(8).T) == pytest.approx(banding(ramp(128), ramp(8)))


def test_amplified_noise_is_hardly_taken_for_bands():
    noise = np.random.default_rng(0).normal(0.5, 0.001, (80, 80)).astype(np.float32)
    assert banding(noise, 3 * (noise - 0.5) + 0.5) < 0.05


def test_eight_bits_of_a_stretched_gradient_are_bands():
    eight_bits = np.round(ramp(1000, 400) * 255).astype(np.float32) / 255
    assert banding(eight_bits, 3 * (eight_bits - 0.3) + 0.3) > 0.95


def test_only_what_the_transfer_clipped_counts_as_clipped():
    target = torch.full((3, 4, 10), 0.5)
    target[:, :, 0] = 1.0
    result = target.clone()
    result[0, :, :3] = 1.2
    assert score_transfer(target, result, target).clipped == pytest.approx(0.2)
    assert score_transfer(target, result.clip(0, 1), target).clipped == pytest.approx(0.2)


def test_chroma_is_told_against_the_reference():
    lab = np.stack([np.full((8, 8), 50.0), np.full((8, 8), 30.0), np.zeros((8, 8))], axis=-1)
    strong, weak = (
        torch.from_numpy(lab2rgb(lab * (1, share, share)).astype(np.float32)).permute(2, 0, 1) for share in (1, 0.5)
    )
    assert score_transfer(strong, weak, strong).chroma_ratio == pytest.approx(0.5, rel=0.01)


def test_a_score_is_the_same_on_every_call():
    target, reference = picture_of(400, 300), picture_of(350, 400, seed=1)
    result = 0.5 * target + 0.2
    assert score_transfer(target, result, reference) == score_transfer(target, result, reference)


def test_numbers_are_plain_json():
    score = score_transfer(picture_of(9, 9), picture_of(9, 9, 1), picture_of(5, 7, 2)).to_json()
    assert list(score)[:2] == ["ssim", "gradient_correlation"]
    assert all(type(value) is float for value in score.values())


def test_pictures_that_cannot_be_compared_are_refused():
    picture = picture_of(9, 9)
    with pytest.raises(ValueError, match=r"\(3, 9, 9\), \(3, 9, 8\).*needed: \(3, H, W\) twice"):
        score_transfer(picture, picture[:, :, :8], picture)
    unknown = picture.clone()
    unknown[0, 3, 4] = torch.nan
    with pytest.raises(ValueError, match="1 NaN"):
        score_transfer(picture, unknown, picture)


@pytest.mark.parametrize("hidden", [False, True])
def test_strips_of_a_large_picture_score_like_the_whole(monkeypatch, hidden):
    generator = np.random.default_rng(0)
    first, second = (generator.random((61, 40), np.float32) for _ in range(2))
    second = first + 0.3 * second
    seen = generator.random((61, 40)) > 0.3 if hidden else None
    whole = luminance_ssim(first, second, seen), gradient_correlation(first, second, seen)
    for pixels in (40, 7 * 40, 60 * 40):
        monkeypatch.setattr("limner.recolor.scoring.score.STRIP_PX", pixels)
        parts = luminance_ssim(first, second, seen), gradient_correlation(first, second, seen)
        assert parts == pytest.approx(whole, abs=1e-7)
