"""Tiles of web maps lie where their names or folders say, and pictures in folders of other numbers lie nowhere."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from limner.foundation.errors import UserError
from limner.scenes.georeference import place_by_name
from limner.scenes.map_tiles import MapTile, tile_of, tiles_below
from limner.scenes.rasters import open_raster

ZOOM, COLUMN, ROW = 18, 137_201, 131_072  # north of the equator's last row of tiles


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 255, (height, width, 3), dtype=np.uint8)


def write(path: Path, values: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)
    return path


def write_tiles(root: Path, name: str, values: np.ndarray, side: int = 128) -> None:
    """Cut a picture into tiles, named by a pattern of {z}, {x} and {y}."""
    for row in range(len(values) // side):
        for column in range(values.shape[1] // side):
            part = values[row * side : (row + 1) * side, column * side : (column + 1) * side]
            write(root / name.format(z=ZOOM, x=COLUMN + column, y=ROW + row), np.ascontiguousarray(part))


NAMES = ["z{z}_{x}_{y}.png", "z{z}-{x}-{y}.png", "OAM-{x}-{y}-{z}.png", "oam-{x}-{y}-{z}.png", "{z}/{x}/{y}.png"]


@pytest.mark.parametrize("name", NAMES)
def test_tiles_of_every_naming_are_one_scene_at_one_place(tmp_path, name):
    values = picture(256, 384)
    write_tiles(tmp_path / "tiles", name, values)
    with open_raster(tmp_path / "tiles") as raster:
        np.testing.assert_array_equal(raster.read().values, np.moveaxis(values, -1, 0))
        expected = place_by_name(f"z{ZOOM}_{COLUMN}_{ROW}", 128, 128)
        assert raster.crs.to_epsg() == 3857 and raster.transform.almost_equals(expected.transform, 1e-6)


@pytest.mark.parametrize("folder", ["tiles", f"tiles/{ZOOM}"])
def test_a_folder_of_zooms_or_of_one_zoom_is_the_whole_and_one_column_its_part(tmp_path, folder):
    values = picture(256, 384)
    write_tiles(tmp_path / "tiles", "{z}/{x}/{y}.png", values)
    with open_raster(tmp_path / folder) as raster:
        assert (raster.height, raster.width) == (256, 384)
    with open_raster(tmp_path / "tiles" / str(ZOOM) / str(COLUMN + 1)) as raster:
        np.testing.assert_array_equal(raster.read().values, np.moveaxis(values[:, 128:256], -1, 0))
        assert raster.georeferenced


def test_folders_are_known_from_inside_them(tmp_path, monkeypatch):
    write_tiles(tmp_path, "{z}/{x}/{y}.png", picture(128, 256))
    monkeypatch.chdir(tmp_path / str(ZOOM) / str(COLUMN))
    for path in (Path(), Path(f"{ROW}.png"), Path("..")):
        with open_raster(path) as raster:
            assert raster.georeferenced


def test_several_zooms_are_refused_and_the_zooms_named(tmp_path):
    for zoom in (17, 18):
        write(tmp_path / "tiles" / str(zoom) / "5" / "7.png", picture(128, 128))
    with pytest.raises(UserError, match=r"tiles: holds tiles of several zooms \(17, 18\); name the folder of one"):
        open_raster(tmp_path / "tiles")


def test_rows_from_the_south_are_known_by_what_gdal2tiles_leaves(tmp_path):
    values = picture(384, 128)
    write_tiles(tmp_path / "xyz", "{z}/{x}/{y}.png", values)
    for file in sorted((tmp_path / "xyz").rglob("*.png")):
        row = 2**ZOOM - 1 - int(file.stem)
        write(tmp_path / "tms" / file.parent.relative_to(tmp_path / "xyz") / f"{row}.png", np.array(Image.open(file)))
    (tmp_path / "tms" / "tilemapresource.xml").write_text("<TileMap/>")
    with open_raster(tmp_path / "xyz") as xyz, open_raster(tmp_path / "tms") as tms:
        np.testing.assert_array_equal(tms.read().values, xyz.read().values)
        assert tms.transform.almost_equals(xyz.transform, precision=1e-6)


@pytest.mark.parametrize(
    ("path", "height", "width"),
    [
        ("2024/12/5.png", 256, 256),  # a date
        ("3/8/1.png", 256, 256),  # zoom 3 has 8 columns: 0 to 7
        ("12/5/3.png", 300, 300),  # no size of tiles
        ("12/5/3.png", 256, 512),
        ("12/005/3.png", 256, 256),
        ("12/a/3.png", 256, 256),
        ("OAM-8-1-3.png", 256, 256),
        ("OAM-1-1.png", 256, 256),
        ("OAM-1-1-25.png", 256, 256),
        ("aOAM-1-1-3.png", 256, 256),
    ],
)
def test_other_numbers_are_no_tiles(path, height, width):
    assert tile_of(Path("/data") / path, height, width) is None


@given(st.integers(0, 24).flatmap(lambda zoom: st.tuples(st.just(zoom), *[st.integers(0, 2**zoom - 1)] * 2)))
def test_all_namings_mean_the_same_tile(tile):
    zoom, column, row = tile
    for name in NAMES:
        assert tile_of(Path("/data") / name.format(z=zoom, x=column, y=row), 256, 256) == MapTile(*tile)


def test_folders_of_other_things_hold_no_tiles(tmp_path):
    write(tmp_path / "2023" / "07" / "14.png", picture(64, 64))
    write(tmp_path / "a" / "b" / "1.png", picture(64, 64))
    assert tiles_below(tmp_path) == []


def test_areas_of_tiles_are_paired_by_their_folders(tmp_path):
    from limner.segment.data.areas import find_data
    from limner.segment.labels.reading import Reading

    values = picture(128, 384)
    write_tiles(tmp_path / "town" / "images", "{z}/{x}/{y}.png", values)
    masks = (values > 128).all(-1).astype(np.uint8)
    write_tiles(tmp_path / "town" / "masks", "{z}/{x}/{y}.png", masks)
    data = find_data([tmp_path / "town"])
    assert [(chip.image.parent.name, chip.labels.parent.name) for chip in data.chips] == [
        (str(COLUMN + number),) * 2 for number in range(3)
    ]
    (chip,) = find_data([tmp_path / "town"], Reading(mosaic=True)).chips
    assert (chip.height, chip.width) == (128, 384)
