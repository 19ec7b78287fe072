"""How are pooled maps brought back to the picture's size? Seven ways, by pixels, classes and borders."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.learning.seed_table import Measure, Scores, SeedTable
from limner.nn.layers.unpooling import max_pool_with_switches, unpool, unpool_fixed
from limner.studies.digits import Side, answers, build, learn
from limner.studies.experiment import Experiment, compared

SIZE_PX, TRAINING, HELD_OUT, CLASSES, BATCH = 48, 96, 48, 4, 8
BORDER_PX = 2
WIDTH = 16
ARMS = (
    "switches",
    "fixed place",
    "transposed convolution",
    "bilinear",
    "bilinear and skips",
    "no pooling",
    "no pooling, dilated",
)


def drawn_scenes(count: int, seed: int) -> Side:
    """Pictures (count, 3, 48, 48) and classes (count, 48, 48): background, discs, squares and rings in any color.

    Colors say nothing of the class; only the form does, which is seen at once by nobody who sees little.
    """
    generator = torch.Generator().manual_seed(seed)

    def draw(*size: int) -> Tensor:
        return torch.rand(*size, generator=generator)

    row, column = torch.meshgrid(torch.arange(SIZE_PX), torch.arange(SIZE_PX), indexing="ij")
    pictures, labels = [], []
    for _ in range(count):
        picture = draw(3, 1, 1).expand(3, SIZE_PX, SIZE_PX).clone()
        label = torch.zeros(SIZE_PX, SIZE_PX, dtype=torch.int64)
        for _ in range(4):
            kind = 1 + int(3 * draw(1))
            y, x = (6 + (SIZE_PX - 12) * draw(2)).tolist()
            size = 4 + 5 * float(draw(1))
            far = ((row - y) ** 2 + (column - x) ** 2).sqrt()
            inside = (far < size) if kind != 2 else torch.maximum((row - y).abs(), (column - x).abs()) < 0.9 * size
            if kind == 3:
                inside = inside & (far > size - 3)
            picture[:, inside] = draw(3, 1)
            label[inside] = kind
        pictures.append((picture + 0.05 * torch.randn(picture.shape, generator=generator)).clamp(0, 1))
        labels.append(label)
    return Side(torch.stack(pictures), torch.stack(labels))


def _layer(channels: int, maps: int, dilation: int = 1) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels, maps, 3, padding=dilation, dilation=dilation), nn.BatchNorm2d(maps), nn.ReLU()
    )  # fmt: skip


class Mapper(nn.Module):
    """Four layers down, two up, a class for each pixel: (B, 3, H, W) -> (B, classes, H, W)."""

    def __init__(self, arm: str) -> None:
        super().__init__()
        self.arm = arm
        dilations = (1, 2, 4, 8) if arm == "no pooling, dilated" else (1, 1, 1, 1)
        self.down = nn.ModuleList(
            _layer(3 if not number else WIDTH, WIDTH, dilation) for number, dilation in enumerate(dilations)
        )
        extra = WIDTH if arm == "bilinear and skips" else 0
        self.up = nn.ModuleList(_layer(WIDTH + extra, WIDTH) for _ in range(2))
        self.deconvolutions = nn.ModuleList(
            nn.ConvTranspose2d(WIDTH, WIDTH, 2, 2) for _ in range(2 if arm == "transposed convolution" else 0)
        )
        self.classes = nn.Conv2d(WIDTH, CLASSES, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits."""
        if self.arm.startswith("no pooling"):
            maps = pictures
            for layer in (*self.down, *self.up):
                maps = layer(maps)
            return self.classes(maps)
        first = self.down[0](pictures)
        pooled, outer = max_pool_with_switches(first)
        second = self.down[1](pooled)
        pooled, inner = max_pool_with_switches(second)
        maps = self.down[3](self.down[2](pooled))
        for number, (switches, skip) in enumerate(((inner, second), (outer, first))):
            if self.arm == "switches":
                maps = unpool(maps, switches)
            elif self.arm == "fixed place":
                maps = unpool_fixed(maps)
            elif self.arm == "transposed convolution":
                maps = self.deconvolutions[number](maps)
            else:
                maps = functional.interpolate(maps, scale_factor=2, mode="bilinear", align_corners=False)
            if self.arm == "bilinear and skips":
                maps = torch.cat([maps, skip], dim=1)
            maps = self.up[number](maps)
        return self.classes(maps)


def near_borders(labels: Tensor) -> Tensor:
    """(n, H, W) bool: pixels within 2 px of another class."""
    maps = labels[:, None].float()
    edge, around = 2 * BORDER_PX + 1, BORDER_PX
    most = functional.max_pool2d(maps, edge, 1, around)
    least = -functional.max_pool2d(-maps, edge, 1, around)
    return (most != least)[:, 0]


def measure(arm: str, seed: int, steps: int) -> Scores:
    """Learn drawn scenes, map others."""
    training, held_out = drawn_scenes(TRAINING, 2 * seed), drawn_scenes(HELD_OUT, 2 * seed + 1)
    network = build(lambda: Mapper(arm), seed)
    learn(network, training, steps, seed, rate=5e-3, batch=BATCH)
    said, truth = answers(network, held_out.pictures).argmax(1), held_out.labels
    right, border = said == truth, near_borders(truth)
    ious = [
        float(((said == each) & (truth == each)).sum() / ((said == each) | (truth == each)).sum().clamp_min(1))
        for each in range(CLASSES)
    ]
    return {
        "accuracy": 100 * float(right.float().mean()),
        "mean IoU": 100 * sum(ious) / CLASSES,
        "at borders": 100 * float(right[border].float().mean()),
    }


def finding(table: SeedTable) -> list[str]:
    """What the numbers say."""

    def against(arm: str, name: str, other: str) -> str:
        return compared(table, arm, name, other)

    return [
        f"At borders, 'switches' {against(ARMS[0], 'at borders', ARMS[1])} of 'fixed place', and "
        f"{against(ARMS[0], 'at borders', ARMS[3])} of 'bilinear'.",
        f"Skips: 'bilinear and skips' {against(ARMS[4], 'at borders', ARMS[3])} of 'bilinear' at borders, in mean IoU "
        f"it {against(ARMS[4], 'mean IoU', ARMS[3])}.",
        f"Dilation: 'no pooling, dilated' {against(ARMS[6], 'mean IoU', ARMS[5])} of 'no pooling' in mean IoU.",
    ]


UNPOOLING = Experiment(
    name="convnets/unpooling",
    claim="Switches keep where maxima stood, so that borders come back sharp; dilation sees far without pooling.",
    protocol="Drawn scenes of 48 px with discs, squares and rings in any color, 96 to learn from and 48 others; four "
    "layers of 16 maps, two of 2 x 2 pooling, two layers up; borders: within 2 px of another class.",
    measures=(Measure("accuracy", unit="%"), Measure("mean IoU", unit="%"), Measure("at borders", unit="%")),
    arms=ARMS, measure=measure, finding=finding, steps=250,
)  # fmt: skip
