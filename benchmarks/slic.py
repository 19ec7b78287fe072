"""Superpixels beside scikit-image's SLIC, as many of both: how true to the picture, how true to its edges, how fast.

    python benchmarks/slic.py [--data FOLDER]

On three photographs that scikit-image brings and the pictures right in FOLDER (default: $LIMNER_DATA). Prints Markdown:

- spread: root mean squared distance in CIELAB of pixels from the mean color of their superpixel; less is better.
- edges: share of the five percent of pixels of the steepest color that lie within a pixel of a border; more is better
  where the borders are no longer.
- border: share of pixels with another superpixel to the right or below.
- time: of the processor, all threads, the least of three.
"""

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import torch
from PIL import Image
from scipy import ndimage
from skimage import color, data, segmentation

from limner.recolor.superpixels.segmentation import superpixels

Labels = np.ndarray
PHOTOGRAPHS = {"coffee": data.coffee, "chelsea": data.chelsea, "astronaut": data.astronaut}
COLUMNS = ("superpixels", "smallest px", "spread", "edges", "border", "time ms")


def ours(picture: np.ndarray) -> Labels:
    return superpixels(torch.from_numpy(picture).permute(2, 0, 1)).numpy()


def theirs(picture: np.ndarray, count: int) -> Callable[[np.ndarray], Labels]:
    """scikit-image's with the settings of ours, asked for the number that brings it nearest to ``count``."""
    found: dict[float, int] = {}
    asked = count
    for _ in range(8):
        given = len(np.unique(segmentation.slic(picture, asked, compactness=10, max_num_iter=10)))
        found[abs(given / count - 1)] = asked
        asked = round(asked * count / given)
    best = found[min(found)]
    return lambda picture: segmentation.slic(picture, best, compactness=10, max_num_iter=10) - 1


def measured(picture: np.ndarray, cut: Callable[[np.ndarray], Labels]) -> tuple[float, ...]:
    seconds = []
    for _ in range(3):
        start = time.process_time()
        labels = cut(picture)
        seconds.append(time.process_time() - start)
    lab = color.rgb2lab(picture)
    counts = np.bincount(labels.ravel())
    means = np.stack([np.bincount(labels.ravel(), band.ravel()) / counts for band in np.moveaxis(lab, 2, 0)], axis=1)
    spread = np.sqrt(((lab - means[labels]) ** 2).sum(axis=2).mean())
    steep = np.sqrt(sum(ndimage.sobel(band, axis) ** 2 for band in np.moveaxis(lab, 2, 0) for axis in (0, 1)))
    border = np.zeros(labels.shape, bool)
    border[:, :-1] |= labels[:, 1:] != labels[:, :-1]
    border[:-1] |= labels[1:] != labels[:-1]
    near = ndimage.binary_dilation(border, np.ones((3, 3)))
    edges = near[steep >= np.quantile(steep, 0.95)].mean()
    return len(counts), counts.min(), float(spread), float(edges), float(border.mean()), 1000 * min(seconds)


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--data", type=Path, default=os.environ.get("LIMNER_DATA"), help="a folder of pictures")
    options = given.parse_args()
    pictures = {name: photograph() for name, photograph in PHOTOGRAPHS.items()}
    for path in sorted(options.data.glob("*.jpg")) if options.data else ():
        pictures[path.stem] = np.asarray(Image.open(path).convert("RGB"))
    ours(np.zeros((9, 9, 3), np.float32))  # what is compiled or read on the first call is not timed

    print("| picture | px | by |", " | ".join(COLUMNS), "|")
    print("| --- | --- | --- |", " ---: |" * len(COLUMNS))
    ratios = []
    for name, whole in pictures.items():
        picture = whole.astype(np.float32) / 255
        own = measured(picture, ours)
        other = measured(picture, theirs(picture, int(own[0])))
        ratios.append([value / beside for value, beside in zip(own, other, strict=True)])
        size = f"{picture.shape[0]} x {picture.shape[1]}"
        for maker, numbers in (("limner", own), ("scikit-image", other)):
            columns = "{:.0f} | {:.0f} | {:.2f} | {:.3f} | {:.3f} | {:.0f}".format(*numbers)
            print(f"| {name} | {size} | {maker} | {columns} |")
    middle = " | ".join(f"{median(column):.2f}" for column in zip(*ratios, strict=True))
    print(f"| median ratio | | limner / scikit-image | {middle} |")


if __name__ == "__main__":
    main()
