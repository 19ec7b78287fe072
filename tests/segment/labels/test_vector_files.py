"""Vector files as people have them: several layers, closed lines, nothing in them, no system or a wrong one."""

import json
import sqlite3
from pathlib import Path

import numpy as np
import pyogrio.raw
import pytest
import rasterio
import shapely

from limner.foundation.errors import UserError
from limner.segment.data.areas import find_data
from limner.segment.data.check import check
from limner.segment.labels.reading import Reading
from limner.segment.labels.vector_files import open_layer
from limner.segment.labels.vectors import read_polygons
from limner.segment.scoring.score import score_files

UTM = "EPSG:32737"
TRANSFORM = rasterio.Affine(0.5, 0, 300_000, 0, -0.5, 9_700_000)
HEIGHT, WIDTH = 90, 120
ROOFS = [(10, 12, 20, 30), (40, 50, 8, 8), (60, 80, 15, 25)]
LOCAL = 'LOCAL_CS["site grid",UNIT["metre",1],AXIS["X",EAST],AXIS["Y",NORTH]]'


def box(row: int, column: int, height: int, width: int) -> shapely.Polygon:
    """Whole pixels of the scene, on the ground."""
    return shapely.box(*(TRANSFORM * (column, row + height)), *(TRANSFORM * (column + width, row)))


SHAPES = [box(*roof) for roof in ROOFS]
ALL = box(0, 0, HEIGHT, WIDTH)


def write(path: Path, shapes: list, crs: str | None = UTM, *, layer: str | None = None, **options) -> Path:
    fields = options.pop("fields", {})
    columns = [np.array(values, object) for values in fields.values()]
    kinds = {shape.geom_type for shape in shapes}
    pyogrio.raw.write(
        path,
        shapely.to_wkb(np.array(shapes, object)),
        columns,
        list(fields),
        crs=crs,
        layer=layer,
        geometry_type=options.pop("geometry_type", kinds.pop() if len(kinds) == 1 else "Unknown"),
        append=path.exists() and layer is not None,
        **options,
    )
    return path


def geojson(path: Path, shapes: list, crs: str | None = None) -> Path:
    system = {} if crs is None else {"crs": {"type": "name", "properties": {"name": crs}}}
    features = [
        {"type": "Feature", "properties": {"kind": "roof"}, "geometry": json.loads(shapely.to_geojson(shape))}
        for shape in shapes
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", **system, "features": features}))
    return path


def truth() -> np.ndarray:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    for row, column, height, width in ROOFS:
        mask[row : row + height, column : column + width] = 1
    return mask


def raster(path: Path, values: np.ndarray, **place) -> Path:
    values = values[None] if values.ndim == 2 else values
    place = place or {"crs": UTM, "transform": TRANSFORM}
    profile = {"driver": "GTiff", "count": len(values), "height": HEIGHT, "width": WIDTH, "dtype": values.dtype}
    with rasterio.open(path, "w", **profile, **place) as file:
        file.write(values)
    return path


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    return raster(tmp_path / "scene.tif", np.random.default_rng(0).integers(1, 250, (3, HEIGHT, WIDTH), np.uint8))


def share_of_objects(scene: Path, labels: Path, **reading) -> float:
    (area,) = check([scene], Reading(labels=labels, **reading)).areas
    return area.class_share["object"]


def test_of_several_layers_the_one_is_named_or_the_file_is_refused(tmp_path, scene):
    path = write(tmp_path / "p.gpkg", [ALL], layer="outline")
    write(path, SHAPES, layer="roofs")
    with pytest.raises(UserError, match=r"p\.gpkg: has several layers \(outline, roofs\); say which with --layer NAME"):
        find_data([scene], Reading(labels=path))
    with pytest.raises(UserError, match=r"has several layers \(outline, roofs\); say which with --within-layer NAME"):
        find_data([scene], Reading(labels=path, layer="roofs", within=path))
    with pytest.raises(UserError, match=r"has no layer 'roof' \(--layer\); its layers are outline, roofs"):
        find_data([scene], Reading(labels=path, layer="roof"))
    found = share_of_objects(scene, path, layer="roofs", within=path, within_layer="outline")
    assert found == pytest.approx(truth().mean())
    map_ = raster(tmp_path / "map.tif", truth())
    reading = Reading(layer="roofs", within_layer="outline")
    assert score_files(map_, path, within=path, reading=reading).pooled.scores().f1 == 1
    with pytest.raises(UserError, match="has several layers"):
        score_files(map_, path)


def test_layers_that_hold_no_polygons_are_no_choice_and_are_told(tmp_path, scene):
    path = write(tmp_path / "p.gpkg", SHAPES, layer="roofs")
    write(path, [shapely.Point(300_001, 9_699_999)], layer="trees")
    write(path, [shapely.LineString([(300_001, 9_699_999), (300_009, 9_699_990)])], layer="roads")
    with sqlite3.connect(path) as database:  # what QGIS adds: a table without geometries
        database.execute("create table layer_styles (id integer primary key, name text)")
        database.execute(
            "insert into gpkg_contents (table_name, data_type, identifier) values "
            "('layer_styles', 'attributes', 'layer_styles')"
        )
    report = check([scene], Reading(labels=path))
    assert report.areas
    assert any("its layer roofs is read, not trees, roads" in line for line in report.warnings)


def test_an_edited_layer_is_looked_at_again(tmp_path):
    path = write(tmp_path / "p.gpkg", SHAPES, layer="roofs")
    assert open_layer(path).features == 3
    path.unlink()
    write(path, SHAPES[:1], layer="huts")
    assert (open_layer(path).features, open_layer(path).name) == (1, "huts")


@pytest.mark.parametrize("suffix", [".gpkg", ".geojson", ".shp"])
def test_closed_lines_are_polygons_and_are_told(tmp_path, scene, suffix):
    lines = [shapely.LineString(shape.exterior.coords) for shape in SHAPES]
    if suffix != ".shp":
        lines[0] = shapely.MultiLineString([lines[0], [(300_000, 9_700_000), (300_001, 9_699_999)]])
    labels = write(tmp_path / f"l{suffix}", lines, geometry_type="LineString" if suffix == ".shp" else "Unknown")
    ground = write(tmp_path / "w.gpkg", [ALL])
    report = check([scene], Reading(labels=labels, within=ground))
    assert report.areas[0].class_share["object"] == pytest.approx(truth().mean())
    assert report.cautions == (f"{labels}: 3 closed lines read as polygons",)
    scored = score_files(raster(tmp_path / "map.tif", truth()), labels, within=ground)
    assert scored.pooled.scores().f1 == 1
    assert scored.to_markdown().startswith(f"Careful: {labels}: 3 closed lines read as polygons")


def test_what_is_left_out_and_what_is_mended_is_counted(tmp_path, scene):
    bow_tie = shapely.Polygon([TRANSFORM * point for point in ((5, 5), (25, 25), (25, 5), (5, 25))])
    open_line = shapely.LineString(SHAPES[0].exterior.coords[:-1])
    shapes = [SHAPES[1], bow_tie, open_line, shapely.Point(300_005, 9_699_990), shapely.Point(300_006, 9_699_990)]
    labels = geojson(tmp_path / "l.geojson", shapes, UTM)
    report = check([scene], Reading(labels=labels))
    assert report.cautions == (f"{labels}: 3 of 5 features left out (1 open line, 2 points)",)
    assert f"{labels}: 1 invalid polygon mended" in report.warnings
    with rasterio.open(scene) as file:
        found = read_polygons(open_layer(labels), file.crs)
    assert (found.count, found.mended, sum(found.skipped.values())) == (2, 1, 3)


def test_overlapping_parts_of_one_feature_are_their_union(tmp_path, scene):
    both = shapely.GeometryCollection([box(10, 10, 20, 20), box(20, 20, 20, 20)])
    labels = geojson(tmp_path / "l.geojson", [both], UTM)
    data = find_data([scene], Reading(labels=labels))
    from limner.scenes.windows import Window

    found = data.reader().read(data.chips[0], Window(0, 0, HEIGHT, WIDTH))
    assert np.count_nonzero(found == 1) == 2 * 20 * 20 - 10 * 10


@pytest.mark.parametrize("name", ["l.geojson", "l.gpkg", "l.shp"])
def test_an_empty_truth_is_a_truth(tmp_path, scene, name):
    labels = tmp_path / name
    if name.endswith(".geojson"):
        geojson(labels, [])
    else:
        write(labels, [], geometry_type="Polygon")
    ground = write(tmp_path / "w.gpkg", [box(0, 0, 50, 60)])
    report = check([scene], Reading(labels=labels, within=ground, label_field="kind", classes=("background", "roof")))
    assert report.areas[0].class_share["background"] == 1
    alarm = np.zeros((HEIGHT, WIDTH), np.uint8)
    alarm[:10, :10] = 1
    scored = score_files(raster(tmp_path / "map.tif", alarm), labels, within=ground)
    assert scored.pooled.cells() == (0, 100, 0, 50 * 60 - 100)
    with pytest.raises(UserError, match=r"is empty, so no ground is annotated"):
        find_data([scene], Reading(labels=ground, within=labels))


@pytest.mark.parametrize("told", [0, 1, 9])
def test_features_are_counted_and_not_taken_from_what_a_database_notes(tmp_path, told):
    # whoever writes a GeoPackage by SQL may leave GDAL's own number behind
    path = write(tmp_path / "l.gpkg", SHAPES, fields={"kind": ["a", "b", "c"]})
    with sqlite3.connect(path) as database:
        database.execute("UPDATE gpkg_ogr_contents SET feature_count = ?", (told,))
    database.close()
    layer = open_layer(path)
    read = read_polygons(layer, rasterio.crs.CRS.from_string(UTM), "kind")
    assert (layer.features, read.count, read.texts) == (3, 3, ("a", "b", "c"))
    assert read.cautions() == []


def test_a_tile_without_objects_counts_among_others(tmp_path):
    for name in ("maps", "truths"):
        (tmp_path / name).mkdir()
    raster(tmp_path / "maps" / "a.tif", truth())
    raster(tmp_path / "maps" / "b.tif", truth())
    write(tmp_path / "truths" / "a.gpkg", SHAPES, layer="a")
    geojson(tmp_path / "truths" / "b.geojson", [])
    ground = write(tmp_path / "w.gpkg", [ALL])
    found = score_files(tmp_path / "maps", tmp_path / "truths", within=ground)
    objects = int(truth().sum())
    assert found.pooled.cells() == (objects, objects, 0, 2 * truth().size - 2 * objects)
    rings = score_files(tmp_path / "maps", tmp_path / "truths")
    assert rings.areas["b"].pixels == 0 and "are scored" in rings.cautions[0]


@pytest.mark.parametrize("number", [-1, 0])
def test_a_geopackage_that_knows_no_system_has_none(tmp_path, scene, number):
    labels = write(tmp_path / "l.gpkg", SHAPES)
    with sqlite3.connect(labels) as database:
        for name in ("ST_IsEmpty", "ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY"):
            database.create_function(name, 1, lambda _: 0)
        database.execute(f"update gpkg_geometry_columns set srs_id = {number}")
        database.execute(f"update gpkg_contents set srs_id = {number}")
    with pytest.raises(UserError, match=r"l\.gpkg: has no coordinate reference system; set one"):
        find_data([scene], Reading(labels=labels))


@pytest.mark.parametrize("who", ["labels", "within", "mask"])
def test_a_local_system_meets_no_other_and_says_so(tmp_path, who):
    scene = raster(tmp_path / "s.tif", truth() + 1, crs=LOCAL, transform=TRANSFORM)
    reading = {"labels": write(tmp_path / "l.gpkg", SHAPES, LOCAL)}
    if who == "mask":
        reading = {"labels": raster(tmp_path / "m.tif", truth())}
    else:
        reading[who] = write(tmp_path / "other.gpkg", SHAPES)
    with pytest.raises(UserError, match="cannot be brought to that of"):
        find_data([scene], Reading(**reading))


def test_labels_in_the_scenes_own_local_system_lie_right(tmp_path):
    scene = raster(tmp_path / "s.tif", truth() + 1, crs=LOCAL, transform=TRANSFORM)
    labels = write(tmp_path / "l.gpkg", SHAPES, LOCAL)
    ground = write(tmp_path / "w.gpkg", [ALL], LOCAL)
    assert share_of_objects(scene, labels, within=ground) == pytest.approx(truth().mean())


def test_a_scene_with_a_transform_but_no_system_is_told_what_it_lacks(tmp_path):
    scene = raster(tmp_path / "s.tif", truth() + 1, transform=TRANSFORM)
    labels = write(tmp_path / "l.gpkg", SHAPES)
    with pytest.raises(UserError, match=r"s\.tif: says where its pixels lie, but not in which reference system"):
        find_data([scene], Reading(labels=labels))


def test_meters_in_a_geojson_without_a_system_are_not_degrees(tmp_path, scene):
    labels = geojson(tmp_path / "l.geojson", SHAPES)
    with pytest.raises(
        UserError, match=r"its coordinates \(such as .*\) are not degrees, as its reference system WGS 84"
    ):
        find_data([scene], Reading(labels=labels))
    with pytest.raises(UserError, match=r"are not degrees"):
        score_files(raster(tmp_path / "map.tif", truth()), labels)


def test_one_shape_beyond_the_system_is_counted_and_the_others_read(tmp_path, scene):
    from pyproj import Transformer

    to_degrees = Transformer.from_crs(UTM, "EPSG:4326", always_xy=True)
    degrees = [shapely.transform(one, lambda xy: np.column_stack(to_degrees.transform(*xy.T))) for one in SHAPES]
    labels = geojson(tmp_path / "l.geojson", [*degrees, shapely.box(0, 91, 1, 95)])
    assert check([scene], Reading(labels=labels)).cautions == (
        f"{labels}: 1 of 4 features left out (1 unplaceable shape)",
    )


@pytest.mark.parametrize(
    ("written", "cpg", "told"),
    [
        ("UTF-8", "UTF-8", None),
        ("UTF-8", None, None),
        ("UTF-8", "ISO-8859-1", None),
        ("ISO-8859-1", "ISO-8859-1", None),
        ("ISO-8859-1", "UTF-8", "CP1252"),
        ("ISO-8859-1", None, "ISO-8859-1"),
        ("CP437", "CP437", None),
        ("CP1250", "CP1250", None),
    ],
)
def test_attributes_of_a_shapefile_in_any_encoding(tmp_path, scene, written, cpg, told):
    kinds = ["Häuser", "Straße", "Häuser"]
    labels = write(tmp_path / "l.shp", SHAPES, fields={"typ": kinds}, encoding=written)
    labels.with_suffix(".cpg").unlink(missing_ok=True)
    if cpg is not None:
        labels.with_suffix(".cpg").write_text(cpg)
    data = find_data([scene], Reading(labels=labels, label_field="typ"))
    assert data.class_names == ("background", "Häuser", "Straße")
    assert [f"read as {told}" in line for line in data.cautions] == ([True] if told else [])


def test_a_geojson_in_latin_1_and_names_of_fields(tmp_path, scene):
    text = geojson(tmp_path / "l.geojson", SHAPES, UTM).read_text().replace("roof", "Dächer").replace("kind", "größe")
    (tmp_path / "l.geojson").write_bytes(text.encode("latin-1"))
    data = find_data([scene], Reading(labels=tmp_path / "l.geojson", label_field="größe"))
    assert data.class_names == ("background", "Dächer")


def test_blanks_around_a_text_make_no_other_class(tmp_path, scene):
    labels = write(tmp_path / "l.gpkg", SHAPES, fields={"kind": ["house", "house ", "  "]})
    assert find_data([scene], Reading(labels=labels, label_field="kind")).class_names == ("background", "house")
