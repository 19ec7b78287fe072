"""Files that would make GDAL, or whoever else reads them, call a server."""

import sqlite3
from pathlib import Path

import numpy as np
import rasterio

from drawing import draw_mask, draw_picture, draw_polygons, write_raster

WMS = (
    '<GDAL_WMS><Service name="TMS"><ServerUrl>{url}/wms/${{z}}/${{x}}/${{y}}.png</ServerUrl></Service><DataWindow>'
    "<UpperLeftX>500000</UpperLeftX><UpperLeftY>4000000</UpperLeftY><LowerRightX>500096</LowerRightX>"
    "<LowerRightY>3999904</LowerRightY><SizeX>{side}</SizeX><SizeY>{side}</SizeY></DataWindow>"
    "<Projection>EPSG:32636</Projection><BlockSizeX>64</BlockSizeX><BlockSizeY>64</BlockSizeY>"
    "<BandsCount>{bands}</BandsCount></GDAL_WMS>"
)
VRT = (
    '<VRTDataset rasterXSize="192" rasterYSize="192"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
    "<SourceFilename>{source}</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
)
OVERVIEWS = '<Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">{source}</MDI></Metadata>'
GEOJSON = (
    '{{"type": "FeatureCollection", "crs": {{"type": "{kind}", "properties": {{"href": "{url}/crs"}}}}, "features": '
    '[{{"type": "Feature", "properties": {{}}, "geometry": {{"type": "Polygon", "coordinates": '
    "[[[500010, 3999950], [500050, 3999950], [500050, 3999990], [500010, 3999950]]]}}}}]}}"
)
PLAYLIST = "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{url}/part.ts\n#EXT-X-ENDLIST\n"


def _scene(path: Path) -> Path:
    return write_raster(path, draw_picture(draw_mask(192, 192)))


def draw_hostile(folder: Path, url: str) -> list[Path]:
    """Rasters, vectors, photos and clips that name ``url``, a server, each in another way."""
    texts = {
        "wms.tif": WMS.format(url=url, side=192, bands=3),
        "wms.jpg": WMS.format(url=url, side=192, bands=3),
        "wms.png": WMS.format(url=url, side=192, bands=3),
        "wcs.tif": f"<WCS_GDAL><ServiceURL>{url}/wcs?</ServiceURL><CoverageName>x</CoverageName></WCS_GDAL>",
        "vsicurl.vrt": VRT.format(source=f"/vsicurl/{url}/a.tif"),
        "plain.vrt": VRT.format(source=f"{url}/a.tif"),
        "zip.vrt": VRT.format(source=f"/vsizip//vsicurl/{url}/a.zip/a.tif"),
        "stream.vrt": VRT.format(source=f"/vsicurl_streaming/{url}/a.tif"),
        "called.tif": VRT.format(source=f"/vsicurl/{url}/a.tif"),
        "link.geojson": GEOJSON.format(url=url, kind="link"),
        "spelled.geojson": GEOJSON.format(url=url, kind="\\u006cink").replace('"crs"', "'CRS'"),
        "vrt.geojson": f"<OGRVRTDataSource><OGRVRTLayer name='x'><SrcDataSource>/vsicurl/{url}/o.geojson"
        "</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>",
        "wfs.gpkg": f"<OGRWFSDataSource><URL>{url}/wfs</URL></OGRWFSDataSource>",
        "pipeline.geojson": f'{{"type": "gdal_streamed_alg", "command_line": "gdal vector convert {url}/a.geojson"}}',
        "list.mp4": PLAYLIST.format(url=url),
        "list.m3u8": PLAYLIST.format(url=url),
        "drawing.svg": f'<svg xmlns:x="http://www.w3.org/1999/xlink"><image x:href="{url}/a.png"/></svg>',
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    written = [folder / name for name in texts]
    for name, source in (("tag.tif", f"/vsicurl/{url}/o.tif"), ("stream.tif", f"/vsicurl_streaming/{url}/o.tif")):
        with rasterio.open(_scene(folder / name), "r+") as file:
            file.update_tags(ns="OVERVIEWS", OVERVIEW_FILE=source)
        written.append(folder / name)
    beside = {
        "aux.tif": (".aux.xml", f"<PAMDataset>{OVERVIEWS.format(source=f'/vsicurl/{url}/o.tif')}</PAMDataset>"),
        "ovr.tif": (".ovr", WMS.format(url=url, side=96, bands=3)),
        "msk.tif": (".msk", WMS.format(url=url, side=192, bands=1)),
    }
    for name, (suffix, text) in beside.items():
        written.append(_scene(folder / name))
        (folder / f"{name}{suffix}").write_text(text)
    package = draw_polygons(folder / "view.gpkg")
    with sqlite3.connect(package) as database:
        database.execute("CREATE VIEW v AS SELECT fid, geom, ogr_geocode('Rome') AS g FROM view")
        database.execute("INSERT INTO gpkg_contents (table_name, data_type, srs_id) VALUES ('v', 'features', 32636)")
        database.execute("INSERT INTO gpkg_geometry_columns VALUES ('v', 'geom', 'POLYGON', 32636, 0, 0)")
    return [*written, package]


def read_as_gdal_does(path: Path) -> None:
    """Read a file with rasterio and pyogrio alone, whatever drivers they have."""
    import pyogrio

    try:
        if path.suffix in (".geojson", ".gpkg"):
            for layer, _ in pyogrio.list_layers(path):
                pyogrio.raw.read(path, layer=layer)
        else:
            with rasterio.open(path) as dataset:
                dataset.overviews(1)
                dataset.read(out_shape=(dataset.count, 48, 48))
                np.asarray(dataset.read_masks(1))
    except (rasterio.errors.RasterioError, pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError):
        pass
