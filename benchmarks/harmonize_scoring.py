"""What `harmonize_places.py` measures of one run on the place that it did not see, in every way of harmonizing."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from limner.colors.harmonize import HARMONIZERS, Harmonizer, distance
from limner.colors.summary import ALL, ColorSummary, merged
from limner.learning.runs.run import Run
from limner.scenes.windows import Window
from limner.segment.data.chips import DataSet
from limner.segment.measures.tally import Read, ScoredCell, Tally, tally_areas
from limner.segment.predicting.predictor import SegmentPredictor
from limner.segment.scoring.evaluate import area_colors, reader_in_colors, reader_without
from limner.segment.training.colors import training_colors

THIN = 4  # of the maps' rows and columns, one of so many is kept, to see whether seeds agree
DIRECTIONS = 64


@dataclass(frozen=True)
class Variant:
    """One way to map the unseen place.

    normalize: run, scene or matched, as in `limner evaluate`. together: the place's scenes are measured as one.
    """

    normalize: str
    harmonizer: Harmonizer | None = None
    together: bool = False


def score(predictor: SegmentPredictor, data: DataSet, run: Run) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Counts of every scene of ``data`` in every variant with what is known without labels, and the thinned maps."""
    areas = training_colors(run)
    read = reader_without(data, {})
    scenes = area_colors(data, read)
    normalize = predictor.normalization("auto", harmonized=True)
    variants = {"run": Variant("run"), "scene": Variant("scene")}
    for method in HARMONIZERS:
        for to in (ALL, *areas):
            variants[f"{method} {to}"] = Variant(normalize, Harmonizer(method, to, areas, data.dtype))
    if len(scenes) > 1:
        variants["scene, together"] = Variant("scene", together=True)
        for method in HARMONIZERS:
            variants[f"{method} all, together"] = replace(variants[f"{method} all"], together=True)
    results: dict[str, Any] = {}
    maps: dict[str, np.ndarray] = {}
    for name, variant in variants.items():
        tallies, classes = tally(predictor, data, read, scenes, variant)
        results[name] = {scene: told(item) for scene, item in tallies.items()}
        maps |= {f"{name}/{scene}": np.packbits(found) for scene, found in classes.items()}
    far = {scene: distances(colors, areas) for scene, colors in scenes.items()}
    return {"usual": predictor.normalize, "areas": list(areas), "distances": far, "variants": results}, maps


def tally(
    predictor: SegmentPredictor, data: DataSet, read: Read, scenes: Mapping[str, ColorSummary], variant: Variant
) -> tuple[dict[str, Tally], dict[str, np.ndarray]]:
    """What is right in each scene, and its classes on a thin grid, flat."""
    statistics = None
    if variant.together:
        scenes = dict.fromkeys(scenes, merged(list(scenes.values())))
    if variant.harmonizer is not None:
        colors = {scene: variant.harmonizer.fit(summary, data.dtype) for scene, summary in scenes.items()}
        read = reader_in_colors(data, read, colors)
        if variant.normalize == "matched":
            statistics = {scene: item.statistics for scene, item in colors.items()}
    elif variant.normalize == "scene":
        statistics = {scene: summary.moments.statistics() for scene, summary in scenes.items()}
    classes: dict[str, list[np.ndarray]] = {scene: [] for scene in scenes}

    def look(seen: ScoredCell) -> None:
        classes[seen.area].append(seen.classes[::THIN, ::THIN].ravel() > 0)

    windows = [(number, Window(0, 0, chip.height, chip.width)) for number, chip in enumerate(data.chips)]
    tallies = tally_areas(predictor, data.chips, read, windows, statistics, look)
    return tallies, {scene: np.concatenate(parts) for scene, parts in classes.items()}


def told(item: Tally) -> dict[str, Any]:
    """The counts by truth (rows) and class (columns), and how sure the network is, whatever the truth.

    entropy: mean over the pixels, in bits. confidence: mean probability of the likelier class. building: share of the
    pixels.
    """
    shares = item.histogram.sum(0) / max(1, item.histogram.sum())
    probability = (np.arange(256) + 0.5) / 256
    entropy = -(probability * np.log2(probability) + (1 - probability) * np.log2(1 - probability))
    matrix = item.counts.matrix
    return {
        "counts": matrix.tolist(),
        "entropy": round(float(shares @ entropy), 5),
        "confidence": round(float(shares @ np.maximum(probability, 1 - probability)), 5),
        "building": round(float(matrix[:, 1].sum() / max(1, matrix.sum())), 5),
    }


def distances(scene: ColorSummary, areas: Mapping[str, ColorSummary]) -> dict[str, dict[str, float]]:
    """How far a scene's colors lie from those of each training area and of all, in deviations of all.

    gaussian: `limner.colors.harmonize.distance`. sliced: the mean of Wasserstein's distances along 64 directions.
    """
    everything = merged(list(areas.values()))
    unit = np.asarray(everything.moments.statistics().std)
    return {
        name: {
            "gaussian": round(distance(scene.moments, area.moments, unit), 4),
            "sliced": round(sliced(scene.sample / unit[:, None], area.sample / unit[:, None]), 4),
        }
        for name, area in {**areas, ALL: everything}.items()
    }


def sliced(colors: np.ndarray, others: np.ndarray) -> float:
    """Sliced Wasserstein distance of two samples (bands, n) and (bands, m)."""
    directions = np.random.default_rng(0).normal(size=(DIRECTIONS, len(colors)))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    shares = (np.arange(1000) + 0.5) / 1000
    one, other = (np.quantile(directions @ sample, shares, axis=1) for sample in (colors, others))
    return float(np.abs(one - other).mean())
