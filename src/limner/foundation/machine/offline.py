"""GDAL kept off the network: a file that somebody gives shall not make this machine call another one.

To GDAL, a text file called ``scene.tif`` may be the description of a map server, and any file may name another by an
address. So its drivers that ask servers are not loaded in a process that imports limner, and what else would ask by
HTTP (``/vsicurl/`` and its like, links to reference systems, GeoPackages that look up addresses) is sent to a socket
where nobody listens. What limner opens is looked at before, too: see `limner.scenes.formats`.

Settings of GDAL's that are given in code (``rasterio.Env``) come before these; so does a rasterio that was used before
limner was imported, with its drivers.
"""

import os

CALLING_DRIVERS = (
    "ADBC", "AmigoCloud", "Carto", "CSW", "DAAS", "DODS", "EEDA", "EEDAI", "Elasticsearch", "GDALG", "GMLAS",
    "GPSBabel", "GTI", "HANA", "HTTP", "MongoDBv3", "MSSQLSpatial", "MySQL", "NGW", "OAPIF", "OCI", "ODBC", "OGCAPI",
    "OGR_VRT", "PLMOSAIC", "PLSCENES", "PostGISRaster", "PostgreSQL", "RASDAMAN", "STACIT", "STACTA", "WCS", "WFS",
    "WMS", "WMTS",
)  # fmt: skip
"""GDAL's drivers that ask a server, start a program, or read whatever a small text file names."""
NOWHERE = "socks5h://localhost/dev/null"
"""A proxy at a socket of this machine that is none: connecting fails at once, and no name is looked up."""
SETTINGS = {"GDAL_HTTP_PROXY": NOWHERE, "GDAL_HTTPS_PROXY": NOWHERE, "CPL_VSIL_CURL_ALLOWED_FILENAME": "/vsicurl/none"}
"""The last of files that are read over the network, where ``no_proxy`` lets them pass by the proxy: only that one may
be."""


def keep_offline() -> None:
    """Set GDAL's environment variables so; must come before rasterio and pyogrio are imported."""
    asked = os.environ.get("GDAL_SKIP", "")
    before = asked.split("," if "," in asked else None)
    skipped = dict.fromkeys(name.strip() for name in (*before, *CALLING_DRIVERS))
    os.environ["GDAL_SKIP"] = ",".join(filter(None, skipped))
    os.environ.update(SETTINGS)
    # Each copy of GDAL warns of drivers to skip that it never had; what matters comes to us as errors.
    os.environ.setdefault("CPL_LOG", os.devnull)
