"""A small tree in the form of Cityscapes: streets with cars, groups, plates and riders, as pictures, ids and polygons.

The ids are painted here, pixel by pixel and by themselves, so that they check what limner draws from the polygons.
"""

import json
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 256, 128
IDS = {
    "out of roi": 3, "ego vehicle": 1, "road": 7, "building": 11, "sky": 23, "person": 24, "rider": 25, "car": 26,
    "bus": 28,
    "bicycle": 33,
}  # fmt: skip
WITH_INSTANCES = ("person", "rider", "car", "bus", "bicycle")
COLORS = {
    "sky": (150, 180, 220), "road": (90, 90, 95), "building": (140, 110, 90), "person": (200, 60, 60),
    "rider": (60, 60, 200),
    "bus": (230, 190, 40), "bicycle": (20, 20, 20), "license plate": (250, 250, 250), "out of roi": (0, 0, 0),
    "ego vehicle": (60, 60, 60),
}  # fmt: skip


class Drawn(NamedTuple):
    """A rectangle: label, x0, y0, x1, y1 in pixels, all of them inside."""

    label: str
    x0: int
    y0: int
    x1: int
    y1: int
    deleted: bool = False


def street(number: int) -> list[Drawn]:
    """What stands in a picture, from the back to the front. Cars: 0 is partly hidden by the bus, 1 wholly by the
    building drawn later, 2 has a plate, 3 is cut by the border, and a far one is small; then a group and a rider."""
    shift = 3 * number
    return [
        Drawn("sky", 0, 0, 255, 50),
        Drawn("road", 0, 51, 255, 127),
        Drawn("car", 20 + shift, 60, 79 + shift, 99),
        Drawn("car", 200, 55, 229, 64),
        Drawn("building", 195, 20, 235, 70),
        Drawn("bus", 60 + shift, 40, 119 + shift, 94),
        Drawn("car", 125, 75, 184, 114),
        Drawn("license plate", 145, 100, 160, 106),
        Drawn("car", 5, 5, 60, 50, deleted=True),
        Drawn("car", 216, 80, 255, 119),
        Drawn("car", 100, 110, 109, 115),
        Drawn("cargroup", 128, 55, 190, 70),
        Drawn("bicycle", 195, 95, 210, 120),
        Drawn("rider", 197, 75, 208, 100),
        Drawn("out of roi", 0, 0, 255, 0),
    ]


def paint(drawn: list[Drawn], number: int) -> tuple[np.ndarray, np.ndarray]:
    """((H, W, 3) uint8 picture, (H, W) uint16 instance ids)."""
    chance = np.random.default_rng([11, number])
    picture = np.zeros((HEIGHT, WIDTH, 3), np.int64)
    ids = np.zeros((HEIGHT, WIDTH), np.uint16)
    counts: Counter[str] = Counter()
    for one in drawn:
        if one.deleted:
            continue
        rows, columns = slice(one.y0, one.y1 + 1), slice(one.x0, one.x1 + 1)
        single = one.label.removesuffix("group")
        picture[rows, columns] = COLORS.get(single, tuple(chance.integers(60, 255, 3)))
        if single == "car":
            picture[one.y0 + 3 : one.y0 + 12, one.x0 + 5 : one.x1 - 4] = (40, 60, 80)
            picture[one.y1 - 5 : one.y1 + 1, one.x0 + 6 : one.x0 + 14] = 10
            picture[one.y1 - 5 : one.y1 + 1, one.x1 - 13 : one.x1 - 5] = 10
        if one.label == "license plate":
            continue
        value = IDS[single]
        if one.label in WITH_INSTANCES:
            value = value * 1000 + counts[one.label]
            counts[one.label] += 1
        ids[rows, columns] = value
    noise = chance.integers(-8, 9, picture.shape)
    return (picture + noise).clip(0, 255).astype(np.uint8), ids


def write_cityscapes(
    root: Path,
    *,
    ids: bool = True,
    polygons: bool = True,
    splits: tuple[str, ...] = ("train", "val", "test"),
    count: int = 2,
) -> Path:
    """``count`` streets in each split, of one city each; the split test has no true labels, as in the original."""
    number = 0
    for split in splits:
        city = {"train": "aachen", "val": "lindau", "test": "berlin"}[split]
        for frame in range(count):
            drawn = street(number)
            picture, painted = paint(drawn, number)
            if split == "test":
                drawn = [Drawn("ego vehicle", 0, 100, 255, 127), Drawn("out of roi", 0, 0, 255, 0)]
                painted = paint(drawn, number)[1]
            stem = f"{city}_{frame:06d}_000019"
            save(root / f"leftImg8bit/{split}/{city}/{stem}_leftImg8bit.png", picture)
            truth = root / f"gtFine/{split}/{city}"
            truth.mkdir(parents=True, exist_ok=True)
            if ids:
                save(truth / f"{stem}_gtFine_instanceIds.png", painted)
            if polygons:
                (truth / f"{stem}_gtFine_polygons.json").write_text(json.dumps(as_polygons(drawn)))
            number += 1
    return root


def as_polygons(drawn: list[Drawn]) -> dict[str, object]:
    objects = [
        {
            "label": one.label,
            "deleted": int(one.deleted),
            "polygon": [[one.x0, one.y0], [one.x1, one.y0], [one.x1, one.y1], [one.x0, one.y1]],
        }
        for one in drawn
    ]
    return {"imgHeight": HEIGHT, "imgWidth": WIDTH, "objects": objects}


def save(path: Path, pixels: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path
