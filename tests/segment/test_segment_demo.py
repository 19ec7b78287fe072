"""The demo's pictures: files of one ground on grids of other pixels lie over each other."""

from pathlib import Path

import numpy as np
import rasterio

from limner.scenes.windows import Window
from limner.segment.demo import read_as_seen


def write(path: Path, values: np.ndarray) -> Path:
    height, width = values.shape
    with rasterio.open(path, "w", driver="GTiff", height=height, width=width, count=1, dtype="uint8") as file:
        file.write(values, 1)
    return path


def test_a_file_of_larger_pixels_is_seen_on_the_scenes_grid(tmp_path: Path) -> None:
    coarse = np.arange(12, dtype=np.uint8).reshape(3, 4)
    fine = coarse.repeat(2, axis=0).repeat(2, axis=1)
    window = Window(1, 2, 4, 5)
    for shrink in (1, 2):
        found = [
            read_as_seen(write(tmp_path / f"{name}.tif", values), (6, 8), window, shrink)
            for name, values in (("fine", fine), ("coarse", coarse))
        ]
        np.testing.assert_array_equal(found[0], fine[1:5:shrink, 2:7:shrink])
        np.testing.assert_array_equal(found[1], found[0])
