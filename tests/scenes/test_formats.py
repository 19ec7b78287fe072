"""A raster is what its first bytes say; a virtual one names files that are here, and nothing else."""

from pathlib import Path

import numpy as np
import pytest

from drawing import draw_mask, draw_picture, write_raster
from limner.foundation.errors import UserError
from limner.scenes.formats import check_virtual, driver_of
from limner.scenes.rasters import open_raster

BAND = (
    '<VRTRasterBand dataType="Byte" band="1"{attributes}><SimpleSource>{source}<SourceBand>1</SourceBand>{rest}'
    "</SimpleSource></VRTRasterBand>"
)
VRT = '<VRTDataset rasterXSize="48" rasterYSize="40">{band}</VRTDataset>'


def virtual(folder: Path, source: str, *, attributes: str = "", rest: str = "", name: str = "v.vrt") -> Path:
    path = folder / name
    path.write_text(VRT.format(band=BAND.format(source=source, attributes=attributes, rest=rest)))
    return path


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    return write_raster(tmp_path / "a.tif", draw_picture(draw_mask(40, 48), 1))


@pytest.mark.parametrize(("name", "driver"), [("a.tif", "GTiff"), ("a.png", "PNG"), ("a.jpg", "JPEG")])
@pytest.mark.parametrize("called", ["", "b.tif", "c.dat"])
def test_content_tells_not_the_suffix(name: str, driver: str, called: str, tmp_path: Path) -> None:
    path = write_raster(tmp_path / name, draw_picture(draw_mask(40, 48), 3))
    if called:
        path = path.rename(tmp_path / f"other-{called}")
    assert driver_of(path) == driver
    with open_raster(path) as raster:
        assert (raster.format, raster.height, raster.width) == (driver, 40, 48)


@pytest.mark.parametrize(
    "text",
    [
        '<GDAL_WMS><Service name="TMS"><ServerUrl>http://127.0.0.1:1/${z}</ServerUrl></Service></GDAL_WMS>',
        "<WCS_GDAL><ServiceURL>http://127.0.0.1:1/wcs?</ServiceURL></WCS_GDAL>",
        "<VRTDataset/>",
        '{"type": "gdal_streamed_alg", "command_line": "gdal raster convert http://127.0.0.1:1/a.tif"}',
        "ncols 2\nnrows 2\nxllcorner 0\nyllcorner 0\ncellsize 1\n1 2\n3 4\n",
        "P2 2 2 255 1 2 3 4",
        "",
    ],
)
@pytest.mark.parametrize("suffix", [".tif", ".jpg", ".png", ".xml"])
def test_a_text_is_no_picture_whatever_it_is_called(text: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"scene{suffix}"
    path.write_text(text)
    with pytest.raises(UserError, match=r"not a picture that can be read|the file is empty"):
        open_raster(path)


def test_a_virtual_raster_of_files_that_are_here_is_read(picture: Path, tmp_path: Path) -> None:
    for source in (
        f"<SourceFilename>{picture}</SourceFilename>",
        '<SourceFilename relativeToVRT="1">a.tif</SourceFilename>',
        '<SourceFilename relativeToVRT="0" shared="0">' + str(picture) + "</SourceFilename>",
    ):
        path = virtual(tmp_path, source)
        with open_raster(path) as raster, open_raster(picture) as plain:
            assert np.array_equal(raster.read().values, plain.read().values)
    nested = virtual(tmp_path, '<SourceFilename relativeToVRT="1">v.vrt</SourceFilename>', name="w.VRT")
    with open_raster(nested) as raster:
        assert raster.read().values.any()


@pytest.mark.parametrize(
    "source",
    [
        "<SourceFilename>/vsicurl/http://127.0.0.1:1/a.tif</SourceFilename>",
        "<SourceFilename>/vsizip//vsicurl/http://127.0.0.1:1/a.zip/a.tif</SourceFilename>",
        "<sourcefilename>/vsis3/bucket/a.tif</sourcefilename>",
        '<SourceFilename xmlns="x">/vsicurl/http://127.0.0.1:1/a.tif</SourceFilename>',
        "<SourceFilename>http://127.0.0.1:1/a.tif</SourceFilename>",
        "<SourceFilename>WMS:http://127.0.0.1:1/</SourceFilename>",
        "<SourceFilename>vrt://http://127.0.0.1:1/a.tif</SourceFilename>",
        "<SourceFilename>&#47;vsicurl/http://127.0.0.1:1/a.tif</SourceFilename>",
        "<SourceFilename>&lt;GDAL_WMS&gt;&lt;/GDAL_WMS&gt;</SourceFilename>",
        "<SourceDataset>/vsicurl/http://127.0.0.1:1/a.tif</SourceDataset>",
        "<DEMPath>/vsicurl/http://127.0.0.1:1/a.tif</DEMPath>",
        '<Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">/vsicurl/http://127.0.0.1:1/a.tif</MDI></Metadata>',
        '<x SourceFilename="/vsicurl/http://127.0.0.1:1/a.tif"/>',
        "<SourceFilename><a/>/vsicurl/http://127.0.0.1:1/a.tif</SourceFilename>",
        '<SourceFilename relativeToVRT="+1">a.tif</SourceFilename>',
        "<SourceFilename></SourceFilename>",
        "<SourceFilename>/dev/zero</SourceFilename>",
        "<SourceFilename>nowhere.tif</SourceFilename>",
        '<SourceFilename relativeToVRT="1">server.tif</SourceFilename>',
        '<SourceFilename relativeToVRT="1">v.vrt</SourceFilename>',
    ],
)
def test_a_virtual_raster_that_names_anything_else_is_refused(source: str, picture: Path, tmp_path: Path) -> None:
    (tmp_path / "server.tif").write_text("<GDAL_WMS/>")
    path = virtual(tmp_path, source)
    with pytest.raises(UserError, match=r"virtual raster|source"):
        check_virtual(path)
    with pytest.raises(UserError):
        open_raster(path)


@pytest.mark.parametrize(
    "attributes, rest",
    [
        (' subClass="VRTRawRasterBand"', ""),
        (' SUBCLASS="vrtrawrasterband"', ""),
        (' subClass="VRTDerivedRasterBand"', "<PixelFunctionLanguage>Python</PixelFunctionLanguage>"),
        (' subClass="VRTDerivedRasterBand"', "<PixelFunctionCode>import os</PixelFunctionCode>"),
    ],
)
def test_bands_that_are_other_files_bytes_or_programs_are_refused(
    attributes: str, rest: str, picture: Path, tmp_path: Path
) -> None:
    path = virtual(tmp_path, f"<SourceFilename>{picture}</SourceFilename>", attributes=attributes, rest=rest)
    with pytest.raises(UserError, match="needed: bands of raster files"):
        open_raster(path)


def test_a_picture_of_more_pixels_than_its_bytes_can_hold_is_cut_short(tmp_path: Path) -> None:
    path = write_raster(tmp_path / "a.jpg", draw_picture(draw_mask(64, 64), 3))
    content = bytearray(path.read_bytes())
    place = content.index(b"\xff\xc0") + 5
    content[place : place + 4] = (65000).to_bytes(2, "big") * 2
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"cut short: 65000 x 65000 pixels in \d+ bytes"):
        open_raster(path)
    black = write_raster(tmp_path / "black.jpg", np.zeros((3, 2000, 2000), np.uint8))
    with open_raster(black) as raster:  # as small as a true one gets
        assert not raster.read().values.any()
    white = write_raster(tmp_path / "white.png", np.full((1, 3000, 3000), 255, np.uint8))
    with open_raster(white) as raster:
        assert raster.height == 3000
