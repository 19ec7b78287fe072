"""Vector files that would make GDAL call another machine are refused before GDAL sees them."""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from drawing import draw_polygons
from limner.foundation.errors import UserError
from limner.segment.labels.vector_files import open_layer

URL = "http://127.0.0.1:1/crs"
FEATURES = (
    '"features": [{"type": "Feature", "properties": {"crs": "none", "a": "\'crs\'"}, '
    '"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 0]]]}}]'
)
LINK = f'{{"type": "link", "properties": {{"href": "{URL}", "type": "proj4"}}}}'


def geojson(path: Path, system: str) -> Path:
    path.write_text(f'{{"type": "FeatureCollection", {system}{", " if system else ""}{FEATURES}}}')
    return path


@pytest.mark.parametrize(
    "system",
    [
        f'"crs": {LINK}',
        f'"CRS" :\n\t {LINK}',
        f'"crs": {LINK.replace("link", "LINK")}',
        f'"crs": {LINK.replace("link", "url")}',
        f'"\\u0063rs": {LINK}',
        f'"crs": {LINK.replace("link", chr(92) + "u006cink")}',
        f"'crs': {LINK}",
        f'"crs"/**/: {LINK}',
        f'"crs": /* a comment */ {LINK}',
        f'"crs": {{"TYPE": "link", "type": "name", "properties": {{"href": "{URL}"}}}}',
        f'"crs": {{\'type\': \'link\', "properties": {{"href": "{URL}"}}}}',
    ],
)
def test_a_linked_reference_system_is_refused_however_it_is_spelled(system: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is a link to another machine|is not JSON"):
        open_layer(geojson(tmp_path / "a.geojson", system))


@pytest.mark.parametrize(
    "system",
    [
        "",
        '"crs": null',
        '"crs": {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}',
        '"note": "\\u00e9 \\n \\u001f crs link"',
        '"note": "crs", "other": [\'crs\']'.replace("'", '"'),
    ],
)
def test_a_usual_one_is_read(system: str, tmp_path: Path) -> None:
    assert open_layer(geojson(tmp_path / "a.geojson", system)).features == 1


def test_a_link_far_inside_a_large_file_is_found(tmp_path: Path) -> None:
    path = geojson(tmp_path / "a.geojson", "")
    text = path.read_text()
    for filling in (1 << 22, (1 << 22) - len(text) - 20, (1 << 23) + 7):
        path.write_text(text[:-1] + f', "filling": "{"x" * filling}", "crs": {LINK}}}')
        with pytest.raises(UserError, match="is a link"):
            open_layer(path)


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg", ".shp"])
@pytest.mark.parametrize(
    "text",
    [
        "<OGRVRTDataSource><OGRVRTLayer name='x'><SrcDataSource>/vsicurl/http://127.0.0.1:1/o</SrcDataSource>"
        "</OGRVRTLayer></OGRVRTDataSource>",
        "<OGRWFSDataSource><URL>http://127.0.0.1:1/wfs</URL></OGRWFSDataSource>",
        "loadGeoJSON({})",
        "a,b\n1,2\n",
        "",
    ],
)
def test_another_kind_of_file_is_refused_whatever_its_name(suffix: str, text: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_text(text)
    with pytest.raises(UserError, match="not a vector file that can be read"):
        open_layer(path)


def test_a_geopackage_whose_views_call_out_is_refused(tmp_path: Path) -> None:
    path = draw_polygons(tmp_path / "a.gpkg")
    assert open_layer(path).features == 4
    plain = shutil.copy(path, tmp_path / "plain.gpkg")
    for file, view in ((path, "SELECT *, OGR_Geocode('Rome') FROM a"), (plain, "SELECT * FROM a")):
        with sqlite3.connect(file) as database:
            database.execute(f"CREATE VIEW v AS {view}")
    assert open_layer(Path(plain)).features == 4
    with pytest.raises(UserError, match="has a view that calls other machines"):
        open_layer(path)


def test_what_a_geojson_says_is_json(tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": []})[:-3] + ', "crs": {"type": "na')
    with pytest.raises(UserError):
        open_layer(path)
