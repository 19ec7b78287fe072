"""What a CRF, test-time augmentation and ensembles do to maps of places that no training picture came from.

    python benchmarks/doubt.py WORK [--data DATA] [--seeds 0 1 2]
    python benchmarks/doubt.py WORK --report
    python benchmarks/doubt.py WORK --tune

DATA (default: $LIMNER_DATA) holds dubai-aerial, uganda-buildings, banepa-buildings and spacenet-rio. WORK is a folder
for what is made: the places brought to one form, a run for each place left out and each seed, and what the networks say
of the place left out. Whatever is there already is not done again, so a stopped benchmark goes on. ``--report`` scores
what is there and prints the tables as Markdown; ``--tune`` tries settings of the CRF.
"""

import argparse
import itertools
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from scipy.ndimage import binary_erosion, distance_transform_edt
from torch.nn import functional

from harmonize_places import PLACES, UNKNOWN, prepare
from limner.foundation.files import replacing
from limner.learning.run import open_run
from limner.learning.train import train
from limner.scenes.rasters import open_raster
from limner.scenes.statistics import measure_raster
from limner.segment.predicting.crf.dense_crf import DenseCrf
from limner.segment.predicting.crf.options import CrfOptions
from limner.segment.predicting.predictor import SegmentPredictor, load_predictor
from limner.segment.predicting.turns import TurnedNetwork

RECIPE = "segment/demo"
SETTINGS = (
    "--steps-per-epoch", "200", "--epochs", "1", "--batch", "6", "--loop.keep", "last", "--data.validation-share",
    "0.1", "--data.crop-px", "160", "--data.tile-px", "240", "--data.stride-px", "80",
)  # fmt: skip
SEEDS = (0, 1, 2)
COARSE = 8  # a network that answers once in so many pixels, as those without a decoder do
NEAR_PX = 3  # of a true border: a border this far away counts as found
GRID = {
    "smooth_weight": (0.0, 1.0, 3.0), "smooth_px": (3.0,), "color_weight": (0.0, 2.0, 5.0, 10.0),
    "color_px": (10.0, 20.0, 40.0), "color_std": (0.1, 0.2, 0.4),
}  # fmt: skip


class Scene(NamedTuple):
    """A picture of a place: standardized (bands, H, W) float32, valid (H, W), truth (H, W) with `UNKNOWN`."""

    name: str
    picture: np.ndarray
    valid: np.ndarray
    truth: np.ndarray


def main() -> None:
    """Make what is missing, or print the tables."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("work", type=Path)
    given.add_argument("--data", type=Path, default=os.environ.get("LIMNER_DATA"), help="folder of the four data sets")
    given.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    given.add_argument("--report", action="store_true", help="print the tables of what is finished")
    given.add_argument("--tune", action="store_true", help="try settings of the CRF on what is finished")
    options = given.parse_args()
    torch.set_num_threads(1)
    if options.tune:
        print(tune(options.work, options.seeds))
    elif options.report:
        print(report(options.work, options.seeds))
    elif options.data is None:
        given.error("needs --data, or $LIMNER_DATA")
    else:
        for place in PLACES:
            prepare(place, Path(options.data), options.work / "places")
        for seed, place in itertools.product(options.seeds, PLACES):
            learn(options.work, place, seed)
            predict(options.work, place, seed)


def learn(work: Path, place: str, seed: int) -> None:
    """Train on the other places; a run that is finished is found so."""
    others = [work / "places" / other for other in PLACES if other != place]
    out = work / "runs" / f"{place}-{seed}"
    done = train(RECIPE, data=others, overrides=[*SETTINGS, "--seed", str(seed)], out=out)
    if done.stopped:
        raise SystemExit(done.stopped.exit_code)


def predict(work: Path, place: str, seed: int) -> None:
    """Keep what a run says of its place: the probability of building, plain and turned, and the seconds it took."""
    file = work / "probabilities" / f"{place}-{seed}.npz"
    if file.exists():
        return
    predictor = load_predictor(open_run(work / "runs" / f"{place}-{seed}"), "cpu", "fp32")
    turned = replace(predictor, network=TurnedNetwork(predictor.network))
    found: dict[str, np.ndarray] = {}
    for way, each in {"plain": predictor, "turned": turned}.items():
        began = time.perf_counter()
        for scene in scenes(work, place):
            found[f"{way}/{scene.name}"] = building(each, scene).astype(np.float16)
        found[f"{way} seconds"] = np.array(time.perf_counter() - began)
    with replacing(file) as temporary:
        np.savez_compressed(temporary, **found)


def building(predictor: SegmentPredictor, scene: Scene) -> np.ndarray:
    """The probability of building, (H, W): whole pictures in one pass."""
    unit = replace(predictor.statistics, mean=(0.0,) * len(scene.picture), std=(1.0,) * len(scene.picture))
    return predictor.probabilities(scene.picture[None], scene.valid[None], unit)[0, 1]


def scenes(work: Path, place: str) -> Iterator[Scene]:
    """The pictures of a place, each standardized by all the place's pictures of the same name before the hyphen."""
    groups: dict[str, list[Path]] = {}
    for path in sorted((work / "places" / place / "images").glob("*.tif")):
        groups.setdefault(path.name.partition("-")[0], []).append(path)
    for paths in groups.values():
        rasters = [open_raster(path) for path in paths]
        pixels = [raster.read() for raster in rasters]
        statistics = measure_raster(rasters[0])
        if len(paths) > 1:
            together = np.concatenate([each.values[:, each.valid] for each in pixels], axis=1).astype(np.float64)
            statistics = replace(statistics, mean=tuple(together.mean(1)), std=tuple(together.std(1)))
        for path, each in zip(paths, pixels, strict=True):
            mean, std = (np.array(values)[:, None, None] for values in (statistics.mean, statistics.std))
            picture = np.where(each.valid, (each.values - mean) / std, 0).astype(np.float32)
            with open_raster(path.parent.parent / "masks" / path.name) as mask:
                yield Scene(path.stem, picture, each.valid, mask.read().values[0])


if __name__ == "__main__":
    main()
