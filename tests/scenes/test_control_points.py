"""Scenes placed by ground control points lie where the same scene with a transform lies, if the points are a grid."""

from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.control import GroundControlPoint
from rasterio.transform import Affine

from limner.foundation.errors import UserError
from limner.scenes.overlaps import Ground
from limner.scenes.rasters import Raster, open_raster
from limner.segment.data.check import check
from limner.segment.labels.vectors import check_ground

HEIGHT, WIDTH = 120, 200
NORTH_UP = Affine(0.5, 0, 500_000, 0, -0.5, 4_000_000)
GRIDS = {
    "north up": NORTH_UP,
    "south up": Affine(0.5, 0, 500_000, 0, 0.5, 4_000_000),
    "turned": Affine.translation(500_000, 4_000_000) @ Affine.rotation(-25) @ Affine.scale(0.4, -0.6),
    "sheared": Affine(0.5, 0.1, 500_000, -0.05, -0.5, 4_000_000),
}
CORNERS = [(0, 0), (0, WIDTH), (HEIGHT, 0), (HEIGHT, WIDTH)]


def points(transform: Affine, places=CORNERS, off=None) -> list[GroundControlPoint]:
    """Ground control points at (row, column) places; off: (column, row) pixels by which the last one is wrong."""
    found = []
    for number, (row, column) in enumerate(places):
        shift = off if off is not None and number == len(places) - 1 else (0, 0)
        x, y = transform @ (column + shift[0], row + shift[1])
        found.append(GroundControlPoint(row, column, x, y))
    return found


def save(path: Path, **place) -> Path:
    values = np.random.default_rng(2).integers(1, 250, (3, HEIGHT, WIDTH), np.uint8)
    profile = {"driver": "GTiff", "height": HEIGHT, "width": WIDTH, "count": 3, "dtype": "uint8"}
    with rasterio.open(path, "w", **profile, **place) as file:
        file.write(values)
    return path


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("places", [CORNERS, CORNERS[:3], [(10, 20), (90, 30), (50, 180), (70, 100), (119, 3)]])
def test_points_on_a_grid_are_its_transform(tmp_path, grid, places):
    transform = GRIDS[grid]
    by_points = save(tmp_path / "gcp.tif", gcps=points(transform, places), crs="EPSG:32633")
    plain = save(tmp_path / "plain.tif", transform=transform, crs="EPSG:32633")
    with open_raster(by_points) as one, open_raster(plain) as other:
        assert one.georeferenced and one.misfit is None and not one.placed_by_name
        assert one.crs == other.crs and one.ground_m == pytest.approx(other.ground_m, rel=1e-6)
        np.testing.assert_allclose(one.transform[:6], other.transform[:6], rtol=0, atol=1e-6)


def test_points_in_degrees_are_taken_where_they_fit(tmp_path):
    transform = Affine(5e-6, 0, 15.2, 0, -4e-6, 48.1)
    with open_raster(save(tmp_path / "a.tif", gcps=points(transform), crs="EPSG:4326")) as raster:
        np.testing.assert_allclose(raster.transform[:6], transform[:6], atol=1e-12)
        assert raster.ground_m == pytest.approx(0.41, abs=0.02)


def warnings_of(path: Path) -> tuple[str, ...]:
    folder = path.parent / "town"
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    path.rename(folder / "images" / path.name)
    with rasterio.open(folder / "masks" / path.name, "w", "GTiff", WIDTH, HEIGHT, 1, dtype="uint8") as file:
        file.write(np.eye(HEIGHT, WIDTH, dtype=np.uint8)[None])
    return check([folder]).warnings


@pytest.mark.parametrize(
    ("places", "off", "message"),
    [
        (CORNERS, (4.0, 0.0), r"its 4 ground control points fit no straight grid \(up to 0.99 px off\); warp it first"),
        ([(0, 0), (10, 10), (50, 50)], None, "its 3 ground control points lie on one line; warp it first"),
        (CORNERS[:2], None, "its 2 ground control points lie on one line"),
    ],
)
def test_points_that_are_no_grid_leave_the_scene_without_a_place_and_say_so(tmp_path, places, off, message):
    path = save(tmp_path / "a.tif", gcps=points(NORTH_UP, places, off), crs="EPSG:32633")
    with open_raster(path) as raster:
        assert not raster.georeferenced and raster.ground_m is None
        with pytest.raises(UserError, match=r"the polygons of l\.gpkg cannot be laid on it: " + message):
            check_ground(raster, Path("l.gpkg"))
    if off is not None:
        assert any("fit no straight grid" in line for line in warnings_of(path))


def test_points_off_by_a_rounding_are_a_grid(tmp_path):
    path = save(tmp_path / "a.tif", gcps=points(NORTH_UP, off=(0.4, 0.3)), crs="EPSG:32633")
    with open_raster(path) as raster:
        assert raster.georeferenced


def test_what_overlaps_is_found_whoever_is_placed_by_points(tmp_path):
    class Located:
        def __init__(self, path: Path) -> None:
            self.image, self.height, self.width = path, HEIGHT, WIDTH

        def open(self) -> Raster:
            return open_raster(self.image)

    chips = [
        Located(save(tmp_path / "gcp.tif", gcps=points(NORTH_UP), crs="EPSG:32633")),
        Located(save(tmp_path / "plain.tif", transform=NORTH_UP @ Affine.translation(50, 40), crs="EPSG:32633")),
    ]
    from limner.scenes.windows import Window

    (found,) = Ground(chips).other_chips_on(0, Window(0, 0, HEIGHT, WIDTH))
    assert found == (1, Window(0, 0, HEIGHT - 40, WIDTH - 50))
