"""Path length against closed forms: generators whose Jacobian is known."""

from math import pi, sqrt

import pytest
import torch
from torch import Tensor

from limner.adversarial.regularizers.lazy import lazy_factor
from limner.adversarial.regularizers.path_length import path_length_penalty, path_lengths


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def latents(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=draws(1)).requires_grad_()


def test_lengths_equal_the_jacobian_times_the_drawn_picture() -> None:
    weight = torch.randn(2 * 3 * 5, 4, generator=draws(2))
    latent = latents(6, 4)
    lengths = path_lengths((latent @ weight.T).view(6, 2, 3, 5), latent, draws(3))
    noise = torch.randn(6, 2, 3, 5, generator=draws(3)) / sqrt(15)
    torch.testing.assert_close(lengths, (noise.flatten(1) @ weight).norm(dim=1))


def test_the_mean_length_of_a_scaled_orthonormal_map_is_that_of_a_normal_vector_times_its_scale() -> None:
    basis = torch.linalg.qr(torch.randn(64, 2, generator=draws(4))).Q
    latent = latents(4000, 2)
    lengths = path_lengths((3 * latent @ basis.T).view(-1, 1, 8, 8), latent, draws(5))
    # y / sqrt(64), seen through two orthonormal directions: 3 / 8 of the length of a normal vector in the plane.
    assert float(lengths.mean()) == pytest.approx(3 / 8 * sqrt(pi / 2), rel=0.03)


def test_styles_of_several_layers_add_their_squares_up_and_are_averaged_over_the_layers() -> None:
    weight = torch.randn(12, 4, generator=draws(2))
    latent = latents(5, 3, 4)
    lengths = path_lengths((latent.sum(1) @ weight.T).view(5, 1, 3, 4), latent, draws(3))
    noise = torch.randn(5, 1, 3, 4, generator=draws(3)) / sqrt(12)
    torch.testing.assert_close(lengths, (noise.flatten(1) @ weight).norm(dim=1))  # the same in each of the three


@pytest.mark.parametrize("shape", [(3, 1, 7), (3, 2, 3, 4, 5)])
def test_samples_need_not_be_pictures(shape: tuple[int, ...]) -> None:
    latent = latents(3, 4)
    image = latent.sum(1).view(-1, *[1] * (len(shape) - 1)).expand(shape)
    noise = torch.randn(shape, generator=draws(3)) / sqrt(torch.Size(shape[2:]).numel())
    torch.testing.assert_close(path_lengths(image, latent, draws(3)), 2 * noise.flatten(1).sum(1).abs())


def test_the_penalty_is_the_spread_around_a_running_mean_and_pulls_the_generator() -> None:
    gain = torch.ones(2, requires_grad=True)
    mean = torch.zeros(())
    latent = latents(8, 2)
    for number in range(3):
        lengths = path_lengths((latent * gain).view(8, 2, 1, 1), latent, draws(number))
        before = mean
        penalty, mean = path_length_penalty(lengths, mean)
        torch.testing.assert_close(mean, 0.99 * before + 0.01 * lengths.detach().mean())
        torch.testing.assert_close(penalty, (lengths - mean).square().mean())
        assert not mean.requires_grad
    (pull,) = torch.autograd.grad(penalty, gain)
    assert torch.isfinite(pull).all()
    assert float(pull.abs().sum()) > 0


def test_a_generator_that_can_have_equal_steps_everywhere_comes_to_have_them() -> None:
    """x = h w + g w^3: the steps are as long everywhere where g is 0."""
    h, g = torch.tensor(1.0, requires_grad=True), torch.tensor(0.3, requires_grad=True)
    optimizer, mean = torch.optim.SGD([h, g], 0.02), torch.tensor(2.0)
    for number in range(150):
        latent = torch.randn(32, 2, generator=draws(number)).requires_grad_()
        lengths = path_lengths((h * latent + g * latent**3).view(32, 2, 1, 1), latent, draws(1000 + number))
        penalty, mean = path_length_penalty(lengths, mean)
        optimizer.zero_grad()
        penalty.backward()
        optimizer.step()
    assert abs(float(g)) < 0.1 * 0.3
    assert float(h) > 1


@pytest.mark.parametrize("interval", [1, 3, 16])
def test_lazy_terms_weigh_as_much_as_plain_ones_on_average(interval: int) -> None:
    factors = [lazy_factor(number, interval) for number in range(5 * interval)]
    assert sum(factors) == len(factors)
    assert factors[0] == interval
    assert sum(factor > 0 for factor in factors) == 5
