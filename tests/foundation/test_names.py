"""Names that are no UTF-8 are found by libraries that take nothing else."""

import os
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from limner.foundation.files.names import is_plain, plain, spelled

ODD = os.fsdecode(b"stra\xdfe")


def test_a_plain_name_is_its_own() -> None:
    assert spelled(Path("a/b.tif")) == "a/b.tif"
    assert spelled(Path("-dash.tif")) == "-dash.tif"
    assert spelled(Path("two\nlines.tif")) == "two\nlines.tif"


def test_a_name_that_gdal_would_take_for_a_driver_s_begins_with_its_folder() -> None:
    assert spelled(Path("GTIFF_DIR:1:a.tif")) == "./GTIFF_DIR:1:a.tif"
    assert spelled(Path("a/WMS:b.tif")) == "a/WMS:b.tif"


@pytest.mark.parametrize("name", [f"{ODD}.tif", "plain.tif"])
def test_a_file_and_what_lies_beside_it_are_found(name: str, tmp_path: Path) -> None:
    folder = tmp_path / (ODD if name == "plain.tif" else "plain")
    folder.mkdir()
    (folder / name).write_text("the file")
    (folder / f"{name}.aux.xml").write_text("beside")
    found = Path(spelled(folder / name))
    assert is_plain(str(found))
    assert (found.read_text(), found.with_name(f"{found.name}.aux.xml").read_text()) == ("the file", "beside")
    (folder / name).write_text("other")
    assert Path(spelled(folder / name)).read_text() == "other"


def test_a_new_file_gets_into_the_folder_with_the_odd_name(tmp_path: Path) -> None:
    folder = tmp_path / ODD
    folder.mkdir()
    Path(spelled(folder / "new.gpkg")).write_text("new")
    assert (folder / "new.gpkg").read_text() == "new"


@given(st.binary(min_size=1, max_size=20).filter(lambda name: b"\0" not in name and b"/" not in name))
def test_every_name_has_a_plain_one(name: bytes) -> None:
    text = os.fsdecode(name)
    assert is_plain(plain(text))
    assert (plain(text) == text) == is_plain(text)


@pytest.mark.parametrize("stem", ["a;b", "a\nb", "a!b", "a?b", "a\tb", os.fsdecode(b"stra\xdfe"), "plain"])
def test_a_library_that_parses_addresses_writes_and_reads_files_of_any_name(tmp_path: Path, stem: str) -> None:
    for suffix, driver in ((".gpkg", "GPKG"), (".geojson", "GeoJSON")):
        path = tmp_path / f"{stem}{suffix}"
        shapes = np.array([shapely.to_wkb(shapely.box(0, 0, 1, 1))], object)
        pyogrio.raw.write(
            spelled(path, as_address=True), shapes, [], [], geometry_type="Polygon", crs="EPSG:4326", driver=driver
        )
        assert path.is_file() and not path.is_symlink()
        assert pyogrio.read_info(spelled(path, as_address=True))["features"] == 1
    assert sorted(tmp_path.iterdir()) == sorted(tmp_path / f"{stem}{suffix}" for suffix in (".gpkg", ".geojson"))
