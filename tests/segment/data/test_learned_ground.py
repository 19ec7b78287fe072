"""The ground that pictures show is known again in another file, mosaic or reference system."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio import Affine
from rasterio.crs import CRS as System
from rasterio.warp import calculate_default_transform

from drawing import CRS, NORTH, PIXEL_M, WEST, write_raster
from limner.scenes.rasters import open_raster
from limner.segment.data import learned_ground
from limner.segment.data.chips import Area, Chip
from limner.segment.data.learned_ground import ground_of, shares_on

SIDE_PX = 64


def tile(path: Path, right: float = 0, down: float = 0, **profile: object) -> Path:
    """A picture of 64 px, so many of its sides to the right and down of the test place."""
    side = SIDE_PX * PIXEL_M
    place = Affine(PIXEL_M, 0, WEST + right * side, 0, -PIXEL_M, NORTH - down * side)
    return write_raster(path, np.zeros((1, SIDE_PX, SIDE_PX), np.uint8), **{"transform": place, **profile})


def area(name: str, *pictures: Path) -> Area:
    return Area(name, tuple(Chip(name, path, None, None, SIDE_PX, SIDE_PX) for path in pictures))


def shares(path: Path, ground: learned_ground.Ground) -> dict[str, float]:
    with open_raster(path) as picture:
        return shares_on(picture, ground)


def test_the_share_on_each_area_is_that_of_the_ground(tmp_path: Path) -> None:
    ground = ground_of([area("west", tile(tmp_path / "w.tif")), area("far", tile(tmp_path / "f.tif", 40))])
    assert {name: len(rings) for name, rings in ground.items()} == {"west": 1, "far": 1}
    assert shares(tmp_path / "w.tif", ground) == {"west": pytest.approx(1)}
    assert shares(tile(tmp_path / "half.tif", 0.5), ground) == {"west": pytest.approx(0.5, abs=0.01)}
    assert shares(tile(tmp_path / "corner.tif", 0.5, 0.75), ground) == {"west": pytest.approx(0.125, abs=0.01)}
    assert shares(tile(tmp_path / "away.tif", 3), ground) == {}


def test_chips_beside_each_other_have_one_outline_and_the_scene_of_them_lies_on_it(tmp_path: Path) -> None:
    chips = [tile(tmp_path / f"{right}{down}.tif", right, down) for right in (0, 1) for down in (0, 1)]
    ground = ground_of([area("town", *chips)])
    assert len(ground["town"]) == 1 and len(ground["town"][0]) == 5
    assert shares(tile(tmp_path / "over.tif", 0.5, 0.5), ground) == {"town": pytest.approx(1, abs=1e-3)}


def test_it_is_known_again_in_another_reference_system(tmp_path: Path) -> None:
    first = tile(tmp_path / "first.tif")
    with rasterio.open(first) as file:
        place, width, height = calculate_default_transform(
            file.crs, System.from_epsg(4326), file.width, file.height, *file.bounds
        )
    values = np.zeros((1, height, width), np.uint8)
    degrees = write_raster(tmp_path / "degrees.tif", values, crs="EPSG:4326", transform=place)
    (share,) = shares(degrees, ground_of([area("town", first)])).values()
    assert share > 0.9  # its rectangle is a little larger


def test_pictures_without_a_place_and_too_many_places_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = write_raster(tmp_path / "nowhere.png", np.zeros((1, SIDE_PX, SIDE_PX), np.uint8))
    here, apart = tile(tmp_path / "here.tif", crs=CRS), tile(tmp_path / "apart.tif", 3)
    assert ground_of([area("drawn", nowhere)]) == {} and shares(nowhere, ground_of([area("town", here)])) == {}
    assert len(ground_of([area("town", here, nowhere, apart)])["town"]) == 2
    monkeypatch.setattr(learned_ground, "MOST_RINGS", 1)
    assert ground_of([area("town", here, apart)]) == {}
