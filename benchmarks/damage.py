"""How well footprints that are lost between two scenes are told, on a real scene with some of its buildings removed.

    python benchmarks/damage.py WORK

WORK is that of `doubt.py`, with its runs. Of the scene of Banepa, which the runs did not see, a third of the true
regions of building is painted over with the ground beside them; the rest of the later scene is as it was, or in other
light and noise, or moved. A footprint of the earlier map is truly gone where half of it was painted over, and truly
kept where nothing was. Prints Markdown.
"""

import argparse
import tempfile
from pathlib import Path

import geopandas
import numpy as np
import rasterio
from rasterio.features import geometry_mask
from scipy import ndimage

from doubt import SEEDS
from limner.learning.runs.opening import open_run
from limner.scenes.rasters import open_raster
from limner.segment.mapping.damage import CLASSES, mark_damage
from limner.segment.mapping.map import map_scene
from limner.segment.predicting.predictor import load_predictor

LEAST_PX = 100  # of a region that is removed: 9 m²
WAYS = {
    "the same picture": (1.0, 0.0, 0.0, 0),
    "other light, noise": (1.15, -12.0, 5.0, 0),
    "other light, noise, moved 1 px": (1.15, -12.0, 5.0, 1),
    "other light, noise, moved 4 px": (1.15, -12.0, 5.0, 4),
}
"""name -> (gain, offset, deviation of noise, columns moved) of the later picture, in values of 0 to 255 and pixels."""


def main() -> None:
    """Print the table."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("work", type=Path)
    work: Path = given.parse_args().work
    (scene,) = (work / "places" / "banepa" / "images").glob("*.tif")
    with rasterio.open(scene.parent.parent / "masks" / scene.name) as mask:
        truth = mask.read(1) == 1
    called = "of them lost | partly | kept"
    print(f"| the later scene | seed | truly gone | {called} | truly kept | {called} |")
    print("| --- |" + " ---: |" * 9)
    for name, (gain, offset, noise, moved) in WAYS.items():
        for seed in SEEDS:
            predictor = load_predictor(open_run(work / "runs" / f"banepa-{seed}"), "cpu", "fp32")
            with tempfile.TemporaryDirectory() as folder:
                before, after, gone = Path(folder) / "before.tif", Path(folder) / "after.tif", removed(truth, seed)
                write_pair(scene, before, after, gone, truth, (gain, offset, noise, moved), seed)
                maps = [
                    map_scene(predictor, path, Path(folder) / "maps", normalize="scene", ground_m=0.3)
                    for path in (before, after)
                ]
                found = mark_damage(*maps, Path(folder) / "damage.gpkg")
                told = found.lines()[0]
                print(f"| {name} | {seed} | {row(found.path, before, gone)} |", flush=True)
            if told.startswith("careful"):
                print(f"<!-- {told.partition('; ')[0]} -->")


def removed(truth: np.ndarray, seed: int) -> np.ndarray:
    """A third of the true regions that are large enough, (H, W) bool."""
    regions, count = ndimage.label(truth)
    sizes = np.bincount(regions.ravel(), minlength=count + 1)
    large = np.flatnonzero(sizes[1:] >= LEAST_PX) + 1
    chosen = np.random.default_rng(seed).choice(large, len(large) // 3, replace=False)
    return np.isin(regions, chosen)


def write_pair(
    scene: Path, before: Path, after: Path, gone: np.ndarray, truth: np.ndarray, way: tuple[float, ...], seed: int
) -> None:
    """The scene as it is, and as it is later."""
    gain, offset, noise, moved = way
    with rasterio.open(scene) as file:
        values, profile = file.read(), file.profile
    places = ndimage.distance_transform_edt(ndimage.binary_dilation(truth, iterations=3), return_indices=True)[1]
    draw = np.random.default_rng(seed)
    ground = values[:, places[0], places[1]] + draw.normal(0, 6, values.shape)
    painted = ndimage.binary_dilation(gone, iterations=2)
    later = np.where(painted, ground, values) * gain + offset + draw.normal(0, 1, values.shape) * noise
    later = np.roll(later, int(moved), axis=2)
    for path, pixels in ((before, values), (after, later)):
        with rasterio.open(path, "w", **profile) as file:
            file.write(np.clip(np.round(pixels), 1, 255).astype(np.uint8))


def row(path: Path, before: Path, gone: np.ndarray) -> str:
    """Counts of what the footprints were called, of those truly gone and truly kept."""
    footprints = geopandas.read_file(path)
    with open_raster(before) as raster:
        place = raster.transform
    called: dict[bool, list[str]] = {True: [], False: []}
    for shape, damage in zip(footprints.geometry, footprints["damage"], strict=True):
        inside = geometry_mask([shape], gone.shape, place, invert=True)
        share = gone[inside].mean() if inside.any() else 0.0
        if share >= 0.5 or share == 0:
            called[share >= 0.5].append(damage)
    cells = []
    for truly in (True, False):
        total = len(called[truly])
        shares = [f"{100 * called[truly].count(name) / max(1, total):.0f} %" for name in (CLASSES[2], *CLASSES[1::-1])]
        cells += [str(total), *shares]
    return " | ".join(cells)


if __name__ == "__main__":
    main()
