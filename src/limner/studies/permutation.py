"""Do the pixels' places matter? A shuffle of all pixels is nothing to a dense network, and much to a convolution."""

import torch
from torch import nn

from limner.learning.seed_table import Measure, Scores, SeedTable
from limner.studies.digits import Side, build, digits, learn, percent_right
from limner.studies.experiment import Experiment, compared

SIZE_PX = 16
ARMS = ("convolutions", "convolutions, pixels shuffled", "dense layers", "dense layers, pixels shuffled")


def _convolutions() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(256, 10),
    )  # fmt: skip


def _dense() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(SIZE_PX**2, 64), nn.ReLU(), nn.Linear(64, 10))


def measure(arm: str, seed: int, steps: int) -> Scores:
    """Learn digits whose pixels are all moved by one drawn permutation, or not."""
    training, held_out = digits(seed, SIZE_PX)
    if arm.endswith("shuffled"):
        order = torch.randperm(SIZE_PX**2, generator=torch.Generator().manual_seed(1000 + seed))
        training, held_out = (
            Side(side.pictures.flatten(2)[..., order].view_as(side.pictures), side.labels)
            for side in (training, held_out)
        )
    network = build(_convolutions if arm.startswith("conv") else _dense, seed)
    learn(network, training, steps, seed)
    return {"accuracy": percent_right(network, held_out)}


def finding(table: SeedTable) -> list[str]:
    """What the numbers say."""
    return [
        f"With shuffled pixels the convolutional network {compared(table, ARMS[1], 'accuracy')} of itself in percent "
        f"points; the dense one {compared(table, ARMS[3], 'accuracy', ARMS[2])}.",
        f"As they are, the dense network {compared(table, ARMS[2], 'accuracy')} of the convolutional one; shuffled, it "
        f"{compared(table, ARMS[3], 'accuracy', ARMS[1])} of that.",
    ]


PERMUTATION = Experiment(
    name="convnets/permutation",
    claim="Convolution is a strong prior: it uses that neighboring pixels belong together; dense layers ignore it.",
    protocol="scikit-learn's digits of 16 px, 1,297 to learn from and 500 held out, drawn by the seed; two "
    "convolutions (8 and 16 maps) or two dense layers (64 units); one permutation of all pixels a seed, "
    "the same for all pictures.",
    measures=(Measure("accuracy", unit="%"),),
    arms=ARMS, measure=measure, finding=finding, steps=200,
)  # fmt: skip
