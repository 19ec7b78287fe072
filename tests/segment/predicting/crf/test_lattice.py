"""The permutohedral lattice against sums over all pairs, and its two ways of computing against each other."""

import pytest
import torch
from torch import Tensor

from limner.segment.predicting.crf.lattice import Lattice


def points_and_values(dimensions: int, count: int = 1500, spread: float = 1.5) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(dimensions)
    return torch.randn(count, dimensions, generator=generator) * spread, torch.rand(count, 2, generator=generator)


def all_pairs(points: Tensor, values: Tensor) -> Tensor:
    """The Gaussian sums (N, P) float64, by one row of the kernel after the other."""
    points, values = points.double(), values.double()
    return torch.stack([(-0.5 * (points - point).square().sum(1)).exp() @ values for point in points])


@pytest.mark.parametrize(("dimensions", "bound"), [(1, 0.004), (2, 0.006), (3, 0.01), (5, 0.03)])
def test_means_are_those_over_all_pairs(dimensions: int, bound: float) -> None:
    """Values of 0 to 1 of points that lie densely, as pixels do; the bounds are a third above what was measured."""
    points, values = points_and_values(dimensions, spread=0.8)
    lattice, ones = Lattice(points), torch.ones(len(points), 1)
    exact = all_pairs(points, values) / all_pairs(points, ones)
    assert (lattice(values) / lattice(ones) - exact).abs().max() < bound


def test_the_factor_to_a_gaussian_is_the_same_everywhere() -> None:
    points, _ = points_and_values(3, count=3000, spread=0.7)
    ones = torch.ones(len(points), 1)
    middle = points.norm(dim=1) < 1
    factor = (Lattice(points)(ones) / all_pairs(points, ones))[middle]
    assert factor.std() / factor.mean() < 0.03


@pytest.mark.parametrize("dimensions", [1, 2, 3, 5, 8, 15])
def test_loops_and_tensors_agree(dimensions: int) -> None:
    points, values = points_and_values(dimensions)
    points = points + 1000  # as in the middle of a large scene
    loops, tensors = Lattice(points, compiled=True), Lattice(points, compiled=False)
    assert loops.vertex_count == tensors.vertex_count
    torch.testing.assert_close(loops.own_weight, tensors.own_weight)
    torch.testing.assert_close(loops(values), tensors(values))


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_gives_what_the_cpu_gives() -> None:
    points, values = points_and_values(5)
    torch.testing.assert_close(Lattice(points.cuda())(values.cuda()).cpu(), Lattice(points)(values))


@pytest.mark.parametrize(("dimensions", "bound"), [(1, 0.05), (2, 0.05), (3, 0.06), (5, 0.15)])
def test_a_points_own_weight_is_what_one_value_leaves_in_its_own_sum(dimensions: int, bound: float) -> None:
    """Sparse points lack some of the vertices in between, so a little less comes back than the formula says."""
    points, _ = points_and_values(dimensions, count=400, spread=0.5)
    lattice = Lattice(points)
    for point in range(0, 400, 10):
        one = torch.zeros(400, 1)
        one[point] = 1
        assert float(lattice(one)[point, 0]) == pytest.approx(float(lattice.own_weight[point]), rel=bound)


def test_weights_of_a_simplex_sum_to_one_and_none_is_negative() -> None:
    points, _ = points_and_values(5)
    weights = Lattice(points).weights
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(len(points)))
    assert weights.min() > -1e-6


def test_far_points_do_not_feel_each_other() -> None:
    points = torch.tensor([[0.0, 0.0], [100.0, 0.0]])
    sums = Lattice(points)(torch.tensor([[1.0], [0.0]]))
    assert sums[0, 0] > 0
    assert sums[1, 0] == 0
