"""The latent step against finite differences in float64, its bound, its matrix form; and what flows through it."""

import math
from collections.abc import Callable
from itertools import product

import pytest
import torch
from torch import Tensor, nn

from limner.adversarial.latents.optimize import optimize_latents
from limner.adversarial.latents.settings import LatentOptimization
from limner.adversarial.latents.steps import LearnedRate, gradient_step, natural_step, project
from limner.adversarial.losses import Hinge
from limner.adversarial.priors import PRIORS
from limner.foundation.errors import UserError

LOGAN = LatentOptimization(step="natural", rate=0.9, damping=0.5, projection="none")


def draws(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def latents(count: int = 5, size: int = 3, seed: int = 0) -> Tensor:
    return torch.rand(count, size, generator=draws(seed), dtype=torch.float64) * 1.6 - 0.8


def networks() -> tuple[nn.Module, nn.Module]:
    """(generator of 4 numbers, discriminator), smooth, in float64."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        generator = nn.Sequential(nn.Linear(3, 6), nn.Tanh(), nn.Linear(6, 4)).double()
        discriminator = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 1), nn.Flatten(0)).double()
    for parameter in (*generator.parameters(), *discriminator.parameters()):
        parameter.data *= 2.5  # as they begin, slopes are near 0
    return generator, discriminator


def slope_of(value: Callable[[], Tensor], place: Tensor, epsilon: float = 1e-6) -> Tensor:
    """d value / d place by central differences, number by number; ``place`` is changed and put back."""
    found = torch.zeros_like(place)
    with torch.no_grad():
        for at in product(*map(range, place.shape)):
            kept = place[at].item()
            place[at] = kept + epsilon
            above = value().item()
            place[at] = kept - epsilon
            below = value().item()
            place[at] = kept
            found[at] = (above - below) / (2 * epsilon)
    return found


# --- the step --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["gradient", "natural"])
@pytest.mark.parametrize("steps", [1, 3])
def test_a_step_is_that_of_slopes_found_by_finite_differences(step: str, steps: int) -> None:
    generator, discriminator = networks()
    settings = LatentOptimization(step=step, rate=0.7, damping=0.3, steps=steps, projection="clip")  # type: ignore[arg-type]
    found = optimize_latents(lambda z: discriminator(generator(z)), latents(), settings)
    expected, lengths = latents(), 0.0
    for row in expected:
        for _ in range(steps):
            slope = slope_of(lambda row=row: discriminator(generator(row[None])).sum(), row)
            factor = 0.7 if step == "gradient" else 0.7 / (0.3 + sum(float(each) ** 2 for each in slope))
            lengths += sum((factor * float(each)) ** 2 for each in slope)
            row.copy_((row + factor * slope).clamp(-1, 1))
    assert torch.allclose(found.latent, expected, atol=1e-8)
    assert found.penalty.item() == pytest.approx(lengths / len(expected), rel=1e-6)
    assert (found.latent - latents()).abs().max() > 0.05


@pytest.mark.parametrize(("alpha", "beta"), [(0.9, 5.0), (0.9, 0.1), (2.0, 0.7)])
def test_no_natural_step_is_longer_than_its_bound_which_is_reached_where_the_slope_is_the_root_of_beta(
    alpha: float, beta: float
) -> None:
    directions = torch.nn.functional.normalize(torch.randn(40, 7, generator=draws(), dtype=torch.float64), dim=1)
    lengths = torch.logspace(-3, 3, 40, dtype=torch.float64)
    lengths[20] = math.sqrt(beta)
    found = natural_step(directions * lengths[:, None], alpha, beta).norm(dim=1)
    bound = alpha / (2 * math.sqrt(beta))
    assert found.max().item() == pytest.approx(bound, rel=1e-12)
    assert found.argmax() == 20
    assert (found.argsort(descending=True)[1:] != 20).all()


def test_the_natural_step_is_the_inverse_of_the_damped_fisher_matrix_times_the_gradient() -> None:
    gradient = torch.randn(6, 5, generator=draws(), dtype=torch.float64)
    expected = torch.stack(
        [0.9 * torch.linalg.solve(torch.outer(g, g) + 0.4 * torch.eye(5, dtype=torch.float64), g) for g in gradient]
    )
    assert torch.allclose(natural_step(gradient, 0.9, 0.4), expected, atol=1e-12)


def test_a_latents_step_does_not_depend_on_the_others_of_its_batch() -> None:
    generator, discriminator = networks()
    score = lambda z: discriminator(generator(z))  # noqa: E731
    together = optimize_latents(score, latents(), LOGAN).latent
    alone = torch.cat([optimize_latents(score, one[None], LOGAN).latent for one in latents()])
    assert torch.allclose(together, alone, atol=1e-12)


def test_several_logits_of_a_sample_count_by_their_mean() -> None:
    generator, discriminator = networks()
    score = lambda z: discriminator(generator(z))  # noqa: E731
    spread = torch.tensor([3.0, -1.0, 1.0], dtype=torch.float64)
    several = optimize_latents(lambda z: score(z)[:, None] * spread, latents(), LOGAN).latent
    assert torch.allclose(several, optimize_latents(score, latents(), LOGAN).latent, atol=1e-12)


def test_only_the_share_moves_and_the_penalty_is_of_those_that_move() -> None:
    gradient = torch.tensor([3.0, 0.0, 4.0], dtype=torch.float64)
    settings = LatentOptimization(step="gradient", rate=0.01, share=0.4, projection="none")
    found = optimize_latents(lambda z: z @ gradient, latents(), settings)
    assert torch.allclose(found.latent[:2], latents()[:2] + 0.01 * gradient)
    assert torch.equal(found.latent[2:], latents()[2:])
    assert found.penalty.item() == pytest.approx((0.01 * 5) ** 2)
    for share, step in ((0.0, "natural"), (1.0, "none")):
        still = optimize_latents(
            lambda z: z @ gradient, latents(), LatentOptimization(step=step, share=share, projection="none")  # type: ignore[arg-type]
        )  # fmt: skip
        assert torch.equal(still.latent, latents())
        assert still.penalty.item() == 0


# --- what flows through the step -------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["generator", "discriminator"])
def test_gradients_of_both_losses_are_those_of_the_whole_procedure_by_finite_differences(side: str) -> None:
    generator, discriminator = networks()
    real = torch.randn(5, 4, generator=draws(1), dtype=torch.float64)

    def loss() -> Tensor:
        with torch.enable_grad():
            found = optimize_latents(lambda z: discriminator(generator(z)), latents(), LOGAN)
        fake_logits = discriminator(generator(found.latent))
        adversarial = (
            Hinge().generator(fake_logits)
            if side == "generator"
            else Hinge().discriminator(discriminator(real), fake_logits)
        )
        return adversarial + 0.3 * found.penalty

    for network in (generator, discriminator):
        for parameter in network.parameters():
            expected = slope_of(lambda: loss().detach(), parameter.data)
            (gradient,) = torch.autograd.grad(loss(), parameter, allow_unused=True)
            gradient = torch.zeros_like(parameter) if gradient is None else gradient
            assert torch.allclose(gradient, expected, atol=1e-7)


def test_the_second_order_term_reaches_both_networks_and_is_gone_where_the_step_is_fixed() -> None:
    generator, discriminator = networks()

    def gradients(settings: LatentOptimization) -> list[Tensor]:
        found = optimize_latents(lambda z: discriminator(generator(z)), latents(), settings)
        logits = discriminator(generator(found.latent))
        return list(torch.autograd.grad(logits.mean(), [*generator.parameters(), *discriminator.parameters()]))

    fixed = optimize_latents(lambda z: discriminator(generator(z)), latents(), LOGAN).latent.detach()
    expected = torch.autograd.grad(
        discriminator(generator(fixed)).mean(), [*generator.parameters(), *discriminator.parameters()]
    )
    first_order = LatentOptimization(
        step="natural", rate=LOGAN.rate, damping=LOGAN.damping, projection="none", second_order=False
    )
    of_first_order = gradients(first_order)
    assert all(torch.allclose(one, other, atol=1e-12) for one, other in zip(of_first_order, expected, strict=True))
    halves = len(list(generator.parameters()))
    apart = [
        ((one - other).norm() / other.norm()).item()
        for one, other in zip(gradients(LOGAN), expected, strict=True)
        if other.norm() > 0
    ]
    assert max(apart[:halves]) > 0.05
    assert max(apart[halves:]) > 0.05
    found = optimize_latents(lambda z: discriminator(generator(z)), latents(), first_order)
    assert not found.latent.requires_grad
    assert not found.penalty.requires_grad


# --- CS-GAN's form, priors, refusals ---------------------------------------------------------------------------------


def test_on_the_sphere_latents_are_brought_there_before_and_after_every_step() -> None:
    generator, discriminator = networks()
    settings = LatentOptimization(step="gradient", rate=0.5, steps=3, projection="sphere")
    seen: list[Tensor] = []

    def score(z: Tensor) -> Tensor:
        seen.append(z.detach())
        return discriminator(generator(z))

    found = optimize_latents(score, 3 * latents(), settings)
    ones = torch.ones(5, dtype=torch.float64)
    assert len(seen) == 3
    assert all(torch.allclose(each.norm(dim=1), ones) for each in [*seen, found.latent])


def test_a_learned_rate_begins_as_given_stays_above_zero_and_gets_a_gradient() -> None:
    generator, discriminator = networks()
    learned = LearnedRate(0.05).double()
    settings = LatentOptimization(step="gradient", projection="none", learned_rate=True)
    assert learned().item() == pytest.approx(0.05)
    mover = torch.optim.SGD(learned.parameters(), 1.0)
    for _ in range(5):
        found = optimize_latents(lambda z: discriminator(generator(z)), latents(), settings, rate=learned())
        mover.zero_grad()
        (-discriminator(generator(found.latent)).mean()).backward()
        mover.step()
    assert learned().item() > 0.0505  # farther up the logit is better for the generator
    learned.log_rate.data.fill_(-30)
    assert learned().item() > 0


def test_projections() -> None:
    given = torch.tensor([[3.0, -4.0], [0.3, 0.4]])
    assert torch.equal(project(given, "none"), given)
    assert torch.equal(project(given, "clip"), torch.tensor([[1.0, -1.0], [0.3, 0.4]]))
    assert torch.allclose(project(given, "sphere"), torch.tensor([[0.6, -0.8], [0.6, 0.8]]))
    assert torch.equal(gradient_step(given, 0.5), given / 2)


def test_the_sphere_prior_draws_latents_of_length_one_in_every_direction() -> None:
    drawn = PRIORS["sphere"]().draw(4000, 3, draws())
    assert torch.allclose(drawn.norm(dim=1), torch.ones(4000))
    assert drawn.mean(dim=0).abs().max() < 0.05
    assert (drawn.square().mean(dim=0) - 1 / 3).abs().max() < 0.03
    with pytest.raises(UserError, match="truncation means nothing to latents on a sphere"):
        PRIORS["sphere"]().draw(3, 3, draws(), 0.5)


@pytest.mark.parametrize(
    ("prior", "projection", "advice"),
    [
        ("normal", "clip", "choose projection none, or prior uniform"),
        ("uniform", "sphere", "choose projection clip or none, or prior sphere"),
        ("sphere", "none", "choose projection sphere, or prior uniform"),
    ],
)
def test_a_projection_to_where_the_prior_does_not_draw_is_refused(prior: str, projection: str, advice: str) -> None:
    settings = LatentOptimization(step="natural", projection=projection)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=f"projection is {projection}, but the prior is {prior}.*{advice}$"):
        settings.check_prior(prior)
    LatentOptimization(projection=projection).check_prior(prior)  # type: ignore[arg-type]


def test_settings_that_mean_nothing_are_refused() -> None:
    with pytest.raises(UserError, match="damping is 0; needed: above 0"):
        LatentOptimization(step="natural", damping=0.0)
    with pytest.raises(UserError, match="rate is 0, and the logarithm of it is learned"):
        LatentOptimization(step="gradient", rate=0.0, learned_rate=True)
    with pytest.raises(UserError, match="sampling_steps is 3, but step is none"):
        LatentOptimization(sampling_steps=3)
