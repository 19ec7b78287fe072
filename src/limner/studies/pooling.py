"""Does pooling make a network indifferent to small shifts, and what does it cost where places matter?"""

import torch
from torch import Tensor, nn

from limner.learning.seed_table import Measure, Scores, SeedTable
from limner.studies.digits import Side, answers, build, digits, learn, moved, percent_right
from limner.studies.experiment import Experiment, compared, value

SIZE_PX, MARGIN_PX = 28, 4
SHIFTS_PX = (1, 2, 4)
BEFORE, AFTER = "maps' change at 1 px", "change after pooling"
ARMS = ("max 2 x 2", "average 2 x 2", "stride 2, no pooling", "max 4 x 4", "global max", "no convolution (MLP)")


class PoolingNet(nn.Module):
    """Two convolutions of 5 x 5, each pooled as the arm says, and two layers."""

    def __init__(self, arm: str, classes: int) -> None:
        super().__init__()
        self.arm = arm
        if arm.startswith("no convolution"):
            self.maps: nn.Module = nn.Identity()
            self.pool: nn.Module = nn.Identity()
            self.rest: nn.Module = nn.Sequential(nn.Flatten(), nn.Linear(SIZE_PX**2, 64), nn.ReLU())
        else:
            stride = 2 if arm.startswith("stride") else 1
            pools = {"max 2 x 2": nn.MaxPool2d(2), "average 2 x 2": nn.AvgPool2d(2), "max 4 x 4": nn.MaxPool2d(4, 2, 1)}
            self.maps = nn.Sequential(nn.Conv2d(1, 8, 5, stride, 2), nn.ReLU())
            self.pool = pools.get(arm, nn.MaxPool2d(2) if arm == "global max" else nn.Identity())
            again = nn.AdaptiveMaxPool2d(1) if arm == "global max" else pools.get(arm, nn.Identity())
            self.rest = nn.Sequential(
                nn.Conv2d(8, 16, 5, stride, 2), nn.ReLU(), again, nn.Flatten(), nn.LazyLinear(64), nn.ReLU()
            )
        self.classes = nn.LazyLinear(classes)
        self(torch.zeros(1, 1, SIZE_PX, SIZE_PX))  # lazy layers take their sizes

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 1, 28, 28) -> (B, classes)."""
        return self.classes(self.rest(self.pool(self.maps(pictures))))


def _sides(side: Side, seed: int) -> Side:
    """Which side: each digit moved to the left or to the right, drawn; the class is where, not what."""
    right = torch.rand(len(side.labels), generator=torch.Generator().manual_seed(seed)) < 0.5
    pictures = torch.where(
        right[:, None, None, None], moved(side.pictures, MARGIN_PX), moved(side.pictures, -MARGIN_PX)
    )
    return Side(pictures, right.long())


@torch.no_grad()
def _change(network: PoolingNet, pictures: Tensor) -> tuple[float, float]:
    """Relative change of the maps before and after pooling under a shift of 1 px, in percent."""
    found = []
    for layer in (network.maps, nn.Sequential(network.maps, network.pool)):
        before, after = layer(pictures), layer(moved(pictures, 1))
        found.append(100 * float((after - before).norm() / before.norm()))
    return found[0], found[1]


def measure(arm: str, seed: int, steps: int) -> Scores:
    """Learn the digits, and which side they stand on; look at shifts."""
    training, held_out = digits(seed, SIZE_PX, MARGIN_PX)
    network = build(lambda: PoolingNet(arm, 10), seed)
    learn(network, training, steps, seed)
    scores: dict[str, float | None] = {"accuracy": percent_right(network, held_out)}
    for shift in SHIFTS_PX:
        scores[f"moved {shift} px"] = percent_right(network, Side(moved(held_out.pictures, shift), held_out.labels))
    assert isinstance(network, PoolingNet)
    has_maps = not isinstance(network.maps, nn.Identity)
    before, after = _change(network, held_out.pictures)
    scores[BEFORE] = before if has_maps else None
    scores[AFTER] = after if has_maps else None
    placed = build(lambda: PoolingNet(arm, 2), seed)
    learn(placed, _sides(training, seed), steps, seed)
    right = _sides(held_out, seed + 1)
    scores["which side"] = 100 * float((answers(placed, right.pictures).argmax(1) == right.labels).float().mean())
    return scores


def finding(table: SeedTable) -> list[str]:
    """What the numbers say."""
    first = ARMS[0]
    before, after = (float(value(table, first, name)) for name in (BEFORE, AFTER))
    bought = "hardly any invariance" if after > 0.8 * before else "some invariance"
    return [
        f"When the picture moves by 1 px, what enters a 2 x 2 max pool changes by {before:.1f} %, what leaves it by "
        f"{after:.1f} %: it buys {bought}.",
        f"Moved by 2 px, 'stride 2, no pooling' {compared(table, ARMS[2], 'moved 2 px')} of max 2 x 2, "
        f"'max 4 x 4' {compared(table, ARMS[3], 'moved 2 px')}, "
        f"and 'global max' {compared(table, ARMS[4], 'moved 2 px')}.",
        f"Where the class is a place, 'global max' is right in {value(table, ARMS[4], 'which side')} %, max 2 x 2 in "
        f"{value(table, first, 'which side')} %.",
    ]


POOLING = Experiment(
    name="convnets/pooling",
    claim="Pooling makes a network invariant to small shifts of its input.",
    protocol="scikit-learn's digits of 20 px on a ground of 28 px, 1,297 to learn from and 500 held out, drawn by the "
    "seed; two convolutions of 8 and 16 maps; moved to the right, never so in training. Which side: the same digits, "
    "4 px to the left or right, the class is the side.",
    measures=(
        Measure("accuracy", unit="%"), *(Measure(f"moved {shift} px", unit="%") for shift in SHIFTS_PX),
        Measure("which side", unit="%"), Measure(BEFORE, "none", 1, "%"),
        Measure(AFTER, "none", 1, "%"),
    ),
    arms=ARMS, measure=measure, finding=finding, steps=200,
)  # fmt: skip
