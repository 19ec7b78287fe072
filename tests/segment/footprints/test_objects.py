"""Objects that touch are told apart where they are narrow, the same whichever rows come at once."""

from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.features import rasterize
from scipy import ndimage

from limner.foundation.errors import UserError
from limner.segment.footprints.blocks import agreed
from limner.segment.footprints.objects import fill_holes, join_wide_necks, split
from limner.segment.footprints.options import AS_MEASURED, FootprintOptions, Splitting
from limner.segment.footprints.polygons import valid_polygons, write_polygons
from limner.segment.footprints.regions import find_regions
from limner.segment.footprints.rings import with_corner_at_every_pixel
from limner.segment.footprints.simplifying import simplified

USUAL = AS_MEASURED.splitting(0.15, classes=2)
UTM = {"crs": "EPSG:32645", "transform": rasterio.Affine(0.15, 0, 350_000, 0, -0.15, 3_060_000)}


def save(path: Path, plane: np.ndarray, **options: object) -> Path:
    height, width = plane.shape
    with rasterio.open(
        path, "w", driver="GTiff", height=height, width=width, count=1, dtype=plane.dtype, **options
    ) as dataset:
        dataset.write(plane, 1)
    return path


def houses(size: int = 400, seed: int = 0) -> np.ndarray:
    """Rectangles in rows, joined by doors a few pixels wide, (size, size) bool."""
    mask = np.zeros((size, size), bool)
    draw = np.random.default_rng(seed)
    for row in range(20, size - 60, 66):
        column = 10
        while column < size - 60:
            height, width = draw.integers(30, 56), draw.integers(34, 70)
            mask[row : row + height, column : column + width] = True
            mask[row + 10 : row + 20, column + width : column + width + 8] = True  # the door to the next
            column += width + 8
    return mask


def test_two_roofs_with_a_neck_are_two_and_one_long_roof_is_one() -> None:
    mask = np.zeros((80, 260), bool)
    mask[10:50, 10:60] = mask[20:28, 60:70] = mask[10:50, 70:120] = True  # two with a neck of 8 px
    mask[60:74, 10:250] = True  # a long one of one width, which has many peaks
    labels, _ = split(mask, USUAL)
    assert labels[30, 20] != labels[30, 100]
    assert len(np.unique(labels[62:72, 14:246])) == 1
    assert len(np.unique(labels)) == 4


def test_labels_agree_where_more_than_half_of_the_smaller_one_is_shared() -> None:
    one, other = np.array([[1, 1, 1, 2, 2, 0]]), np.array([[4, 4, 5, 5, 5, 6]])
    assert agreed(one, other).tolist() == [[1, 4], [2, 5]]
    assert agreed(one, np.zeros_like(one)).tolist() == []


def test_necks_as_wide_as_the_parts_are_no_necks() -> None:
    parts = np.array([[1, 1, 2, 2, 3, 3]])
    distance = np.array([[2.0, 1.9, 1.9, 2.0, 0.5, 3.0]])
    heights = np.array([0.0, 2.0, 2.0, 3.0])
    joined = join_wide_necks(parts, distance, heights, neck=0.9)
    assert joined[0, 0] == joined[0, 3] != joined[0, 5]
    assert len(np.unique(join_wide_necks(parts, distance, heights, neck=0.2))) == 1
    assert len(np.unique(join_wide_necks(parts, distance, heights, neck=1.0))) == 3


def test_small_holes_are_filled_and_large_ones_stay() -> None:
    mask = np.ones((40, 40), bool)
    mask[0] = mask[:, 0] = False
    mask[5:8, 5:8] = mask[15:30, 15:30] = False
    filled = fill_holes(mask, 9)
    assert filled[6, 6] and not filled[20, 20] and not filled[0, 0]
    assert fill_holes(mask, 0) is mask


@pytest.mark.parametrize("block", [400 * 60, 400 * 97, 400 * 400])
def test_the_height_of_the_blocks_decides_nothing(tmp_path: Path, block: int) -> None:
    classes = houses().astype(np.uint8)
    how = Splitting(opening_px=1, smoothing_px=1, distance_px=2, neck=0.8, hole_px=20)
    paths = save(tmp_path / "c.tif", classes), save(tmp_path / "p.tif", np.full(classes.shape, 0.7, np.float32))
    whole, _ = split(classes == 1, how)
    expected = {(int(area)) for area in np.bincount(whole.ravel())[1:] if area >= 50}
    found = list(find_regions(*paths, {1: 1}, minimum_area_px=50, block_pixels=block, splitting=how))
    assert len(found) == len([area for area in np.bincount(whole.ravel())[1:] if area >= 50])
    assert {region.area_px for region in found} == expected
    burned = rasterize([shape for region in found for shape in region.outlines()], classes.shape)
    kept = np.isin(whole, np.flatnonzero(np.bincount(whole.ravel()) >= 50)[1:])
    np.testing.assert_array_equal(burned > 0, kept)
    assert all(region.mean_probability == pytest.approx(0.7, abs=1e-6) for region in found)


def test_unknown_ground_is_never_filled_in(tmp_path: Path) -> None:
    classes = np.ones((60, 60), np.uint8)
    classes[0] = classes[-1] = classes[:, 0] = classes[:, -1] = 0
    classes[20:23, 20:23] = 255
    classes[40:43, 40:43] = 0
    paths = save(tmp_path / "c.tif", classes, nodata=255), save(tmp_path / "p.tif", np.ones((60, 60), np.float32))
    how = Splitting(0, 0, 3, 0.9, 30)
    (region,) = find_regions(*paths, {1: 1}, 1, splitting=how)
    assert region.area_px == 58 * 58 - 9


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([1.0, 2.5, 4.0]))
def test_simplified_neighbors_share_their_borders_and_stay_valid(seed: int, tolerance: float) -> None:
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(60, 60)), 2)
    labels, _ = split(noise > -0.05, Splitting(0, 1, 3, 0.9, 9))
    found = [
        shapely.geometry.shape(geometry)
        for geometry, value in rasterio.features.shapes(labels.astype(np.int32), mask=labels > 0)
    ]
    outlines = np.array(found, object)
    shapes = simplified(outlines, tolerance)
    assert shapely.is_valid(shapes).all() and not shapely.is_empty(shapes).any()
    overlaps = [
        shapely.area(shapely.intersection(shapes[a], shapes[b]))
        for a, b in shapely.STRtree(shapes).query(shapes, predicate="overlaps").T
        if a < b
    ]
    assert sum(overlaps) < 1e-6
    dense = [shapely.get_num_coordinates(with_corner_at_every_pixel(one)) for one in found]
    assert shapely.get_num_coordinates(shapes).sum() < sum(dense)


def test_rings_that_cross_are_taken_apart() -> None:
    bow = shapely.Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])
    square = shapely.box(5, 5, 6, 6)
    line = shapely.Polygon([(0, 0), (1, 1), (2, 2)])
    owners, shapes = valid_polygons(np.array([bow, square, line], object))
    assert owners.tolist() == [0, 0, 1]
    assert shapely.is_valid(shapes).all() and shapely.area(shapes).sum() == pytest.approx(3)
    assert shapes[2].equals(square)


@pytest.mark.parametrize("suffix", ["gpkg", "geojson"])
def test_every_polygon_that_is_written_is_valid(tmp_path: Path, suffix: str) -> None:
    noise = ndimage.gaussian_filter(np.random.default_rng(3).normal(size=(300, 300)), 1.2)
    classes = save(tmp_path / "c.tif", (noise > 0).astype(np.uint8), nodata=255, **UTM)
    probability = save(tmp_path / "p.tif", np.full((300, 300), 0.6, np.float32), **UTM)
    count = write_polygons(
        tmp_path / f"p.{suffix}", classes, probability, {1: 1}, ("background", "building"), layer="p",
        minimum_area_px=4, splitting=USUAL,
    )  # fmt: skip
    frame = geopandas.read_file(tmp_path / f"p.{suffix}")
    assert len(frame) == count > 20
    assert frame.is_valid.all() and (frame.geom_type == "Polygon").all() and (frame["area_m2"] > 0).all()


def test_meters_become_pixels() -> None:
    options = FootprintOptions(minimum_area_m2=9, fill_holes_m2=4, opening_m=1, distance_m=3)
    assert options.minimum_px(0.5) == 36 and options.minimum_px(None) == 16
    how = options.splitting(0.5, classes=2)
    assert (how.opening_px, how.distance_px, how.hole_px) == (2, 6, 16)
    assert options.splitting(0.5, classes=3) is None and options.splitting(None, classes=2) is None
    assert FootprintOptions(split="yes").splitting(None, classes=3) is not None
    assert FootprintOptions(split="no").splitting(0.5, classes=2) is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"minimum_area_px": -1}, "minimum_area_px is -1; needed: 0 or more pixels"),
        ({"simplify_px": -0.5}, "simplify_px is -0.5"),
        ({"minimum_area_m2": float("nan")}, "minimum_area_m2 is nan; needed: 0 or more square meters"),
        ({"distance_m": -2.0}, "distance_m is -2"),
        ({"neck": 1.5}, "neck is 1.5; needed: a share"),
        ({"split": "maybe"}, "split is 'maybe'; needed: auto, yes or no"),
    ],
)
def test_options_that_cannot_be_are_refused(options: dict, words: str) -> None:
    with pytest.raises(UserError, match=words):
        FootprintOptions(**options)
