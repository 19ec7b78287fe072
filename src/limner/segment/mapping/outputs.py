"""The rasters that a mapping leaves: classes in color and probabilities, with the scene's own georeference."""

from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import rasterio
from rasterio.enums import Resampling

from limner.foundation.errors import UserError
from limner.reporting.pictures import IGNORE, class_colors
from limner.scenes.rasters import Raster
from limner.scenes.windows import Window
from limner.segment.predicting.blending import Rows

BLOCK_PX = 256  # height and width of the files' blocks
ROUNDING = 1e-6  # blending sums float32 shares: equal answers of all tiles come out equal only to this
SMALLEST_OVERVIEW_PX = 256


def decide(planes: np.ndarray, threshold: float) -> np.ndarray:
    """The class of each pixel, (H, W) uint8.

    planes: (P, H, W) float32 probabilities; one plane is class 1 of two, taken where it reaches ``threshold``;
    of several planes the largest wins, the first of equals.
    """
    if len(planes) == 1:
        return (planes[0] >= threshold - ROUNDING).astype(np.uint8)
    return planes.argmax(axis=0).astype(np.uint8)


class MapWriter:
    """Writes finished rows into the class raster and, when its path is given, the probability raster.

    class_names: two classes are told by one plane of probability, more by one each. winning_only: of the planes, only
    each pixel's highest is written.
    """

    def __init__(
        self,
        scene: Raster,
        class_names: tuple[str, ...],
        threshold: float,
        classes: Path,
        probability: Path | None,
        winning_only: bool = False,
    ) -> None:
        self.threshold, self.winning_only = threshold, winning_only
        self.pixels = np.zeros(len(class_names), np.int64)  # of each class
        self.nodata_px = 0
        self.classes = create_raster(classes, scene, "uint8", nodata=IGNORE)
        self.classes.write_colormap(1, dict(enumerate(class_colors(len(class_names)).tolist())))
        self.classes.update_tags(**{f"CLASS_{number}": name for number, name in enumerate(class_names)})
        self.probability = None
        if probability is not None:
            names = class_names[1:] if len(class_names) == 2 else class_names
            names = ("winning class",) if winning_only else names
            self.probability = create_raster(probability, scene, "float32", len(names), np.nan, predictor=3)
            for band, name in enumerate(names, start=1):
                self.probability.set_band_description(band, name)

    def __enter__(self) -> "MapWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self.classes.close()
        if self.probability is not None:
            self.probability.close()

    def write(self, rows: Rows) -> None:
        """Write finished rows and count their classes; they come top to bottom in whole blocks."""
        count, width = rows.valid.shape
        if count == 0:
            return
        window = Window(rows.row, 0, count, width).rasterio
        classes = np.where(rows.valid, decide(rows.planes, self.threshold), np.uint8(IGNORE))
        self.classes.write(classes, 1, window=window)
        counts = np.bincount(classes.ravel(), minlength=IGNORE + 1)
        self.pixels += counts[: len(self.pixels)]
        self.nodata_px += int(counts[IGNORE])
        if self.probability is not None:
            planes = rows.planes.max(axis=0, keepdims=True) if self.winning_only else rows.planes
            self.probability.write(np.where(rows.valid, planes, np.float32(np.nan)), window=window)


def create_raster(
    path: Path, scene: Raster, dtype: str, bands: int = 1, nodata: float | None = None, predictor: int = 1
) -> Any:
    """A new tiled and compressed GeoTIFF on the scene's grid, open for writing (a rasterio dataset).

    predictor: 3 for floats that change smoothly. Raises `UserError` where it cannot be written.
    """
    place = {} if scene.transform.is_identity else {"transform": scene.transform}
    try:
        return rasterio.open(
            path,
            "w",
            driver="GTiff",
            height=scene.height,
            width=scene.width,
            count=bands,
            dtype=dtype,
            nodata=nodata,
            crs=scene.crs,
            tiled=True,
            blockxsize=BLOCK_PX,
            blockysize=BLOCK_PX,
            compress="deflate",
            zlevel=1,  # maps of classes shrink 20 times already; level 6 takes thrice the time for little
            predictor=predictor,
            num_threads=2,
            bigtiff="if_safer",
            **place,
        )
    except rasterio.errors.RasterioError as error:
        raise UserError(f"cannot write {path.name} in {path.parent}: {error}; choose another --out") from None


def build_overviews(path: Path, resampling: Resampling = Resampling.nearest) -> None:
    """Add halved copies inside the file, down to about 256 pixels, so that it opens at once at any zoom."""
    with rasterio.Env(ZLEVEL_OVERVIEW=1, GDAL_NUM_THREADS=2), rasterio.open(path, "r+") as dataset:
        longest = max(dataset.height, dataset.width)
        factors: list[int] = []
        while longest / 2 ** len(factors) > SMALLEST_OVERVIEW_PX:
            factors.append(2 ** (len(factors) + 1))
        if factors:
            dataset.build_overviews(factors, resampling)


def write_category_names(path: Path, class_names: tuple[str, ...]) -> None:
    """Write the sidecar ``<raster>.aux.xml`` from which QGIS and GDAL take the names of a class raster's values."""
    categories = "".join(f"<Category>{escape(name)}</Category>" for name in class_names)
    path.write_text(
        f'<PAMDataset><PAMRasterBand band="1"><CategoryNames>{categories}</CategoryNames>'
        "</PAMRasterBand></PAMDataset>\n",
        encoding="utf-8",
    )
