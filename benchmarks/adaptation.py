"""Domain adaptation: does it help to translate an unseen place to a training place's look before it is mapped?

    python benchmarks/adaptation.py UNSEEN RUN WORK [--seeds 0]

UNSEEN is a folder of ``benchmarks/unseen_places.py``: networks that learned from three places, each to map the fourth.
RUN translates between the domains ``banepa`` and ``dubai`` (tiles of ``benchmarks/translate_tiles.py``), each of which
is a training place of the network that has not seen the other. Each of the two is mapped as it is, with the colors of
the other alone (mkl, what harmonizing does), and translated to the other; WORK is a folder for what is made. Every
network standardizes a place by its own pictures as they then are. Prints F1 of building as Markdown.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import limner
from doubt import Score, building, scenes
from harmonize_places import write_tiff
from limner.learning.library import recipe_of
from limner.learning.runs.opening import open_run
from limner.scenes.rasters import open_raster
from limner.segment.predicting.predictor import load_predictor
from limner.translate.measures.domain_measure import map_to_domain, recolored

OTHER = {"banepa": "dubai", "dubai": "banepa"}
NETWORK = "modern"
Change = Callable[[Tensor], Tensor]
"""(3, H, W) in [0, 1], likewise."""


def main() -> None:
    """Map both places in every way, and print the table."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("unseen", type=Path)
    given.add_argument("run", type=Path)
    given.add_argument("work", type=Path)
    given.add_argument("--seeds", nargs="+", type=int, default=(0,))
    options = given.parse_args()
    torch.set_num_threads(1)
    rows: dict[str, list[str]] = {}
    for place in OTHER:
        for name, change in changes(options.run, place).items():
            way = options.work / name.replace(" ", "-") / "places"
            folder = changed(options.unseen / "places" / place, change, way)
            found = [f1(options.unseen, folder, place, seed) for seed in options.seeds]
            rows.setdefault(name, []).append(f"{np.mean(found):.1f}")
            print(place, name, found, flush=True)
    every = [Score() for _ in OTHER]
    for place, score in zip(OTHER, every, strict=True):
        for scene in scenes(options.unseen, place):
            score.add(np.ones(scene.truth.shape, np.float32), scene.truth)
    rows["all building"] = [f"{score.f1:.1f}" for score in every]
    print("\n| | " + " | ".join(f"{place}, F1" for place in OTHER) + " |\n| --- |" + " ---: |" * len(OTHER))
    for name, cells in rows.items():
        print(f"| {name} | " + " | ".join(cells) + " |")


def changes(run: Path, place: str) -> dict[str, Change]:
    """The ways to bring a place to the other's look."""
    translator, other = limner.load(run), OTHER[place]
    tiles = {path.name: path for path in recipe_of(open_run(run)).data.paths}
    colors = map_to_domain(*(pictures(tiles[name]) for name in (place, other)))
    return {
        "as it is": lambda picture: picture,
        "colors alone": lambda picture: recolored(picture, colors),
        "translated": lambda picture: translator.translate(picture, other),
    }


def pictures(folder: Path) -> list[Tensor]:
    """All tiles of a place, (3, h, w) in [0, 1]."""
    read = [np.asarray(Image.open(path).convert("RGB")) for path in sorted(folder.glob("*.png"))]
    return [torch.from_numpy(each.copy()).permute(2, 0, 1).float() / 255 for each in read]


def changed(place: Path, change: Change, places: Path) -> Path:
    """The folder of a place's changed pictures, with the masks as they are."""
    for path in sorted((place / "images").glob("*.tif")):
        with open_raster(path) as raster:
            pixels = raster.read()
        made = change(torch.from_numpy(pixels.values.astype(np.float32) / 255))
        values = np.where(pixels.valid[None], (made * 255).round().clamp(0, 255).byte().numpy(), pixels.values)
        write_tiff(places / place.name / "images" / path.name, values, {})
        with open_raster(place / "masks" / path.name) as mask:
            write_tiff(places / place.name / "masks" / path.name, mask.read().values, {})
    return places.parent


def f1(unseen: Path, work: Path, place: str, seed: int) -> float:
    """F1 of building, percent, of the network that has not seen the place, on its pictures in ``work``."""
    predictor = load_predictor(open_run(unseen / "runs" / f"{NETWORK}-{place}-{seed}"), "cpu")
    score = Score()
    for scene in scenes(work, place):
        score.add(building(predictor, scene), scene.truth)
    return score.f1


if __name__ == "__main__":
    main()
