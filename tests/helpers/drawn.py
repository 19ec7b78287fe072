"""Tiny areas drawn by numbers, a network of three convolutions, and recipes that learn them in seconds."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rasterio
import torch
from torch import Tensor, nn

from limner.learning.library import load_recipe
from limner.segment.training.recipe import SegmentRecipe

GRASS, BRICK = (60, 110, 70), (190, 90, 70)
PLACE = {"crs": "EPSG:32645", "transform": rasterio.Affine(0.5, 0, 350_000, 0, -0.5, 3_060_000)}

RECIPE = """
task: segment
network: {name: tiny}
optimizer: {name: adamw, learning_rate: 0.01}
schedule: constant
batch: 4
epochs: 2
data: {target: building, tile_px: 64, stride_px: 32, crop_px: 64}
loop: {precision: fp32, log_every: 1, checkpoint_minutes: 0}
"""


class Picture(NamedTuple):
    """values: (bands, height, width) uint8. mask: (height, width) uint8, 1 on the squares."""

    values: np.ndarray
    mask: np.ndarray


class TinyNetwork(nn.Module):
    """A pixel's class from the 7 x 7 pixels around it: the receptive field lies far within every margin."""

    stride = 1

    def __init__(self, channels: int = 3, classes: int = 2, width: int = 8) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU())
        self.decoder = nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU())
        self.head = nn.Conv2d(width, classes, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.decoder(self.encoder(image)))


def draw_picture(
    height: int = 96,
    width: int = 96,
    *,
    seed: int = 0,
    ground: Sequence[int] = GRASS,
    roof: Sequence[int] = BRICK,
    noise: float = 8.0,
) -> Picture:
    """Square roofs of 16 px on about a quarter of a ground of another color, with noise."""
    generator = np.random.default_rng(seed)
    cells = generator.random((-(-height // 16), -(-width // 16))) < 0.25
    cells[0, 0], cells[0, 1] = True, False
    mask = np.kron(cells, np.ones((16, 16))).astype(np.uint8)[:height, :width]
    colors = np.where(mask[None] == 1, np.reshape(roof, (-1, 1, 1)), np.reshape(ground, (-1, 1, 1)))
    values = colors + generator.normal(0, noise, colors.shape)
    return Picture(values.clip(1, 255).astype(np.uint8), mask)


def save(path: Path, values: np.ndarray, **place: Any) -> Path:
    """Write (bands, height, width) or (height, width) as a TIFF."""
    values = values if values.ndim == 3 else values[None]
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = values.shape
    if count == 4:
        place["photometric"] = "minisblack"  # or GDAL takes the fourth band for alpha
    with rasterio.open(
        path, "w", driver="GTiff", count=count, height=height, width=width, dtype=values.dtype, **place
    ) as file:
        file.write(values)
    return path


def save_area(folder: Path, pictures: Sequence[Picture]) -> Path:
    """Write pictures with their masks of class numbers as an area."""
    for number, (values, mask) in enumerate(pictures):
        save(folder / "images" / f"{number}.tif", values)
        save(folder / "masks" / f"{number}.tif", mask)
    return folder


def recipe_for(folder: Path, data: Sequence[Path], *settings: str) -> SegmentRecipe:
    """`RECIPE` on these areas, with settings as on the command line; its text is written below ``folder``."""
    path = write_recipe_text(folder, data)
    recipe: SegmentRecipe = load_recipe(str(path), settings)
    return recipe


def write_recipe_text(folder: Path, data: Sequence[Path] = (), text: str = RECIPE) -> Path:
    """A recipe file that names its areas."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "quick.yaml"
    paths = ", ".join(f"'{item}'" for item in data)
    path.write_text(text.replace("data: {", f"data: {{paths: [{paths}], "), encoding="utf-8")
    return path


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    """Whether two sets of tensors are equal bit for bit."""
    return first.keys() == second.keys() and all(torch.equal(value, second[name]) for name, value in first.items())
