"""Losses, against loops in float64."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from limner.segment.losses import LOSSES, Loss, cross_entropy, cross_entropy_dice

IGNORE = 255


def example(classes: int = 3, *, seed: int = 0, ignored: float = 0.3) -> tuple[Tensor, Tensor]:
    """Logits (2, classes, 5, 7) and a mask with ignored pixels."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(2, classes, 5, 7, generator=generator) * 3
    mask = torch.randint(0, classes, (2, 5, 7), generator=generator)
    mask[torch.rand(2, 5, 7, generator=generator) < ignored] = IGNORE
    return logits, mask


def softmax(values: np.ndarray) -> np.ndarray:
    shifted = np.exp(values - values.max())
    return shifted / shifted.sum()


def slow_cross_entropy(logits: Tensor, mask: Tensor, smoothing: float = 0.0) -> float:
    """Three loops: the mean over labelled pixels of -sum of target * log probability."""
    total, labelled = 0.0, 0
    for item in range(mask.shape[0]):
        for row in range(mask.shape[1]):
            for column in range(mask.shape[2]):
                truth = int(mask[item, row, column])
                if truth == IGNORE:
                    continue
                probability = softmax(logits[item, :, row, column].double().numpy())
                for number, value in enumerate(probability):
                    target = (1 - smoothing) * (number == truth) + smoothing / len(probability)
                    total -= target * math.log(value)
                labelled += 1
    return total / max(1, labelled)


def slow_dice(logits: Tensor, mask: Tensor) -> float:
    """1 - (2 sum(p t) + 1) / (sum(p) + sum(t) + 1), the sums over the whole batch, averaged over classes 1 and up."""
    losses = []
    for number in range(1, logits.shape[1]):
        overlap = total = 0.0
        for item, row, column in np.ndindex(*mask.shape):
            if mask[item, row, column] == IGNORE:
                continue
            probability = softmax(logits[item, :, row, column].double().numpy())[number]
            truth = float(mask[item, row, column] == number)
            overlap += probability * truth
            total += probability + truth
        losses.append(1 - (2 * overlap + 1) / (total + 1))
    return float(np.mean(losses))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_is_the_mean_over_labelled_pixels(classes: int, smoothing: float) -> None:
    logits, mask = example(classes)
    loss = cross_entropy(smoothing)(logits, mask)
    assert loss.shape == ()
    assert loss.dtype == torch.float32
    assert float(loss) == pytest.approx(slow_cross_entropy(logits, mask, smoothing), rel=1e-5)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("weight", [0.0, 1.0, 2.5])
def test_dice_is_added_to_cross_entropy_with_its_weight(classes: int, weight: float) -> None:
    logits, mask = example(classes, seed=1)
    expected = slow_cross_entropy(logits, mask) + weight * slow_dice(logits, mask)
    assert float(cross_entropy_dice(weight)(logits, mask)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_what_stands_on_ignored_pixels_changes_nothing(name: str) -> None:
    loss: Loss = LOSSES[name]()
    logits, mask = example()
    wild = torch.where((mask == IGNORE).unsqueeze(1), torch.tensor(50.0), logits)
    wild[:, 0] = torch.where(mask == IGNORE, -50.0, wild[:, 0])
    assert torch.equal(loss(logits, mask), loss(wild, mask))
    logits.requires_grad_(True)
    loss(logits, mask).backward()
    assert logits.grad is not None
    assert logits.grad.movedim(1, -1)[mask == IGNORE].abs().max() == 0
    assert logits.grad.movedim(1, -1)[mask != IGNORE].abs().min() > 0


@pytest.mark.parametrize("name", LOSSES)
def test_a_batch_without_a_label_costs_nothing_and_moves_nothing(name: str) -> None:
    logits, mask = example()
    logits.requires_grad_(True)
    loss = LOSSES[name]()(logits, torch.full_like(mask, IGNORE))
    loss.backward()
    assert float(loss.detach()) == 0
    assert logits.grad is not None
    assert torch.equal(logits.grad, torch.zeros_like(logits))


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_are_those_of_small_steps(name: str) -> None:
    loss: Loss = LOSSES[name]()
    logits, mask = example(seed=2)
    logits.requires_grad_(True)
    loss(logits, mask).backward()
    assert logits.grad is not None
    generator = torch.Generator().manual_seed(3)
    for _ in range(5):
        direction = torch.randn(logits.shape, generator=generator)
        with torch.no_grad():
            change = loss(logits + 0.01 * direction, mask).double() - loss(logits - 0.01 * direction, mask).double()
        assert float(change) / 0.02 == pytest.approx(float((logits.grad * direction).sum()), abs=2e-3)


@pytest.mark.parametrize("name", LOSSES)
def test_sure_and_right_costs_almost_nothing_and_sure_and_wrong_much(name: str) -> None:
    mask = torch.tensor([[[0, 1], [1, 0]]])
    right = torch.nn.functional.one_hot(mask, 2).movedim(-1, 1) * 30.0
    assert float(LOSSES[name]()(right, mask)) < 1e-6
    assert float(LOSSES[name]()(-right, mask)) > 10


@pytest.mark.parametrize("name", LOSSES)
def test_half_precision_logits_are_compared_in_float32(name: str) -> None:
    logits, mask = example()
    short = logits.bfloat16()
    assert torch.equal(LOSSES[name]()(short, mask), LOSSES[name]()(short.float(), mask))
