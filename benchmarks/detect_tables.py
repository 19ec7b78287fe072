"""Detectors on small sets of pictures, each trained by one command, beside a plain loop around torchvision's.

    python benchmarks/detect_tables.py WORK --data DATA [--sets raccoon] [--systems yolo-small] [--seeds 0 1 2]
    python benchmarks/detect_tables.py WORK --report

DATA (default: $LIMNER_DATA) holds pennfudan, bccd, raccoon and traffic-lights. WORK is a folder for the runs; whatever
is there already is not done again, so a stopped benchmark goes on. The light recipes train on one thread, as they
stand.

The peer is torchvision's Faster R-CNN on the same backbone with the same weights, for as many steps of as many pictures
as `detect/faster-rcnn-light`, as torchvision's own training does it: float32, SGD at 0.005 with momentum 0.9 and weight
decay 5e-4, a linear warm-up over the first pass, a tenth of the rate after 2/3 and 8/9 of the steps, pictures mirrored
at random; the weights of the last step. Its pictures, those held out, and the scores are limner's.
"""

import argparse
import itertools
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.ops import MultiScaleRoIAlign

from limner.detect.boxes.objects import Detections
from limner.detect.data.augment import AugmentSettings, example_of
from limner.detect.data.options import ObjectReading
from limner.detect.networks.pyramid import MEAN, STD, LitePyramid
from limner.detect.training.task import DetectTask
from limner.foundation.draws import Draws
from limner.foundation.files.documents import read_json
from limner.foundation.files.writing import make_folder, write_json
from limner.learning.train import resolve, train
from limner.reporting.tables import percent

SETS = ("pennfudan", "bccd", "raccoon", "traffic-lights")
PEER, PEER_RECIPE = "torchvision", "faster-rcnn-light"
SYSTEMS = ("rcnn", "fast-rcnn", PEER_RECIPE, "yolo-small", PEER)
SCORES = ("ap50", "ap", "small", "medium", "large")
MIRRORED = AugmentSettings(flip=True, scale=(1.0, 1.0), jitter=0.0)


def main() -> None:
    """Train what is missing, or print the table."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("work", type=Path)
    given.add_argument("--data", type=Path, default=os.environ.get("LIMNER_DATA"), help="folder of the data sets")
    given.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    given.add_argument("--systems", nargs="+", choices=SYSTEMS, default=SYSTEMS)
    given.add_argument("--seeds", nargs="+", type=int, default=[0])
    given.add_argument("--report", action="store_true", help="print the table of what is finished")
    options = given.parse_args()
    if options.report:
        print(report(options.work))
        return
    if options.data is None:
        given.error("needs --data, or $LIMNER_DATA")
    torch.set_num_threads(1)
    for seed, data, system in itertools.product(options.seeds, options.sets, options.systems):
        file = options.work / "scores" / f"{data}+{system}+{seed}.json"
        if file.exists():
            continue
        print(f"{time.strftime('%H:%M:%S')} {file.stem}", flush=True)
        learn = peer if system == PEER else limner_run
        found = learn(Path(options.data) / data, system, seed, options.work / "runs" / file.stem)
        make_folder(file.parent)
        write_json(file, found)


def limner_run(data: Path, system: str, seed: int, out: Path) -> dict[str, Any]:
    """The scores of a recipe on what its run held out."""
    done = train(f"detect/{system}", data=data, overrides=["--seed", str(seed)], out=out)
    if done.stopped:
        raise SystemExit(done.stopped.exit_code)
    told = read_json(out / "evaluation.json", "remove it")
    return {
        **{name: told["scores"].get(name) for name in SCORES}, "trivial": told["trivial"],
        "training_seconds": done.run.status["seconds"], "seconds_a_picture": told["seconds_a_picture"],
    }  # fmt: skip


def peer(data: Path, _: str, seed: int, out: Path) -> dict[str, Any]:
    """The scores of torchvision's detector in a plain loop, on the same held-out pictures. Nothing is kept of it."""
    recipe = resolve(f"detect/{PEER_RECIPE}", data=data, overrides=["--seed", str(seed)], options=ObjectReading())
    task = DetectTask(recipe)
    (stage,) = task.stages()
    torch.manual_seed(seed)
    network = torchvision_detector(len(task.class_names), recipe.data.short_px, recipe.data.longest_px)
    moving = [each for each in network.parameters() if each.requires_grad]
    optimizer = torch.optim.SGD(moving, lr=0.005, momentum=0.9, weight_decay=5e-4)
    steps, first = stage.total_steps, max(1, len(task.sides.training) // recipe.batch)

    def rate(step: int) -> float:
        return min(1.0, (step + 1) / first) * 0.1 ** sum(step >= steps * share for share in (2 / 3, 8 / 9))

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    began = time.monotonic()
    network.train()
    for number in range(steps):
        images, targets = batch(task, number)
        optimizer.zero_grad(set_to_none=True)
        sum(network(images, targets).values()).backward()
        optimizer.step()
        schedule.step()
    seconds = time.monotonic() - began
    network.eval()
    began = time.monotonic()
    scored = task.scored(list(detected(task, network)))
    return {
        **{name: scored.scores.get(name) for name in SCORES}, "trivial": scored.trivial,
        "training_seconds": seconds, "seconds_a_picture": (time.monotonic() - began) / len(task.sides.held_out),
    }  # fmt: skip


def torchvision_detector(classes: int, short_px: int, longest_px: int) -> FasterRCNN:
    """Faster R-CNN with torchvision's own sizes, on EfficientNet-Lite0's pyramid with ImageNet's weights."""
    return FasterRCNN(
        LitePyramid(0, 256, pretrained=True, frozen_stages=2), classes + 1, min_size=short_px, max_size=longest_px,
        image_mean=list(MEAN), image_std=list(STD),
        rpn_anchor_generator=AnchorGenerator(tuple((32 * 2**level,) for level in range(4)), ((0.5, 1.0, 2.0),) * 4),
        box_roi_pool=MultiScaleRoIAlign(["0", "1", "2"], 7, 2),
    )  # fmt: skip


def batch(task: DetectTask, number: int) -> tuple[list[Tensor], list[dict[str, Tensor]]]:
    """Pictures and objects of a step: those that limner's run sees then, mirrored at random and no more."""
    generator = Draws(task.seed, torch.device("cpu")).of("peer", number)
    images, targets = [], []
    for place in task.order.indices(number).tolist():
        chosen = task.sides.training[place]
        example = example_of(
            task.pictures.found.pictures[chosen], task.pictures.read(chosen), task.recipe.data.sizing, MIRRORED,
            generator, masks=False,
        )  # fmt: skip
        images.append(example.image01)
        targets.append({"boxes": example.boxes, "labels": example.labels + 1})
    return images, targets


@torch.no_grad()
def detected(task: DetectTask, network: FasterRCNN) -> Iterator[Detections]:
    """What it finds in the held-out pictures, in their own pixels."""
    held_out = task.sides.held_out
    for number, (width, height) in zip(held_out, task.sizes(held_out), strict=True):
        pixels = task.pictures.read(number).float() / 255
        (found,) = network([pixels])
        factor = torch.tensor([width / pixels.shape[2], height / pixels.shape[1]] * 2)
        yield Detections(found["boxes"] * factor, found["labels"] - 1, found["scores"])


def report(work: Path) -> str:
    """The table of what is finished, means over seeds, as Markdown."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for file in sorted((work / "scores").glob("*.json")):
        data, system, _ = file.stem.split("+")
        found.setdefault((data, system), []).append(read_json(file, "remove it"))
    rows = [
        "| data | system | seeds | AP50, % | AP, % | small | medium | large | commonest boxes, AP50 | training, s | "
        "a picture, s |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for data, system in itertools.product(SETS, SYSTEMS):
        runs = found.get((data, system), [])
        if not runs:
            continue

        def mean(name: str, runs: list[dict[str, Any]] = runs) -> float | None:
            known = [run[name] for run in runs if run[name] is not None]
            return sum(known) / len(known) if known else None

        scores = " | ".join(percent(mean(name)) for name in (*SCORES, "trivial"))
        seconds, look = mean("training_seconds"), mean("seconds_a_picture")
        rows.append(f"| {data} | {system} | {len(runs)} | {scores} | {seconds or 0:.0f} | {look or 0:.3f} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
