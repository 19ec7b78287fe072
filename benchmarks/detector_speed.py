"""What moving work from the regions to the picture buys: R-CNN, Fast and Faster R-CNN in one run.

    python benchmarks/detector_speed.py --data PENNFUDAN [--pictures 3] [--proposals 1000]

Processor seconds (of one thread, so that other work on the machine does not count) and multiply-adds a picture of the
networks as the light recipes have them, on EfficientNet-Lite0 at a shorter side of 320 px. R-CNN and Fast R-CNN look at
the same boxes of selective search, whose own seconds stand apart; Faster R-CNN proposes for itself. Weights are
ImageNet's with untrained heads, for how long a network looks does not hang on what it finds. Below are the counts of
VGG-16 at the papers' sizes (600 x 800, 2,000 boxes), counted and not run.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from limner.datasets.pictures.decoding import decode
from limner.datasets.pictures.listing import picture_files
from limner.detect.data.pictures import Sizing, as_tensor, resized
from limner.detect.networks import NETWORKS

SIZING = Sizing(320, 544)
VGG_PX, VGG_BOXES, FASTER_BOXES = (600, 800), 2000, 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="a folder of pictures")
    parser.add_argument("--pictures", type=int, default=3)
    parser.add_argument("--proposals", type=int, default=1000)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    folder = chosen.data / "images"
    files = picture_files(folder if folder.is_dir() else chosen.data)[: chosen.pictures]
    rows: dict[str, list[tuple[float, float, float]]] = {"R-CNN": [], "Fast R-CNN": [], "Faster R-CNN": []}
    rcnn, fast, faster = (network.eval() for network in networks(chosen.proposals))
    for file in files:
        image = decode(file, "rgb")
        picture = as_tensor(resized(image, SIZING.size(*image.size))).float() / 255
        began = time.process_time()
        boxes = fast.proposals(picture).float()
        searched = time.process_time() - began
        if not rows["R-CNN"]:  # the first call compiles and allocates
            began = time.process_time()
            boxes = fast.proposals(picture).float()
            searched = time.process_time() - began
            fast.detector._answers(picture, boxes)
            faster([picture])
        looks = {
            "R-CNN": partial(rcnn.detector.describe, picture, boxes),
            "Fast R-CNN": partial(fast.detector._answers, picture, boxes),
            "Faster R-CNN": partial(faster, [picture]),
        }
        for name, look in looks.items():
            rows[name].append((0.0 if name == "Faster R-CNN" else searched, *measured(look)))
        print(f"{file.name}: {picture.shape[2]} x {picture.shape[1]} px, {len(boxes)} boxes", flush=True)
    mean = {name: [sum(part) / len(part) for part in zip(*values, strict=True)] for name, values in rows.items()}
    whole = mean["Faster R-CNN"][1]
    print(f"\ntorch {torch.__version__}, one thread, {len(files)} pictures, {chosen.proposals} boxes at most\n")
    print("| system | selective search, s | network, s | times Faster's | multiply-adds, G | times Faster's |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    least = mean["Faster R-CNN"][2]
    for name, (searched, seconds, count) in mean.items():
        times = f"{seconds / whole:.1f} | {count:.2f} | {count / least:.1f}"
        print(f"| {name} | {searched:.2f} | {seconds:.2f} | {times} |")
    print("\n| VGG-16, 600 x 800 px, counted | multiply-adds, G | times Faster's |\n| --- | ---: | ---: |")
    counted = vgg_counts()
    for name, count in counted.items():
        print(f"| {name} | {count:,.0f} | {count / counted['Faster R-CNN, 300 boxes']:.0f} |")


def networks(proposals: int) -> list[Any]:
    """The three, as the light recipes have them."""
    torch.manual_seed(0)
    light = {"width": 96, "hidden": 256, "frozen_stages": 2, "anchor_px": 24, "proposals": 200, "regions": 64}
    return [
        NETWORKS["rcnn"](classes=20, proposals=proposals),
        NETWORKS["fast-rcnn"](classes=20, proposals=proposals),
        NETWORKS["faster-rcnn"](classes=20, **light),
    ]


@torch.no_grad()
def measured(look: Callable[[], Any]) -> tuple[float, float]:
    """Seconds of a look (without counting), and its multiply-adds in billions."""
    began = time.process_time()
    look()
    seconds = time.process_time() - began
    return seconds, multiply_adds(look)


def multiply_adds(look: Callable[[], Any]) -> float:
    """In billions: of convolutions and matrix products, half of what torch counts as operations."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        look()
    return counter.get_total_flops() / 2e9


def vgg_counts() -> dict[str, float]:
    """Multiply-adds of the papers' network, on torch's meta device: nothing is computed."""
    with torch.device("meta"):
        vgg = torchvision.models.vgg16(num_classes=21)
        body = vgg.features[:-1]
        head = nn.Sequential(nn.Linear(512 * 7 * 7, 4096), nn.Linear(4096, 4096), nn.Linear(4096, 21 + 84))
        proposing = nn.Sequential(nn.Conv2d(512, 512, 3, padding=1), nn.Conv2d(512, 9 * 6, 1))
        crop, picture = torch.empty(1, 3, 224, 224), torch.empty(1, 3, *VGG_PX)
        pooled = torch.empty(1, 512 * 7 * 7)
    once = multiply_adds(partial(body, picture))
    region = multiply_adds(partial(head, pooled))
    maps: Tensor = body(picture)
    return {
        f"R-CNN, {VGG_BOXES:,} boxes": VGG_BOXES * multiply_adds(partial(vgg.eval(), crop)),
        f"Fast R-CNN, {VGG_BOXES:,} boxes": once + VGG_BOXES * region,
        f"Faster R-CNN, {FASTER_BOXES} boxes": once + multiply_adds(partial(proposing, maps)) + FASTER_BOXES * region,
    }


if __name__ == "__main__":
    main()
