"""Clipping of gradients."""

import pytest
import torch
from torch import nn

from limner.adversarial.weights.clip import clip_gradients


def weights(*gradients: list[float]) -> list[nn.Parameter]:
    made = [nn.Parameter(torch.zeros(len(gradient))) for gradient in gradients]
    for weight, gradient in zip(made, gradients, strict=True):
        weight.grad = torch.tensor(gradient)
    return made


def test_long_gradients_are_shortened_together_and_short_ones_left_alone() -> None:
    long, short = weights([3.0, 0.0], [4.0]), weights([0.3, 0.0], [0.4])
    assert float(clip_gradients(long, 1.0)) == pytest.approx(5)
    assert float(clip_gradients(short, 1.0)) == pytest.approx(0.5)
    for made, expected in ((long, [0.6, 0.0, 0.8]), (short, [0.3, 0.0, 0.4])):
        gradient = torch.cat([weight.grad for weight in made if weight.grad is not None])
        torch.testing.assert_close(gradient, torch.tensor(expected), atol=1e-5, rtol=0)


def test_gradients_that_are_no_numbers_stay_visible() -> None:
    broken = weights([float("nan"), 1.0])
    assert torch.isnan(clip_gradients(broken, 1.0))
    assert torch.isnan(broken[0].grad).any()  # type: ignore[arg-type]
