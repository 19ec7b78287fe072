"""Contrast normalization and whitening of 10 megapixels beside naive versions and scikit-image, on one thread.

    python benchmarks/preprocessing.py [--megapixels 10] [--rounds 3]

Global: one gray picture; beside ours numpy in double precision, in three passes, as the formula reads. Local: the same
picture, Gaussian window of 9 x 9; beside ours scipy's full two-dimensional correlation, and scikit-image's Gaussian
filter, which is separable. ZCA: the picture's patches of 6 x 6, not overlapping; beside ours (fitted and applied) the
textbook's: the covariance by a loop over patches, and the matrix applied patch by patch. scikit-image has no whitening
and no global contrast normalization. The naive loop is timed on 2,000 patches and scaled up; results are compared on
these. Seconds are of the processor.

Prints Markdown: seconds, how many times ours, and the largest difference of the results.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import skimage
import torch
from scipy import ndimage
from skimage.filters import gaussian

from limner.nn.layers.contrast import normalize_global, normalize_local
from limner.nn.layers.whitening import Whitening

WINDOW, STD, PATCH, REGULARIZER = 9, 9 / 4, 6, 0.1
LOOPED = 2000
"""Patches that the naive loop is timed on."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megapixels", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    torch.set_num_threads(1)
    side = round((given.megapixels * 1e6) ** 0.5) // PATCH * PATCH
    values = ndimage.gaussian_filter(np.random.default_rng(0).random((side, side)), 2).astype(np.float32)
    values = (values - values.min()) / (values.max() - values.min())
    picture = torch.from_numpy(values)[None, None]
    print(f"{side} x {side} pixels; torch {torch.__version__}, scikit-image {skimage.__version__}, one thread\n")
    print("| what | way | seconds | times ours | largest difference |\n| --- | --- | ---: | ---: | ---: |")
    tell("global", given.rounds, {
        "limner": lambda: normalize_global(picture)[0, 0].numpy(),
        "naive, numpy float64": lambda: naive_global(values),
    })  # fmt: skip
    inner = slice(2 * WINDOW, -2 * WINDOW)  # borders are treated otherwise by each
    tell("local", given.rounds, {
        "limner": lambda: normalize_local(picture, WINDOW)[0, 0].numpy()[inner, inner],
        "naive, scipy correlate float64": lambda: local_by(values.astype(float), by_window)[inner, inner],
        "scikit-image gaussian": lambda: local_by(values, by_skimage)[inner, inner],
    })  # fmt: skip
    patches = values.reshape(side // PATCH, PATCH, side // PATCH, PATCH).swapaxes(1, 2).reshape(-1, PATCH**2)
    flat, loop = torch.from_numpy(patches), f"naive loop over patches, of {LOOPED:,} scaled up"
    tell("ZCA", given.rounds, {
        "limner": lambda: Whitening.fit(flat, REGULARIZER)(flat).numpy(),
        loop: lambda: naive_whitening(patches[:LOOPED]),
    }, {loop: min(1.0, LOOPED / len(patches))}, Whitening.fit(flat[:LOOPED])(flat[:LOOPED]).numpy())  # fmt: skip


def tell(
    what: str,
    rounds: int,
    ways: dict[str, Callable[[], np.ndarray]],
    shares: dict[str, float] | None = None,
    ours_alike: np.ndarray | None = None,
) -> None:
    """Print the rows of one subject.

    shares: of the work that a way did when it was timed. ours_alike: what the first way makes of what the others were
    given, where that is less.
    """
    found, spent = {}, {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            began = time.process_time()
            found[name] = way()
            spent[name].append((time.process_time() - began) / (shares or {}).get(name, 1))
    first = next(iter(ways))
    ours = statistics.median(spent[first])
    found[first] = found[first] if ours_alike is None else ours_alike
    for name, seconds in spent.items():
        apart = float(np.abs(found[name] - found[first]).max())
        middle = statistics.median(seconds)
        print(f"| {what} | {name} | {middle:.2f} | {middle / ours:.1f} | {apart:.1e} |", flush=True)


def naive_global(values: np.ndarray) -> np.ndarray:
    """(x - mean) / sqrt(mean of squares), as it is written."""
    exact = values.astype(float)
    exact = exact - exact.mean()
    return exact / np.sqrt((exact**2).mean())


def local_by(values: np.ndarray, blur: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Jarrett et al. 2009 with a blur."""
    detail = values - blur(values)
    sigma = np.sqrt(np.maximum(blur(detail**2), 0))
    return detail / np.maximum(sigma, sigma.mean())


def by_window(values: np.ndarray) -> np.ndarray:
    """The whole 9 x 9 window at each place."""
    line = np.exp(-0.5 * ((np.arange(WINDOW) - WINDOW // 2) / STD) ** 2)
    window = np.outer(line, line)
    return ndimage.correlate(values, window / window.sum(), mode="reflect")


def by_skimage(values: np.ndarray) -> np.ndarray:
    """Two passes, cut off at the same window."""
    return gaussian(values, STD, mode="reflect", truncate=(WINDOW // 2) / STD, preserve_range=True)


def naive_whitening(patches: np.ndarray) -> np.ndarray:
    """The textbook's, in loops over patches."""
    exact = patches.astype(float)
    mean, covariance = exact.mean(0), np.zeros((PATCH**2, PATCH**2))
    for each in exact:
        covariance += np.outer(each - mean, each - mean) / (len(exact) - 1)
    values, vectors = np.linalg.eigh(covariance)
    matrix = (vectors / np.sqrt(values + REGULARIZER)) @ vectors.T
    return np.stack([(each - mean) @ matrix for each in exact])


if __name__ == "__main__":
    main()
