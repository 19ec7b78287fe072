"""Confusion and calibration as pictures."""

from pathlib import Path

import numpy as np

from limner.classify.measures.scores import BINS, Evaluation
from limner.foundation.files.writing import replacing

NAMED = 25
"""Classes up to which the table of confusions names each, and writes numbers up to half as many."""


def draw_confusion(scored: Evaluation, path: Path) -> None:
    """The table of confusions as a PNG: rows what is true, columns what was said, shares of the row."""
    from matplotlib.figure import Figure

    counts = scored.confusion
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    figure = Figure(figsize=(6.4, 5.6), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    count = len(counts)
    if count <= NAMED:
        axes.set_xticks(range(count), scored.class_names, rotation=45, ha="right")
        axes.set_yticks(range(count), scored.class_names)
    if count <= NAMED // 2:
        for row in range(count):
            for column in range(count):
                if counts[row, column]:
                    color = "white" if shares[row, column] > 0.5 else "black"
                    axes.text(
                        column, row, f"{counts[row, column]:,}", ha="center", va="center", color=color, fontsize=8
                    )
    axes.set_xlabel("said")
    axes.set_ylabel("true")
    figure.colorbar(image, label="share of the true class")
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110)


def draw_calibration(scored: Evaluation, path: Path) -> None:
    """How often it is right when it is so sure, as a PNG; on the diagonal, as often as it says."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2, 5.6), layout="constrained")
    axes, below = figure.subplots(2, 1, height_ratios=(3, 1), sharex=True)
    count, confidence, right = scored.bins.T
    there = count > 0
    axes.plot([0, 1], [0, 1], color="gray", linestyle=":")
    axes.plot(confidence[there] / count[there], right[there] / count[there], marker="o")
    axes.set_ylabel("share that is right")
    axes.set_title(f"calibration error {100 * scored.calibration_error:.1f} %", fontsize=10)
    axes.grid(alpha=0.25)
    below.bar((np.arange(BINS) + 0.5) / BINS, count, width=0.9 / BINS)
    below.set_xlabel("confidence")
    below.set_ylabel("pictures")
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110)
