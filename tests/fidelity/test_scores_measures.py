"""FID, KID, IS, precision, recall, density and coverage against closed forms, slow references and torch-fidelity."""

import math

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import Tensor
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import prc_features_to_metric

from limner.fidelity.coverage import neighbor_distances, support
from limner.fidelity.frechet import fit_gaussian, frechet_distance, gaussian_distance
from limner.fidelity.inception_score import split_weights, weighted_scores
from limner.fidelity.kernel import draw_resamples, draw_subsets, kernel_distance, weighted_distances


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawn(count: int, dimensions: int, seed: int = 0) -> Tensor:
    return torch.randn((count, dimensions), generator=generator(seed), dtype=torch.float64)


@pytest.mark.parametrize("count", [7, 200])
def test_the_fid_of_a_set_to_itself_is_zero_with_fewer_and_with_more_pictures_than_dimensions(count):
    features = drawn(count, 31) * 5 + 3
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-9)


def test_the_fid_of_shifted_features_is_the_squared_shift():
    features, shift = drawn(90, 13), drawn(1, 13, seed=1)
    assert frechet_distance(features, features + shift) == pytest.approx(float(shift.square().sum()), rel=1e-12)


def test_the_fid_of_scaled_features_is_the_squared_difference_of_their_deviations():
    features = drawn(90, 13)
    features = features - features.mean(dim=0)
    variances = features.var(dim=0).sum()
    assert frechet_distance(features, 3 * features) == pytest.approx(float(4 * variances), rel=1e-12)


@pytest.mark.parametrize(("real_count", "fake_count"), [(60, 80), (11, 80), (9, 12)])
def test_the_fid_is_that_of_a_matrix_root_in_float64(real_count, fake_count):
    real, fake = drawn(real_count, 20), drawn(fake_count, 20, seed=1) @ drawn(20, 20, seed=2)
    covariances = [np.cov(each.numpy(), rowvar=False) for each in (real, fake)]
    root = np.sqrt(scipy.linalg.eigvals(covariances[0] @ covariances[1]).astype(complex)).real.sum()
    means = float((real.mean(dim=0) - fake.mean(dim=0)).square().sum())
    expected = means + sum(np.trace(each) for each in covariances) - 2 * root
    assert frechet_distance(real, fake) == pytest.approx(expected, rel=1e-6)


def test_the_root_of_a_covariance_is_no_taller_than_wide_and_squares_to_it():
    features = drawn(50, 6)
    gaussian = fit_gaussian(features)
    assert gaussian.root.shape == (6, 6)
    torch.testing.assert_close(gaussian.root.T @ gaussian.root, features.T.cov())
    assert gaussian_distance(gaussian, gaussian) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("count", [5, 40])
def test_counting_a_picture_twice_is_having_it_twice(count):
    features, other = drawn(count, 8), drawn(30, 8, seed=1)
    times = torch.arange(count) % 3
    repeated = features.repeat_interleave(times, dim=0)
    counted = gaussian_distance(fit_gaussian(features, times), fit_gaussian(other))
    assert counted == pytest.approx(frechet_distance(repeated, other), rel=1e-10)


def slow_kernel_distance(real: Tensor, fake: Tensor) -> float:
    def kernel(first, second):
        return (float(first @ second) / len(first) + 1) ** 3

    def within(features):
        pairs = [(a, b) for i, a in enumerate(features) for j, b in enumerate(features) if i != j]
        return sum(kernel(*pair) for pair in pairs) / len(pairs)

    across = sum(kernel(a, b) for a in real for b in fake) / (len(real) * len(fake))
    return within(real) + within(fake) - 2 * across


def test_the_kid_is_that_of_three_loops():
    real, fake = drawn(7, 5), drawn(9, 5, seed=1) + 0.3
    assert kernel_distance(real, fake) == pytest.approx(slow_kernel_distance(real, fake), rel=1e-12)


def test_the_kid_is_the_same_in_blocks(monkeypatch):
    real, fake = drawn(23, 5), drawn(31, 5, seed=1)
    whole = kernel_distance(real, fake)
    monkeypatch.setattr("limner.fidelity.kernel.BLOCK", 7)
    assert kernel_distance(real, fake) == pytest.approx(whole, rel=1e-12)


def test_the_kid_of_one_set_split_in_two_is_zero_on_average():
    found = []
    for seed in range(200):
        features = drawn(60, 8, seed)
        found.append(kernel_distance(features[:30], features[30:]))
    error = np.std(found) / math.sqrt(len(found))
    assert abs(np.mean(found)) < 3 * error
    assert min(found) < 0  # unbiased: it must fall below zero as often as not


def test_weights_of_zero_and_one_are_the_kid_of_the_subset():
    real, fake = drawn(20, 5), drawn(25, 5, seed=1)
    ours, theirs = draw_subsets(20, 3, 8, generator()), draw_subsets(25, 3, 8, generator(1))
    found = weighted_distances(real, fake, ours, theirs)
    for row in range(3):
        expected = kernel_distance(real[ours[row].bool()], fake[theirs[row].bool()])
        assert float(found[row]) == pytest.approx(expected, rel=1e-10)


def test_resamples_of_the_kid_lie_around_it_and_not_above():
    real, fake = drawn(150, 6), drawn(150, 6, seed=1) + 0.2
    weights = [draw_resamples(150, 400, generator(seed)) for seed in (2, 3)]
    found = weighted_distances(real, fake, *weights)
    assert abs(float(found.mean()) - kernel_distance(real, fake)) < 3 * float(found.std()) / 20
    assert (weights[0].sum(dim=1) == 150).all()


def test_subsets_have_their_size_and_come_from_the_generator_alone():
    first, second = draw_subsets(30, 4, 11, generator(5)), draw_subsets(30, 4, 11, generator(5))
    assert (first.sum(dim=1) == 11).all()
    assert torch.equal(first, second)
    with pytest.raises(ValueError, match="subsets of 31 out of 30"):
        draw_subsets(30, 1, 31, generator())


def slow_support(real, fake, k, coverage_k):
    def distances(first, second):
        return np.array([[float((a - b).norm()) for b in second] for a in first])

    def radii(features, number):
        return np.sort(distances(features, features), axis=1)[:, number]  # place 0 is the picture itself

    across = distances(fake, real)
    inside = across <= radii(real, coverage_k)
    return (
        (across <= radii(real, k)).any(axis=1).mean(),
        (across <= radii(fake, k)[:, None]).any(axis=0).mean(),
        inside.sum(axis=1).mean() / coverage_k,
        inside.any(axis=0).mean(),
    )


def test_precision_recall_density_and_coverage_are_those_of_plain_loops(monkeypatch):
    monkeypatch.setattr("limner.fidelity.coverage.BLOCK", 8)
    real, fake = drawn(21, 4), 0.8 * drawn(27, 4, seed=1) + 0.3
    found = support(real, fake)
    means = [float(each.mean()) for each in (found.precision, found.recall, found.density, found.coverage)]
    assert means == pytest.approx(slow_support(real, fake, 3, 5))


@pytest.mark.parametrize("k", [1, 3, 5])
def test_coverage_of_two_draws_of_one_distribution_is_one_minus_two_to_the_minus_k(k):
    found = support(drawn(2000, 2), drawn(2000, 2, seed=1), coverage_neighbors=k)
    assert float(found.coverage.mean()) == pytest.approx(1 - 2**-k, abs=0.02)
    assert float(found.density.mean()) == pytest.approx(1, abs=0.05)


def test_sets_far_apart_share_nothing():
    found = support(drawn(20, 3), drawn(20, 3, seed=1) + 100)
    assert [float(each.sum()) for each in (found.precision, found.recall, found.density, found.coverage)] == [
        0,
        0,
        0,
        0,
    ]


def test_neighbors_need_more_pictures_than_their_number():
    with pytest.raises(ValueError, match="5 pictures have no 5 neighbors"):
        neighbor_distances(drawn(5, 2), 3, 5)


def test_the_is_is_one_where_all_answers_are_alike_and_the_number_of_classes_where_each_is_sure_of_another():
    ones = torch.ones((1, 12))
    assert float(weighted_scores(torch.zeros(12, 4), ones)) == pytest.approx(1)
    sure = 1000 * torch.eye(4).repeat(3, 1)
    assert float(weighted_scores(sure, ones)) == pytest.approx(4)
    only_two = torch.tensor([[1.0, 1, 0, 0] * 3])
    assert float(weighted_scores(sure, only_two)) == pytest.approx(2)


def test_split_weights_part_the_pictures():
    weights = split_weights(23, 4, generator())
    assert (weights.sum(dim=0) == 1).all()
    assert sorted(weights.sum(dim=1).tolist()) == [5, 6, 6, 6]


class TestAgainstTorchFidelity:
    """The same features given to torch-fidelity's own functions. Its own convention: generated first, real second."""

    real = (drawn(90, 40) * torch.linspace(0.1, 3, 40)).float()
    fake = (drawn(80, 40, seed=1) * torch.linspace(0.2, 2, 40) + 0.3).float()

    def test_fid(self):
        theirs = fid_statistics_to_metric(*map(fid_features_to_statistics, (self.fake, self.real)), verbose=False)
        assert frechet_distance(self.real, self.fake) == pytest.approx(theirs["frechet_inception_distance"], rel=1e-5)

    def test_kid_on_the_same_subsets(self):
        options = {"kid_subsets": 6, "kid_subset_size": 50, "rng_seed": 7, "verbose": False}
        theirs = kid_features_to_metric(self.fake, self.real, **options)
        random = np.random.RandomState(7)  # its own draws, repeated
        chosen = [(random.choice(80, 50, replace=False), random.choice(90, 50, replace=False)) for _ in range(6)]
        real_weights, fake_weights = torch.zeros(6, 90), torch.zeros(6, 80)
        for row, (of_fake, of_real) in enumerate(chosen):
            real_weights[row, of_real], fake_weights[row, of_fake] = 1, 1
        found = weighted_distances(self.real, self.fake, real_weights, fake_weights)
        assert float(found.mean()) == pytest.approx(theirs["kernel_inception_distance_mean"], abs=1e-6)
        assert float(found.std(correction=0)) == pytest.approx(theirs["kernel_inception_distance_std"], abs=1e-6)

    def test_precision_and_recall(self):
        options = {"prc_neighborhood": 3, "prc_batch_size": 1000, "save_cpu_ram": False, "verbose": False}
        theirs = prc_features_to_metric(self.fake, self.real, **options)
        found = support(self.real, self.fake)
        assert float(found.precision.mean()) == pytest.approx(theirs["precision"], rel=1e-6)
        assert float(found.recall.mean()) == pytest.approx(theirs["recall"], rel=1e-6)

    def test_is_in_one_split(self):
        theirs = isc_features_to_metric(self.fake, splits=1, shuffle=False)
        found = weighted_scores(self.fake, torch.ones(1, 80))
        assert float(found) == pytest.approx(theirs["inception_score_mean"], rel=1e-6)
