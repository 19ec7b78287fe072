"""A scene of any size streams through the network in row bands: nothing of its size is ever held.

One thread reads the next row of tiles, the caller's runs the network, a third blends the answers and writes finished
rows, each with a bounded backlog. Memory is bounded by a row of tiles (tile height x scene width, or of a wide scene a
strip's), the batch and the network.
"""

from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from limner.colors.harmonize import SceneColors, harmonized
from limner.foundation.background import BackgroundWriter
from limner.scenes.rasters import Raster, open_raster
from limner.scenes.statistics import Statistics
from limner.scenes.windows import Pixels, Window
from limner.scenes.writing import BLOCK_PX
from limner.segment.mapping.options import MapOptions
from limner.segment.mapping.predictions import Network
from limner.segment.predicting.blending import Blend, Rows
from limner.segment.predicting.tiles import Axis, Columns, strips

STRIP_PX = 9_216
"""Of the scene: wider ones are mapped strip by strip, each about so wide."""


@dataclass(frozen=True)
class OpenScene:
    """A scene that is mapped: opened once and handed on to all who look at it.

    raster: as its file has it. ground_m: meters that a pixel covers, None where nobody knows. colors: in which it is
    seen by the network, None for its own. statistics: that stand for its own, None where it is measured.
    """

    raster: Raster
    ground_m: float | None
    colors: SceneColors | None = None
    statistics: Statistics | None = None

    @property
    def seen(self) -> Raster:
        """As the network sees it."""
        return self.raster if self.colors is None else harmonized(self.raster, self.colors)

    @contextmanager
    def again(self) -> Iterator[Raster]:
        """`seen`, opened anew: some files can only be read from the top."""
        with open_raster(self.path, bands=self.raster.chosen) as raster:
            yield replace(self, raster=raster).seen

    @property
    def path(self) -> Path:
        """Its file, or the folder of its chips."""
        return self.raster.path


@dataclass(frozen=True)
class Passage:
    """How the pixels of a scene go through a network: tiles that overlap, row by row, blended into finished rows.

    network: with its predictor, statistics, batch and progress. options: of the tiles.
    """

    scene: OpenScene
    network: Network
    options: MapOptions

    def through(self, raster: Raster, write: Callable[[Rows], None]) -> None:
        """Hand all finished rows of the scene's blended answers to ``write``, top to bottom; of a wide scene those of a
        strip, and then those of the next.

        raster: the scene as the network sees it, at its top. write: called in a background thread.
        """
        predictor = self.network.predictor
        rows, columns = (
            self.options.axis(length, predictor.stride, predictor.scale) for length in (raster.height, raster.width)
        )
        parts = strips(columns, STRIP_PX, BLOCK_PX)
        total = len(parts) * len(rows.origins)
        for number, part in enumerate(parts):
            with nullcontext(raster) if number == 0 else self.scene.again() as from_top:
                self._strip(from_top, rows, part, write, number * len(rows.origins), total)
        self.network.progress("mapping", total, total)

    def _strip(
        self, raster: Raster, rows: Axis, columns: Columns, write: Callable[[Rows], None], done: int, total: int
    ) -> None:
        classes = len(self.network.predictor.class_names)
        is_binary = classes == 2
        planes = (1 if is_binary else classes) + self.network.insides
        blend = Blend(rows, columns, planes, BLOCK_PX)

        def write_finished(index: int) -> None:
            for part in blend.take(index).parts(BLOCK_PX):
                write(part)

        with BackgroundWriter() as behind, closing(read_bands(raster, rows, columns)) as bands:
            for index, band in enumerate(bands):
                self.network.progress("mapping", done + index, total)
                behind.do(blend.mark_valid, index, band.valid)
                for chosen, answers in self.network.answers(band, columns):
                    behind.do(blend.add, index, chosen, answers[:, 1:] if is_binary else answers)
                behind.do(write_finished, index)


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
        coming = [pool.submit(read, 0, ends[0])]
        band: Pixels | None = None
        for index, origin in enumerate(rows.origins):
            fresh = coming.pop().result()  # nobody else keeps it
            if band is None:
                # Of its own: what was read may be a view of something larger, or not to be written.
                band = Pixels(np.array(fresh.values), np.array(fresh.valid))
            else:
                _move_up(band, fresh, origin - rows.origins[index - 1])
            del fresh  # before the next rows are read, not meanwhile
            if index + 1 < len(ends):
                coming.append(pool.submit(read, ends[index], ends[index + 1]))
            yield band


def _move_up(band: Pixels, fresh: Pixels, step: int) -> None:
    """Let ``step`` rows leave the band at its top, and fresh ones come in below."""
    for kept, added in ((band.values, fresh.values), (band.valid[None], fresh.valid[None])):
        kept[:, :-step] = kept[:, step:]
        kept[:, kept.shape[1] - step :] = added
