"""A file is the same as before only where all that it stands on holds the same, whatever its size and times say."""

import os
import sqlite3
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import rasterio
import shapely
from hypothesis import given
from hypothesis import strategies as st
from rasterio.enums import Resampling
from rasterio.transform import from_origin

from changing import change_byte
from limner.foundation.files.dependencies import dependencies, digest, digests

PLACE = {"crs": "EPSG:32633", "transform": from_origin(500_000, 5_000_000, 2, 2)}


def write_tiff(path: Path, seed: int = 0, **profile: object) -> Path:
    values = np.random.default_rng(seed).integers(0, 255, (1, 32, 40), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(path, "w", driver="GTiff", count=1, height=32, width=40, dtype="uint8", **profile) as file:
        file.write(values)
    return path


def source(name: str, *, beside: bool = True) -> str:
    return f'<SimpleSource><SourceFilename relativeToVRT="{beside:d}">{name}</SourceFilename></SimpleSource>'


def write_virtual(path: Path, *sources: str) -> Path:
    band = f'<VRTRasterBand dataType="Byte" band="1">{"".join(sources)}</VRTRasterBand>'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'<VRTDataset rasterXSize="40" rasterYSize="32">{band}</VRTDataset>')
    return path


def names(path: Path) -> list[str]:
    return sorted(os.path.relpath(file, path.parent) for _, file in dependencies(path))


def test_contents_count_where_size_and_times_are_equal(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif")
    before = digest(path)
    change_byte(path)
    assert digest(path) != before


def test_another_time_or_place_of_the_same_contents_is_nothing_new(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif")
    before = digest(path)
    os.utime(path, (1, 1))
    assert digest(path) == before
    assert digest(write_tiff(tmp_path / "elsewhere/a.tif")) == before
    assert digest(path.rename(tmp_path / "z19_1_1.tif")) != before  # a name can say where a map tile lies


@pytest.mark.parametrize(
    "name",
    ["a.tfw", "a.TFW", "a.tifw", "a.wld", "a.prj", "a.tab", "a.tif.aux.xml", "a.tif.ovr", "a.tif.msk", "a.tif.msk.ovr",
     "a.tif.ovr.ovr", "a.tif.OVR", "a.tif.ovr.aux.xml"],
)  # fmt: skip
def test_what_lies_beside_a_raster_belongs_to_it(tmp_path: Path, name: str) -> None:
    path = write_tiff(tmp_path / "a.tif")
    alone = digest(path)
    (tmp_path / name).write_bytes(b"one")
    added = digest(path)
    change_byte(tmp_path / name)
    assert len({alone, added, digest(path)}) == 3
    assert names(path) == sorted(["a.tif", name])


@pytest.mark.parametrize(
    "name", ["b.tfw", "a-2.tif", "a.tif.json", "a.txt", "a.jpg", "a.tif.bak", ".a.tif.lock", "aa.tfw", "a.jgw"]
)
def test_other_files_of_the_folder_do_not_belong_to_a_raster(tmp_path: Path, name: str) -> None:
    path = write_tiff(tmp_path / "a.tif")
    alone = digest(path)
    (tmp_path / name).write_bytes(b"one")
    assert digest(path) == alone


@pytest.mark.parametrize(
    ("picture", "world"), [("a.jpg", "a.jgw"), ("a.jpeg", "a.jpegw"), ("a.png", "a.PGW"), ("a.jp2", "a.j2w")]
)
def test_world_files_are_called_after_each_format(tmp_path: Path, picture: str, world: str) -> None:
    path = tmp_path / picture
    path.write_bytes(b"picture")
    (tmp_path / world).write_bytes(b"place")
    assert names(path) == sorted([picture, world])


def test_what_gdal_says_belongs_to_a_raster_is_found(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif")
    (tmp_path / "a.tfw").write_text("2\n0\n0\n-2\n500001\n4999999\n")
    with rasterio.Env(TIFF_USE_OVR=True), rasterio.open(path, "r+") as file:
        file.build_overviews([2], Resampling.nearest)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=False), rasterio.open(path, "r+") as file:
        file.write_mask(np.arange(32 * 40).reshape(32, 40) % 3 > 0)
    with rasterio.open(path) as file:
        told = {os.path.basename(name) for name in file.files}
    assert {"a.tif.ovr", "a.tif.msk", "a.tfw"} <= told
    assert told <= set(names(path))


def test_statistics_that_a_look_at_a_raster_leaves_are_nothing_new(tmp_path: Path) -> None:
    path = write_tiff(tmp_path / "a.tif", **PLACE)
    alone = digest(path)
    noted = tmp_path / "a.tif.aux.xml"
    noted.write_text(  # as GDAL writes it when QGIS opens a raster
        '<PAMDataset>\n  <PAMRasterBand band="1">\n    <Histograms><HistItem><HistMin>0</HistMin></HistItem>'
        '</Histograms>\n    <Metadata>\n      <MDI key="STATISTICS_MEAN">127</MDI>\n    </Metadata>\n'
        "  </PAMRasterBand>\n</PAMDataset>\n"
    )
    assert digest(path) == alone
    noted.write_text(noted.read_text().replace("</PAMRasterBand>", "<NoDataValue>0</NoDataValue></PAMRasterBand>"))
    changed = digest(path)
    assert changed != alone
    noted.write_text(
        '<PAMDataset>\n <PAMRasterBand band="1"> <NoDataValue>0</NoDataValue></PAMRasterBand></PAMDataset>'
    )
    assert digest(path) == changed


def test_the_sources_of_virtual_rasters_are_followed_to_the_end(tmp_path: Path) -> None:
    far = write_tiff(tmp_path / "tiles/far.tif")
    (tmp_path / "tiles/far.tfw").write_bytes(b"place")
    near = write_tiff(tmp_path / "near.tif", 1)
    inner = write_virtual(tmp_path / "tiles/inner.vrt", source("far.tif"), source(str(near), beside=False))
    outer = write_virtual(tmp_path / "scene.vrt", source("tiles/inner.vrt"))
    assert names(outer) == ["near.tif", "scene.vrt", "tiles/far.tfw", "tiles/far.tif", "tiles/inner.vrt"]
    seen = {digest(outer)}
    for path in (far, near, tmp_path / "tiles/far.tfw"):
        change_byte(path)
        seen.add(digest(outer))
    write_virtual(inner, source("far.tif"))
    seen.add(digest(outer))
    far.unlink()
    assert len(seen | {digest(outer)}) == 6


def test_every_way_to_name_a_source_is_known(tmp_path: Path) -> None:
    described = write_virtual(tmp_path / "in.vrt", source("a.tif")).read_text().replace("<", "&lt;")
    (tmp_path / "scene.vrt").write_text(
        f"""<VRTDataset rasterXSize="9" rasterYSize="9" subClass="VRTWarpedDataset">
        <VRTRasterBand><ComplexSource><SourceFilename relativeToVRT="0">{described}</SourceFilename></ComplexSource>
        <Overview><SourceFilename relativeToVRT="1">b.tif</SourceFilename></Overview></VRTRasterBand>
        <MaskBand><VRTRasterBand><KernelFilteredSource><SourceFilename relativeToVRT="1">c.tif</SourceFilename>
        </KernelFilteredSource></VRTRasterBand></MaskBand>
        <GDALWarpOptions><SourceDataset relativeToVRT="1">d.tif</SourceDataset></GDALWarpOptions></VRTDataset>"""
    )
    (tmp_path / "roofs.vrt").write_text(
        '<OGRVRTDataSource><OGRVRTLayer name="r"><SrcDataSource relativeToVRT="1">l.shp</SrcDataSource></OGRVRTLayer>'
        "</OGRVRTDataSource>"
    )
    (tmp_path / "l.dbf").write_bytes(b"roof")
    found = names(tmp_path / "scene.vrt")
    assert {"b.tif", "c.tif", "d.tif", "scene.vrt"} <= set(found)
    assert any(name.endswith("a.tif") for name in found)
    assert names(tmp_path / "roofs.vrt") == ["l.dbf", "l.shp", "roofs.vrt"]


def test_a_virtual_raster_that_names_itself_or_nothing_ends(tmp_path: Path) -> None:
    loop = write_virtual(tmp_path / "a.vrt", source("b.vrt"), source(""))
    write_virtual(tmp_path / "b.vrt", source("a.vrt"), source("./a.vrt"))
    assert names(loop) == ["a.vrt", "b.vrt"]
    broken = tmp_path / "c.vrt"
    broken.write_text("<VRTDataset><SourceFilename>a")
    before = digest(broken)
    change_byte(broken)
    assert digest(broken) != before


def test_a_virtual_raster_is_known_by_its_contents(tmp_path: Path) -> None:
    write_tiff(tmp_path / "a.tif")
    scene = write_virtual(tmp_path / "scene.xml", source("a.tif"))
    assert names(scene) == ["a.tif", "scene.xml"]


@pytest.mark.parametrize("part", ["shx", "dbf", "prj", "cpg"])
def test_a_shapefile_is_all_of_its_files(tmp_path: Path, part: str) -> None:
    path = tmp_path / "roofs.shp"
    squares = shapely.to_wkb(np.array([shapely.box(x, 0, x + 1, 1) for x in (0, 2)]))
    kinds = np.array(["house", "barn"], object)
    pyogrio.raw.write(path, squares, [kinds], ["kind"], crs="EPSG:32633", geometry_type="Polygon", encoding="UTF-8")
    before = digest(path)
    change_byte(path.with_suffix(f".{part}"))
    assert digest(path) != before
    assert f"roofs.{part}" in names(path)


def test_letters_of_another_case_are_a_shapefiles_too(tmp_path: Path) -> None:
    for name in ("ROOFS.SHP", "ROOFS.DBF", "ROOFS.Prj", "ROOFS.tfw"):
        (tmp_path / name).write_bytes(name.encode())
    assert names(tmp_path / "ROOFS.SHP") == ["ROOFS.DBF", "ROOFS.Prj", "ROOFS.SHP"]


def test_what_a_geopackage_has_still_to_take_in_counts(tmp_path: Path) -> None:
    path = tmp_path / "roofs.gpkg"
    writing = sqlite3.connect(path)
    writing.execute("PRAGMA journal_mode=WAL")
    writing.execute("CREATE TABLE roofs (kind TEXT)")
    writing.commit()
    before = digest(path)
    writing.execute("INSERT INTO roofs VALUES ('barn')")
    writing.commit()
    assert digest(path) != before  # all of it lies in roofs.gpkg-wal
    writing.close()


def test_a_folder_is_its_visible_files_and_its_numbered_folders(tmp_path: Path) -> None:
    for name in ("16/5/7.png", "16/5/8.png", "16/6/7.png", ".hidden", "maps/a_classes.tif", "b.tif", "b.tfw"):
        (tmp_path / "chips" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "chips" / name).write_bytes(name.encode())
    folder = tmp_path / "chips"
    told = [os.path.relpath(path, folder) for _, path in dependencies(folder)]
    assert sorted(told) == ["16/5/7.png", "16/5/8.png", "16/6/7.png", "b.tfw", "b.tif"]
    before = digest(folder)
    (folder / "maps/a_classes.tif").write_bytes(b"other")
    assert digest(folder) == before
    (folder / "16/5/8.png").rename(folder / "16/6/8.png")
    assert digest(folder) != before


def test_a_folder_follows_what_its_files_stand_on(tmp_path: Path) -> None:
    scene = write_tiff(tmp_path / "far/scene.tif")
    write_virtual(tmp_path / "chips/a.vrt", source("../far/scene.tif"))
    before = digest(tmp_path / "chips")
    change_byte(scene)
    assert digest(tmp_path / "chips") != before


def test_several_digests_at_once_are_those_of_each(tmp_path: Path) -> None:
    shared = write_tiff(tmp_path / "a.tif")
    paths = [shared, write_virtual(tmp_path / "b.vrt", source("a.tif")), write_tiff(tmp_path / "c.tif", 3), shared]
    assert digests(paths) == [digest(path) for path in paths]


def test_links_are_read_where_they_point_and_named_where_they_lie(tmp_path: Path) -> None:
    real = write_tiff(tmp_path / "store/5f3a.tif")
    (tmp_path / "scene.tif").symlink_to(real)
    (tmp_path / "scene.tfw").write_bytes(b"place")
    assert names(tmp_path / "scene.tif") == ["scene.tfw", "scene.tif"]
    before = digest(tmp_path / "scene.tif")
    change_byte(real)
    assert digest(tmp_path / "scene.tif") != before


@given(st.binary(max_size=200))
def test_any_note_of_gdals_has_a_digest(content: bytes) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.tif"
        path.write_bytes(b"pixels")
        (Path(folder) / "a.tif.aux.xml").write_bytes(content)
        assert digest(path) == digest(path)
        (Path(folder) / "a.vrt").write_bytes(b"<VRTDataset>" + content)
        assert digest(Path(folder) / "a.vrt")
