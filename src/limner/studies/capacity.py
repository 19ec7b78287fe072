"""Which settings give a network more capacity (Goodfellow et al. 2016, table 11.1)? By random labels memorized."""

import torch
from torch import nn

from limner.learning.seed_table import Measure, Scores, SeedTable
from limner.studies.digits import Side, build, digits, learn, percent_right
from limner.studies.experiment import Experiment, compared

SIZE_PX, PICTURES = 16, 300
USUAL = "width 4, kernel 3, rate 3e-3"
ARMS: dict[str, dict[str, float]] = {
    USUAL: {},
    "width 2": {"width": 2}, "width 8": {"width": 8}, "width 16": {"width": 16},
    "kernel 1": {"kernel": 1}, "kernel 5": {"kernel": 5}, "kernel 7": {"kernel": 7},
    "no zeros around": {"padding": 0},
    "weight decay 3": {"decay": 3.0},
    "dropout 0.3": {"dropout": 0.3}, "dropout 0.6": {"dropout": 0.6},
    "rate 1e-5": {"rate": 1e-5}, "rate 3e-1": {"rate": 3e-1},
}  # fmt: skip


def network_of(width: int = 4, kernel: int = 3, padding: int = 1, dropout: float = 0.0) -> nn.Module:
    """Two convolutions, pooled, and a layer. padding: 1: zeros around, as many as keep the size; 0: none."""
    around = (kernel - 1) // 2 * padding
    lost = (kernel - 1) * (1 - padding)
    last = ((SIZE_PX - lost) // 2 - lost) // 2
    return nn.Sequential(
        nn.Conv2d(1, width, kernel, padding=around), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(width, width, kernel, padding=around), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(dropout), nn.Linear(width * last**2, 10),
    )  # fmt: skip


def measure(arm: str, seed: int, steps: int) -> Scores:
    """Learn 300 digits with drawn labels: what is learned is learned by heart."""
    chosen = dict(ARMS[arm])
    rate, decay = chosen.pop("rate", 3e-3), chosen.pop("decay", 0.0)
    training, _ = digits(seed, SIZE_PX)
    labels = torch.randint(10, (PICTURES,), generator=torch.Generator().manual_seed(seed))
    side = Side(training.pictures[:PICTURES], labels)
    whole = {name: each if name == "dropout" else int(each) for name, each in chosen.items()}
    network = build(lambda: network_of(**whole), seed)  # type: ignore[arg-type]
    learn(network, side, steps, seed, rate=rate, weight_decay=decay)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return {"learned by heart": percent_right(network, side), "parameters": float(parameters)}


def finding(table: SeedTable) -> list[str]:
    """What the numbers say."""
    said = [f"'{arm}' {compared(table, arm, 'learned by heart')}" for arm in ARMS if arm != USUAL]
    return [
        f"Of {PICTURES} random labels, in percent points against '{USUAL}': {'; '.join(said)}.",
        "Chance is about 10 to 13 %. The table's directions hold where the interval leaves out 0; elsewhere this "
        "budget does not show them.",
    ]


CAPACITY = Experiment(
    name="convnets/capacity",
    claim="More units, wider kernels and zeros around raise capacity; weight decay and dropout lower it; the learning "
    "rate has a best value (Goodfellow, Bengio and Courville 2016, table 11.1).",
    protocol="300 of scikit-learn's digits of 16 px with labels drawn by the seed; two convolutions and a layer; one "
    "setting changed at a time; the share of labels that the network gives back after training. Kernels without zeros "
    "around leave fewer values for the last layer, so parameters stand beside.",
    measures=(Measure("learned by heart", "none", unit="%"), Measure("parameters", "none", 0)),
    arms=tuple(ARMS), measure=measure, finding=finding, steps=600,
)  # fmt: skip
