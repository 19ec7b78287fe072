"""Buildings as objects: Mask R-CNN beside the footprints of a map, learned from and counted on the same ground.

    python benchmarks/buildings_as_objects.py --out WORK [--detect-steps 400] [--map-steps 600] [--seeds 1] [--quick]

Both learn from the polygons over one part of the bundled scene of Banepa and outline another part, which shares no
ground with it; both are counted by `limner score` against the true polygons there. Each step is found done when the
same command is given again, so that it can be stopped and gone on with. --quick: two steps each, to see that all works.
"""

import argparse
import time
from pathlib import Path

from limner.detect.demo import CHIP_PX, LEARNED, PLACE, SEEN_PX, UNSEEN, cut_scene, write_ground
from limner.detect.predicting.detect_scene import detect_scene
from limner.detect.predicting.options import DetectOptions
from limner.learning.train import train
from limner.reporting.bundled import PLACES
from limner.reporting.tables import percent
from limner.segment.mapping.map_scenes import map_scenes
from limner.segment.scoring.score import score_files

BUILDINGS = PLACES / PLACE / "buildings.geojson"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--detect-steps", type=int, default=400)
    parser.add_argument("--map-steps", type=int, default=600)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    learned, unseen, ground = (chosen.out / name for name in ("learned.tif", "unseen.tif", "ground.geojson"))
    cut_scene(learned, unseen, ground)
    within = write_ground(chosen.out / "learned.geojson", LEARNED)
    print(f"learned from {LEARNED.height} x {LEARNED.width} px, counted on {UNSEEN.height} x {UNSEEN.width} px\n")
    print("| what | seed | true | drawn | right | F1, % | recall, % | mean IoU of the right | learning, s |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for seed in range(chosen.seeds):
        for name, outline in (("Mask R-CNN", outlines_by_detection), ("map and footprints", outlines_by_map)):
            began = time.monotonic()
            steps = chosen.detect_steps if name == "Mask R-CNN" else chosen.map_steps
            found, seconds = outline(learned, unseen, within, chosen.out, seed, 2 if chosen.quick else steps)
            (scores,) = score_files(found, BUILDINGS, within=ground).objects.areas.values()
            told = f"{scores.true} | {scores.mapped} | {scores.found} | {percent(scores.f1)} | {percent(scores.recall)}"
            overlap = "-" if scores.mean_iou is None else f"{scores.mean_iou:.2f}"
            print(f"| {name} | {seed} | {told} | {overlap} | {seconds:.0f} |", flush=True)
            print(f"{name}, seed {seed}: {time.monotonic() - began:.0f} s in all: {found}", flush=True)


def outlines_by_detection(
    learned: Path, unseen: Path, within: Path, out: Path, seed: int, steps: int
) -> tuple[Path, float]:
    """The file of outlines, and how many seconds were learned."""
    overrides = [
        "--data.short-px", str(SEEN_PX), "--data.longest-px", str(SEEN_PX), "--augment.flip-rows", "true",
        "--loop.steps", str(steps), "--epochs", "1000", "--loop.evaluate-every", "20", "--data.held-out", "0.1",
    ]  # fmt: skip
    run = train(
        "detect/mask-rcnn-light", data=[learned], out=out / f"detect-{seed}", overrides=overrides, labels=BUILDINGS,
        chip_px=CHIP_PX, seed=seed,
    ).run  # fmt: skip
    options = DetectOptions(min_score=0.5) if steps < 10 else DetectOptions()
    return detect_scene(run, unseen, out / f"detected-{seed}.gpkg", options).path, run.status.get("seconds", 0.0)


def outlines_by_map(learned: Path, unseen: Path, within: Path, out: Path, seed: int, steps: int) -> tuple[Path, float]:
    """The same of a network that says of each pixel whether it is a building, and of footprints drawn on its map."""
    overrides = ["--loop.steps", str(steps)]
    run = train(
        "segment/demo", data=[learned], out=out / f"segment-{seed}", overrides=overrides, labels=BUILDINGS,
        within=within, seed=seed,
    ).run  # fmt: skip
    (made,) = map_scenes(run.folder, [unseen], out / f"maps-{seed}")
    assert made.polygons is not None
    return made.polygons, run.status.get("seconds", 0.0)


if __name__ == "__main__":
    main()
