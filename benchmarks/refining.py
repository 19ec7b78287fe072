"""What refining gains and loses: networks that never saw a place, refined on 1 to 15 % of it, scored on the rest.

    python benchmarks/refining.py WORK [--data DATA] [--seeds 0 1] [--minutes 55]
    python benchmarks/refining.py WORK --report [--seeds 0 1]

DATA (default: $LIMNER_DATA) holds dubai-aerial, uganda-buildings, banepa-buildings and spacenet-rio. WORK is a folder
for what is made: the places brought to one form and a run for each place left out (those of ``doubt.py`` of seed 0,
which are found there), the scenes, the refined runs, and a file for each of what the held-out ground said and what each
mix of weights scores on the rest. ``--seeds`` draw what is annotated. Whatever is there already is not done again, so
a stopped benchmark goes on; ``--minutes`` stops it by itself after the refining under way. ``--report`` prints the
tables from what is finished, as Markdown: what `limner refine` keeps, and what other rules would have kept.
"""

import argparse
import itertools
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import rasterio
import torch
from PIL import Image

from doubt import SETTINGS as PARENT_SETTINGS
from harmonize_places import PLACES, UNKNOWN, prepare
from limner.foundation.files.writing import write_json
from limner.learning.runs.opening import open_run
from limner.learning.runs.run import Run
from limner.learning.train import train
from limner.scenes.windows import Window
from limner.segment.data.areas import find_data
from limner.segment.labels.reading import Reading
from limner.segment.measures.counts import Counts
from limner.segment.measures.held_out import (
    FEWEST_BLOCKS,
    HALF,
    Decision,
    best_step,
    crossed_matrices,
    decide,
    drawn_blocks,
    drawn_doubt,
    f1_of,
)
from limner.segment.predicting.predictor import SegmentPredictor, load_predictor
from limner.segment.refining.refine import Refinement, refine
from limner.segment.scoring.annotated import AnnotatedGround, annotated_ground
from limner.segment.scoring.evaluate import evaluate_data
from limner.segment.training import held_out

RECIPE = "segment/demo"
REFINE = (
    "--epochs", "1", "--steps-per-epoch", "25", "--batch", "2", "--data.crop-px", "128", "--data.tile-px", "192",
)  # fmt: skip
SHARES = (0.01, 0.05, 0.15)
MIXES = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Shares of what was learned in the weights that are scored; 0 is the parent with a threshold of the ground."""
SQUARE_PX = 128
"""Annotated is in squares of so many pixels, drawn by the seed: as if somebody had drawn here and there."""
MOST_PX = 1024
"""Of larger pictures the middle is taken."""
SCENES = {"banepa": "banepa", "dubai-4": "dubai", "dubai-8": "dubai", "kampala": "kampala", "rio": "rio"}
"""The pictures that are refined on, and the place that they are of, which the parent never saw."""


def main() -> None:
    """Make what is missing, or print the tables."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("work", type=Path)
    given.add_argument("--data", type=Path, default=os.environ.get("LIMNER_DATA"), help="folder of the four data sets")
    given.add_argument("--minutes", type=float, default=float("inf"), help="begin no other refining after so many")
    given.add_argument("--report", action="store_true", help="print the tables of what is finished")
    given.add_argument("--seeds", type=int, nargs="+", default=[0, 1], help="of what is annotated, and of the refining")
    options = given.parse_args()
    if options.report:
        print(report(options.work / "refinings", options.seeds))
        return
    if options.data is None:
        given.error("needs --data, or $LIMNER_DATA")
    torch.set_num_threads(1)
    end = time.monotonic() + 60 * options.minutes
    for place in PLACES:
        prepare(place, Path(options.data), options.work / "places")
    for seed, share, scene in itertools.product(options.seeds, SHARES, SCENES):
        if time.monotonic() > end:
            print("out of time; the same command goes on")
            return
        refine_and_score(options.work, Path(options.data), scene, seed, share)


def refine_and_score(work: Path, data: Path, scene: str, seed: int, share: float) -> None:
    """Refine a parent on a share of a scene and score it and all mixes on the rest, unless that is done."""
    name = f"{scene}-{seed}-{100 * share:g}"
    scores = work / "refinings" / f"{name}.json"
    if scores.exists():
        return
    print(f"{time.strftime('%H:%M:%S')} {name}", flush=True)
    parent = learn(work, SCENES[scene], 0)
    picture = write_scene(data, scene, work / "scenes")
    labels = annotate(picture.with_name(f"{scene}-mask.tif"), share, seed, work / "scenes" / f"{name}-labels.tif")
    with keeping_all() as said:
        refined = refine_on(parent, picture, labels, work, work / "refined" / name, REFINE, seed)
    before, after = load_predictor(open_run(parent), "cpu"), load_predictor(refined.run, "cpu")
    found: dict[str, Any] = {"scene": scene, "seed": seed, "share": share, "said": said, "mixes": {}}
    found["parent"] = score_on(before, picture, work, without=refined.run).f1()
    if said:
        first, last = ({key: value.clone() for key, value in each.network.state_dict().items()}
                       for each in (before, after))  # fmt: skip
        for mix in MIXES:
            after.network.load_state_dict(
                {
                    key: first[key].lerp(value, mix) if value.is_floating_point() else value
                    for key, value in last.items()
                }
            )
            at = replace(after, threshold=best_step(np.array(said["mixed"][str(mix)])) / 256)
            found["mixes"][str(mix)] = score_on(at, picture, work, without=refined.run).f1()
    write_json(scores, found)
    shutil.rmtree(work / "refined" / name)  # a run of 45 MB each


@contextmanager
def keeping_all() -> Iterator[dict[str, Any]]:
    """All that is learned is kept, so that every mix can be scored; gives what `decide` would have been given, nothing
    where it would have decided nothing."""
    said: dict[str, Any] = {}

    def keep(initial: np.ndarray, mixed: Any, parts: Sequence[int], places: Sequence[int] | None = None) -> Decision:
        decision = decide(initial, mixed, parts, places)
        if len(initial) < FEWEST_BLOCKS or not initial.sum((0, 2)).all():  # too little ground, or of one class alone
            return decision
        counted = {str(mix): each.tolist() for mix, each in mixed.items()}
        said.update(initial=initial.tolist(), mixed=counted, parts=list(parts), places=list(places or ()))
        return replace(decision, mix=1.0, threshold=best_step(mixed[1.0]) / 256)

    with patch.object(held_out, "decide", keep), patch.object(held_out, "MIXES", MIXES):
        yield said


def refine_on(
    parent: Path, picture: Path, labels: Path, work: Path, out: Path, settings: Sequence[str], seed: int
) -> Refinement:
    """Refine a run on a scene's labels, see `annotate`. settings: of the recipe, as the command line has them."""
    refined = refine(
        parent, picture, labels=labels, overrides=[*settings, "--seed", str(seed)], out=out,
        classes=(str(work / "places" / "classes.yaml"),),
    )  # fmt: skip
    if refined.stopped:
        raise SystemExit(refined.stopped.exit_code)
    return refined


def score_on(predictor: SegmentPredictor, picture: Path, work: Path, *, without: Run | None = None) -> Counts:
    """What a predictor counts on a scene of `write_scene`. without: leave out the ground that this run was refined
    on."""
    reading = Reading(
        labels=picture.with_name(f"{picture.stem}-mask.tif"), classes=(str(work / "places" / "classes.yaml"),)
    )
    whole = find_data([picture], reading, wanted=predictor.class_names)
    left_out = AnnotatedGround([]) if without is None else annotated_ground(without)
    return evaluate_data(predictor, whole, normalize=predictor.normalization("auto"), without=left_out).pooled


def learn(work: Path, place: str, seed: int) -> Path:
    """The run of the other places; one that is finished is found so."""
    others = [work / "places" / other for other in PLACES if other != place]
    out = work / "runs" / f"{place}-{seed}"
    done = train(RECIPE, data=others, overrides=[*PARENT_SETTINGS, "--seed", str(seed)], out=out)
    if done.stopped:
        raise SystemExit(done.stopped.exit_code)
    return out


def write_scene(data: Path, name: str, folder: Path) -> Path:
    """A scene as ``<name>.tif`` beside ``<name>-mask.tif`` (0, 1; 2 unknown); places of many chips are joined."""
    path = folder / f"{name}.tif"
    if path.exists():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    profile: dict[str, Any] = {}
    if name == "banepa":
        with rasterio.open(data / "banepa-buildings" / "scene.tif") as file:
            part = Window(0, 0, MOST_PX, MOST_PX).rasterio
            values, profile = file.read(window=part), {"crs": file.crs, "transform": file.window_transform(part)}
        with rasterio.open(data / "banepa-buildings" / "scene_mask.tif") as file:
            drawn = file.read(1, window=part)
        mask = np.select([drawn == 255, drawn == 0], [1, 0], UNKNOWN)
    elif name.startswith("dubai"):
        pair = data / "dubai-aerial" / f"tile{name[-1]}"
        values = np.asarray(Image.open(pair / "images" / "image_part_002.jpg").convert("RGB")).transpose(2, 0, 1)
        colors = np.asarray(Image.open(pair / "masks" / "image_part_002.png").convert("RGB")).astype(int)
        code = colors @ [65536, 256, 1]
        mask = np.select([code == 0x3C1098, (code == 0x9B9B9B) | (code == 0)], [1, UNKNOWN], 0)
    elif name == "kampala":
        values, mask = mosaic(dict(kampala_chips(data / "uganda-buildings")), 256)
        profile = {"nodata": 0}
    else:
        names = sorted(path.name for path in (data / "spacenet-rio" / "images").glob("*.png"))[:9]
        chips = {(number // 3, number % 3): (name,) * 2 for number, name in enumerate(names)}
        folder_of = data / "spacenet-rio"
        placed = {at: tuple(folder_of / kind / one for kind, one in zip(("images", "masks"), names, strict=True))
                  for at, names in chips.items()}  # fmt: skip
        values, mask = mosaic(placed, 406)
    height, width = (min(MOST_PX, length) for length in mask.shape)
    middle = Window((mask.shape[0] - height) // 2, (mask.shape[1] - width) // 2, height, width).slices
    values, mask = values[(slice(None), *middle)], mask[middle]
    placed_at = {key: profile[key] for key in profile if key != "nodata"}
    save(folder / f"{name}-mask.tif", mask[None].astype(np.uint8), placed_at)
    save(path, values.astype(np.uint8), profile)
    return path


def kampala_chips(folder: Path) -> Iterator[tuple[tuple[int, int], tuple[Path, ...]]]:
    """Chips of zoom 20 (0.15 m) of four neighboring places, by row and column."""
    for path in sorted((folder / "images").glob("z20_*.jpg")):
        _, x, y = path.stem.split("_")
        if int(x) >= 619220:
            yield (int(y), int(x)), (path, folder / "masks" / f"{path.stem}.png")


def mosaic(placed: dict[tuple[int, int], tuple[Path, ...]], edge_px: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures (3, H, W) and masks (H, W) by row and column, cut to squares and joined; 0 and 2 where none is."""
    rows, columns = ({at[axis] for at in placed} for axis in (0, 1))
    top, left = min(rows), min(columns)
    size = (max(rows) - top + 1) * edge_px, (max(columns) - left + 1) * edge_px
    values, mask = np.zeros((3, *size), np.uint8), np.full(size, UNKNOWN, np.uint8)
    for (row, column), (picture, drawn) in placed.items():
        place = Window((row - top) * edge_px, (column - left) * edge_px, edge_px, edge_px).slices
        values[(slice(None), *place)] = np.asarray(Image.open(picture).convert("RGB"))[:edge_px, :edge_px].transpose(
            2, 0, 1
        )
        mask[place] = np.asarray(Image.open(drawn).convert("L"))[:edge_px, :edge_px] > 127
    return values, mask


def annotate(truth: Path, share: float, seed: int, out: Path) -> Path:
    """Labels of only a share of a scene's known ground, in squares drawn by the seed; 2 elsewhere."""
    with rasterio.open(truth) as file:
        mask, profile = file.read(1), {"crs": file.crs, "transform": file.transform}
    squares = Window(0, 0, *mask.shape).cells(SQUARE_PX)
    kept = np.full_like(mask, UNKNOWN)
    for number in np.random.default_rng(seed).permutation(len(squares)):
        if (kept != UNKNOWN).sum() >= share * (mask != UNKNOWN).sum():
            break
        kept[squares[number].slices] = mask[squares[number].slices]
    return save(out, kept[None], profile if profile["crs"] else {})


def save(path: Path, values: np.ndarray, profile: dict[str, Any]) -> Path:
    """Write (bands, height, width) uint8."""
    bands, height, width = values.shape
    wanted = {"driver": "GTiff", "dtype": "uint8", "compress": "deflate", **profile}
    with rasterio.open(path, "w", count=bands, height=height, width=width, **wanted) as file:
        file.write(values)
    return path


Rule = Callable[[dict[str, Any]], float | None]
"""Which mix is kept of a refining that was found; None: the parent."""


def counts_of(found: dict[str, Any]) -> tuple[np.ndarray, dict[float, np.ndarray]]:
    """Counts of each held-out block, of the parent and of each mix, as `decide` counts them."""
    said = found["said"]
    parts = np.array(said["parts"])
    parts = parts if len(np.unique(parts)) > 1 else np.arange(len(parts)) % 2
    return np.array(said["initial"]), {mix: crossed_matrices(np.array(said["mixed"][str(mix)]), parts) for mix in MIXES}


def gains(found: dict[str, Any]) -> dict[float, np.ndarray]:
    """Of each mix, the gain in F1 over the parent in each of the draws of blocks, as `decide` draws them."""
    initial, after = counts_of(found)
    drawn = drawn_blocks(np.array(found["said"]["places"]))
    doubt = 0.0 if several(found) else drawn_doubt(initial.sum())
    base = f1_of(np.einsum("db,bij->dij", drawn, initial))
    return {mix: f1_of(np.einsum("db,bij->dij", drawn, each)) - base + doubt for mix, each in after.items()}


def as_limner(found: dict[str, Any]) -> float | None:
    """What `limner refine` keeps."""
    said = found["said"]
    mixed = {mix: np.array(said["mixed"][str(mix)]) for mix in MIXES}
    return decide(np.array(said["initial"]), mixed, said["parts"], said["places"]).mix


def where_it_gains(mix: float) -> Rule:
    """A mix wherever it scores above the parent on the held-out ground, of several places or one."""
    return lambda found: mix if mean_gains(found)[mix] > 0 else None


def best_of_all(found: dict[str, Any]) -> float | None:
    """The mix with the highest mean gain on held-out ground, where that is above 0."""
    mix, gain = max(mean_gains(found).items(), key=lambda each: each[1])
    return mix if gain > 0 else None


def surely(found: dict[str, Any]) -> float | None:
    """Of the mixes whose gain is above 0 in 95 % of the draws, the one that gains most surely; doubt of a single place
    included."""
    low = {mix: float(np.quantile(gain, 0.05)) for mix, gain in gains(found).items()}
    return max((mix for mix, least in low.items() if least > 0), key=lambda mix: (low[mix], mix), default=None)


def on_several(found: dict[str, Any]) -> float | None:
    """Half where it scores above the parent on the held-out ground of several places, or surely does on one."""
    gained = mean_gains(found)[HALF] if several(found) else np.quantile(gains(found)[HALF], 0.05)
    return HALF if gained > 0 else None


def unless_worse(found: dict[str, Any]) -> float | None:
    """Half on several places unless its gain is below 0 in 95 % of the draws, on one as `surely`."""
    if not several(found):
        return surely(found)
    return HALF if np.quantile(gains(found)[HALF], 0.95) > 0 else None


def mean_gains(found: dict[str, Any]) -> dict[float, float]:
    """Of each mix, the gain in F1 over the parent on all held-out blocks together."""
    initial, after = counts_of(found)
    return {mix: float(f1_of(each.sum(0)) - f1_of(initial.sum(0))) for mix, each in after.items()}


def several(found: dict[str, Any]) -> bool:
    """Whether its ground lies in several places."""
    return len(set(found["said"]["places"])) > 1


RULES: dict[str, Rule] = {
    "**half where it surely gains** (`limner refine`, of so little ground)": as_limner,
    "half where it gains on several places, surely gains on one": on_several,
    "half where it gains, on one place too": where_it_gains(HALF),
    "a quarter where it gains": where_it_gains(0.25),
    "three quarters where it gains": where_it_gains(0.75),
    "all where it gains": where_it_gains(1.0),
    "the initial weights with a threshold of the ground, where it gains": where_it_gains(0.0),
    "the mix that gains most": best_of_all,
    "the mix that most surely gains": surely,
    "half on several places unless surely worse, on one the mix that most surely gains (before)": unless_worse,
    "half always": lambda _: HALF,
}


def kept_gain(found: dict[str, Any], rule: Rule) -> float:
    """What a rule gains in F1 on the rest, in points."""
    mix = rule(found) if found["said"] else None
    return 0.0 if mix is None else 100 * (found["mixes"][str(mix)] - found["parent"])


def report(folder: Path, seeds: Sequence[int]) -> str:
    """Every refining by these seeds, and what rules gain, as Markdown; in percent."""
    every = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    found = [each for each in every if each["seed"] in seeds]
    found.sort(key=lambda each: (each["scene"], each["share"], each["seed"]))
    heads = " | ".join(f"{mix:.0%}" for mix in MIXES)
    rows = [f"| scene | annotated | seed | places | parent | {heads} | kept | gain |"]
    rows.append("| --- | ---: | ---: | ---: |" + " ---: |" * (len(MIXES) + 1) + " --- | ---: |")
    for each in found:
        mix = as_limner(each) if each["said"] else None
        places = len(set(each["said"]["places"])) if each["said"] else "-"
        scored = " | ".join(f"{100 * each['mixes'][str(of)]:.1f}" if each["mixes"] else "" for of in MIXES)
        rows.append(
            f"| {each['scene']} | {each['share']:.0%} | {each['seed']} | {places} | {100 * each['parent']:.1f} "
            f"| {scored} | {'parent' if mix is None else f'{mix:.0%}'} | {kept_gain(each, as_limner):+.1f} |"
        )
    rows += ["", f"| rule, {len(found)} refinings | mean gain | standard deviation | worst | of several places: mean |"]
    rows.append("| --- |" + " ---: |" * 4)
    for name, rule in RULES.items():
        gained = np.array([kept_gain(each, rule) for each in found])
        on_several = [gain for each, gain in zip(found, gained, strict=True) if each["said"] and several(each)]
        rows.append(f"| {name} | {gained.mean():+.1f} | {gained.std(ddof=1):.1f} | {gained.min():+.1f} "
                    f"| {np.mean(on_several):+.1f} |")  # fmt: skip
    best = [max(0.0, *(100 * (f1 - each["parent"]) for f1 in each["mixes"].values()), 0.0) for each in found]
    rows.append(f"| the best of all, by the truth | {np.mean(best):+.1f} | {np.std(best, ddof=1):.1f} | | |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
