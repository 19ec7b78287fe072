"""Whether polygons are all in their file: GDAL says nothing of the last write that failed."""

import errno
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

END_OF_GEOJSON = b"\n]\n}\n"


def check_written(path: Path, count: int) -> None:
    """Raise `OSError` (no room) where a GeoPackage does not hold ``count`` polygons, or GeoJSON is without its end."""
    if path.suffix == ".geojson":
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - len(END_OF_GEOJSON)))
            whole = file.read() == END_OF_GEOJSON
    else:
        whole = _indexed(path) == count
    if not whole:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def _indexed(path: Path) -> int | None:
    """How many polygons a GeoPackage's spatial index holds, which is written last; None where it is damaged."""
    find_index = "SELECT 'rtree_' || table_name || '_' || column_name FROM gpkg_geometry_columns"
    try:
        with closing(sqlite3.connect(f"file:{quote(os.fsencode(path))}?mode=ro", uri=True)) as database:
            if database.execute("PRAGMA quick_check").fetchone() != ("ok",):
                return None
            (index,) = database.execute(find_index).fetchone()
            quoted = index.replace('"', '""')
            return int(database.execute(f'SELECT count(*) FROM "{quoted}"').fetchone()[0])
    except (sqlite3.Error, TypeError):
        return None
