"""What a CRF, test-time augmentation and ensembles do to maps of places that no training picture came from.

    python benchmarks/doubt.py WORK [--data DATA] [--seeds 0 1 2]
    python benchmarks/doubt.py WORK --report
    python benchmarks/doubt.py WORK --errors
    python benchmarks/doubt.py WORK --tune

DATA (default: $LIMNER_DATA) holds dubai-aerial, uganda-buildings, banepa-buildings and spacenet-rio. WORK is a folder
for what is made: the places brought to one form, a run for each place left out and each seed, and what the networks say
of the place left out. Whatever is there already is not done again, so a stopped benchmark goes on. ``--report`` scores
what is there and prints the tables as Markdown; ``--errors`` prints where entropy finds errors; ``--tune`` tries
settings of the CRF.
"""

import argparse
import itertools
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from scipy.ndimage import binary_erosion, distance_transform_edt
from torch.nn import functional

from harmonize_places import PLACES, UNKNOWN, prepare
from limner.foundation.files.writing import replacing
from limner.learning.runs.opening import open_run
from limner.learning.train import train
from limner.scenes.rasters import open_raster
from limner.scenes.statistics import measure_raster
from limner.segment.mapping.outputs import entropy_of
from limner.segment.measures.calibration import STEPS, Calibration, confidence_counts
from limner.segment.predicting.crf.dense_crf import DenseCrf
from limner.segment.predicting.crf.options import CrfOptions
from limner.segment.predicting.predictor import SegmentPredictor, load_predictor
from limner.segment.predicting.turns import turned

RECIPE = "segment/demo"
SETTINGS = (
    "--steps-per-epoch", "200", "--epochs", "1", "--batch", "6", "--loop.keep", "last", "--data.validation-share",
    "0.1", "--data.crop-px", "160", "--data.tile-px", "240", "--data.stride-px", "80", "--borders.name", "none",
)  # fmt: skip
SEEDS = (0, 1, 2)
USUAL = CrfOptions()
COARSE = 8  # a network that answers once in so many pixels, as those without a decoder do
NEAR_PX = 3  # of a true border: a border this far away counts as found
GRID = {
    "smooth_weight": (0.0, 1.0, 3.0), "smooth_px": (3.0,), "color_weight": (0.0, 2.0, 5.0, 10.0),
    "color_px": (10.0, 20.0, 40.0), "color_std": (0.1, 0.2, 0.4),
}  # fmt: skip
FIRST = (10.0, 0.1)  # of the grid: without a kernel of color its widths do not matter


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
    given.add_argument("--errors", action="store_true", help="print where entropy finds the errors")
    given.add_argument("--tune", action="store_true", help="try settings of the CRF on what is finished")
    options = given.parse_args()
    torch.set_num_threads(1)
    if options.errors:
        print(errors_found(options.work, options.seeds))
    elif options.tune:
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
    found: dict[str, np.ndarray] = {}
    for way, each in {"plain": predictor, "turned": turned(predictor)}.items():
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


# --- what is measured ------------------------------------------------------------------------------------------------


@dataclass
class Score:
    """What was counted over the pictures of a place: pixels, borders, probabilities, and the seconds it took."""

    pixels: np.ndarray = field(default_factory=lambda: np.zeros((2, 2)))  # truth, map
    borders: np.ndarray = field(default_factory=lambda: np.zeros(4))  # of the map, found true; of the truth, found
    confidence: np.ndarray = field(default_factory=lambda: np.zeros((2, STEPS), np.int64))
    seconds: float = 0.0

    def add(self, probability: np.ndarray, truth: np.ndarray) -> None:
        """Count a picture: probability of building (H, W), truth (H, W)."""
        known = (truth != UNKNOWN) & np.isfinite(probability)
        called, real = probability >= 0.5, truth == 1
        self.pixels += np.bincount(2 * real[known] + called[known], minlength=4).reshape(2, 2)
        said = np.stack([1 - probability[known], probability[known]])
        self.confidence += confidence_counts(said, truth[known])
        for place, (ours, theirs) in enumerate(((called, real), (real, called))):
            borders = [each & ~binary_erosion(each) & known for each in (ours, theirs)]
            near = distance_transform_edt(~borders[1]) <= NEAR_PX if borders[1].any() else np.zeros_like(known)
            self.borders[2 * place : 2 * place + 2] += borders[0].sum(), (borders[0] & near).sum()

    @property
    def f1(self) -> float:
        """Of building, percent."""
        (_, false_positive), (missed, found) = self.pixels
        return 200 * found / max(1, 2 * found + false_positive + missed)

    @property
    def boundary_f1(self) -> float:
        """Of borders within 3 px, percent."""
        ours, right, theirs, found = self.borders
        precision, recall = right / max(1, ours), found / max(1, theirs)
        return 200 * precision * recall / max(1e-9, precision + recall)

    @property
    def calibration(self) -> float:
        """Expected calibration error, percent."""
        return 100 * Calibration(self.confidence, "building").error

    @property
    def all_building(self) -> float:
        """F1 of a map of buildings everywhere, percent."""
        absent, present = self.pixels.sum(1)
        return 200 * present / max(1, 2 * present + absent)


def errors_found(work: Path, seeds: Sequence[int]) -> str:
    """Where the errors lie that entropy should show: of each place, among its most unsure pixels. Markdown."""
    rows = ["| place | wrong | of these among the most unsure 10 % | 20 % | 30 % | AUC of entropy for wrong |"]
    rows.append("| --- |" + " ---: |" * 5)
    for place in PLACES:
        found = []
        for seed in seeds:
            said = np.load(work / "probabilities" / f"{place}-{seed}.npz")
            unsure, wrong = [], []
            for scene in scenes(work, place):
                probability = said[f"plain/{scene.name}"].astype(np.float32)
                known = (scene.truth != UNKNOWN) & scene.valid
                unsure.append(entropy_of(probability[None])[known])
                wrong.append(((probability >= 0.5) != (scene.truth == 1))[known])
            order = np.argsort(-np.concatenate(unsure), kind="stable")
            ranked = np.concatenate(wrong)[order]
            total, right = ranked.sum(), (~ranked).sum()
            shares = [ranked[: int(len(ranked) * part)].sum() / total for part in (0.1, 0.2, 0.3)]
            area = float((ranked.cumsum()[~ranked]).sum() / (total * right))
            found.append([ranked.mean(), *shares, area])
        *percents, area = np.mean(found, axis=0)
        rows.append(f"| {place} | " + " | ".join(f"{100 * value:.0f} %" for value in percents) + f" | {area:.2f} |")
    return "\n".join(rows)


Change = Callable[[Scene, np.ndarray], np.ndarray]


def crf(scene: Scene, probability: np.ndarray, options: CrfOptions = USUAL) -> np.ndarray:
    """The CRF's probability of building, (H, W)."""
    picture, valid = torch.from_numpy(scene.picture), torch.from_numpy(scene.valid)
    given = torch.from_numpy(np.stack([1 - probability, probability]).astype(np.float32))
    return DenseCrf(picture, valid, options)(given)[1].numpy()


def coarse(scene: Scene, probability: np.ndarray) -> np.ndarray:
    """What a network would say that answers once in 8 x 8 pixels: means, brought back bilinearly."""
    given = torch.from_numpy(probability.astype(np.float32))[None, None]
    height, width = probability.shape
    padded = functional.pad(given, (0, -width % COARSE, 0, -height % COARSE), mode="replicate")
    less = functional.avg_pool2d(padded, COARSE)
    back = functional.interpolate(less, scale_factor=COARSE, mode="bilinear", align_corners=False)
    return back[0, 0, :height, :width].numpy()


WAYS: dict[str, tuple[str, bool, tuple[Change, ...]]] = {
    "one network": ("plain", False, ()),
    "one network, CRF": ("plain", False, (crf,)),
    "flipped and turned": ("turned", False, ()),
    "flipped and turned, CRF": ("turned", False, (crf,)),
    "three networks": ("plain", True, ()),
    "three networks, flipped and turned": ("turned", True, ()),
    "three networks, flipped and turned, CRF": ("turned", True, (crf,)),
    "one network's answer at an eighth": ("plain", False, (coarse,)),
    "one network's answer at an eighth, CRF": ("plain", False, (coarse, crf)),
}
"""name -> (plain or turned, whether all seeds together, what is then done)."""


def score(work: Path, place: str, seeds: Sequence[int], way: str) -> list[Score]:
    """A way of mapping a place, for each seed, or once for all of them together."""
    look, together, changes = WAYS[way]
    said = [np.load(work / "probabilities" / f"{place}-{seed}.npz") for seed in seeds]
    results = []
    for group in [said] if together else [[one] for one in said]:
        result = Score(seconds=sum(float(one[f"{look} seconds"]) for one in group))
        for scene in scenes(work, place):
            probability = np.mean([one[f"{look}/{scene.name}"].astype(np.float32) for one in group], axis=0)
            began = time.perf_counter()
            for change in changes:
                probability = change(scene, probability)
            result.seconds += time.perf_counter() - began
            result.add(probability, scene.truth)
        results.append(result)
    return results


def report(work: Path, seeds: Sequence[int]) -> str:
    """The table over all places and one of each place, as Markdown."""
    found = {way: {place: score(work, place, seeds, way) for place in PLACES} for way in WAYS}
    mpx = {place: sum(scene.truth.size for scene in scenes(work, place)) / 1e6 for place in PLACES}
    rows = ["| way | F1 | against one network | boundary F1 | calibration error | s per Mpx |"]
    rows.append("| --- | ---: | ---: | ---: | ---: | ---: |")
    base = {place: [one.f1 for one in found["one network"][place]] for place in PLACES}
    for way, places in found.items():
        gains = []
        for place, scores in places.items():
            each = [one.f1 for one in scores]
            pairs = zip(each if len(each) > 1 else each * len(seeds), base[place], strict=True)
            gains += [one - other for one, other in pairs]
        f1, boundary, error = (
            np.mean([np.mean([getattr(one, name) for one in scores]) for scores in places.values()])
            for name in ("f1", "boundary_f1", "calibration")
        )
        seconds = np.mean([np.mean([one.seconds for one in scores]) / mpx[place] for place, scores in places.items()])
        rows.append(
            f"| {way} | {f1:.1f} | {np.mean(gains):+.1f} ({min(gains):+.1f} to {max(gains):+.1f}) | {boundary:.1f} | "
            f"{error:.1f} | {seconds:.1f} |"
        )
    every = [found["one network"][place][0].all_building for place in PLACES]
    rows.append(f"| all building | {np.mean(every):.1f} | | | | |")
    rows += ["", "F1 by place:", "", "| way | " + " | ".join(PLACES) + " |", "| --- |" + " ---: |" * len(PLACES)]
    for way, places in found.items():
        cells = [f"{np.mean([one.f1 for one in scores]):.1f}" for scores in places.values()]
        rows.append(f"| {way} | " + " | ".join(cells) + " |")
    rows.append("| all building | " + " | ".join(f"{value:.1f}" for value in every) + " |")
    return "\n".join(rows)


def tune(work: Path, seeds: Sequence[int], most_px: int = 288) -> str:
    """Settings of the CRF, on the middle of two pictures a place: the best, and what choosing by other places gives."""
    names = list(GRID)
    settings = [dict(zip(names, values, strict=True)) for values in itertools.product(*GRID.values())]
    settings = [each for each in settings if each["color_weight"] or (each["color_px"], each["color_std"]) == FIRST]
    gains = np.zeros((len(settings), len(PLACES), 2))
    for number, place in enumerate(PLACES):
        pictures = [middle(scene, most_px) for scene in itertools.islice(scenes(work, place), 2)]
        said = np.load(work / "probabilities" / f"{place}-{seeds[0]}.npz")
        given = [cut(said[f"plain/{scene.name}"].astype(np.float32), most_px) for scene in pictures]
        before = scored(pictures, given)
        for row, each in enumerate(settings):
            after = scored(pictures, [crf(*pair, CrfOptions(**each)) for pair in zip(pictures, given, strict=True)])
            gains[row, number] = after.f1 - before.f1, after.boundary_f1 - before.boundary_f1
    merit = gains.sum(2)
    order = np.argsort(-merit.mean(1))
    lines = ["gain of F1, of boundary F1, mean over places; then F1 by place"]
    for row in [*order[:12], *order[-3:]]:
        cells = " ".join(f"{gain:+.1f}" for gain in gains[row, :, 0])
        lines.append(f"{gains[row, :, 0].mean():+.2f} {gains[row, :, 1].mean():+.2f}  {cells}  {settings[row]}")
    for number, place in enumerate(PLACES):
        others = np.delete(merit, number, axis=1).mean(1)
        chosen = int(others.argmax())
        gain = gains[chosen, number]
        lines.append(f"{place}, chosen by the others: F1 {gain[0]:+.1f}, boundary F1 {gain[1]:+.1f} {settings[chosen]}")
    return "\n".join(lines)


def scored(pictures: Sequence[Scene], given: Sequence[np.ndarray]) -> Score:
    """The score of several pictures together."""
    result = Score()
    for scene, probability in zip(pictures, given, strict=True):
        result.add(probability, scene.truth)
    return result


def middle(scene: Scene, most_px: int) -> Scene:
    """The middle of a picture."""
    return Scene(scene.name, *(cut(part, most_px) for part in (scene.picture, scene.valid, scene.truth)))


def cut(plane: np.ndarray, most_px: int) -> np.ndarray:
    """The middle of (..., H, W), at most so many pixels high and wide."""
    places = [
        slice(max(0, (length - most_px) // 2), max(0, (length - most_px) // 2) + most_px) for length in plane.shape[-2:]
    ]
    return np.ascontiguousarray(plane[(..., *places)])


if __name__ == "__main__":
    main()
