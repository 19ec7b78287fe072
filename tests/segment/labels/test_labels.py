"""Masks and polygons become class numbers; what nobody labelled is 255."""

from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from rasterio.transform import Affine

from limner.foundation.errors import UserError
from limner.scenes.rasters import Raster, open_raster
from limner.scenes.windows import Window
from limner.segment.labels.forms import LabelForm, decide_form
from limner.segment.labels.masks import MaskContent, mask_content
from limner.segment.labels.reader import LabelReader
from limner.segment.labels.vector_files import open_layer
from limner.segment.labels.vectors import drawn, drawn_around, read_polygons

HEIGHT, WIDTH = 60, 50
BINARY = LabelForm.of_binary()
# Half a meter a pixel, turned by 20 degrees: nothing works by the luck of rows that run west to east.
TURNED = Affine.translation(500_000, 100_000) @ Affine.rotation(20) @ Affine.scale(0.5, -0.5)
WHOLE = Window(0, 0, HEIGHT, WIDTH)
TRIANGLE = shapely.Polygon([(5, 6), (21, 9), (9, 27)])  # in columns and rows
DONUT = shapely.Point(30.3, 40.2).buffer(9).difference(shapely.Point(30.3, 40.2).buffer(4))


@dataclass(frozen=True)
class Picture:
    image: Path
    labels: Path | None
    within: Path | None = None
    annotated: tuple[Window, ...] | None = None

    def open(self) -> Raster:
        return open_raster(self.image)


def write(path: Path, values: np.ndarray, colors: dict | None = None, **profile: object) -> Path:
    values = values if values.ndim == 3 else values[None]
    driver = "PNG" if path.suffix == ".png" else "GTiff"
    shape = {"count": len(values), "height": values.shape[1], "width": values.shape[2]}
    with rasterio.open(path, "w", driver=driver, dtype=values.dtype, **shape, **profile) as file:
        file.write(values)
        if colors:
            file.write_colormap(1, colors)
    return path


def scene(folder: Path) -> Path:
    return write(folder / "scene.tif", np.ones((HEIGHT, WIDTH), np.uint8), crs="EPSG:32636", transform=TURNED)


def polygons(path: Path, *shapes: shapely.Geometry, crs: str = "EPSG:32636") -> Path:
    """Shapes given in columns and rows of the scene, written on the ground."""
    matrix = np.array([[TURNED.a, TURNED.b], [TURNED.d, TURNED.e]])
    placed = [shapely.transform(shape, lambda xy: xy @ matrix.T + (TURNED.c, TURNED.f)) for shape in shapes]
    geopandas.GeoDataFrame(geometry=placed, crs="EPSG:32636").to_crs(crs).to_file(path)
    return path


def by_three_loops(shapes: list, ring_px: float | None, within: shapely.Geometry | None = None) -> np.ndarray:
    """Pixel by pixel: 1 where the center is inside, 0 on the annotated ground, else 255."""
    labels = np.full((HEIGHT, WIDTH), 255, np.uint8)
    for row in range(HEIGHT):
        for column in range(WIDTH):
            center = shapely.Point(column + 0.5, row + 0.5)
            for shape in shapes:
                if ring_px is not None and shape.distance(center) <= ring_px and labels[row, column] == 255:
                    labels[row, column] = 0
                if shape.contains(center):
                    labels[row, column] = 1
            if within is not None:
                outside = not within.contains(center)
                labels[row, column] = 255 if outside else int(labels[row, column] == 1)
    return labels


def numbers_of(*values: int) -> MaskContent:
    return MaskContent(frozenset(values), None)


def test_binary_masks_become_zero_and_one(tmp_path):
    mask = write(tmp_path / "m.png", np.array([[0, 255], [255, 0]], np.uint8))
    assert LabelReader(BINARY).read(Picture(mask, mask), Window(0, 0, 2, 2)).tolist() == [[0, 1], [1, 0]]


def test_class_numbers_stay_and_255_is_ignored(tmp_path):
    mask = write(tmp_path / "m.png", np.array([[0, 1], [2, 255]], np.uint8))
    reader = LabelReader(LabelForm.of_numbers(("a", "b", "c")))
    assert reader.read(Picture(mask, mask), Window(0, 0, 2, 2)).tolist() == [[0, 1], [2, 255]]
    with pytest.raises(UserError, match=r"m\.png: a mask with the value 2; there are 2 classes"):
        LabelReader(LabelForm.of_numbers(("a", "b"))).read(Picture(mask, mask), Window(0, 0, 2, 2))


def test_nodata_of_a_mask_is_ignored_and_no_value_of_it(tmp_path):
    mask = write(tmp_path / "m.tif", np.array([[0, 255, 127]], np.uint8), nodata=127)
    assert mask_content(mask).numbers == {0, 255}
    assert LabelReader(BINARY).read(Picture(mask, mask), Window(0, 0, 1, 3)).tolist() == [[0, 1, 255]]


def test_a_palette_mask_is_read_by_its_numbers(tmp_path):
    colors = {0: (9, 9, 9), 1: (200, 0, 0), 2: (0, 200, 0), 3: (1, 2, 3)}
    mask = write(tmp_path / "m.png", np.array([[0, 1], [2, 1]], np.uint8), colors)
    assert mask_content(mask).numbers == {0, 1, 2}
    reader = LabelReader(LabelForm.of_numbers(("a", "b", "c")))
    window = Window(-1, 0, 3, 3)
    assert reader.read(Picture(mask, mask), window).tolist() == [[255] * 3, [0, 1, 255], [2, 1, 255]]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.array([[0, 300]], np.uint16), "with the value 300"),
        (np.array([[0, -1]], np.int16), "with the value -1"),
        (np.array([[0, 0.5]], np.float32), "with the value 0.5"),
        (np.zeros((4, 2, 2), np.uint16), "a mask of 4 bands; needed is one band, or three of color"),
    ],
)
def test_masks_of_other_numbers_or_colors_are_refused(tmp_path, values, message):
    with pytest.raises(UserError, match=message):
        mask_content(write(tmp_path / "m.tif", values))


def test_whole_numbers_of_any_type_are_classes(tmp_path):
    for kind in ("uint16", "int16", "float32", "float64"):
        content = mask_content(write(tmp_path / f"{kind}.tif", np.array([[0, 4, 255]], kind)))
        assert content.numbers == {0, 4, 255}


def test_more_than_two_names_mean_class_numbers_even_where_masks_hold_only_0_and_255():
    values = {Path("a.png"): numbers_of(0, 255)}
    assert decide_form(values, ("land", "roof")) == LabelForm.of_binary(("land", "roof"))
    assert decide_form(values, ("land", "roof", "road")) == LabelForm.of_numbers(("land", "roof", "road"))
    assert decide_form({}).binary


def test_masks_of_0_and_255_in_one_folder_and_class_numbers_in_another_are_refused():
    binary, numbers = Path("east/a.png"), Path("west/b.png")
    one, other = numbers_of(0, 255), numbers_of(0, 1)
    with pytest.raises(UserError, match=r"^east/a\.png reads as 0/255, west/b\.png as class numbers, .* one form$"):
        decide_form({Path("east/none.png"): numbers_of(0), binary: one, numbers: other})
    assert not decide_form({Path("west/a.png"): one, numbers: other}).binary  # one folder speaks one way
    assert not decide_form({binary: numbers_of(255), numbers: other}).binary  # nothing but ignored ground


@pytest.mark.parametrize("crs", ["EPSG:32636", "EPSG:4326"])
@pytest.mark.parametrize("ring_px", [0, 6])
def test_polygons_and_their_ring_agree_with_a_pixel_by_pixel_reference(tmp_path, crs, ring_px):
    labels = polygons(tmp_path / "l.gpkg", TRIANGLE, DONUT, crs=crs)
    found = LabelReader(BINARY, ring_px=ring_px).read(Picture(scene(tmp_path), labels), WHOLE)
    expected = by_three_loops([TRIANGLE, DONUT], ring_px)
    # The rounded corner of a ring is drawn by eight chords: a few pixels at its rim may differ, none inside.
    assert np.count_nonzero(found != expected) <= (6 if ring_px else 0)
    np.testing.assert_array_equal(found == 1, expected == 1)


def test_within_says_which_ground_is_annotated(tmp_path):
    ground = shapely.box(3.2, 4.2, 40.1, 41.7)
    within = polygons(tmp_path / "w.gpkg", ground)
    labels = polygons(tmp_path / "l.gpkg", TRIANGLE, DONUT)
    found = LabelReader(BINARY, ring_px=2).read(Picture(scene(tmp_path), labels, within), WHOLE)
    np.testing.assert_array_equal(found, by_three_loops([TRIANGLE, DONUT], None, ground))
    mask = write(tmp_path / "m.png", np.full((HEIGHT, WIDTH), 255, np.uint8))
    found = LabelReader(BINARY).read(Picture(scene(tmp_path), mask, within), WHOLE)
    np.testing.assert_array_equal(found, np.where(by_three_loops([], None, ground) == 0, 1, 255))


def test_annotated_windows_limit_masks_and_polygons_too(tmp_path):
    windows = (Window(3, 4, 10, 20), Window(8, 20, 30, 30), Window(55, 0, 99, 5))
    inside = np.zeros((HEIGHT, WIDTH), bool)
    for window in windows:
        inside[window.slices] = True
    image = scene(tmp_path)
    mask = write(tmp_path / "m.png", np.full((HEIGHT, WIDTH), 255, np.uint8))
    vector = polygons(tmp_path / "l.gpkg", TRIANGLE, DONUT)
    reader = LabelReader(BINARY)
    for labels in (mask, vector):
        whole = reader.read(Picture(image, labels), WHOLE)
        found = reader.read(Picture(image, labels, annotated=windows), WHOLE)
        np.testing.assert_array_equal(found, np.where(inside, whole, 255))
    assert (reader.read(Picture(image, mask, annotated=()), WHOLE) == 255).all()


@pytest.fixture(scope="module")
def labelled(tmp_path_factory):
    folder = tmp_path_factory.mktemp("labelled")
    values = np.random.default_rng(0).integers(0, 2, (HEIGHT, WIDTH)).astype(np.uint8) * 255
    image = scene(folder)
    within = polygons(folder / "w.gpkg", shapely.box(-10, 4, 70, 41))
    vector = polygons(folder / "l.gpkg", TRIANGLE, DONUT)
    mask = write(folder / "m.tif", values, nodata=127)
    pictures = [Picture(image, vector), Picture(image, vector, within), Picture(image, mask), Picture(image, None)]
    reader = LabelReader(BINARY, ring_px=5)
    return reader, [(picture, reader.read(picture, WHOLE)) for picture in pictures]


@settings(max_examples=40, deadline=None)
@given(st.integers(-20, 70), st.integers(-20, 60), st.integers(1, 50), st.integers(1, 50))
def test_a_window_is_that_part_of_the_whole_and_ignored_beyond_the_picture(labelled, row, column, height, width):
    reader, wholes = labelled
    window = Window(row, column, height, width)
    for picture, whole in wholes:
        around = np.pad(whole, 100, constant_values=255)
        expected = around[row + 100 : row + 100 + height, column + 100 : column + 100 + width]
        np.testing.assert_array_equal(reader.read(picture, window), expected)


def test_invalid_polygons_are_mended_and_what_has_no_area_is_skipped(tmp_path):
    bow_tie = shapely.Polygon([(5, 5), (15, 15), (15, 5), (5, 15)])
    labels = polygons(tmp_path / "l.gpkg", bow_tie, shapely.Point(3, 3), shapely.LineString([(0, 0), (9, 9)]))
    with rasterio.open(scene(tmp_path)) as file:
        found = read_polygons(open_layer(labels), file.crs)
    assert (found.count, found.skipped, found.mended) == (1, {"point": 1, "open line": 1}, 1)
    mask = LabelReader(BINARY, ring_px=0).read(Picture(scene(tmp_path), labels), WHOLE)
    assert np.count_nonzero(mask == 1) == pytest.approx(50, abs=12)


def test_polygons_that_lie_on_no_picture_are_refused(tmp_path):
    picture = scene(tmp_path)
    for shift, lies_there in ((0, True), (200, False)):
        labels = polygons(tmp_path / f"{shift}.gpkg", shapely.affinity.translate(TRIANGLE, shift))
        reader = LabelReader(BINARY)
        if lies_there:
            reader.check_place([Picture(picture, labels)])
        else:
            with pytest.raises(UserError, match="none of its polygons lies on"):
                reader.check_place([Picture(picture, labels)])
            assert (reader.read(Picture(picture, labels), WHOLE) == 255).all()


def test_ground_around_polygons_is_the_same_told_by_a_point_as_drawn() -> None:
    generator = np.random.default_rng(5)
    places = generator.uniform(-60, 160, (40, 2))
    shapes = shapely.box(*places.T, *(places + generator.uniform(2, 30, (40, 2))).T)
    shares = []
    for reach_px in (1, 20, 60, 500):
        for shape in shapes:
            window = Window(*generator.integers(0, 80, 2).tolist(), 16, 24)
            buffered = drawn(shapely.buffer(np.array([shape]), reach_px), window)
            np.testing.assert_array_equal(drawn_around(np.array([shape]), window, reach_px), buffered)
            shares.append(float(buffered.mean()))
    assert {0.0, 1.0} < set(shares)  # windows that lie wholly around a polygon, that have nothing of it, and others
    assert not drawn_around(shapes[:0], Window(0, 0, 4, 4), 500).any()
