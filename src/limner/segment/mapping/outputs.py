"""The rasters that a mapping leaves: classes in color and probabilities, with the scene's own georeference."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np

from limner.foundation.files.writing import as_utf8
from limner.reporting.pictures import IGNORE, class_colors
from limner.scenes.rasters import Raster
from limner.scenes.windows import Window
from limner.scenes.writing import create_raster
from limner.segment.footprints.regions import inside_as_bytes
from limner.segment.predicting.blending import Rows

ROUNDING = 1e-6  # blending sums float32 shares: equal answers of all tiles come out equal only to this


def entropy_of(planes: np.ndarray) -> np.ndarray:
    """How unsure each pixel is, (H, W) float32 in bits: 0 where a class is certain, log2(classes) where all are alike.

    planes: (P, H, W) float32 probabilities; one plane is class 1 of two.

    >>> entropy_of(np.array([[[0.5, 1.0, 0.0]]], np.float32))
    array([[1., 0., 0.]], dtype=float32)
    """
    planes = np.concatenate([1 - planes, planes]) if len(planes) == 1 else planes
    logarithms = np.log2(planes, out=np.zeros_like(planes), where=planes > 0)
    return np.maximum(0, -(planes * logarithms).sum(axis=0))


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
    each pixel's highest is written. entropy: the path of the raster of `entropy_of`, where it is wanted. inside: where
    goes how far inside its object each pixel lies, see `take_insides`.
    """

    def __init__(
        self,
        scene: Raster,
        class_names: tuple[str, ...],
        threshold: float,
        classes: Path,
        probability: Path | None,
        winning_only: bool = False,
        entropy: Path | None = None,
        inside: Path | None = None,
    ) -> None:
        self.threshold, self.winning_only = threshold, winning_only
        self._files = ExitStack()
        self.pixels = np.zeros(len(class_names), np.int64)  # of each class
        self.nodata_px = 0
        self.classes = self._files.enter_context(create_raster(classes, scene, "uint8", nodata=IGNORE))
        self.classes.dataset.write_colormap(1, dict(enumerate(class_colors(len(class_names)).tolist())))
        self.classes.dataset.update_tags(**{f"CLASS_{number}": name for number, name in enumerate(class_names)})
        self.probability = None
        if probability is not None:
            names = class_names[1:] if len(class_names) == 2 else class_names
            names = ("winning class",) if winning_only else names
            file = create_raster(probability, scene, "float32", len(names), np.nan, predictor=3)
            self.probability = self._files.enter_context(file)
            for band, name in enumerate(names, start=1):
                self.probability.dataset.set_band_description(band, name)
        self.entropy = None
        if entropy is not None:
            self.entropy = self._files.enter_context(create_raster(entropy, scene, "float32", 1, np.nan, predictor=3))
            self.entropy.dataset.set_band_description(1, "entropy, bits")
        self.inside = None
        if inside is not None:
            self.inside = self._files.enter_context(create_raster(inside, scene, "uint8", nodata=IGNORE))

    def __enter__(self) -> "MapWriter":
        return self

    def __exit__(self, *error: Any) -> None:
        self._files.__exit__(*error)

    def take_insides(self, rows: Rows) -> Rows:
        """Rows without their last plane, how far inside its object each pixel lies, which is written to ``inside``; the
        same where that was not asked for."""
        if self.inside is None:
            return rows
        count, width = rows.valid.shape
        if count:
            inside = np.where(rows.valid, inside_as_bytes(rows.planes[-1]), np.uint8(IGNORE))
            self.inside.write(inside, 1, window=Window(rows.row, rows.column, count, width).rasterio)
        return rows._replace(planes=rows.planes[:-1])

    def write(self, rows: Rows) -> None:
        """Write finished rows and count their classes; they come in whole blocks."""
        count, width = rows.valid.shape
        if count == 0:
            return
        window = Window(rows.row, rows.column, count, width).rasterio
        classes = np.where(rows.valid, decide(rows.planes, self.threshold), np.uint8(IGNORE))
        self.classes.write(classes, 1, window=window)
        counts = np.bincount(classes.ravel(), minlength=IGNORE + 1)
        self.pixels += counts[: len(self.pixels)]
        self.nodata_px += int(counts[IGNORE])
        if self.probability is not None:
            several = self.winning_only and len(rows.planes) > 1
            planes = rows.planes.max(axis=0, keepdims=True) if several else rows.planes
            self.probability.write(np.where(rows.valid, planes, np.float32(np.nan)), window=window)
        if self.entropy is not None:
            unsure = np.where(rows.valid, entropy_of(rows.planes), np.float32(np.nan))
            self.entropy.write(unsure, 1, window=window)


def write_category_names(path: Path, class_names: tuple[str, ...]) -> None:
    """Write the sidecar ``<raster>.aux.xml`` from which QGIS and GDAL take the names of a class raster's values."""
    categories = "".join(f"<Category>{escape(name)}</Category>" for name in class_names)
    text = (
        f'<PAMDataset><PAMRasterBand band="1"><CategoryNames>{categories}</CategoryNames>'
        "</PAMRasterBand></PAMDataset>\n"
    )
    path.write_bytes(as_utf8(text))
