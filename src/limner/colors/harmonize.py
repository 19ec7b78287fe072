"""Scenes in the colors of others: a map fitted on the summaries of two areas, read through window by window."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from limner.colors.classic.histogram import histogram
from limner.colors.classic.idt import idt
from limner.colors.classic.mkl import mkl_from_moments
from limner.colors.classic.reinhard import reinhard
from limner.colors.color_map import ColorMap
from limner.colors.summary import ALL, NEAREST, ColorSummary, merged, summarize
from limner.foundation.errors import UserError
from limner.scenes.rasters import Raster
from limner.scenes.statistics import Moments, Statistics
from limner.scenes.windows import Pixels, Window, row_bands

HARMONIZERS = ("mkl", "idt", "histogram", "reinhard")
"""The global methods by which scenes are harmonized."""


@dataclass(frozen=True, eq=False)
class SceneColors:
    """How the pixels of one scene are brought to the colors of ``reference``.

    color_map: between colors in units of ``unit``. reference: the training area, or ``all``. statistics: mean and
    deviation of its colors, in the file's own unit. dtype: of what `apply` gives. least, most: of the values that it
    gives, None for floats.
    """

    color_map: ColorMap
    reference: str
    statistics: Statistics
    dtype: str
    unit: float = 1.0
    least: float | None = None
    most: float | None = None

    def apply(self, pixels: Pixels) -> Pixels:
        """The pixels in their new colors; those that are not valid become 0.

        Integers are rounded, and cut off where the type of the reference ends.
        """
        values = np.zeros(pixels.values.shape, self.dtype)
        for window in row_bands(*pixels.valid.shape):
            rows = window.slices[0]
            valid = pixels.valid[rows]
            if valid.any():
                values[:, rows][:, valid] = self._mapped(pixels.values[:, rows][:, valid])
        return Pixels(values, pixels.valid)

    def _mapped(self, colors: np.ndarray) -> np.ndarray:
        """(bands, n) in the new colors, still floats."""
        given = torch.from_numpy(colors.astype(np.float32)) / self.unit
        found = self.color_map(given).mul_(self.unit)
        if self.most is not None:
            found.round_().clamp_(self.least, self.most)
        return found.numpy()


@dataclass(frozen=True)
class HarmonizedRaster(Raster):
    """A raster whose pixels are read in other colors."""

    colors: SceneColors | None = None

    def read(self, window: Window | None = None) -> Pixels:
        """As `Raster.read`, in the new colors."""
        pixels = super().read(window)
        return pixels if self.colors is None else self.colors.apply(pixels)


def harmonized(raster: Raster, colors: SceneColors) -> HarmonizedRaster:
    """An open raster seen in other colors; it is closed with either."""
    return HarmonizedRaster(raster.path, raster.dataset, raster.chosen, raster.scale, colors=colors)


@dataclass(frozen=True, eq=False)
class Harmonizer:
    """What scenes are harmonized by.

    method: one of `HARMONIZERS`. to: the name of an area, ``all`` or ``nearest``. areas: the colors that may be
    matched, by name. dtype: type of their pixels. Raises `UserError` for another method or area.
    """

    method: str
    to: str
    areas: Mapping[str, ColorSummary]
    dtype: str

    def __post_init__(self) -> None:
        if self.method not in HARMONIZERS:
            raise UserError(f"'{self.method}' is no way to harmonize; needed: one of {', '.join(HARMONIZERS)}")
        if self.to not in (ALL, NEAREST, *self.areas):
            known = ", ".join((ALL, NEAREST, *self.areas))
            raise UserError(f"no training area is called '{self.to}'; what can be matched: {known}")

    def digest(self) -> str:
        """Tells what colors can be matched, for "are these the same as before?"."""
        sums = hashlib.sha256(self.dtype.encode())
        for name, area in self.areas.items():
            sums.update(f"{name} {area.count}".encode())
            for values in (area.moments.mean, area.moments.scatter, area.sample):
                sums.update(np.ascontiguousarray(values).tobytes())
        return sums.hexdigest()[:16]

    def fit(self, scene: ColorSummary, dtype: str) -> SceneColors:
        """The way from the colors of a scene, whose pixels are of type ``dtype``, to those that are to be matched."""
        name, reference = self._reference(scene)
        shared = np.promote_types(self.dtype, dtype)
        integer = np.issubdtype(shared, np.integer)
        unit = 255.0 if self.dtype == dtype == "uint8" else 1.0
        return SceneColors(
            color_map=fit_map(self.method, scene, reference, unit),
            reference=name,
            statistics=reference.moments.statistics(),
            dtype=str(shared),
            unit=unit,
            least=float(np.iinfo(self.dtype).min) if integer else None,
            most=float(np.iinfo(self.dtype).max) if integer else None,
        )

    def fit_raster(self, raster: Raster) -> SceneColors:
        """The same for an open scene, which is read once. Raises `UserError` when it has no data."""
        summary = summarize_raster(raster)
        return self.fit(summary, raster.dtype)

    def _reference(self, scene: ColorSummary) -> tuple[str, ColorSummary]:
        if self.to == ALL:
            return ALL, merged(list(self.areas.values()))
        name = nearest(scene, self.areas) if self.to == NEAREST else self.to
        return name, self.areas[name]


def fit_map(method: str, scene: ColorSummary, reference: ColorSummary, unit: float = 1.0) -> ColorMap:
    """The map from the colors of one summary to those of another, both divided by ``unit`` first.

    With ``unit`` 255 three bands are taken for red, green and blue of a photo, so that Reinhard's method works in lab;
    else it matches the bands as they are.
    """
    if method == "mkl":
        return mkl_from_moments(*_moments(scene.moments, unit), *_moments(reference.moments, unit))
    colors, others = (torch.from_numpy(summary.sample) / unit for summary in (scene, reference))
    if method == "reinhard":
        return reinhard(colors, others, space="bands" if unit == 1 else "auto")
    return histogram(colors, others) if method == "histogram" else idt(colors, others)


def _moments(moments: Moments, unit: float) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(moments.mean / unit), torch.from_numpy(moments.covariance / unit**2)


def nearest(scene: ColorSummary, areas: Mapping[str, ColorSummary]) -> str:
    """The area whose colors are nearest to the scene's: the first of the least `distance`.

    Bands are counted in deviations of all areas together, so that a band of large numbers has no more say.
    """
    unit = np.asarray(merged(list(areas.values())).moments.statistics().std)
    return min(areas, key=lambda name: distance(scene.moments, areas[name].moments, unit))


def distance(first: Moments, second: Moments, unit: np.ndarray) -> float:
    """How far the colors of one area lie from those of another, in ``unit`` (bands,).

    Wasserstein's distance of two Gaussians of their means and covariances (Dowson and Landau 1982), which is the root
    of the mean square by which the `mkl` map moves a color: |m1 - m2|^2 + tr(C1 + C2 - 2 (C1^1/2 C2 C1^1/2)^1/2).
    """
    means = ((first.mean - second.mean) / unit) ** 2
    scale = np.outer(unit, unit)
    one, other = first.covariance / scale, second.covariance / scale
    values, vectors = np.linalg.eigh(one)
    root = (vectors * np.sqrt(values.clip(0))) @ vectors.T
    between = np.sqrt(np.linalg.eigvalsh(root @ other @ root).clip(0)).sum()
    return float(np.sqrt(max(0.0, means.sum() + one.trace() + other.trace() - 2 * between)))


def summarize_raster(raster: Raster) -> ColorSummary:
    """The colors of a whole scene, read by bands of rows. Raises `UserError` when it is all nodata."""
    summary = summarize(raster.read(window) for window in row_bands(raster.height, raster.width))
    if not summary.count:
        raise UserError(f"{raster.path}: no pixel holds data (all are nodata); there are no colors to match")
    return summary
