"""Losses, against loops in float64."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from drawn import TinyNetwork, draw_picture, recipe_for, save_area
from limner.foundation.errors import UserError
from limner.learning.loop.fabric import make_fabric
from limner.learning.loop.task import StageContext
from limner.segment.networks import NETWORKS
from limner.segment.training.boundary import boundary_weights
from limner.segment.training.losses import LOSSES, Loss, cross_entropy, cross_entropy_boundary, cross_entropy_dice, dice
from limner.segment.training.pixel_weights import KnownClasses, median_frequency
from limner.segment.training.task import SegmentTask

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
    assert float(LOSSES[name]()(-right, mask)) > (0.5 if name == "dice" else 10)  # Dice is at most 1


@pytest.mark.parametrize("name", LOSSES)
def test_half_precision_logits_are_compared_in_float32(name: str) -> None:
    logits, mask = example()
    short = logits.bfloat16()
    assert torch.equal(LOSSES[name]()(short, mask), LOSSES[name]()(short.float(), mask))


def test_dice_alone_is_the_soft_dice_of_the_classes_other_than_the_background() -> None:
    logits, mask = example(4, seed=4)
    assert float(dice()(logits, mask)) == pytest.approx(slow_dice(logits, mask), rel=1e-5)
    assert dice().pixel_weight(mask) is None


def slow_weighted(logits: Tensor, mask: Tensor, weight: np.ndarray) -> float:
    """sum(w l) / sum(w) over labelled pixels, in float64."""
    total = weights = 0.0
    for item, row, column in np.ndindex(*mask.shape):
        truth = int(mask[item, row, column])
        if truth != IGNORE:
            probability = softmax(logits[item, :, row, column].double().numpy())
            total -= weight[item, row, column] * math.log(probability[truth])
            weights += weight[item, row, column]
    return total / weights


@pytest.mark.parametrize("make", [cross_entropy, cross_entropy_dice])
def test_class_weights_give_the_weighted_mean_that_torch_gives(make) -> None:
    logits, mask = example(3, seed=5)
    weights = (0.2, 0.0, 3.0)
    added = slow_dice(logits, mask) if make is cross_entropy_dice else 0.0
    expected = torch.nn.functional.cross_entropy(logits, mask, torch.tensor(weights), ignore_index=IGNORE)
    slow = slow_weighted(logits, mask, np.array([*weights, *[0.0] * 253])[mask.numpy()])
    loss = make(weights=weights, known=KnownClasses(3))
    assert float(loss(logits, mask)) == pytest.approx(float(expected) + added, rel=1e-5)
    assert float(loss(logits, mask)) == pytest.approx(slow + added, rel=1e-5)
    assert loss.pixel_weight(mask)[mask == IGNORE].sum() == 0


def test_equal_class_weights_change_nothing_also_with_smoothing() -> None:
    logits, mask = example(3, seed=6)
    plain, weighted = cross_entropy(0.1), cross_entropy(0.1, weights=(2.5, 2.5, 2.5))
    assert float(weighted(logits, mask)) == pytest.approx(float(plain(logits, mask)), rel=1e-6)


def test_boundary_weights_enter_the_loss_as_a_weighted_mean() -> None:
    generator = torch.Generator().manual_seed(7)
    mask = torch.zeros(1, 12, 12, dtype=torch.int64)
    mask[:, 2:6, 2:6], mask[:, 2:6, 8:11], mask[:, 11] = 1, 1, IGNORE
    logits = torch.randn(1, 2, 12, 12, generator=generator)
    loss = cross_entropy_boundary()
    weight = loss.pixel_weight(mask)
    assert weight[0, 3, 6] > 5 > 2 > weight[0, 9, 1] >= 1
    assert float(loss(logits, mask)) == pytest.approx(slow_weighted(logits, mask, weight.double().numpy()), rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_weights_drawn_ahead_give_what_the_loss_finds_itself(name: str) -> None:
    loss: Loss = LOSSES[name]()
    logits, mask = example()
    assert torch.equal(loss(logits, mask, loss.pixel_weight(mask)), loss(logits, mask))


def test_a_batch_of_a_class_of_weight_0_costs_nothing() -> None:
    logits, mask = example(2, ignored=0)
    logits.requires_grad_(True)
    loss = cross_entropy(0.1, weights=(0.0, 1.0))(logits, torch.zeros_like(mask))
    loss.backward()
    assert float(loss.detach()) == 0
    assert logits.grad is not None
    assert logits.grad.abs().max() == 0


def test_median_frequencies_count_only_the_pictures_that_hold_a_class() -> None:
    counts = np.array([[80, 20, 0, 0], [60, 0, 40, 0], [100, 0, 0, 0]])
    frequencies = [240 / 300, 20 / 100, 40 / 100]  # class 0 is on all three, the others on one each
    assert median_frequency(counts) == pytest.approx([*(0.4 / f for f in frequencies), 0])
    two = median_frequency(np.array([[75, 25]]))
    assert two == pytest.approx((0.5 / 0.75, 0.5 / 0.25))


def test_a_class_that_never_occurs_does_no_harm() -> None:
    logits, mask = example(3, seed=8)
    mask[mask == 2] = 1
    loss = cross_entropy(class_weights="median-frequency", known=KnownClasses(3, lambda: np.array([[30, 10, 0]])))
    assert torch.isfinite(loss(logits, mask))
    expected = cross_entropy(weights=median_frequency(np.array([[30, 10, 0]])))(logits, mask)
    assert torch.equal(loss(logits, mask), expected)


def test_rules_count_only_when_they_are_asked_for() -> None:
    def count() -> np.ndarray:
        raise AssertionError("counted")

    for name in LOSSES:
        LOSSES[name](known=KnownClasses(2, count))
    cross_entropy(weights=(1.0, 2.0), known=KnownClasses(2, count))
    with pytest.raises(AssertionError, match="counted"):
        cross_entropy(class_weights="median-frequency", known=KnownClasses(2, count))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"weights": (1.0, 2.0, 3.0)}, r"weights \[1, 2, 3\] for 2 classes; give one weight for each class"),
        ({"weights": (1.0, -2.0)}, r"weights \[1, -2\]; each must be a number of 0 or more"),
        ({"weights": (0.0, 0.0)}, r"weights \[0, 0\]; .*one above 0"),
        ({"weights": (1.0, math.inf)}, r"weights \[1, inf\]"),
        ({"weights": (1.0, 2.0), "class_weights": "median-frequency"}, "both weights and class_weights"),
        ({"class_weights": "median-frequency"}, "needs the counts of the training ground"),
    ],
)
@pytest.mark.parametrize("name", [name for name in LOSSES if name != "dice"])
def test_weights_that_cannot_be_are_refused(name: str, options: dict[str, object], says: str) -> None:
    with pytest.raises(UserError, match=says):
        LOSSES[name](known=KnownClasses(2), **options)


def test_a_task_draws_the_weights_with_its_batches_and_learns_by_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(NETWORKS, "tiny", TinyNetwork)
    area = save_area(tmp_path / "town", [draw_picture(seed=seed) for seed in range(2)])
    settings = ("--loss.name", "cross-entropy-boundary", "--loss.class-weights", "median-frequency")
    recipe = recipe_for(tmp_path, [area], *settings, "--data.classes-balanced")
    task = SegmentTask(recipe)
    stage = task.stages()[0]
    image, mask, weight = task.batch(stage, 3)
    assert all(torch.equal(a, b) for a, b in zip(task.batch(stage, 3), (image, mask, weight), strict=True))
    of_class = torch.tensor([*median_frequency(task.source.class_pixels()), *[0.0] * 254])
    between = torch.from_numpy(np.stack([boundary_weights(crop) for crop in mask.numpy()]))
    torch.testing.assert_close(weight, of_class[mask] + between)
    task.begin(stage, StageContext(make_fabric(recipe.loop), tmp_path))
    before = {name: value.clone() for name, value in task.networks["network"].state_dict().items()}
    with torch.no_grad():
        expected = task.loss(task.networks["network"].train()(image), mask)
    task.networks["network"].load_state_dict(before)
    loss = task.step(iter([(image, mask, weight)]), 0)["loss"]
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)
    assert len(SegmentTask(recipe_for(tmp_path, [area])).batch(stage, 3)) == 2
