"""What the discriminator of a run of solids knows of classes that nobody told it: a linear classifier on its features.

    python benchmarks/voxel_probe.py RUN chair.npz monitor.npz bed.npz [--held-out 0.2] [--seed 0]

Each file of solids is a class. A part of every class, never one that the classifier learns from, is held out. Features
are those of Wu et al. 2016, sec. 4.2: the responses of the last three convolutions, pooled by maxima to 4, 2 and 1
voxels a side, side by side. Beside them stand the raw voxels, the same features of a discriminator that has learned
nothing, the class whose mean shape a solid overlaps most, and the commonest class. All linear classifiers are
scikit-learn's linear SVM on features of deviation 1. Prints Markdown: accuracy on the held-out solids with a 95 %
interval (Wilson).

The solids that the run itself learned from may be among the held-out ones here, as in the paper: no label was seen.
"""

import argparse
from math import sqrt
from pathlib import Path

import numpy as np
import torch
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from torch import Tensor, nn
from torch.nn import functional

from limner.generate.media.verbs import measured_task
from limner.generate.media.voxels.measure import mean_shape, overlaps
from limner.generate.media.voxels.reading import read_voxels
from limner.learning.runs.opening import open_run

POOLED = (4, 2, 1)
BATCH = 64


def features_of(look: nn.Sequential, voxels: Tensor) -> np.ndarray:
    """(n, d): the pooled responses of the last three convolutions to solids (n, side, side, side) of 0 and 1."""
    found = []
    with torch.inference_mode():
        for part in voxels.split(BATCH):
            x, responses = part[:, None].float(), []
            for layer in look:
                x = layer(x)
                if isinstance(layer, nn.LeakyReLU):
                    responses.append(x)
            pooled = [
                functional.adaptive_max_pool3d(one, side).flatten(1)
                for one, side in zip(responses[-len(POOLED) :], POOLED, strict=False)
            ]
            found.append(torch.cat(pooled, dim=1))
    return torch.cat(found).numpy()


def accuracy(learned: np.ndarray, labels: np.ndarray, held_out: np.ndarray, wanted: np.ndarray) -> float:
    """Of a linear support vector machine, one class against the rest."""
    scale = StandardScaler().fit(learned)
    told = LinearSVC(C=1e-3, dual=True, random_state=0, max_iter=2000).fit(scale.transform(learned), labels)
    return float((told.predict(scale.transform(held_out)) == wanted).mean())


def wilson(share: float, count: int, z: float = 1.96) -> tuple[float, float]:
    """The 95 % interval of a share of ``count``."""
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return middle - half, middle + half


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("classes", type=Path, nargs="+")
    parser.add_argument("--held-out", type=float, default=0.2)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    task = measured_task(open_run(given.run))
    own: nn.Module = task.networks["discriminator"].eval()  # type: ignore[attr-defined]
    recipe = task.recipe  # type: ignore[attr-defined]
    torch.manual_seed(given.seed)
    fresh = type(own)(recipe.data.side, **recipe.discriminator.options).eval()

    draws = np.random.default_rng(given.seed)
    parts: dict[str, list[Tensor]] = {"learned": [], "held out": []}
    labels: dict[str, list[int]] = {"learned": [], "held out": []}
    for number, path in enumerate(given.classes):
        solids = read_voxels([path], recipe.data.side).voxels
        order = torch.from_numpy(draws.permutation(len(solids)))
        count = round(given.held_out * len(solids))
        for name, chosen in (("held out", order[:count]), ("learned", order[count:])):
            parts[name].append(solids[chosen])
            labels[name] += [number] * len(chosen)
    learned, held_out = (torch.cat(parts[name]) for name in ("learned", "held out"))
    known, wanted = (np.array(labels[name]) for name in ("learned", "held out"))

    means = torch.stack([mean_shape(each) for each in parts["learned"]])
    rows = {
        "the run's discriminator": accuracy(
            features_of(own.look, learned), known, features_of(own.look, held_out), wanted
        ),
        "raw voxels": accuracy(learned.flatten(1).float().numpy(), known, held_out.flatten(1).float().numpy(), wanted),
        "a discriminator that learned nothing": accuracy(
            features_of(fresh.look, learned), known, features_of(fresh.look, held_out), wanted
        ),
        "nearest mean shape": float((overlaps(held_out, means).argmax(1).numpy() == wanted).mean()),
        "commonest class": float((wanted == np.bincount(known).argmax()).mean()),
    }
    print("| features | accuracy, % | 95 % interval |\n| --- | ---: | ---: |")
    for name, share in rows.items():
        low, high = wilson(share, len(wanted))
        print(f"| {name} | {100 * share:.1f} | {100 * low:.1f} to {100 * high:.1f} |")
    print(f"\n{len(known):,} solids of {len(given.classes)} classes to learn from, {len(wanted)} held out.")


if __name__ == "__main__":
    main()
