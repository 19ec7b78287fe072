"""How far a scene's unlikeness to what a run learned from tells that its map is bad.

    python benchmarks/unlike_scenes.py WORK [--data DATA] [--seed 0]
    python benchmarks/unlike_scenes.py WORK --report [--seed 0]

WORK is the folder of ``unseen_places.py``, whose trainings of `segment/modern` are used; DATA (default: $LIMNER_DATA)
holds dubai-aerial, uganda-buildings, banepa-buildings and spacenet-rio. Of each network, which left one place out:

- F1 on pictures of that place, and on pictures of the other places that it did not learn from, beside the distance of
  their colors to the nearest training area (`limner.segment.mapping.likeness`);
- the same on the left-out place's pictures after changes that leave the ground as it is, such as darkness or noise;
- F1 where the left-out place's pictures are made coarser, and enlarged again for the network.

What is found is kept in WORK, a file a network, and not done again. ``--report`` prints the tables, as Markdown.
"""

import argparse
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr

from doubt import Score
from harmonize_places import PLACES, UNKNOWN, middle
from limner.colors.summary import read_summaries
from limner.foundation.files.writing import write_json
from limner.learning.runs.opening import open_run
from limner.scenes.statistics import Moments
from limner.scenes.windows import Window
from limner.segment.data.areas import find_data
from limner.segment.data.chips import Chip
from limner.segment.mapping.likeness import FAR_COLORS, FAR_VARIATION, color_distance
from limner.segment.predicting.predictor import SegmentPredictor, load_predictor
from limner.segment.training.colors import COLORS_FILE
from unseen_places import said_file

OF_DUBAI = ("part_002", "part_005", "part_008")  # the first is learned from
OF_RIO = tuple(f"rio_5{number}" for number in range(6))  # learned from
MOST_PX, CROP_PX = 768, 448
FACTORS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
SOME_BUILDING = 0.1
"""Of the pixels: F1 of pictures with less says more of the ground than of the network."""
NOISE = np.random.default_rng(0)
CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "as it is": lambda bands: bands,
    "red and blue exchanged": lambda bands: bands[::-1],
    "gray": lambda bands: np.repeat(bands.mean(0, keepdims=True), 3, 0),
    "inverted": lambda bands: 255 - bands,
    "dark (x 0.35)": lambda bands: 0.35 * bands,
    "hazy (contrast x 0.35)": lambda bands: 150 + 0.35 * (bands - 150),
    "gamma 2.5": lambda bands: 255 * (bands / 255) ** 2.5,
    "gamma 0.4": lambda bands: 255 * (bands / 255) ** 0.4,
    "overexposed (x 2.2)": lambda bands: np.minimum(255, 2.2 * bands),
    "blurred (3 px)": lambda bands: np.stack([gaussian_filter(band, 3) for band in bands]),
    "noisy (40 of 255)": lambda bands: np.clip(bands + NOISE.normal(0, 40, bands.shape), 0, 255),
}


class Picture(NamedTuple):
    """values: (bands, H, W), valid: (H, W), truth: (H, W) with `UNKNOWN`. learned: whether networks learned from it."""

    name: str
    values: np.ndarray
    valid: np.ndarray
    truth: np.ndarray
    learned: bool


def main() -> None:
    """Measure what is missing, or print the tables."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("work", type=Path)
    given.add_argument("--data", type=Path, default=os.environ.get("LIMNER_DATA"), help="folder of the four data sets")
    given.add_argument("--seed", type=int, default=0)
    given.add_argument("--report", action="store_true", help="print the tables of what is finished")
    options = given.parse_args()
    torch.set_num_threads(1)
    if options.report:
        print(report(options.work, options.seed))
        return
    if options.data is None:
        given.error("needs --data, or $LIMNER_DATA")
    every = {place: list(pictures(Path(options.data), options.work, place)) for place in PLACES}
    for place in PLACES:
        file = found_file(options.work, place, options.seed)
        if not file.exists():
            write_json(file, measure(options.work, place, options.seed, every))
            print(file, flush=True)


def found_file(work: Path, place: str, seed: int) -> Path:
    """Where is kept what was measured of the network that left a place out."""
    return work / "unlike" / f"{place}-{seed}.json"


def pictures(data: Path, work: Path, place: str) -> Iterator[Picture]:
    """Pictures of a place, those that networks learn from and others; of large ones the middle."""
    if place == "banepa":  # one scene: what lies north and south of the middle was not learned from
        parts: Callable[[Chip], list[Window]] = north_middle_south
    else:
        parts = lambda chip: [middle(chip, MOST_PX)]  # noqa: E731
    found = find_data([data / PLACES[place].folder], PLACES[place].reading)
    reader = found.reader()
    for chip in found.chips:
        wanted = {"dubai": chip.image.stem.endswith(OF_DUBAI), "kampala": chip.image.stem.startswith("z19_")}
        if not wanted.get(place, True):
            continue
        for number, window in enumerate(parts(chip)):
            pixels, mask = reader.read_with_pixels(chip, window)
            valid = pixels.valid & (pixels.values != 0).any(0) if place == "rio" else pixels.valid
            learned = {
                "dubai": chip.image.stem.endswith(OF_DUBAI[0]), "rio": chip.image.stem in OF_RIO, "banepa": number == 1
            }.get(place, True)  # fmt: skip
            name = f"{chip.area}/{chip.image.stem}-{number}"
            yield Picture(name, pixels.values, valid, np.minimum(mask, UNKNOWN), learned)


def north_middle_south(chip: Chip) -> list[Window]:
    """What is learned from in the middle of a scene (see `harmonize_places.prepare`), and what lies north and south."""
    own = middle(chip, PLACES["banepa"].most_px)
    south = own.row + own.height
    return [Window(0, 0, own.row, chip.width), own, Window(south, 0, chip.height - south, chip.width)]


def measure(work: Path, place: str, seed: int, every: dict[str, list[Picture]]) -> dict[str, Any]:
    """What one network, which left ``place`` out, does on all pictures that it did not learn from."""
    run = open_run(work / "runs" / said_file(work, "modern", place, seed).stem)
    predictor, areas = load_predictor(run, "cpu"), read_summaries(run.folder / COLORS_FILE)
    seen, changed, coarse = [], [], []
    for other, held in every.items():
        for picture in held:
            if other == place or not picture.learned:
                known = picture.truth[picture.valid & (picture.truth != UNKNOWN)]
                row: dict[str, Any] = {"new": other == place, "building": float((known == 1).mean())}
                seen.append(row | scored(predictor, areas, picture))
    with_building = [each for each in every[place] if (each.truth == 1).mean() >= SOME_BUILDING]
    for picture in with_building:
        for name, change in CHANGES.items():
            values = np.round(change(cropped(picture).values.astype(float))).astype(np.uint8)
            ours = cropped(picture)._replace(values=values)
            changed.append({"change": name, **scored(predictor, areas, ours), **by_run(predictor, ours)})
        coarse += [{"factor": factor, "f1": coarser(predictor, cropped(picture), factor)} for factor in FACTORS]
    return {"seen": seen, "changed": changed, "coarse": coarse}


def scored(predictor: SegmentPredictor, areas: dict[str, Any], picture: Picture) -> dict[str, Any]:
    """F1 of a picture in its own colors, and how far these lie from the training's: as they are, and standardized."""
    moments = Moments.of(picture.values[:, picture.valid])
    said = predictor.probabilities(picture.values[None], picture.valid[None], moments.statistics())[0, 1]
    return {
        "name": picture.name, "f1": f1_of(said, picture),
        "colors": color_distance(moments, areas, "run").distance,
        "variation": color_distance(moments, areas, "scene").distance,
    }  # fmt: skip


def by_run(predictor: SegmentPredictor, picture: Picture) -> dict[str, Any]:
    """F1 of a picture standardized by the training's colors."""
    said = predictor.probabilities(picture.values[None], picture.valid[None])[0, 1]
    return {"f1, run": f1_of(said, picture)}


def f1_of(said: np.ndarray, picture: Picture) -> float | None:
    """In percent; None where there is no building."""
    truth = np.where(picture.valid, picture.truth, UNKNOWN)
    if not (truth == 1).any():
        return None
    result = Score()
    result.add(said, truth)
    return float(result.f1)


def cropped(picture: Picture) -> Picture:
    """Its middle, at most `CROP_PX` high and wide."""
    height, width = picture.truth.shape
    row, column = max(0, height - CROP_PX) // 2, max(0, width - CROP_PX) // 2
    window = np.s_[row : row + CROP_PX, column : column + CROP_PX]
    return picture._replace(
        values=picture.values[(slice(None), *window)], valid=picture.valid[window], truth=picture.truth[window]
    )


def coarser(predictor: SegmentPredictor, picture: Picture, factor: float) -> float | None:
    """F1 where a pixel covers ``factor`` times as many meters, and the network sees it enlarged as often."""
    height, width = picture.truth.shape
    size = max(8, round(width / factor)), max(8, round(height / factor))
    values = np.stack([np.asarray(Image.fromarray(band).resize(size, Image.Resampling.BOX)) for band in picture.values])
    valid = np.asarray(Image.fromarray(picture.valid).resize(size, Image.Resampling.NEAREST))
    statistics = Moments.of(values[:, valid]).statistics()
    said = replace(predictor, scale=factor).probabilities(values[None], valid[None], statistics)[0, 1]
    whole = Image.fromarray(said.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
    return f1_of(np.asarray(whole), picture)


# --- tables ----------------------------------------------------------------------------------------------------------


def report(work: Path, seed: int) -> str:
    """All tables, as Markdown; F1 in percent."""
    found = {
        place: json.loads(file.read_text(encoding="utf-8"))
        for place in PLACES
        if (file := found_file(work, place, seed)).exists()
    }
    tables = (places_table, correlations_table, changes_table, coarse_table)
    return "\n\n".join("\n".join(table(found)) for table in tables)


BOUNDS = {"colors": ("colors as they are", FAR_COLORS), "variation": ("standardized", FAR_VARIATION)}


def places_table(found: dict[str, Any]) -> list[str]:
    """How far pictures lie, and how many would be told."""
    lines = ["| distance | pictures | middle | 90 % | most | told | F1 of those | of the others |"]
    lines.append("| --- | --- |" + " ---: |" * 6)
    for key, (name, bound) in BOUNDS.items():
        for new, which in ((False, "of places learned from, held out"), (True, "of the place left out")):
            rows = [row for each in found.values() for row in each["seen"] if row["new"] is new]
            far = np.array([row[key] for row in rows])
            f1 = np.array([np.nan if row["f1"] is None else row["f1"] for row in rows])
            shown = " | ".join(f"{value:.2f}" for value in np.quantile(far, (0.5, 0.9, 1)))
            told, others = (mean_of(f1[each]) for each in (far > bound, far <= bound))
            lines.append(f"| {name} | {which} | {shown} | {(far > bound).sum()} of {len(far)} | {told} | {others} |")
    return lines


def mean_of(values: np.ndarray) -> str:
    """The mean of what is defined."""
    known = values[np.isfinite(values)]
    return f"{known.mean():.1f} ({len(known)})" if len(known) else "-"


def correlations_table(found: dict[str, Any]) -> list[str]:
    """Spearman's rank correlation of distance and F1 over pictures with building, all and by network."""
    columns = ("all", f"by network: {', '.join(found)}", f"with {SOME_BUILDING:.0%} building", "F1 above all building")
    lines = [f"| rank correlation with F1 | {' | '.join(columns)} |", "| --- |" + " ---: |" * len(columns)]
    for key, (name, _) in BOUNDS.items():
        by_network = [[row for row in each["seen"] if row["f1"] is not None] for each in found.values()]
        rows = [row for each in by_network for row in each]
        dense = [row for row in rows if row["building"] >= SOME_BUILDING]
        of_networks = ", ".join(rank(each, key) for each in by_network)
        lines.append(f"| {name} | {rank(rows, key)} ({len(rows)}) | {of_networks} | {rank(dense, key)} ({len(dense)}) "
                     f"| {rank([above_constant(row) for row in rows], key)} |")  # fmt: skip
    return lines


def above_constant(row: dict[str, Any]) -> dict[str, Any]:
    """The row with what its F1 is above that of a map of building everywhere."""
    return {**row, "f1": row["f1"] - 200 * row["building"] / (1 + row["building"])}


def rank(rows: list[dict[str, Any]], key: str) -> str:
    """Spearman's rank correlation."""
    return f"{spearmanr([row[key] for row in rows], [row['f1'] for row in rows])[0]:+.2f}"


def changes_table(found: dict[str, Any]) -> list[str]:
    """What each change costs, by both ways to standardize, and how often it would be told."""
    rows = [row for each in found.values() for row in each["changed"]]
    lines = ["| change | own colors: F1 | told | the training's colors: F1 | told |", "| --- |" + " ---: |" * 4]
    for name in CHANGES:
        ours = [row for row in rows if row["change"] == name and row["f1"] is not None]
        cells = []
        for score, key in (("f1", "variation"), ("f1, run", "colors")):
            f1 = np.mean([row[score] for row in ours])
            told = sum(row[key] > BOUNDS[key][1] for row in ours)
            cells.append(f"{f1:.1f} | {told} of {len(ours)}")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def coarse_table(found: dict[str, Any]) -> list[str]:
    """F1 by how much coarser a scene is."""
    lines = ["| times coarser | " + " | ".join(found) + " | mean |", "| ---: |" + " ---: |" * (len(found) + 1)]
    for factor in FACTORS:
        means = [
            np.mean([row["f1"] for row in each["coarse"] if row["factor"] == factor and row["f1"] is not None])
            for each in found.values()
        ]
        lines.append(f"| {factor:g} | " + " | ".join(f"{value:.1f}" for value in [*means, np.mean(means)]) + " |")
    return lines


if __name__ == "__main__":
    main()
