"""How far harmonizing carries: networks trained on three places and scored on a fourth, with and without it.

    python benchmarks/harmonize_places.py WORK [--data DATA] [--minutes 55]
    python benchmarks/harmonize_places.py WORK --report

DATA (default: $LIMNER_DATA) holds dubai-aerial, uganda-buildings, banepa-buildings and spacenet-rio. WORK is a folder
for what is made: the places brought to one form, the runs, and a file of scores for each run. Whatever is there already
is not done again, so a stopped benchmark goes on; ``--minutes`` stops it by itself after the training under way.
``--report`` prints the tables from what is finished, as Markdown. ``--networks`` and ``--seeds`` share the work among
processes.
"""

import argparse
import os
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rasterio

import harmonize_tables
from harmonize_scoring import score
from limner.foundation.files.writing import replacing, write_json, write_text
from limner.learning.runs.opening import open_run
from limner.learning.train import train
from limner.scenes.windows import Window
from limner.segment.data.areas import find_data
from limner.segment.data.chips import Chip
from limner.segment.labels.reading import Reading
from limner.segment.predicting.predictor import load_predictor

HERE = Path(__file__).parent


class Place(NamedTuple):
    """How a place is read, which of its pictures are taken, and what makes a scene of them."""

    folder: str
    reading: Reading
    pictures: str = ""  # part of the names of the pictures that are taken
    scene: str = "place"  # what is harmonized as one: the "place", each "area" as it is read, or each "picture"
    nodata: int | None = None  # what fills the corners of its pictures
    most_px: int = 448  # of a picture's edge; of larger ones the middle is taken


# Drone pictures are brought to 0.3 m, nearer to the satellites' half a meter and a ninth of the pixels.
PLACES = {
    "dubai": Place(
        "dubai-aerial",
        Reading(classes=(str(HERE / "classes" / "dubai-aerial.yaml"),), target="building"),
        pictures="part_002",
        scene="area",
    ),
    "kampala": Place(
        "uganda-buildings",
        Reading(group="ground", target="building", to_ground_m=0.3),
        pictures="z19_*_*",
        scene="picture",
    ),
    "banepa": Place("banepa-buildings", Reading(target="building", to_ground_m=0.3, mosaic=True), most_px=1024),
    "rio": Place("spacenet-rio", Reading(target="building"), pictures="rio_5[0-5]", nodata=0, most_px=384),
}
UNKNOWN = 2  # in the masks that are written: masks of 0 and 255 alone could mean either
RECIPE = "segment/demo"
SHARED = (
    "--steps-per-epoch", "100", "--epochs", "1", "--batch", "6", "--loop.keep", "last", "--data.validation-share",
    "0.1", "--data.crop-px", "128", "--data.tile-px", "192", "--data.stride-px", "64",
)  # fmt: skip
NETWORKS = {
    # As `segment/modern` learns: each area standardized by its own colors, which are jittered.
    "lite-unet": (),
    # As the paper's recipes learn: all areas standardized together, no jitter, from scratch.
    "residual-unet-18": (
        "--network.name", "residual-unet", "--network.depth", "18", "--normalize", "run", "--data.jitter", "0",
    ),
    # The first network learning colors as the second does: which of the two makes the difference?
    "lite-unet-run": ("--normalize", "run", "--data.jitter", "0"),
}  # fmt: skip
SEEDS = (0, 1, 2)


def main() -> None:
    """Prepare, train and score what is missing, or print the tables."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("work", type=Path)
    given.add_argument("--data", type=Path, default=os.environ.get("LIMNER_DATA"), help="folder of the four data sets")
    given.add_argument("--minutes", type=float, default=float("inf"), help="begin no other training after so many")
    given.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS), help="train only these")
    given.add_argument("--seeds", nargs="+", type=int, choices=SEEDS, default=SEEDS, help="train only these")
    given.add_argument("--report", action="store_true", help="print the tables of what is finished")
    options = given.parse_args()
    if options.report:
        print(harmonize_tables.report(options.work / "scores"))
        return
    if options.data is None:
        given.error("needs --data, or $LIMNER_DATA")
    end = time.monotonic() + 60 * options.minutes
    for place in PLACES:
        prepare(place, Path(options.data), options.work / "places")
    for seed in options.seeds:  # a whole table of one seed before the next
        for network in options.networks:
            for place in PLACES:
                if time.monotonic() > end:
                    print("out of time; the same command goes on")
                    return
                learn_and_score(options.work, network, place, seed)


def prepare(name: str, data: Path, places: Path) -> None:
    """Write a place as ``places/<name>/images`` and ``masks``: GeoTIFFs of 8 bits and masks of 0, 1 and 2 (unknown).

    A picture's file begins with the name of its scene and a hyphen.
    """
    folder, place = places / name, PLACES[name]
    if (folder / "done").exists():
        return
    found = find_data([data / place.folder], place.reading)
    reader = found.reader()
    for chip in found.chips:
        if place.pictures and not chip.image.match(f"*{place.pictures}.*"):
            continue
        scene = {"place": name, "area": chip.area, "picture": chip.image.stem}[place.scene]
        file = f"{scene}-{chip.image.stem}.tif"
        window = middle(chip, place.most_px)
        pixels, mask = reader.read_with_pixels(chip, window)
        with chip.open() as picture:
            frame = picture.transform * rasterio.Affine.translation(window.column, window.row)
            profile = {} if picture.transform.is_identity else {"crs": picture.crs, "transform": frame}
        write_tiff(folder / "images" / file, pixels.values, {**profile, "nodata": place.nodata})
        write_tiff(folder / "masks" / file, np.minimum(mask, UNKNOWN)[None], profile)
    write_text(places / "classes.yaml", f"classes: {{background: 0, building: 1}}\nignore: [{UNKNOWN}]\n")
    write_text(folder / "done", "")


def middle(chip: Chip, most_px: int) -> Window:
    """The middle of a picture, at most so many pixels high and wide."""
    height, width = min(most_px, chip.height), min(most_px, chip.width)
    return Window((chip.height - height) // 2, (chip.width - width) // 2, height, width)


def write_tiff(path: Path, values: np.ndarray, profile: dict[str, Any]) -> None:
    """Write (bands, height, width) uint8."""
    path.parent.mkdir(parents=True, exist_ok=True)
    bands, height, width = values.shape
    profile = {"driver": "GTiff", "dtype": "uint8", "compress": "deflate", **profile}
    with rasterio.open(path, "w", count=bands, height=height, width=width, **profile) as file:
        file.write(values)


def learn_and_score(work: Path, network: str, place: str, seed: int) -> None:
    """Train on the other places and score on this one, unless that is done."""
    name = f"{network}-{place}-{seed}"
    scores = work / "scores" / f"{name}.json"
    if scores.exists():
        return
    print(f"{time.strftime('%H:%M:%S')} {name}", flush=True)
    others = [work / "places" / other for other in PLACES if other != place]
    tokens = [*SHARED, *NETWORKS[network], "--seed", str(seed)]
    done = train(RECIPE, data=others, overrides=tokens, out=work / "runs" / name)
    if done.stopped:
        raise SystemExit(done.stopped.exit_code)
    run = done.run
    predictor = load_predictor(open_run(run.folder))
    data = find_data([work / "places" / place], Reading(group="^([^-]+)-"), wanted=predictor.class_names)
    began = time.monotonic()
    found, maps = score(predictor, data, open_run(run.folder))
    with replacing(scores.with_suffix(".npz")) as temporary:
        np.savez_compressed(temporary, **maps)
    write_json(
        scores,
        {
            "network": network, "place": place, "seed": seed, "training_s": run.status["seconds"],
            "scoring_s": round(time.monotonic() - began, 1), **found,
        },
    )  # fmt: skip


if __name__ == "__main__":
    main()
