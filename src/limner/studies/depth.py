"""Why do plain deep networks fail, and residual ones not? Losses, accuracies and gradients by depth."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.learning.seed_table import Measure, Scores, SeedTable
from limner.studies.digits import Side, build, digits, learn, percent_right
from limner.studies.experiment import Experiment, compared, value

SIZE_PX, WIDTH, RATE = 16, 8, 0.05
DEPTHS = (8, 20, 56)
ARMS = (
    *(f"plain {depth}" for depth in DEPTHS), *(f"residual {depth}" for depth in DEPTHS),
    "plain 56, no batch norm", "residual 56, no batch norm",
)  # fmt: skip


class Block(nn.Module):
    """Two convolutions of 3 x 3, and with ``residual`` what came in added (He et al. 2015).

    Without batch norm the second convolution of a residual block begins at 0 (as Fixup and ReZero do), or 27 sums
    would overflow.
    """

    def __init__(self, channels: int, width: int, stride: int, residual: bool, norm: bool) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, width, 3, stride, 1)
        self.second = nn.Conv2d(width, width, 3, 1, 1)
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) if norm else nn.Identity() for _ in range(2))
        self.shortcut: nn.Module | None = None
        for layer in (self.first, self.second):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.constant_(layer.bias, 0) if layer.bias is not None else None
        if residual:
            same = stride == 1 and channels == width
            self.shortcut = nn.Identity() if same else nn.Conv2d(channels, width, 1, stride)
            if not norm:
                nn.init.zeros_(self.second.weight)

    def forward(self, maps: Tensor) -> Tensor:
        """(B, channels, H, W) -> (B, width, H / stride, W / stride)."""
        found = self.norms[1](self.second(self.norms[0](self.first(maps)).relu()))
        return (found if self.shortcut is None else found + self.shortcut(maps)).relu()


class DeepNet(nn.Module):
    """He et al. 2015, section 4.2, for small pictures: 6 n + 2 layers in three stages of width, 2 width, 4 width."""

    def __init__(self, depth: int, residual: bool, norm: bool) -> None:
        super().__init__()
        blocks: list[nn.Module] = []
        channels = WIDTH
        for stage in range(3):
            for number in range((depth - 2) // 6):
                width, stride = WIDTH * 2**stage, 2 if stage and not number else 1
                blocks.append(Block(channels, width, stride, residual, norm))
                channels = width
        self.stem = nn.Sequential(
            nn.Conv2d(1, WIDTH, 3, 1, 1), nn.BatchNorm2d(WIDTH) if norm else nn.Identity(), nn.ReLU()
        )
        self.blocks = nn.Sequential(*blocks)
        self.classes = nn.Linear(channels, 10)

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 1, H, W) -> (B, 10)."""
        return self.classes(self.blocks(self.stem(pictures)).mean((2, 3)))


def gradient_ratio(network: DeepNet, side: Side) -> float:
    """The norm of the loss's gradient by the first block's weights over that by the last block's: log10. Above 0 the
    gradient grows on its way down, below 0 it vanishes."""
    network.train()
    with torch.enable_grad():
        functional.cross_entropy(network(side.pictures), side.labels).backward()
    norms = []
    for block in (network.blocks[0], network.blocks[-1]):
        gradient = block.first.weight.grad  # type: ignore[union-attr]
        assert isinstance(gradient, Tensor)
        norms.append(gradient.norm().clamp_min(1e-30))
    network.zero_grad(set_to_none=True)
    return float((norms[0] / norms[1]).log10())


def measure(arm: str, seed: int, steps: int) -> Scores:
    """The gradient before learning, then the digits."""
    training, held_out = digits(seed, SIZE_PX)
    depth = int(arm.partition(",")[0].rpartition(" ")[2])
    network = build(lambda: DeepNet(depth, arm.startswith("residual"), "no batch norm" not in arm), seed)
    assert isinstance(network, DeepNet)
    # A residual branch that begins at 0 passes its first convolution no gradient: it is measured after a step.
    begun = build(lambda: DeepNet(depth, arm.startswith("residual"), "no batch norm" not in arm), seed)
    assert isinstance(begun, DeepNet)
    if "residual" in arm and "no batch norm" in arm:
        learn(begun, training, 1, seed, rate=RATE, sgd=True)
    ratio = gradient_ratio(begun, Side(training.pictures[:256], training.labels[:256]))
    loss = learn(network, training, steps, seed, rate=RATE, sgd=True)
    return {"training loss": loss, "accuracy": percent_right(network, held_out), "first by last gradient": ratio}


def finding(table: SeedTable) -> list[str]:
    """What the numbers say."""
    ratio = {arm: float(value(table, arm, "first by last gradient")) for arm in ("plain 56", "plain 56, no batch norm")}
    # More than ten times as large, or as small.
    ways = {
        arm: "explodes" if each > 1 else "vanishes" if each < -1 else "keeps its size" for arm, each in ratio.items()
    }
    return [
        f"In training loss the plain network of 56 layers {compared(table, 'plain 56', 'training loss', 'plain 20')} "
        f"of that of 20; the residual one {compared(table, 'residual 56', 'training loss', 'plain 56')} of the plain "
        f"one. A higher loss in training is no overfitting.",
        f"With batch norm the plain deep network's gradient {ways['plain 56']} on its way down (by a factor of 10 to "
        f"the {ratio['plain 56']:.1f}, 'vanishing' would be below 0); without, it "
        f"{ways['plain 56, no batch norm']} (10 to the {ratio['plain 56, no batch norm']:.1f}); the residual one's "
        f"factor is 10 to the {value(table, 'residual 56', 'first by last gradient')}.",
    ]


DEPTH = Experiment(
    name="convnets/depth",
    claim="Plain deep networks cannot be trained because their gradient vanishes; residual connections cure it.",
    protocol="scikit-learn's digits of 16 px, 1,297 to learn from and 500 held out, drawn by the seed; networks of 8, "
    "16 and 32 maps (He et al. 2015, section 4.2), momentum 0.9, rate 0.05. Gradients are those of the first weights, "
    "log10 of the first block's norm by the last block's.",
    measures=(
        Measure("accuracy", unit="%"), Measure("training loss", "lower", 3),
        Measure("first by last gradient", "zero", 2, "log10"),
    ),
    arms=ARMS, measure=measure, finding=finding, steps=80,
)  # fmt: skip
