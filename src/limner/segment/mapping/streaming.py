"""Reading ahead of the network and writing behind it, each in one background thread with a bounded backlog."""

from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from limner.scenes.rasters import Raster
from limner.scenes.windows import Pixels, Window
from limner.segment.predicting.tiles import Axis


class Behind:
    """Jobs done in order by one background thread while the caller goes on.

    `do` waits for the job before: one runs, none queues, so that memory stays bounded. An error in a job is raised
    by the next `do` or at the end of the ``with`` block.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._job: Future[None] | None = None

    def __enter__(self) -> "Behind":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._wait()
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def do(self, job: Callable[..., None], *arguments: Any) -> None:
        """Wait for the job before, then start this one and return."""
        self._wait()
        self._job = self._pool.submit(job, *arguments)

    def _wait(self) -> None:
        if self._job is not None:
            self._job.result()


def read_bands(raster: Raster, rows: Axis, columns: Axis) -> Generator[Pixels, None, None]:
    """The scene under each row of tiles, top to bottom: (bands, size_px, padded width), the padding invalid.

    Each row of the scene is read once, in order (a PNG cannot be read otherwise), and the next ones are read in the
    background while the caller works on these. At any time about three bands are in memory.
    """

    def read(first: int, end: int) -> Pixels:
        return raster.read(Window(first, 0, end - first, columns.padded_px))

    ends = [origin + rows.size_px for origin in rows.origins]
    with ThreadPoolExecutor(max_workers=1) as pool:
        coming = pool.submit(read, 0, ends[0])
        band: Pixels | None = None
        for index, origin in enumerate(rows.origins):
            fresh = coming.result()
            if index + 1 < len(ends):
                coming = pool.submit(read, ends[index], ends[index + 1])
            if band is None:
                band = fresh
            else:
                step = origin - rows.origins[index - 1]
                band = Pixels(
                    np.concatenate([band.values[:, step:], fresh.values], axis=1),
                    np.concatenate([band.valid[step:], fresh.valid], axis=0),
                )
            yield band
