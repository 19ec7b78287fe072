"""Data sets are found as they lie, and whatever does not fit is named in one line."""

import os
import shutil
from pathlib import Path

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
from rasterio.transform import from_origin

from changing import change_pixel, keep_times
from limner.foundation.errors import UserError
from limner.segment.data.areas import find_data, fingerprint, survey
from limner.segment.labels.reading import Reading

EAST, NORTH = 500_000, 100_000  # the upper left corner of georeferenced pictures, EPSG:32636, half a meter a pixel
HERE = shapely.box(EAST + 2, NORTH - 12, EAST + 10, NORTH - 4)


def write(path: Path, bands: int = 3, height: int = 40, width: int = 30, value: int = 7, **profile: object) -> Path:
    """A picture of one value (or, of one band, a mask with a square of it)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    driver = {".png": "PNG", ".jpg": "JPEG"}.get(path.suffix, "GTiff")
    values = np.full((bands, height, width), value if bands > 1 else 0)
    values[:, 5:15, 5:15] = value
    profile = {"dtype": "uint8", **profile}
    with rasterio.open(path, "w", driver=driver, height=height, width=width, count=bands, **profile) as file:
        file.write(values.astype(profile["dtype"]))
    return path


def on_ground(**profile: object) -> dict:
    return {"crs": "EPSG:32636", "transform": from_origin(EAST, NORTH, 0.5, 0.5), **profile}


def write_polygons(path: Path, *shapes: shapely.Geometry, crs: str | None = "EPSG:32636") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    geopandas.GeoDataFrame(geometry=list(shapes), crs=crs).to_file(path)
    return path


def write_area(folder: Path, names: tuple[str, ...] = ("a", "b"), value: int = 255) -> Path:
    for name in names:
        write(folder / "images" / f"{name}.jpg")
        write(folder / "masks" / f"{name}.png", 1, value=value)
    return folder


def test_a_folder_of_pictures_and_masks_is_one_area(tmp_path):
    data = find_data([write_area(tmp_path / "town")])
    (area,) = data.areas
    assert (area.name, [chip.image.name for chip in area.chips]) == ("town", ["a.jpg", "b.jpg"])
    assert [chip.labels.name for chip in area.chips if chip.labels] == ["a.png", "b.png"]
    assert (data.channels, data.dtype, data.ground_m, data.form.binary) == (3, "uint8", None, True)
    assert (area.chips[0].height, area.chips[0].width) == (40, 30)


def test_a_folder_of_areas_is_read_in_the_order_of_names_and_other_folders_are_left_alone(tmp_path):
    for name in ("south", "north"):
        write_area(tmp_path / name)
    (tmp_path / "notes").mkdir()
    (tmp_path / "readme.md").write_text("hello")
    assert [area.name for area in find_data([tmp_path]).areas] == ["north", "south"]


def test_joined_areas_of_one_name_are_told_apart(tmp_path):
    paths = [write_area(tmp_path / country / "town") for country in ("nepal", "uganda")]
    data = find_data(paths)
    assert [area.name for area in data.areas] == ["town", "town-2"]
    assert [chip.area for chip in data.chips] == ["town", "town", "town-2", "town-2"]


def test_masks_outrank_a_vector_file(tmp_path):
    area = write_area(tmp_path / "town")
    write_polygons(area / "buildings.geojson", HERE)
    assert {chip.labels.suffix for chip in find_data([area]).chips if chip.labels} == {".png"}


@pytest.mark.parametrize("name", ["labels.geojson", "buildings.gpkg", "footprints.shp"])
def test_a_vector_file_labels_the_pictures_of_its_area(tmp_path, name):
    write(tmp_path / "town/images/a.tif", **on_ground())
    vector = write_polygons(tmp_path / "town" / name, HERE)
    data = find_data([tmp_path])
    assert [chip.labels for chip in data.chips] == [vector]
    assert data.class_names == ("background", "object")


def test_a_file_called_labels_outranks_other_vector_files(tmp_path):
    write(tmp_path / "images/a.tif", **on_ground())
    write_polygons(tmp_path / "roads.gpkg", HERE)
    vector = write_polygons(tmp_path / "labels.gpkg", HERE)
    assert find_data([tmp_path]).chips[0].labels == vector


def test_a_single_scene_goes_with_polygons_or_a_mask(tmp_path):
    scene = write(tmp_path / "scene.tif", 4, dtype="uint16", value=3000, **on_ground())
    vector = write_polygons(tmp_path / "buildings.gpkg", HERE)
    mask = write(tmp_path / "mask.tif", 1)
    for labels in (vector, mask):
        data = find_data([scene], Reading(labels=labels, within=vector))
        (chip,) = data.chips
        assert (chip.area, chip.labels, chip.within) == ("scene", labels, vector)
        assert (data.channels, data.dtype) == (4, "uint16")
        assert data.ground_m == pytest.approx(0.5, rel=1e-3)


def test_a_picture_without_a_mask_is_kept_unlabelled_and_noted(tmp_path):
    area = write_area(tmp_path / "town")
    write(area / "images/c.jpg")
    write(area / "masks/d.png", 1)
    found = survey([area], Reading())
    assert found.data is not None
    assert [chip.labels is None for chip in found.data.chips] == [False, False, True]
    assert found.problems == ()
    assert found.notes == (
        "town: c.jpg without a mask, not learned from",
        "town: d.png in masks/ without a picture, not used",
    )


@pytest.mark.parametrize(
    ("values", "names", "binary"),
    [
        ((255, 255), ("background", "object"), True),
        ((1, 1), ("background", "object"), False),
        ((1, 3), ("class 0", "class 1", "class 2", "class 3"), False),
    ],
)
def test_the_form_of_masks_is_decided_over_all_of_them(tmp_path, values, names, binary):
    for number, value in enumerate(values):
        write_area(tmp_path / f"area{number}", value=value)
    data = find_data([tmp_path])
    assert (data.class_names, data.form.binary) == (names, binary)


def test_within_an_area_255_means_ignore_as_soon_as_one_mask_holds_class_numbers(tmp_path):
    area = write_area(tmp_path / "town", names=("a",), value=255)
    write_area(area, names=("b",), value=1)
    data = find_data([area])
    assert (data.class_names, data.form.binary) == (("background", "object"), False)


@pytest.mark.parametrize("names", [None, ("land", "roof"), ("land", "roof", "road")])
def test_an_area_of_0_and_255_is_refused_beside_one_of_class_numbers(tmp_path, names):
    write_area(tmp_path / "east", value=255)
    write_area(tmp_path / "west", value=1)
    with pytest.raises(UserError) as caught:
        find_data([tmp_path], Reading(classes=names))
    east, west = tmp_path / "east/masks/a.png", tmp_path / "west/masks/a.png"
    assert str(caught.value) == (
        f"{east} reads as 0/255, {west} as class numbers, where 255 is ignored; bring them to one form"
    )


def test_an_area_without_objects_fits_either_form(tmp_path):
    for value, binary in ((255, True), (1, False)):
        root = tmp_path / str(value)
        write_area(root / "empty", value=0)
        write_area(root / "town", value=value)
        assert find_data([root]).form.binary is binary


def test_class_names_are_kept_and_values_beyond_them_named(tmp_path):
    write_area(tmp_path / "town", value=2)
    assert find_data([tmp_path], Reading(classes=("land", "roof", "road"))).class_names == ("land", "roof", "road")
    with pytest.raises(UserError, match=r"a\.png: a mask with the value 2, but there are 2 classes"):
        find_data([tmp_path], Reading(classes=("land", "roof")))


def missing(root: Path) -> None:
    shutil.rmtree(root)


def empty_folder(root: Path) -> None:
    missing(root)
    root.mkdir()


def no_pictures(root: Path) -> None:
    shutil.rmtree(root / "images")
    (root / "images").mkdir()


def pictures_beside(root: Path) -> None:
    (root / "images").rename(root.with_name("moved"))
    shutil.copy(root.with_name("moved") / "a.jpg", root / "a.jpg")


def no_labels(root: Path) -> None:
    shutil.rmtree(root / "masks")


def masks_of_other_names(root: Path) -> None:
    for mask in (root / "masks").iterdir():
        mask.rename(mask.with_name("mask_" + mask.name))


def mask_of_another_size(root: Path) -> None:
    write(root / "masks/a.png", 1, height=50)


def other_bands(root: Path) -> None:
    (root / "images/b.jpg").unlink()
    write(root / "images/b.tif", 4, photometric="MINISBLACK")
    write(root / "images/c.tif", 3)
    write(root / "masks/c.png", 1, value=255)


def other_type(root: Path) -> None:
    other_bands(root)
    write(root / "images/b.tif", 3, dtype="uint16")


def zero_bytes(root: Path) -> None:
    (root / "images/a.jpg").write_bytes(b"")


def not_a_picture(root: Path) -> None:
    (root / "images/a.jpg").write_text("hello")


def colored_mask(root: Path) -> None:
    write(root / "masks/a.png", 3)


def gray_mask(root: Path) -> None:
    write(root / "masks/a.png", 1, value=130)


def big_number(root: Path) -> None:
    (root / "masks/a.png").unlink()
    write(root / "masks/a.tif", 1, value=300, dtype="uint16")


def same_stem(root: Path) -> None:
    write(root / "images/a.tif")


def vectors_without_georeference(root: Path) -> None:
    no_labels(root)
    write_polygons(root / "buildings.gpkg", HERE)


def on_georeferenced(root: Path) -> None:
    shutil.rmtree(root)
    write(root / "images/a.tif", **on_ground())


def vectors_without_crs(root: Path) -> None:
    on_georeferenced(root)
    write_polygons(root / "buildings.gpkg", HERE, crs=None)


def two_vectors(root: Path) -> None:
    on_georeferenced(root)
    write_polygons(root / "roads.gpkg", HERE)
    write_polygons(root / "houses.gpkg", HERE)


def polygons_elsewhere(root: Path) -> None:
    on_georeferenced(root)
    write_polygons(root / "houses.gpkg", shapely.transform(HERE, lambda xy: xy + 1000))


def broken_vector(root: Path) -> None:
    on_georeferenced(root)
    (root / "houses.geojson").write_text("{")


def points(root: Path) -> None:
    on_georeferenced(root)
    write_polygons(root / "houses.gpkg", HERE.centroid)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (missing, r"town: no such file or folder"),
        (empty_folder, r"town: the folder is empty; needed are town/images/\* and town/masks/\*"),
        (no_pictures, r"images: holds no pictures"),
        (pictures_beside, r"town: pictures lie in the folder itself"),
        (no_labels, r"town: pictures without any labels; needed is masks/.*--masks NAME"),
        (masks_of_other_names, r"masks: no mask has the name of a picture \(such as a\)"),
        (mask_of_another_size, r"a\.png: is 50 x 30 pixels, but its picture .*a\.jpg is 40 x 30"),
        (other_bands, r"b\.tif: has 4 bands of uint8, but .*a\.jpg has 3 of uint8"),
        (other_type, r"b\.tif: has 3 bands of uint16, but .*a\.jpg has 3 of uint8"),
        (zero_bytes, r"a\.jpg: the file is empty"),
        (not_a_picture, r"a\.jpg: not a picture that can be read"),
        (colored_mask, r"a\.png: a mask that is a color picture of 1 colors; say what they mean in a classes\.yaml"),
        (gray_mask, r"a\.png: a mask with the value 130; needed is 0/255 or class numbers"),
        (big_number, r"a\.tif: a mask with the value 300"),
        (same_stem, r"images: a\.jpg and a\.tif share one name"),
        (vectors_without_georeference, r"a\.jpg: has no georeference, so the polygons of buildings\.gpkg"),
        (vectors_without_crs, r"buildings\.gpkg: has no coordinate reference system"),
        (two_vectors, r"town: 2 vector files \(houses\.gpkg, roads\.gpkg\)"),
        (polygons_elsewhere, r"houses\.gpkg: none of its polygons lies on a\.tif"),
        (broken_vector, r"houses\.geojson: not a vector file that can be read"),
        (points, r"houses\.gpkg: holds no polygon \(1 feature: 1 point\)"),
    ],
)
@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_what_does_not_fit_is_named_in_one_line(tmp_path, spoil, message):
    root = write_area(tmp_path / "town")
    spoil(root)
    with pytest.raises(UserError, match=message) as caught:
        find_data([root])
    assert "\n" not in str(caught.value)


def test_scenes_and_labels_that_do_not_go_together_are_refused(tmp_path):
    scene = write(tmp_path / "scene.tif", **on_ground())
    vector = write_polygons(tmp_path / "houses.gpkg", HERE)
    mask = write(tmp_path / "mask.tif", 1)
    for paths, labels, within, message in [
        ([scene], None, None, "needs its labels"),
        ([vector], None, None, "is a vector file, not a picture"),
        ([scene], tmp_path / "nothing.gpkg", None, "nothing.gpkg: no such file"),
        ([scene], vector, tmp_path / "nothing.gpkg", "nothing.gpkg: no such file"),
        ([scene], vector, mask, "the annotated ground is given as polygons"),
        ([scene, write(tmp_path / "b.tif")], mask, None, "is one mask, but there are several pictures"),
        ([scene, scene], vector, None, "given twice"),
    ]:
        with pytest.raises(UserError, match=message):
            find_data(paths, Reading(labels=labels, within=within))


def test_a_survey_lists_every_problem_and_keeps_the_rest(tmp_path):
    good, bad = write_area(tmp_path / "good"), write_area(tmp_path / "bad", ("a", "b", "c"))
    zero_bytes(bad)
    write(bad / "masks/b.png", 1, height=50)
    found = survey([tmp_path, tmp_path / "nowhere"], Reading())
    assert [problem.split(": ")[1][:20] for problem in found.problems] == [
        "no such file or fold",
        "the file is empty (0",
        "is 50 x 30 pixels, b",
    ]
    assert found.data is not None
    assert [(area.name, len(area.chips)) for area in found.data.areas] == [("bad", 1), ("good", 2)]
    with pytest.raises(UserError, match="and 2 more: see limner check"):
        find_data([tmp_path, tmp_path / "nowhere"])
    assert find_data([good]).areas[0].name == "good"


def test_the_fingerprint_looks_at_every_file_of_polygons_and_beside_pictures(tmp_path):
    scene, roofs = write(tmp_path / "town.tif", **on_ground()), tmp_path / "roofs.shp"
    shapes = [HERE, shapely.box(EAST + 11, NORTH - 12, EAST + 14, NORTH - 4)]
    geopandas.GeoDataFrame({"kind": ["house", "barn"]}, geometry=shapes, crs="EPSG:32636").to_file(roofs)

    def found() -> str:
        return fingerprint(find_data([scene], Reading(labels=roofs, label_field="kind", target="house")))

    seen, attributes = [found()], roofs.with_suffix(".dbf")
    times, texts = attributes.stat(), attributes.read_bytes()
    swapped = texts.replace(b"house", b"HOUSE").replace(b"barn ", b"house").replace(b"HOUSE", b"barn ")
    assert swapped != texts
    attributes.write_bytes(swapped)
    keep_times(attributes, times)
    seen.append(found())
    Path(f"{scene}.ovr").write_bytes(scene.read_bytes())
    seen.append(found())
    assert len(set(seen)) == 3


def test_the_fingerprint_changes_with_a_file_and_with_nothing_else(tmp_path):
    area = write_area(tmp_path / "town")
    before = fingerprint(find_data([area]))
    assert fingerprint(find_data([area])) == before
    mask = area / "masks/a.png"
    os.utime(mask, ns=(1, 1))
    assert fingerprint(find_data([area])) == before
    change_pixel(mask)
    assert fingerprint(find_data([area])) != before
