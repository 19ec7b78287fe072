"""What are kernels without labels worth, by how many labels there are? Frozen under a linear layer, or as a start."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.learning.seed_table import Measure, Scores, SeedTable
from limner.nn.kernels.autoencoder import learn_autoencoder
from limner.nn.kernels.gabor import gabor_bank
from limner.nn.kernels.kmeans import TriangleEncoder, learn_kmeans
from limner.nn.kernels.patches import draw_patches
from limner.studies.digits import Side, build, digits, learn, percent_right
from limner.studies.experiment import Experiment, compared

SIZE_PX, KERNEL, KERNELS, PATCHES = 16, 5, 64, 10_000
LABELS = (20, 50, 100, 300, 1297)
ARMS = (
    "supervised", "pixels", "random", "Gabor", "patches", "k-means", "autoencoder", "greedy",
    "supervised from k-means",
)  # fmt: skip


def column(labels: int) -> str:
    """How a number of labels is headed."""
    return f"{labels} labels" if labels < LABELS[-1] else "all labels"


class KernelNet(nn.Module):
    """A layer of kernels with batch norm, pooled to 4 x 4 cells, and the classes: what is trained with labels."""

    def __init__(self, kernels: Tensor | None = None) -> None:
        super().__init__()
        self.kernels = nn.Conv2d(1, KERNELS, KERNEL, padding=2, bias=False)
        if kernels is not None:
            # As strong as drawn ones: where a network begins should not be how large its weights are.
            strength = self.kernels.weight.detach().norm() / kernels.norm()
            self.kernels.weight = nn.Parameter(kernels * strength)
        self.norm = nn.BatchNorm2d(KERNELS)
        self.classes = nn.Linear(KERNELS * 16, 10)

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 1, 16, 16) -> (B, 10)."""
        return self.classes(functional.avg_pool2d(self.norm(self.kernels(pictures)).relu(), 4).flatten(1))


def _unit(kernels: Tensor) -> Tensor:
    """Kernels of mean 0 and norm 1."""
    flat = kernels.flatten(1) - kernels.flatten(1).mean(1, keepdim=True)
    return functional.normalize(flat, dim=1).view_as(kernels)


def _gabors() -> Tensor:
    bank = torch.cat([gabor_bank(KERNEL, 8, (frequency, frequency / 2)) for frequency in (1.6, 2.2)])
    return bank[:KERNELS]


@torch.no_grad()
def _answers(pictures: Tensor, kernels: Tensor) -> Tensor:
    """What kernels answer, what is above and below 0 apart (Coates et al. 2011 split signs so): pooled to 4 x 4."""
    maps = functional.conv2d(pictures, kernels, padding=KERNEL // 2)
    both = torch.cat([maps.relu(), (-maps).relu()], dim=1)
    return functional.avg_pool2d(both, 4)


def features(arm: str, pictures: Tensor, seed: int) -> "tuple[Tensor, Tensor | None]":
    """(n, d) features of all pictures by kernels that saw the first ones without labels, and the kernels."""
    generator = torch.Generator().manual_seed(seed)
    training = pictures[: LABELS[-1]]
    if arm == "pixels":
        return pictures.flatten(1), None
    if arm == "random":
        kernels = _unit(torch.randn(KERNELS, 1, KERNEL, KERNEL, generator=generator))
        return _answers(pictures, kernels).flatten(1), kernels
    if arm == "Gabor":
        return _answers(pictures, _gabors()).flatten(1), _gabors()
    patches = draw_patches(training, PATCHES, KERNEL, seed)
    if arm == "patches":
        lively = patches[patches.flatten(1).std(1) > 0.05]
        kernels = _unit(lively[:KERNELS])
        return _answers(pictures, kernels).flatten(1), kernels
    if arm == "k-means":
        learned = learn_kmeans(patches, KERNELS, iterations=20, seed=seed)
        encoder = TriangleEncoder(learned, grid=4)
        around = functional.pad(pictures, [KERNEL // 2] * 4)
        return torch.cat([encoder(part) for part in around.split(200)]), learned.as_kernels()
    first = learn_autoencoder(patches, KERNELS, steps=300, seed=seed)
    if arm == "autoencoder":
        return _answers(pictures, first).flatten(1), first
    # Greedy: a second layer learned in the same way on what the first one answers, frozen; both are read.
    maps = functional.max_pool2d(functional.conv2d(pictures, first, padding=2).relu(), 2)
    maps = maps / maps.std().clamp_min(1e-6)
    second = learn_autoencoder(draw_patches(maps[: LABELS[-1]], 4000, 3, seed), KERNELS, steps=200, seed=seed)
    above = torch.cat([functional.conv2d(part, second, padding=1).relu() for part in maps.split(200)])
    return torch.cat([_answers(pictures, first).flatten(1), functional.avg_pool2d(above, 4).flatten(1)], dim=1), first


def linear_percent(found: Tensor, labels: Tensor, test: Tensor, truth: Tensor) -> float:
    """A multinomial regression on standardized features, in percent right on others."""
    from sklearn.linear_model import LogisticRegression

    mean, std = found.mean(0), (found.var(0) + 0.01 * found.var(0).mean()).sqrt().clamp_min(1e-9)
    model = LogisticRegression(C=0.1, max_iter=500, tol=1e-3).fit(((found - mean) / std).numpy(), labels.numpy())
    return 100 * float(model.score(((test - mean) / std).numpy(), truth.numpy()))


def measure(arm: str, seed: int, steps: int) -> Scores:
    """Kernels once; then for each number of labels a linear layer, or all by labels."""
    training, held_out = digits(seed, SIZE_PX)
    scores: dict[str, float | None] = {}
    pictures = torch.cat([training.pictures, held_out.pictures])
    if arm.startswith("supervised"):
        begun = None if arm == "supervised" else features(arm.rpartition(" ")[2], pictures, seed)[1]
        for count in LABELS:
            network = build(lambda: KernelNet(begun), seed)
            side = Side(training.pictures[:count], training.labels[:count])
            learn(network, side, steps, seed, rate=2e-3, batch=min(64, count), weight_decay=1e-2)
            scores[column(count)] = percent_right(network, held_out)
        return scores
    found = features(arm, pictures, seed)[0]
    test = found[len(training.labels) :]
    for count in LABELS:
        scores[column(count)] = linear_percent(found[:count], training.labels[:count], test, held_out.labels)
    return scores


def finding(table: SeedTable) -> list[str]:
    """What the numbers say."""
    few, many = column(20), column(LABELS[-1])
    return [
        f"With 20 labels, in percent points against the same layer learned with labels: k-means "
        f"{compared(table, 'k-means', few)}, random kernels {compared(table, 'random', few)}, Gabor "
        f"{compared(table, 'Gabor', few)}, autoencoder {compared(table, 'autoencoder', few)}, greedy "
        f"{compared(table, 'greedy', few)}.",
        f"With all labels: k-means {compared(table, 'k-means', many)}, random kernels "
        f"{compared(table, 'random', many)}.",
        f"K-means against random kernels: {compared(table, 'k-means', few, 'random')} at 20 labels, "
        f"{compared(table, 'k-means', many, 'random')} at all.",
        f"As a beginning, k-means' kernels {compared(table, 'supervised from k-means', few)} of drawn ones at 20 "
        f"labels, and {compared(table, 'supervised from k-means', many)} at all.",
    ]


KERNELS_STUDY = Experiment(
    name="convnets/kernels",
    claim="Kernels need no labels: random, hand-made or unsupervised ones under a linear layer do nearly as well.",
    protocol="scikit-learn's digits of 16 px, 1,297 to learn from and 500 held out, drawn by the seed; 64 kernels of "
    "5 x 5, pooled to 4 x 4 cells; without labels: multinomial regression on standardized features. Supervised: the "
    "same layer with batch norm and enough steps, AdamW, decay 1e-2; without these it looks worse than it is.",
    measures=tuple(Measure(column(count), unit="%") for count in LABELS),
    arms=ARMS, measure=measure, finding=finding, steps=300,
)  # fmt: skip
