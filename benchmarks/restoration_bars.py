"""Further bars beside filling and deblurring, on the pictures that docs/results/translate.md tells of.

    python benchmarks/restoration_bars.py DATA

DATA is the folder of pictures that `translate/fill` and `translate/deblur` learn from; those are scored that a training
with seed 0 holds out. Telea's and Navier and Stokes' filling are OpenCV's (``pip install opencv-python-headless``),
which limner does not need; Richardson and Lucy's deconvolution, by the very kernel of each picture, is the ceiling that
limner tells of beside its own networks. Prints PSNR with 95 % intervals over the pictures, as Markdown.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from limner.learning.train import resolve
from limner.translate.data.crops import Whole, whole_pair
from limner.translate.degrading.ways import DEGRADATIONS
from limner.translate.measures.bars import richardson_lucy
from limner.translate.measures.result import interval_of, row_of
from limner.translate.measures.similarity import psnr
from limner.translate.training.pairs.reading import pairs_of, protocol_of, split_pairs

RADIUS_PX = 3
"""How far around a pixel OpenCV's methods look, the usual value of its examples."""


def inpainted(method: int) -> Callable[[Whole], Tensor]:
    """A hole filled by OpenCV, in 8 bits."""

    def fill(pair: Whole) -> Tensor:
        assert pair.mask is not None
        levels = (pair.source * 255).round().byte().permute(1, 2, 0).numpy()
        mask = (pair.mask[0] > 0.5).byte().numpy()
        made = cv2.inpaint(np.ascontiguousarray(levels), mask, RADIUS_PX, method)
        return torch.from_numpy(made).permute(2, 0, 1).float() / 255

    return fill


def deconvolved(pair: Whole) -> Tensor:
    """A blur taken back by its own kernel."""
    assert pair.kernel is not None
    return richardson_lucy(pair.source, pair.kernel)


WAYS: dict[str, dict[str, Callable[[Whole], Tensor]]] = {
    "translate/fill": {"Telea": inpainted(cv2.INPAINT_TELEA), "Navier-Stokes": inpainted(cv2.INPAINT_NS)},
    "translate/deblur": {"Richardson-Lucy, true kernel": deconvolved, "blurred": lambda pair: pair.source},
}


def main() -> None:
    """Print the rows."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("data", type=Path)
    options = given.parse_args()
    torch.set_num_threads(1)
    print(f"OpenCV {cv2.__version__}\n")
    for name, ways in WAYS.items():
        recipe = resolve(name, data=[options.data])
        pairs, degradation = pairs_of(recipe, recipe.data.paths), recipe.degrade.build(DEGRADATIONS)
        held_out = split_pairs(pairs, recipe.data.held_out, recipe.seed)[1].tolist()
        wholes = [whole_pair(pairs, index, degradation, recipe.seed) for index in held_out]
        protocol = protocol_of(recipe)
        for way, make in ways.items():
            row = row_of({"psnr": [psnr(make(each), each.target, protocol, each.mask) for each in wholes]})
            print(f"| {name}: {way} | {row.scores['psnr']:.2f} | {interval_of(row, 2)} | {len(wholes)} |")


if __name__ == "__main__":
    main()
