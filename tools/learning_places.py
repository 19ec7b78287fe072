"""The places that the bundled model learns from and is scored on, brought to one form and 0.3 m a pixel.

``banepa-buildings``, ``uganda-buildings``, ``dubai-aerial`` and ``spacenet-rio`` as their publishers give them become
``PLACES/<place>/<area>/{images,masks}``: GeoTIFFs of 8 bits and masks of 0 background, 1 building, 255 unknown. What
Dubai and Rio cover on the ground is nowhere said; they stay as they are.
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rasterio

from limner.foundation.files.writing import write_text
from limner.scenes.windows import Window
from limner.segment.data.areas import find_data
from limner.segment.data.chips import Chip
from limner.segment.labels.reading import Reading

GROUND_M = 0.3
"""Nearer to a satellite's half a meter than a drone's 0.1 m, with a ninth of the pixels; walls still show."""
COLORS = Path(__file__).parents[1] / "benchmarks" / "classes" / "dubai-aerial.yaml"
UNKNOWN = 255
PARTS = 4
"""Banepa's one scene becomes so many areas, north to south, so that it is drawn about as often as other places."""


class Place(NamedTuple):
    """Where a place lies in the data, how it is read, which of its areas are taken, and what fills its corners."""

    folder: str
    reading: Reading
    nodata: int | None = None


PLACES = {
    "banepa": Place("banepa-buildings", Reading(target="building", to_ground_m=GROUND_M, mosaic=True)),
    # Chips of three zooms show the same ground; those of zoom 19 have nearly 0.3 m.
    "kampala": Place("uganda-buildings", Reading(group="ground", target="building", to_ground_m=GROUND_M)),
    # Tile 4 is left out: its labels mark whole blocks as buildings.
    "dubai": Place("dubai-aerial", Reading(classes=(str(COLORS),), target="building", leave_out=("tile4",))),
    "rio": Place("spacenet-rio", Reading(target="building"), nodata=0),
}
LEARNED = ("banepa", "dubai", "kampala")
"""The places whose licences (CC BY 4.0, CC0; labels ODbL) the model can carry; Rio's is CC BY-SA, so it only tests."""


def prepare(data: Path, places: Path) -> None:
    """Write the places that are not yet written."""
    for name, place in PLACES.items():
        if (places / name / "done").exists():
            continue
        found = find_data([data / place.folder], place.reading)
        reader = found.reader()
        for chip in found.chips:
            if name == "kampala" and not chip.image.name.startswith("z19_"):
                continue
            for area, window in parts(name, chip):
                pixels, mask = reader.read_with_pixels(chip, window)
                folder, file = places / name / area, f"{chip.image.stem}.tif"
                with chip.open() as picture:
                    frame = picture.transform
                    corner = frame @ rasterio.Affine.translation(window.column, window.row)
                    known = {} if frame.is_identity else {"crs": picture.crs, "transform": corner}
                write(folder / "images" / file, pixels.values, {**known, "nodata": place.nodata})
                write(folder / "masks" / file, np.where(mask > 1, UNKNOWN, mask).astype(np.uint8)[None], known)
        write_text(places / name / "done", "")


def parts(name: str, chip: Chip) -> Iterator[tuple[str, Window]]:
    """The areas that a picture becomes, each with its window."""
    if name != "banepa":
        area = {"kampala": chip.image.stem, "dubai": chip.area}.get(name)
        yield f"{name}-{area}" if area else name, Window(0, 0, chip.height, chip.width)
        return
    edges = np.linspace(0, chip.height, PARTS + 1).astype(int)
    for number, (top, bottom) in enumerate(pairwise(edges), 1):
        yield f"banepa-{number}", Window(int(top), 0, int(bottom - top), chip.width)


def write(path: Path, values: np.ndarray, profile: dict[str, Any]) -> None:
    """Values (bands, H, W) of 8 bits as a GeoTIFF."""
    path.parent.mkdir(parents=True, exist_ok=True)
    bands, height, width = values.shape
    with rasterio.open(
        path, "w", driver="GTiff", count=bands, height=height, width=width, dtype="uint8", compress="deflate", **profile
    ) as file:
        file.write(values)


def areas(places: Path, *names: str) -> list[Path]:
    """The folders of areas of the places named."""
    return [path for name in names for path in sorted((places / name).iterdir()) if path.is_dir()]
