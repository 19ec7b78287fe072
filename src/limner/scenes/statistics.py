"""Mean and deviation of each band, measured in a stream so that no scene must fit in memory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from limner.foundation.errors import UserError
from limner.scenes.rasters import Raster
from limner.scenes.windows import Pixels, row_bands

CONSTANT = 1e-9  # a deviation below this share of the mean is rounding, not signal


@dataclass(frozen=True)
class Statistics:
    """Mean and deviation of each band, in the file's own units, bands in the file's order.

    A constant band has deviation 1, so that ``(x - mean) / std`` is safe.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def to_json(self) -> dict[str, list[float]]:
        """What `from_json` reads."""
        return {"mean": list(self.mean), "deviation": list(self.std)}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Statistics:
        """The statistics that `to_json` gave."""
        return cls(tuple(map(float, value["mean"])), tuple(map(float, value["deviation"])))


@dataclass(frozen=True, eq=False)
class Moments:
    """Pixels counted, their mean, and how they scatter about it: what two parts need to be merged.

    mean: (bands,) float64. scatter: (bands, bands) float64, the sum of the outer products of (pixel - mean). The merge
    is Chan, Golub and LeVeque's (1979): unlike the sum of squares it loses no digits when the mean is far from zero, as
    in 16-bit scenes.
    """

    count: int
    mean: np.ndarray
    scatter: np.ndarray

    @classmethod
    def of(cls, pixels: np.ndarray) -> Moments:
        """The moments of pixels (bands, n), n at least 1."""
        chosen = pixels.astype(np.float64)
        mean = chosen.mean(axis=1)
        chosen -= mean[:, None]
        scatter = np.diag((chosen**2).sum(axis=1))
        for band in range(1, len(mean)):  # no matrix product: its last digits would depend on the threads
            scatter[band, :band] = scatter[:band, band] = (chosen[band] * chosen[:band]).sum(axis=1)
        return cls(chosen.shape[1], mean, scatter)

    @property
    def covariance(self) -> np.ndarray:
        """(bands, bands) float64: the (population) covariance of the bands."""
        return self.scatter / self.count

    def merged(self, other: Moments) -> Moments:
        """The moments of both parts together."""
        if self.count == 0 or other.count == 0:
            return self if other.count == 0 else other
        count = self.count + other.count
        step = other.mean - self.mean
        return Moments(
            count,
            self.mean + step * (other.count / count),
            self.scatter + other.scatter + np.outer(step, step) * (self.count * other.count / count),
        )

    def standardized(self) -> Moments:
        """Those of the same pixels once each band has mean 0 and, where it varies, deviation 1."""
        std = np.array(self.statistics().std)
        return Moments(self.count, np.zeros_like(self.mean), self.scatter / np.outer(std, std))

    def statistics(self) -> Statistics:
        """Mean and (population) deviation; a `UserError` when no pixel was counted."""
        if self.count == 0:
            raise UserError("no pixel holds data (all are nodata or ignored); nothing can be measured")
        deviation = np.sqrt(self.covariance.diagonal())
        deviation = np.where(deviation > CONSTANT * np.abs(self.mean), deviation, 1.0)
        return Statistics(tuple(self.mean.tolist()), tuple(deviation.tolist()))


NOTHING = Moments(0, np.zeros(0), np.zeros((0, 0)))
"""The moments of no pixel."""


def gather(parts: Iterable[Pixels]) -> Moments:
    """The moments of all valid pixels of ``parts`` (zero counted when there is none)."""
    total = NOTHING
    for values, valid in parts:
        if valid.any():
            total = total.merged(Moments.of(values[:, valid]))
    return total


def measure(parts: Iterable[Pixels]) -> Statistics:
    """Mean and deviation over all valid pixels of ``parts``, one part in memory at a time.

    Raises `UserError` when no pixel is valid.

    >>> ones = np.ones((1, 2, 2), np.uint8)
    >>> measure([Pixels(ones, ones[0] > 0), Pixels(ones * 3, ones[0] > 0)])
    Statistics(mean=(2.0,), std=(1.0,))
    """
    return gather(parts).statistics()


def raster_moments(raster: Raster) -> Moments:
    """The moments of a whole scene, read by bands of rows; zero pixels counted when it is all nodata."""
    return gather(raster.read(window) for window in row_bands(raster.height, raster.width))


def measure_raster(raster: Raster) -> Statistics:
    """Mean and deviation of a whole scene, read by bands of rows. Raises `UserError` when it is all nodata."""
    moments = raster_moments(raster)
    if moments.count == 0:
        raise UserError(f"{raster.path}: no pixel holds data (all are nodata); nothing can be measured")
    return moments.statistics()
