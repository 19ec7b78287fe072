"""Selective search on photos with boxes: recall, number of boxes, seconds on one thread; beside OpenCV where it is.

    python benchmarks/selective_search.py [--data FOLDER] [--photos 25] [--width 500] [--modes fast]

FOLDER (default: $LIMNER_DATA) holds ``instances.json`` in COCO's form and the photos in ``images/``; the first so many
by name are taken. Each photo is brought to the width first; objects count whose box is 20 px or more either way there,
and that are no crowd. Prints Markdown:

- boxes: the median of a photo, and the fewest and most.
- recall: the share of objects that a box overlaps by an IoU of 0.5 or 0.7; by COCO's sizes at 0.5.
- overlap: the mean of each object's best IoU; MABO is the mean of the classes' means.
- seconds: of the processor, one thread, a photo: mean and most. Reading and resizing are not counted, nor compiling.

OpenCV (pip install opencv-contrib-python-headless) is asked for its own fast mode, and, from its parts, for the paper's
eight hierarchies. Both give boxes of any size: those below 20 px are left out, too.
"""

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from limner.detect.boxes.ceilings import proposal_recall
from limner.detect.boxes.objects import Objects
from limner.detect.proposals.selective_search import MODES, SearchSettings, selective_search

SMALLEST_PX = 20
COLUMNS = (
    "way", "boxes", "recall at 0.5", "at 0.7", "small", "medium", "large",
    "mean best overlap", "MABO", "seconds", "most",
)  # fmt: skip


def read(folder: Path, count: int, width: int) -> list[tuple[np.ndarray, Objects]]:
    """(photo of (H, width, 3) uint8, its objects) for the first ``count`` photos."""
    table = json.loads((folder / "instances.json").read_text())
    boxes: dict[int, list[list[float]]] = {}
    for one in table["annotations"]:
        if not one.get("iscrowd"):
            x, y, w, h = one["bbox"]
            boxes.setdefault(one["image_id"], []).append([x, y, x + w, y + h, one["category_id"]])
    found = []
    for image in sorted(table["images"], key=lambda one: one["file_name"])[:count]:
        with Image.open(folder / "images" / image["file_name"]) as opened:
            factor = width / opened.width
            size = (width, round(opened.height * factor))
            photo = np.array(opened.convert("RGB").resize(size, Image.Resampling.BILINEAR))
        rows = torch.tensor(boxes.get(image["id"], [])).view(-1, 5)
        scaled, labels = rows[:, :4] * factor, rows[:, 4].long()
        large = ((scaled[:, 2:] - scaled[:, :2]) >= SMALLEST_PX).all(1)
        found.append((photo, Objects(scaled[large], labels[large])))
    return found


def ours(mode: str, width: int) -> Callable[[np.ndarray], Tensor]:
    settings = SearchSettings(mode, width_px=width, smallest_px=SMALLEST_PX)
    return lambda photo: selective_search(torch.from_numpy(photo).permute(2, 0, 1).float() / 255, settings)


def theirs() -> dict[str, Callable[[np.ndarray], Tensor]]:
    try:
        import cv2
        from cv2.ximgproc import segmentation
    except ImportError:
        print("OpenCV's is left out: opencv-contrib-python-headless is not installed", file=sys.stderr)
        return {}
    cv2.setNumThreads(1)

    def boxes_of(rectangles: np.ndarray) -> Tensor:
        found = torch.from_numpy(np.asarray(rectangles)).float()
        found = found[(found[:, 2:] >= SMALLEST_PX).all(1)]
        return torch.cat((found[:, :2], found[:, :2] + found[:, 2:]), 1).unique(dim=0)

    def own_fast(photo: np.ndarray) -> Tensor:
        search = segmentation.createSelectiveSearchSegmentation()
        search.setBaseImage(np.ascontiguousarray(photo[..., ::-1]))
        search.switchToSelectiveSearchFast()
        return boxes_of(search.process())

    def parts(photo: np.ndarray) -> Tensor:
        search = segmentation.createSelectiveSearchSegmentation()
        bgr = np.ascontiguousarray(photo[..., ::-1])
        search.setBaseImage(bgr)
        search.addImage(cv2.cvtColor(bgr, cv2.COLOR_BGR2HSV))
        search.addImage(cv2.cvtColor(bgr, cv2.COLOR_BGR2Lab))
        for scale in (50, 100):
            search.addGraphSegmentation(segmentation.createGraphSegmentation(0.8, scale, scale))
        color, texture, size, fill = (
            getattr(segmentation, f"createSelectiveSearchSegmentationStrategy{name}")
            for name in ("Color", "Texture", "Size", "Fill")
        )
        join = segmentation.createSelectiveSearchSegmentationStrategyMultiple
        search.addStrategy(join(color(), texture(), size(), fill()))
        search.addStrategy(join(texture(), size(), fill()))
        return boxes_of(search.process())

    version = cv2.__version__
    return {f"OpenCV {version}, its fast mode": own_fast, f"OpenCV {version}, the paper's eight of its parts": parts}


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--data", type=Path, default=os.environ.get("LIMNER_DATA"), help="instances.json and images/")
    given.add_argument("--photos", type=int, default=25)
    given.add_argument("--width", type=int, default=500)
    given.add_argument("--modes", nargs="+", choices=list(MODES), default=["fast"])
    options = given.parse_args()
    if options.data is None:
        given.error("no data; name its folder with --data or $LIMNER_DATA")
    torch.set_num_threads(1)
    photos = read(Path(options.data), options.photos, options.width)
    truths = [objects for _, objects in photos]
    counted = sum(len(each.boxes) for each in truths)
    print(f"{len(photos)} photos of width {options.width}, {counted} objects\n")
    print("|", " | ".join(COLUMNS), "|\n| --- |", " ---: |" * (len(COLUMNS) - 1))
    ways = {f"limner, {mode}": ours(mode, options.width) for mode in options.modes} | theirs()
    for name, way in ways.items():
        way(photos[0][0])  # what is compiled on the first call is not timed
        proposals, seconds = [], []
        for photo, _ in photos:
            before = time.process_time()
            proposals.append(way(photo))
            seconds.append(time.process_time() - before)
        recall = proposal_recall(proposals, truths)
        counts = [len(each) for each in proposals]
        shares = [recall.recall(0.5), recall.recall(0.7), *recall.recall_by_size(0.5).values()]
        row = (
            name,
            f"{statistics.median(counts):,.0f} ({min(counts):,} to {max(counts):,})",
            *(f"{100 * share:.1f} %" for share in shares),
            f"{float(recall.best.mean()):.3f}",
            f"{recall.mean_best_overlap():.3f}",
            f"{statistics.mean(seconds):.2f}",
            f"{max(seconds):.2f}",
        )
        print("|", " | ".join(row), "|", flush=True)


if __name__ == "__main__":
    main()
