"""How many pixels of a tiled map differ from one pass over the whole scene, by overlap, margin and weights.

    python benchmarks/seams.py [--data SCENE] [--threads 2]

Maps the middle 1500 x 1100 pixels of a scene (default: $LIMNER_DATA, else the bundled scene of Banepa) with tiles of
512 pixels, with the bundled model `buildings` and with a residual-unet 18 as it is before training. Prints Markdown.
A pixel counts as different when its class does, decided at the run's threshold. "time" is processor time of the network
relative to tiles that do not overlap.
"""

import argparse
import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

import limner
from limner.learning.runs.opening import open_run
from limner.scenes.rasters import open_raster
from limner.scenes.statistics import Statistics, measure
from limner.scenes.windows import Pixels, Window
from limner.segment.mapping.outputs import decide
from limner.segment.networks import NETWORKS
from limner.segment.predicting.blending import Blend
from limner.segment.predicting.predictor import SegmentPredictor, load_predictor
from limner.segment.predicting.tiles import Axis

BUNDLED = Path(limner.__file__).parent / "bundled/places/banepa/images/banepa.tif"
HEIGHT_PX, WIDTH_PX, TILE_PX = 1500, 1100, 512
OVERLAPS_PX = (64, 128, 192, 256)
MARGINS = {"0": 0.0, "overlap / 8": 1 / 8, "overlap / 4": 1 / 4, "3 overlap / 8": 3 / 8, "overlap / 2": 1 / 2}


class PlainAxis(Axis):
    """Tiles that are averaged with equal weights wherever they overlap outside their margins."""

    def _strength(self, index: int) -> np.ndarray:
        strength = np.ones(self.size_px)
        if index > 0:
            strength[: self.margin_px] = 0
        if index < len(self.origins) - 1:
            strength[self.size_px - self.margin_px :] = 0
        return strength


WEIGHTS = {"ramp": Axis, "plain": PlainAxis}


@dataclass(frozen=True)
class Scene:
    """Pixels of the scene with their own mean and deviation."""

    pixels: Pixels
    statistics: Statistics


@dataclass(frozen=True)
class Tiles:
    """The network's answer for every tile, ``answers[row][column]`` (H, W) float32,
    and the processor seconds that took.
    """

    answers: list[list[np.ndarray]]
    seconds: float

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(map(len, self.answers))


def main() -> None:
    """Measure and print the tables."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--data", type=Path, default=os.environ.get("LIMNER_DATA"), help="a scene")
    given.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = given.parse_args()
    torch.set_num_threads(options.threads)
    scene = read_scene(options.data or BUNDLED)
    for name, predictor in predictors().items():
        print_tables(name, predictor, scene)


def read_scene(path: Path) -> Scene:
    """The middle of a scene."""
    with open_raster(path) as raster:
        row, column = (raster.height - HEIGHT_PX) // 2, (raster.width - WIDTH_PX) // 2
        pixels = raster.read(Window(row, column, HEIGHT_PX, WIDTH_PX))
    return Scene(pixels, measure([pixels]))


def predictors() -> dict[str, SegmentPredictor]:
    """The bundled model, and a large network with the weights that training begins with."""
    trained = load_predictor(open_run("buildings"))
    torch.manual_seed(0)
    network = NETWORKS["residual-unet"](channels=3, classes=2, depth=18).eval()  # type: ignore[call-arg]
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return {"buildings": trained, "residual-unet 18, untrained": replace(trained, network=network)}


def print_tables(name: str, predictor: SegmentPredictor, scene: Scene) -> None:
    """One network's floor and table."""
    whole = classes_of_whole(predictor, scene)
    precise = classes_of_whole(replace(predictor, precision="32-true"), scene)
    print(f"\n### {name}, {predictor.precision}, {torch.get_num_threads()} threads\n")
    print(
        f"Class 1 in the whole pass: {whole.mean():.1%}. The whole pass in fp32 differs in {share(whole, precise)}.\n"
    )
    print("| overlap | tiles | time | weights |", " | ".join(f"margin {words}" for words in MARGINS), "|")
    print("| ---: | ---: | ---: | --- |", " | ".join("---:" for _ in MARGINS), "|")
    answer_tiles(predictor, scene, 0)  # the first pass at a size is slower
    bare = answer_tiles(predictor, scene, 0)
    print(f"| 0 | {bare.count} | 1.00 | | {share(blended(bare, 0, 0, Axis, predictor), whole)} | | | | |", flush=True)
    for overlap in OVERLAPS_PX:
        tiles = answer_tiles(predictor, scene, overlap)
        for words, kind in WEIGHTS.items():
            shares = [
                share(blended(tiles, overlap, round(part * overlap), kind, predictor), whole)
                for part in MARGINS.values()
            ]
            print(
                f"| {overlap} | {tiles.count} | {tiles.seconds / bare.seconds:.2f} | {words} |", " | ".join(shares), "|"
            )


def share(classes: np.ndarray, reference: np.ndarray) -> str:
    """How many pixels differ, as words."""
    return f"{(classes != reference).mean():.2%}"


def classes_of_whole(predictor: SegmentPredictor, scene: Scene) -> np.ndarray:
    """The classes from one pass over all pixels, (H, W) uint8."""
    values, valid = scene.pixels
    probabilities = predictor.probabilities(values[None], valid[None], scene.statistics)[0]
    return decide(probabilities[1:], predictor.threshold)


def axes(overlap_px: int, margin_px: int, kind: type[Axis], stride: int) -> tuple[Axis, Axis]:
    """Rows and columns of tiles."""
    return (
        kind(HEIGHT_PX, TILE_PX, overlap_px, margin_px, stride),
        kind(WIDTH_PX, TILE_PX, overlap_px, margin_px, stride),
    )


def answer_tiles(predictor: SegmentPredictor, scene: Scene, overlap_px: int) -> Tiles:
    """Every tile through the network, one at a time."""
    rows, columns = axes(overlap_px, 0, Axis, predictor.stride)
    values = np.zeros((scene.pixels.values.shape[0], rows.padded_px, columns.padded_px), scene.pixels.values.dtype)
    valid = np.zeros(values.shape[1:], bool)
    values[:, :HEIGHT_PX, :WIDTH_PX], valid[:HEIGHT_PX, :WIDTH_PX] = scene.pixels
    began = time.process_time()
    answers = [
        [
            predictor.probabilities(
                values[None, :, top : top + TILE_PX, left : left + TILE_PX],
                valid[None, top : top + TILE_PX, left : left + TILE_PX],
                scene.statistics,
            )[0, 1]
            for left in columns.origins
        ]
        for top in rows.origins
    ]
    return Tiles(answers, time.process_time() - began)


def blended(tiles: Tiles, overlap_px: int, margin_px: int, kind: type[Axis], predictor: SegmentPredictor) -> np.ndarray:
    """The classes of the blended tiles, (H, W) uint8."""
    rows, columns = axes(overlap_px, margin_px, kind, predictor.stride)
    blend = Blend(rows, columns, 1, 1)
    parts = []
    for index, answers in enumerate(tiles.answers):
        blend.add(index, list(range(len(answers))), np.stack(answers)[:, None])
        parts.append(blend.take(index).planes)
    return decide(np.concatenate(parts, axis=1), predictor.threshold)


if __name__ == "__main__":
    main()
