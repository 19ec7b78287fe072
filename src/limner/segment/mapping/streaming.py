"""Reading ahead of the network and writing behind it, each in one background thread with a bounded backlog."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from limner.scenes.rasters import Raster
from limner.scenes.windows import Pixels, Window
from limner.segment.predicting.tiles import Axis, Columns


def read_bands(raster: Raster, rows: Axis, columns: Columns) -> Generator[Pixels, None, None]:
    """The scene under each row of tiles, top to bottom: (bands, size_px, padded width), the padding
    invalid; of a strip of columns only that.

    Each row of the scene is read once, in order (a PNG cannot be read otherwise), and the next ones are read in the
    background while the caller works on these. A band is overwritten by the next one.
    """

    def read(first: int, end: int) -> Pixels:
        return raster.read(Window(first, columns.left, end - first, columns.padded_px))

    ends = [origin + rows.size_px for origin in rows.origins]
    with ThreadPoolExecutor(max_workers=1) as pool:
        coming = pool.submit(read, 0, ends[0])
        band: Pixels | None = None
        for index, origin in enumerate(rows.origins):
            fresh = coming.result()
            if index + 1 < len(ends):
                coming = pool.submit(read, ends[index], ends[index + 1])
            if band is None:
                # Of its own: what was read may be a view of something larger, or not to be written.
                band = Pixels(np.array(fresh.values), np.array(fresh.valid))
            else:
                step = origin - rows.origins[index - 1]
                for kept, added in ((band.values, fresh.values), (band.valid[None], fresh.valid[None])):
                    kept[:, : rows.size_px - step] = kept[:, step:]
                    kept[:, rows.size_px - step :] = added
            del fresh
            yield band
