"""Which normalization of contrast withstands a change of light that training never saw?"""

import torch
from torch import Tensor, nn

from limner.learning.seed_table import Measure, Scores, SeedTable
from limner.nn.layers.contrast import normalize_global, normalize_local
from limner.studies.digits import Side, build, digits, learn, percent_right
from limner.studies.experiment import Experiment, value

ARMS = ("none", "mean and deviation of the data", "global contrast", "local contrast")
SIZE_PX = 16


def light_changes(pictures: Tensor) -> dict[str, Tensor]:
    """Pictures (n, 1, S, S) in 0..1 under other light: paler, brighter, both, a ramp of light, half in shadow."""
    ramp = torch.linspace(0, 1, pictures.shape[3])
    shadow = torch.where(torch.arange(pictures.shape[3]) < pictures.shape[3] // 2, 0.3, 1.0)
    return {
        "as learned": pictures,
        "contrast x 0.3": 0.3 * pictures,
        "brighter by 0.5": pictures + 0.5,
        "both": 0.3 * pictures + 0.5,
        "ramp of light": pictures + ramp,
        "half in shadow": (pictures + 0.2) * shadow,
    }


def normalize(pictures: Tensor, arm: str, mean: float, std: float) -> Tensor:
    """Pictures as the arm has them."""
    if arm == ARMS[1]:
        return (pictures - mean) / std
    if arm == ARMS[2]:
        return normalize_global(pictures)
    return normalize_local(pictures) if arm == ARMS[3] else pictures


def measure(arm: str, seed: int, steps: int) -> Scores:
    """Learn clean digits, answer under other light."""
    training, held_out = digits(seed, SIZE_PX)
    mean, std = float(training.pictures.mean()), float(training.pictures.std())

    def make() -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(32 * 16, 10),
        )  # fmt: skip

    network = build(make, seed)
    learn(network, Side(normalize(training.pictures, arm, mean, std), training.labels), steps, seed)
    return {
        name: percent_right(network, Side(normalize(changed, arm, mean, std), held_out.labels))
        for name, changed in light_changes(held_out.pictures).items()
    }


def finding(table: SeedTable) -> list[str]:
    """What the numbers say."""
    ramp = {arm: value(table, arm, "ramp of light") for arm in ARMS}
    both = {arm: value(table, arm, "both") for arm in ARMS}
    worst = {arm: min(float(value(table, arm, each.name)) for each in table.measures) for arm in ARMS}
    return [
        f"Under a paler and brighter light (both), nothing keeps {both[ARMS[0]]} %, the data's mean and deviation "
        f"{both[ARMS[1]]} %, global contrast {both[ARMS[2]]} %, local contrast {both[ARMS[3]]} %.",
        f"Under a ramp of light, which is no one factor and offset, global contrast keeps {ramp[ARMS[2]]} %, local "
        f"contrast {ramp[ARMS[3]]} %.",
        f"At its worst: {', '.join(f'{arm} {least:.2f} %' for arm, least in worst.items())}. The mean and deviation of "
        "the whole data are the same for every picture, so they take away no difference between pictures.",
    ]


NORMALIZATION = Experiment(
    name="convnets/normalization",
    claim="Global contrast normalization takes away differences of light between pictures, local also within them.",
    protocol="scikit-learn's digits of 16 px, 1,297 to learn from as they are and 500 held out, drawn by the seed; two "
    "convolutions; accuracy in percent under light that training never saw.",
    measures=tuple(Measure(name, unit="%") for name in light_changes(torch.zeros(1, 1, 2, 2))),
    arms=ARMS, measure=measure, finding=finding, steps=200,
)  # fmt: skip
