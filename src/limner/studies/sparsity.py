"""What do sparse connections and shared weights save, and what do they cost? Dense, local, tiled, convolution."""

import time

import numpy as np
from scipy.sparse import csr_matrix, diags, identity, kron
from torch import Tensor, nn

from limner.learning.seed_table import Measure, Scores, SeedTable
from limner.nn.layers.convolution import Convolution
from limner.nn.layers.local import LocallyConnected
from limner.nn.layers.tiled import TiledConvolution
from limner.studies.digits import Side, build, digits, learn, moved, percent_right
from limner.studies.experiment import Experiment, compared, value

SIZE_PX, KERNEL, MAPS, FEW = 16, 5, 8, 200
PLACES = (SIZE_PX - KERNEL + 1) ** 2
ARMS = ("convolution", "tiled, 2 x 2", "local", "dense")
FIGURE = (280, 320)
"""Height and width of the picture in Goodfellow et al. 2016, figure 9.6."""


def edge_counts(height: int = FIGURE[0], width: int = FIGURE[1]) -> dict[str, float]:
    """What finding vertical edges (each pixel less its neighbor) takes, as figure 9.6 counts it.

    >>> edge_counts()["convolution"], edge_counts()["sparse matrix"], round(edge_counts()["dense by convolution"])
    (267960, 178640, 59733)
    """
    outputs = height * (width - 1)
    return {
        "convolution": 3 * outputs,  # two multiplications and an addition
        "dense matrix": height * width * outputs,
        "sparse matrix": 2 * outputs,
        "dense by convolution": 2 * height * width * outputs / (3 * outputs),
    }


def edges_by_matrix(height: int, width: int) -> csr_matrix:
    """The sparse matrix that turns a flattened picture into its vertical edges."""
    row = diags([-np.ones(width - 1), np.ones(width - 1)], [0, 1], shape=(width - 1, width), format="csr")
    return csr_matrix(kron(identity(height), row))


def edge_seconds(height: int = FIGURE[0], width: int = FIGURE[1], repeats: int = 5) -> dict[str, float]:
    """Milliseconds for the edges of one picture: by a difference of pixels, and by the sparse matrix. Both give the
    same."""
    picture = np.random.default_rng(0).random((height, width), np.float32)
    matrix = edges_by_matrix(height, width).astype(np.float32)
    found: dict[str, float] = {}
    results = {}
    for name, way in (
        ("convolution", lambda: picture[:, 1:] - picture[:, :-1]),
        ("sparse matrix", lambda: matrix @ picture.ravel()),
    ):
        spent = []
        for _ in range(repeats):
            began = time.perf_counter()
            results[name] = way()
            spent.append(time.perf_counter() - began)
        found[name] = 1000 * min(spent)
    assert np.allclose(results["convolution"].ravel(), results["sparse matrix"], atol=1e-6)
    return found


class OneLayer(nn.Module):
    """One layer of 8 maps of 12 x 12 by 5 x 5 windows, and the classes."""

    def __init__(self, arm: str) -> None:
        super().__init__()
        side = SIZE_PX - KERNEL + 1
        layers: dict[str, nn.Module] = {}
        if arm == "convolution":
            layers["maps"] = Convolution(1, MAPS, KERNEL)
        elif arm == "local":
            layers["maps"] = LocallyConnected(1, MAPS, (SIZE_PX, SIZE_PX), KERNEL)
        elif arm == "dense":
            layers["maps"] = nn.Sequential(
                nn.Flatten(), nn.Linear(SIZE_PX**2, MAPS * PLACES), nn.Unflatten(1, (MAPS, side, side))
            )
        else:
            layers["maps"] = TiledConvolution(1, MAPS, KERNEL, tiling=2)
        self.maps = layers["maps"]
        self.classes = nn.Linear(MAPS * PLACES // 4, 10)

    def forward(self, pictures: Tensor) -> Tensor:
        """(B, 1, 16, 16) -> (B, 10)."""
        return self.classes(nn.functional.max_pool2d(self.maps(pictures).relu(), 2).flatten(1))


def measure(arm: str, seed: int, steps: int) -> Scores:
    """Learn from all labels, and from 200."""
    training, held_out = digits(seed, SIZE_PX)
    scores: dict[str, float | None] = {}
    for name, side in (
        ("accuracy", training),
        (f"of {FEW} labels", Side(training.pictures[:FEW], training.labels[:FEW])),
    ):
        network = build(lambda: OneLayer(arm), seed)
        learn(network, side, steps, seed)
        scores[name] = percent_right(network, held_out)
        if name == "accuracy":
            shifted = Side(moved(held_out.pictures, 1), held_out.labels)
            scores["moved 1 px"] = percent_right(network, shifted)
            assert isinstance(network, OneLayer)
            scores["parameters of the layer"] = float(sum(each.numel() for each in network.maps.parameters()))
    return scores


def finding(table: SeedTable) -> list[str]:
    """What the numbers say."""
    counts = edge_counts()
    sizes = ", ".join(f"{arm} {float(value(table, arm, 'parameters of the layer')):,.0f}" for arm in ARMS)
    few = f"of {FEW} labels"
    return [
        f"The same 8 maps need {sizes} parameters.",
        f"From {FEW} labels 'dense' {compared(table, 'dense', few)} of the convolution, 'local' "
        f"{compared(table, 'local', few)}, 'tiled, 2 x 2' {compared(table, 'tiled, 2 x 2', few)}.",
        f"Vertical edges of {FIGURE[1]} x {FIGURE[0]} pixels take {counts['convolution']:,.0f} operations by "
        f"convolution, {counts['dense matrix']:,.0f} entries as a dense matrix, {counts['sparse matrix']:,.0f} as a "
        f"sparse one: a dense product is {counts['dense by convolution']:,.0f} times the work.",
    ]


SPARSITY = Experiment(
    name="convnets/sparsity",
    claim="Sparse connections and shared weights save parameters and work, and lose nothing where a feature that is "
    "useful at one place is so at all.",
    protocol="scikit-learn's digits of 16 px, 1,297 to learn from (or the first 200 of them) and 500 held out, drawn "
    "by the seed; one layer of 8 maps of 12 x 12 by windows of 5 x 5, pooled, and the classes.",
    measures=(
        Measure("accuracy", unit="%"), Measure(f"of {FEW} labels", unit="%"), Measure("moved 1 px", unit="%"),
        Measure("parameters of the layer", "lower", 0),
    ),
    arms=ARMS, measure=measure, finding=finding, steps=200,
)  # fmt: skip
