"""What refining gains and loses: networks that never saw a place, refined on 1 to 15 % of it, scored on the rest.

    python benchmarks/refining.py WORK [--data DATA] [--minutes 55]
    python benchmarks/refining.py WORK --report

DATA (default: $LIMNER_DATA) holds dubai-aerial, uganda-buildings, banepa-buildings and spacenet-rio. WORK is a folder
for what is made: the places brought to one form and a run for each place left out and each seed (those of
``doubt.py``, which are found there), the scenes, the refined runs, and a file of scores for each. Whatever is there
already is not done again, so a stopped benchmark goes on; ``--minutes`` stops it by itself after the refining under
way. ``--report`` prints the tables from what is finished, as Markdown.
"""

import argparse
import itertools
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

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
from limner.segment.predicting.predictor import load_predictor
from limner.segment.refining.refine import Refinement, refine
from limner.segment.scoring.annotated import AnnotatedGround, annotated_ground
from limner.segment.scoring.evaluate import evaluate_data

RECIPE = "segment/demo"
REFINE = (
    "--epochs", "1", "--steps-per-epoch", "25", "--batch", "2", "--data.crop-px", "128", "--data.tile-px", "192",
)  # fmt: skip
SHARES, SEEDS = (0.01, 0.05, 0.15), (0, 1)
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
    options = given.parse_args()
    if options.report:
        print(report(options.work / "refinings"))
        return
    if options.data is None:
        given.error("needs --data, or $LIMNER_DATA")
    torch.set_num_threads(1)
    end = time.monotonic() + 60 * options.minutes
    for place in PLACES:
        prepare(place, Path(options.data), options.work / "places")
    for seed, share, scene in itertools.product(SEEDS, SHARES, SCENES):
        if time.monotonic() > end:
            print("out of time; the same command goes on")
            return
        refine_and_score(options.work, Path(options.data), scene, seed, share)


def refine_and_score(work: Path, data: Path, scene: str, seed: int, share: float) -> None:
    """Refine a parent on a share of a scene and score both on the rest, unless that is done."""
    name = f"{scene}-{seed}-{100 * share:g}"
    scores = work / "refinings" / f"{name}.json"
    if scores.exists():
        return
    print(f"{time.strftime('%H:%M:%S')} {name}", flush=True)
    parent = learn(work, SCENES[scene], seed)
    picture = write_scene(data, scene, work / "scenes")
    truth = picture.with_name(f"{scene}-mask.tif")
    labels = annotate(truth, share, seed, work / "scenes" / f"{name}-labels.tif")
    began = time.monotonic()
    refined = refine_on(parent, picture, labels, work, work / "refined" / name, REFINE, seed)
    seconds = time.monotonic() - began
    found: dict[str, Any] = {"scene": scene, "seed": seed, "share": share, "seconds": round(seconds, 1)}
    for which, run in (("parent", open_run(parent)), ("refined", refined.run)):
        counts = score_on(run, picture, work, without=refined.run)
        found[which] = {"f1": counts.f1(), "all building": counts.constant(1).f1()}
    decision = refined.decision
    found["decision"] = None if decision is None else decision.to_json()
    write_json(scores, found)
    shutil.rmtree(work / "refined" / name)  # a run of 45 MB each
    before, after = (100 * found[which]["f1"] for which in ("parent", "refined"))
    print(f"  {before:.1f} to {after:.1f} in {seconds:.0f} s; {'' if decision is None else decision.line}", flush=True)


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


def score_on(run: Run, picture: Path, work: Path, *, without: Run | None = None) -> Counts:
    """What a run counts on a scene of `write_scene`. without: leave out the ground that this run was refined on."""
    predictor = load_predictor(run, "cpu")
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
    done = train(
        RECIPE, data=others, overrides=[*PARENT_SETTINGS, "--borders.name", "none", "--seed", str(seed)], out=out
    )
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


def report(folder: Path) -> str:
    """Every refining, and their mean gain and spread, as Markdown; in percent."""
    found = [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]
    found.sort(key=lambda each: (each["scene"], each["share"], each["seed"]))
    rows = ["| scene | annotated | seed | F1 of the parent | refined | gain | kept | held-out: gain likely | seconds |"]
    rows.append("| --- |" + " ---: |" * 5 + " --- | ---: | ---: |")
    gains = {}
    for each in found:
        before, after = 100 * each["parent"]["f1"], 100 * each["refined"]["f1"]
        gains[each["scene"], each["share"], each["seed"]] = after - before
        decision = each["decision"]
        kept = "parent" if decision["mix"] is None else f"{decision['mix']:g} refined, at {decision['threshold']:.2f}"
        likely = f"{100 * decision['gain_low']:.1f} to {100 * decision['gain_high']:.1f}"
        rows.append(
            f"| {each['scene']} | {each['share']:.0%} | {each['seed']} | {before:.1f} | {after:.1f} "
            f"| {after - before:+.1f} | {kept} | {likely} | {each['seconds']:.0f} |"
        )
    rows += ["", "| annotated | refinings | mean gain | standard deviation | least | most | parents kept |"]
    rows.append("| --- |" + " ---: |" * 6)
    for share in (*SHARES, None):
        ours = [gain for (_, of, _), gain in gains.items() if share in (of, None)]
        kept = sum(each["decision"]["mix"] is None for each in found if share in (each["share"], None))
        if ours:
            name = "all" if share is None else f"{share:.0%}"
            spread = float(np.std(ours, ddof=1)) if len(ours) > 1 else 0.0
            rows.append(f"| {name} | {len(ours)} | {np.mean(ours):+.1f} | {spread:.1f} | {min(ours):+.1f} "
                        f"| {max(ours):+.1f} | {kept} |")  # fmt: skip
    return "\n".join(rows)


if __name__ == "__main__":
    main()
