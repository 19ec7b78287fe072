"""Before and after: which footprints are lost, on whatever grids the two scenes lie."""

from collections.abc import Callable
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
from rasterio.warp import reproject
from scipy.ndimage import shift as shifted_values
from test_map import SMALL, UTM, Blur, save

from limner.foundation.errors import UserError
from limner.scenes.rasters import open_raster
from limner.segment.mapping.damage import Damage, check_pair, damage_of, mark_damage, shift_between
from mapped import map_scene

CORNERS = [(row, column) for row in (20, 90, 160) for column in (20, 90, 160, 230)]
"""Of twelve buildings of 40 x 30 pixels."""
GONE, HALF, CLOUDED = CORNERS[1], CORNERS[6], CORNERS[11]


def town(*, damaged: bool = False) -> np.ndarray:
    """Twelve bright buildings on dark ground, (3, 230, 300) uint8; one of them gone, of one the upper half."""
    values = np.random.default_rng(0).normal(50, 4, (3, 230, 300))
    for row, column in CORNERS:
        first = row + 20 if damaged and (row, column) == HALF else row
        if not (damaged and (row, column) == GONE):
            values[:, first : row + 40, column : column + 30] += 100
    return np.clip(values, 1, 255).astype(np.uint8)


def change(folder: Path, before: Path, after: Path) -> tuple[Damage, geopandas.GeoDataFrame]:
    maps = [map_scene(Blur(), scene, folder / name, **SMALL) for name, scene in (("b", before), ("a", after))]
    found = mark_damage(maps[0], maps[1], folder / "town_damage.gpkg")
    return found, geopandas.read_file(found.path)


def at(footprints: geopandas.GeoDataFrame, place: tuple[int, int]) -> geopandas.GeoSeries:
    """The footprint of the building at a row and column."""
    x, y = UTM["transform"] * (place[1] + 15, place[0] + 20)
    return footprints.iloc[int(footprints.distance(geopandas.points_from_xy([x], [y])[0]).argmin())]


def same_grid(values: np.ndarray, path: Path) -> Path:
    return save(path, values, nodata=0, **UTM)


def finer(values: np.ndarray, path: Path) -> Path:
    """At 0.25 m a pixel in place of 0.5."""
    large = values.repeat(2, axis=1).repeat(2, axis=2)
    return save(path, large, nodata=0, crs=UTM["crs"], transform=UTM["transform"] * rasterio.Affine.scale(0.5))


def other_system(values: np.ndarray, path: Path) -> Path:
    """In Web Mercator, a little larger."""
    from rasterio.warp import calculate_default_transform

    left, top = UTM["transform"] * (0, 0)
    right, bottom = UTM["transform"] * (300, 230)
    place, width, height = calculate_default_transform(UTM["crs"], "EPSG:3857", 300, 230, left, bottom, right, top)
    moved = np.zeros((3, height, width), np.uint8)
    reproject(
        values, moved, src_transform=UTM["transform"], src_crs=UTM["crs"], dst_transform=place, dst_crs="EPSG:3857"
    )
    return save(path, moved, nodata=0, crs="EPSG:3857", transform=place)


@pytest.mark.parametrize("form", [same_grid, finer, other_system])
def test_footprints_tell_how_much_of_them_is_lost(tmp_path: Path, form: Callable[[np.ndarray, Path], Path]) -> None:
    """On one grid, at another resolution, in another reference system; where there is no data nothing is said."""
    later = town(damaged=True)
    later[:, CLOUDED[0] - 5 :, CLOUDED[1] - 5 :] = 0
    before, after = same_grid(town(), tmp_path / "before.tif"), form(later, tmp_path / "after.tif")
    found, footprints = change(tmp_path, before, after)
    assert found.counts == {"kept": 9, "partly lost": 1, "lost": 1, "not seen": 1}
    assert at(footprints, GONE)["damage"] == "lost"
    assert at(footprints, GONE)["share_lost"] > 0.95
    assert at(footprints, HALF)["damage"] == "partly lost"
    assert at(footprints, HALF)["share_lost"] == pytest.approx(0.5, abs=0.06)
    assert at(footprints, CLOUDED)["damage"] == "not seen"
    kept = footprints[footprints["damage"] == "kept"]
    assert kept["share_lost"].max() < 0.1
    assert {"class_name", "area_m2", "mean_probability", "share_seen"} <= set(footprints.columns)
    assert str(footprints.crs) == UTM["crs"]
    assert found.lines()[0].startswith(
        "town_damage.gpkg: of 12 footprints 1 are lost, 1 partly lost, 9 kept, 1 not seen; lost is what the network no "
        "longer calls by its class"
    )


def test_nothing_is_lost_of_a_scene_that_did_not_change(tmp_path: Path) -> None:
    scene = same_grid(town(), tmp_path / "scene.tif")
    found, footprints = change(tmp_path, scene, scene)
    assert found.counts["kept"] == 12
    assert footprints["share_lost"].max() < 0.05
    assert found.shift_px == (0, 0)


@pytest.mark.parametrize("apart", [(0.0, 6.0), (-5.0, 3.0)])
def test_scenes_that_do_not_lie_on_each_other_are_told_in_the_first_line(
    tmp_path: Path, apart: tuple[float, float]
) -> None:
    moved = shifted_values(town().astype(float), (0, *apart), order=1, mode="nearest").astype(np.uint8)
    before, after = same_grid(town(), tmp_path / "before.tif"), same_grid(moved, tmp_path / "after.tif")
    found, _ = change(tmp_path, before, after)
    assert found.shift_px == pytest.approx(apart, abs=0.3)
    line = found.lines()[0]
    assert line.startswith(f"careful: the scenes lie {np.hypot(*found.shift_px):.1f} pixels apart")
    assert "shares lost are too high" in line


def test_where_nothing_is_on_the_maps_no_shift_can_be_told(tmp_path: Path) -> None:
    empty = same_grid(np.full((3, 230, 300), 50, np.uint8), tmp_path / "empty.tif")
    found, footprints = change(tmp_path, empty, empty)
    assert found.shift_px is None
    assert len(footprints) == 0
    assert found.lines()[0].startswith("careful: too little is on both maps")
    with open_raster(empty) as raster:
        assert shift_between(raster, raster) is None


def test_the_same_call_finds_it_done_and_another_is_refused(tmp_path: Path) -> None:
    before = same_grid(town(), tmp_path / "before.tif")
    after = same_grid(town(damaged=True), tmp_path / "after.tif")
    found, _ = change(tmp_path, before, after)
    stamp = found.path.stat().st_mtime_ns
    assert change(tmp_path, before, after)[0] == found
    assert found.path.stat().st_mtime_ns == stamp
    maps = [map_scene(Blur(), before, tmp_path / name, **SMALL) for name in ("b", "c")]
    with pytest.raises(UserError, match="made from something else"):
        mark_damage(maps[0], maps[1], found.path)


def test_shares_become_classes() -> None:
    shares = [(0.0, 1.0), (0.33, 1.0), (0.34, 1.0), (0.66, 1.0), (0.67, 1.0), (1.0, 0.49), (float("nan"), 0.0)]
    assert [damage_of(*share) for share in shares] == [
        "kept", "kept", "partly lost", "partly lost", "lost", "not seen", "not seen",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("after", "line"),
    [
        ({"crs": "EPSG:32645", "transform": rasterio.Affine(0.5, 0, 900_000, 0, -0.5, 3_060_000)}, "the same ground"),
        ({}, "does not say where it lies, the other scene does"),
    ],
)
def test_scenes_of_other_ground_are_refused_in_a_line(tmp_path: Path, after: dict[str, object], line: str) -> None:
    earlier, later = same_grid(town(), tmp_path / "before.tif"), save(tmp_path / "after.tif", town(), **after)
    with pytest.raises(UserError, match=line) as error:
        check_pair(earlier, later)
    assert "\n" not in str(error.value)


def test_plain_pictures_need_one_size(tmp_path: Path) -> None:
    small, large = save(tmp_path / "small.tif", town()[:, :200, :230]), save(tmp_path / "large.tif", town())
    check_pair(large, large)
    with pytest.raises(UserError, match="do not show the same ground"):
        check_pair(large, small)


def test_footprints_of_plain_pictures_come_without_a_word_of_python(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    before, after = save(tmp_path / "before.tif", town()), save(tmp_path / "after.tif", town(damaged=True))
    found, footprints = change(tmp_path, before, after)
    assert found.counts["lost"] == 1 and len(footprints) == len(CORNERS)
    assert "'crs' was not provided" not in "".join(str(each.message) for each in recwarn)
