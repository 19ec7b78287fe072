"""Tiles of aerial pictures for the room `translate`: two places without pairs, and masks of buildings with pictures.

    python benchmarks/translate_tiles.py WORK [--data DATA]

DATA (default: $LIMNER_DATA) holds banepa-buildings and dubai-aerial. Writes tiles of 64 px that do not overlap:
``WORK/places/banepa`` (0.3 m a pixel) and ``WORK/places/dubai`` (as it is, as many of each of its areas), and
``WORK/pairs/mask`` and ``WORK/pairs/image`` of equal names, of Banepa. docs/results/translate.md says what was learned
from them.
"""

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from limner.foundation.files.writing import replacing
from limner.scenes.windows import Window
from limner.segment.data.areas import find_data
from limner.segment.labels.reading import Reading

TILE_PX = 64
GROUND_M = 0.3
LEAST_KNOWN = 0.99  # of a tile's pixels; the rest of a mosaic has no data
OF_AN_AREA = 70


def main() -> None:
    """Cut what is missing."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("work", type=Path)
    given.add_argument("--data", type=Path, default=os.environ.get("LIMNER_DATA"), help="folder of the two data sets")
    options = given.parse_args()
    if options.data is None:
        given.error("needs --data, or $LIMNER_DATA")
    cut_banepa(Path(options.data), options.work)
    cut_dubai(Path(options.data), options.work)


def cut_banepa(data: Path, work: Path) -> None:
    """The tiles of Banepa, without and with their masks."""
    found = find_data([data / "banepa-buildings"], Reading(target="building", to_ground_m=GROUND_M, mosaic=True))
    reader = found.reader()
    (chip,) = found.chips
    pixels, mask = reader.read_with_pixels(chip, Window(0, 0, chip.height, chip.width))
    known = pixels.valid & (mask <= 1)
    tiles = [place for place in windows(*mask.shape) if known[place].mean() >= LEAST_KNOWN]
    picture = np.ascontiguousarray(pixels.values[:3].transpose(1, 2, 0))
    buildings = (mask == 1).astype(np.uint8) * 255
    write(work / "places" / "banepa", (picture[place] for place in tiles))
    write(work / "pairs" / "image", (picture[place] for place in tiles))
    write(work / "pairs" / "mask", (buildings[place] for place in tiles))


def cut_dubai(data: Path, work: Path) -> None:
    """As many tiles of each area of Dubai, drawn from all its pictures."""
    tiles = []
    generator = np.random.default_rng(0)
    for area in sorted((data / "dubai-aerial").glob("tile*")):
        pictures = [np.asarray(Image.open(path).convert("RGB")) for path in sorted(area.glob("images/*.jpg"))]
        every = [picture[place] for picture in pictures for place in windows(*picture.shape[:2])]
        tiles += [every[number] for number in generator.permutation(len(every))[:OF_AN_AREA]]
    write(work / "places" / "dubai", tiles)


def windows(height: int, width: int) -> Iterator[tuple[slice, slice]]:
    """Places of tiles side by side."""
    for row in range(0, height - TILE_PX + 1, TILE_PX):
        for column in range(0, width - TILE_PX + 1, TILE_PX):
            yield slice(row, row + TILE_PX), slice(column, column + TILE_PX)


def write(folder: Path, tiles: object) -> None:
    """Write pictures as numbered PNGs, unless the folder is there."""
    if folder.exists():
        return
    with replacing(folder) as temporary:
        temporary.mkdir(parents=True)
        for number, tile in enumerate(tiles):  # type: ignore[arg-type, var-annotated]
            Image.fromarray(tile).save(temporary / f"{number:04d}.png")


if __name__ == "__main__":
    main()
