"""How accuracy falls when pictures are moved, turned, or lose contrast: none of which changes what they show."""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional

from limner.classify.data.examples import Examples
from limner.classify.predicting.predictor import PictureClassifier
from limner.datasets.pictures.quantized import quantized
from limner.foundation.progress import Progress

MOST = 1000
"""Pictures that are changed, at most, evenly over what is scored."""
READ = 256
AMOUNTS: Mapping[str, tuple[float, ...]] = {
    "shift": (0.0, 0.025, 0.05, 0.1, 0.2),
    "rotation": (0.0, 10.0, 20.0, 45.0, 90.0),
    "contrast": (1.0, 0.6, 0.3, 0.1),
}
"""Of the edge; degrees; the factor of what differs from the picture's mean. The first leaves pictures as they are."""


def measure_robustness(
    classifier: PictureClassifier, examples: Examples, numbers: Tensor
) -> dict[str, list[list[float]]]:
    """Of each change, (amount, accuracy) pairs: the mean over the ways to do it (four directions, two senses).

    numbers: (n,) int64, the pictures that are scored. What moves in from outside repeats the border.
    """
    chosen = numbers[torch.linspace(0, len(numbers) - 1, min(MOST, len(numbers))).long()]
    steps = sum(len(ways(change, amount)) for change, amounts in AMOUNTS.items() for amount in amounts)
    right = {(change, amount): 0.0 for change, amounts in AMOUNTS.items() for amount in amounts}
    with Progress("robustness", steps * len(chosen), "pictures") as progress:
        for part in chosen.split(READ):
            pictures, labels = examples.read(part), examples.labels[part]
            for change, amount in right:
                changes = ways(change, amount)
                for way in changes:
                    said = classifier.logits(way(pictures)).argmax(dim=1)
                    right[change, amount] += float((said == labels).sum()) / len(changes)
                    progress.advance(len(part))
    return {
        change: [[amount, right[change, amount] / len(chosen)] for amount in amounts]
        for change, amounts in AMOUNTS.items()
    }


def ways(change: str, amount: float) -> list[Callable[[Tensor], Tensor]]:
    """The ways in which pictures, (n, C, S, S) uint8, are changed so much."""
    if amount == AMOUNTS[change][0]:
        return [lambda pictures: pictures]
    if change == "shift":
        return [_moved(amount * x, amount * y) for x, y in ((1, 0), (-1, 0), (0, 1), (0, -1))]
    if change == "rotation":
        return [_turned(amount), _turned(-amount)]
    return [_with_contrast(amount)]


def _moved(right: float, down: float) -> Callable[[Tensor], Tensor]:
    """By shares of the edge, rounded to whole pixels, one at least."""

    def change(pictures: Tensor) -> Tensor:
        size = pictures.shape[-1]
        x, y = (math.copysign(max(1, round(abs(share) * size)), share) if share else 0 for share in (right, down))
        # Where each place of the result lies in the picture, which is 2 wide.
        return _sampled(pictures, [[1.0, 0.0, -2 * x / size], [0.0, 1.0, -2 * y / size]])

    return change


def _turned(degrees: float) -> Callable[[Tensor], Tensor]:
    cosine, sine = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return lambda pictures: _sampled(pictures, [[cosine, -sine, 0.0], [sine, cosine, 0.0]])


def _with_contrast(factor: float) -> Callable[[Tensor], Tensor]:
    def change(pictures: Tensor) -> Tensor:
        image01 = pictures.float() / 255
        mean = image01.mean(dim=(1, 2, 3), keepdim=True)
        return quantized((image01 - mean) * factor + mean)

    return change


def _sampled(pictures: Tensor, transform: list[list[float]]) -> Tensor:
    theta = torch.tensor(transform).expand(len(pictures), -1, -1)
    grid = functional.affine_grid(theta, list(pictures.shape), align_corners=False)
    return quantized(
        functional.grid_sample(pictures.float() / 255, grid, "bilinear", "border", align_corners=False)
    )  # fmt: skip
