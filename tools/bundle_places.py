"""Make the pictures that ship with the package from their sources: one folder of areas, a few megabytes.

    python tools/bundle_places.py DATA

DATA holds ``banepa-buildings``, ``uganda-buildings`` and ``dubai-aerial`` as their publishers give them (see
``src/limner/bundled/NOTICE.md`` for sources and licences). Written are ``src/limner/bundled/places/<place>/images`` and
``.../masks`` (class numbers: 0 background, 1 building, 255 unknown), and Banepa's scene with its truth and polygons.
"""

import argparse
import shutil
from pathlib import Path

import numpy as np
import rasterio
from PIL import Image
from rasterio.transform import from_bounds

PLACES = Path(__file__).parents[1] / "src" / "limner" / "bundled" / "places"
DUBAI_BUILDING, DUBAI_UNLABELLED = (0x3C, 0x10, 0x98), ((0x9B, 0x9B, 0x9B), (0, 0, 0))
DUBAI_PICTURES = {1: (2, 3), 3: (1, 2), 5: (7, 8), 6: (1,), 8: (2, 5, 6)}
"""Tile: the pictures of it that are kept. Tile 4 is left out: its labels mark whole blocks as buildings."""
WEB_MERCATOR_HALF = 20037508.342789244
ZOOM = 20


def main() -> None:
    """Write the bundled places anew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder with the three sources")
    data = parser.parse_args().data
    if PLACES.exists():
        shutil.rmtree(PLACES)
    bundle_banepa(data / "banepa-buildings", PLACES / "banepa")
    bundle_uganda(data / "uganda-buildings", PLACES)
    bundle_dubai(data / "dubai-aerial", PLACES)
    size = sum(path.stat().st_size for path in PLACES.rglob("*") if path.is_file())
    print(f"{PLACES}: {size / 1e6:.2f} MB")


def bundle_banepa(source: Path, place: Path) -> None:
    """The georeferenced scene as it is, its truth as class numbers with the scene's georeference, the polygons."""
    (place / "images").mkdir(parents=True)
    (place / "masks").mkdir()
    shutil.copyfile(source / "scene.tif", place / "images" / "banepa.tif")
    shutil.copyfile(source / "buildings.geojson", place / "buildings.geojson")
    with rasterio.open(source / "scene_mask.tif") as mask:
        classes = np.where(mask.read(1) == 255, 1, 0).astype(np.uint8)
        write_mask(place / "masks" / "banepa.tif", classes, mask.crs, mask.transform)


def bundle_uganda(source: Path, places: Path) -> None:
    """Each place's chips of one zoom as one georeferenced picture."""
    chips = [tuple(map(int, path.stem.split("_")[1:])) for path in source.glob(f"images/z{ZOOM}_*.jpg")]
    for number, (left, top) in enumerate(sorted({(x // 2, y // 2) for x, y in chips}), 1):
        picture, mask = np.zeros((512, 512, 3), np.uint8), np.full((512, 512), 255, np.uint8)
        for x, y in [(2 * left + i, 2 * top + j) for i in (0, 1) for j in (0, 1)]:
            rows, columns = (
                slice((y - 2 * top) * 256, (y - 2 * top + 1) * 256),
                slice((x - 2 * left) * 256, (x - 2 * left + 1) * 256),
            )
            chip = np.array(Image.open(source / "images" / f"z{ZOOM}_{x}_{y}.jpg").convert("RGB"))
            truth = np.array(Image.open(source / "masks" / f"z{ZOOM}_{x}_{y}.png"))
            picture[rows, columns] = chip
            # The source made transparent pixels black: nothing is known there.
            mask[rows, columns] = np.where((chip < 4).all(axis=-1), 255, truth > 0)
        size = 4 * WEB_MERCATOR_HALF / 2**ZOOM
        west, north = -WEB_MERCATOR_HALF + left * size, WEB_MERCATOR_HALF - top * size
        transform = from_bounds(west, north - size, west + size, north, 512, 512)
        place = places / f"kampala-{number}"
        write_picture(place / "images" / f"kampala-{number}.tif", picture, transform)
        write_mask(place / "masks" / f"kampala-{number}.tif", mask, "EPSG:3857", transform)


def bundle_dubai(source: Path, places: Path) -> None:
    """A few pictures of each tile, re-encoded; building against the rest, unlabelled and black unknown."""
    for tile, parts in DUBAI_PICTURES.items():
        place = places / f"dubai-{tile}"
        (place / "images").mkdir(parents=True)
        (place / "masks").mkdir()
        for part in parts:
            stem = f"image_part_{part:03d}"
            picture = Image.open(source / f"tile{tile}" / "images" / f"{stem}.jpg").convert("RGB")
            colors = np.array(Image.open(source / f"tile{tile}" / "masks" / f"{stem}.png").convert("RGB"))
            mask = (colors == DUBAI_BUILDING).all(axis=-1).astype(np.uint8)
            for unknown in DUBAI_UNLABELLED:
                mask[(colors == unknown).all(axis=-1)] = 255
            picture = picture.crop((0, 0, min(picture.width, 1024), min(picture.height, 1024)))
            picture.save(place / "images" / f"part-{part}.jpg", quality=85)
            Image.fromarray(mask[: picture.height, : picture.width]).save(
                place / "masks" / f"part-{part}.png", optimize=True
            )


def write_picture(path: Path, picture: np.ndarray, transform: rasterio.Affine) -> None:
    """An RGB picture as GeoTIFF with JPEG inside."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"driver": "GTiff", "compress": "jpeg", "photometric": "ycbcr", "jpeg_quality": 90, "tiled": True}
    height, width = picture.shape[:2]
    with rasterio.open(
        path, "w", height=height, width=width, count=3, dtype="uint8", crs="EPSG:3857", transform=transform, **options
    ) as file:
        file.write(np.moveaxis(picture, -1, 0))


def write_mask(path: Path, mask: np.ndarray, crs: object, transform: rasterio.Affine) -> None:
    """A class mask as GeoTIFF."""
    path.parent.mkdir(parents=True, exist_ok=True)
    options = {"driver": "GTiff", "compress": "deflate", "tiled": True, "blockxsize": 256, "blockysize": 256}
    height, width = mask.shape
    with rasterio.open(
        path, "w", height=height, width=width, count=1, dtype="uint8", crs=crs, transform=transform, **options
    ) as file:
        file.write(mask, 1)


if __name__ == "__main__":
    main()
