"""The adversarial losses against their closed forms."""

from math import exp, log

import pytest
import torch

from limner.adversarial.losses import LOSSES

ZERO = torch.zeros(5)


@pytest.mark.parametrize(
    ("name", "discriminator", "generator"),
    [
        ("minimax", 2 * log(2), -log(2)),
        ("non-saturating", 2 * log(2), log(2)),
        ("hinge", 2.0, 0.0),
        ("wasserstein", 0.0, 0.0),
        ("least-squares", 0.5, 0.5),
    ],
)
def test_losses_of_undecided_logits_are_those_of_the_papers(name: str, discriminator: float, generator: float) -> None:
    loss = LOSSES[name]()
    assert float(loss.discriminator(ZERO, ZERO)) == pytest.approx(discriminator, abs=1e-7)
    assert float(loss.generator(ZERO)) == pytest.approx(generator, abs=1e-7)


@pytest.mark.parametrize(
    ("name", "discriminator", "generator"),
    [
        ("minimax", lambda r, f: log(1 + exp(-r)) + log(1 + exp(f)), lambda f: -log(1 + exp(f))),
        ("non-saturating", lambda r, f: log(1 + exp(-r)) + log(1 + exp(f)), lambda f: log(1 + exp(-f))),
        ("hinge", lambda r, f: max(0, 1 - r) + max(0, 1 + f), lambda f: -f),
        ("wasserstein", lambda r, f: f - r, lambda f: -f),
        ("least-squares", lambda r, f: ((r - 1) ** 2 + f**2) / 2, lambda f: (f - 1) ** 2 / 2),
    ],
)
def test_losses_equal_the_same_written_out_number_by_number(name: str, discriminator, generator) -> None:  # type: ignore[no-untyped-def]
    real, fake = (
        torch.tensor([-2.0, 0.3, 1.7], dtype=torch.float64),
        torch.tensor([0.4, -3.0, 1.1], dtype=torch.float64),
    )
    pairs = list(zip(real.tolist(), fake.tolist(), strict=True))
    loss = LOSSES[name]()
    assert float(loss.discriminator(real, fake)) == pytest.approx(sum(discriminator(r, f) for r, f in pairs) / 3)
    assert float(loss.generator(fake)) == pytest.approx(sum(generator(f) for _, f in pairs) / 3)


@pytest.mark.parametrize(("name", "expected"), [("minimax", 0.0), ("non-saturating", -1.0)])
def test_where_the_discriminator_is_sure_only_the_saturating_loss_stops_teaching(name: str, expected: float) -> None:
    fake = torch.full((1,), -30.0, requires_grad=True)
    (gradient,) = torch.autograd.grad(LOSSES[name]().generator(fake), fake)
    assert float(gradient) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_half_precision_logits_are_computed_in_float32(name: str) -> None:
    real, fake = torch.tensor([2.5, -1.0]).bfloat16(), torch.tensor([-0.75, 8.0]).bfloat16()
    loss = LOSSES[name]()
    with torch.autocast("cpu", torch.bfloat16):
        both = loss.discriminator(real, fake), loss.generator(fake)
    assert all(value.dtype == torch.float32 and value.ndim == 0 for value in both)
    torch.testing.assert_close(both, (loss.discriminator(real.float(), fake.float()), loss.generator(fake.float())))


@pytest.mark.parametrize("name", LOSSES)
def test_logits_of_patches_are_averaged_like_those_of_pictures(name: str) -> None:
    real, fake = torch.randn(2, 3, 5, 7, generator=torch.Generator().manual_seed(0))
    loss = LOSSES[name]()
    torch.testing.assert_close(loss.discriminator(real, fake), loss.discriminator(real.flatten(), fake.flatten()))
