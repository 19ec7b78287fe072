"""What is learned from: pictures with labels, in areas.

This file imports no torch: `limner check` stays light.
"""

import statistics
from dataclasses import dataclass
from pathlib import Path

from limner.scenes.names import scene_name
from limner.scenes.rasters import Raster, open_raster
from limner.scenes.windows import Window
from limner.segment.labels.forms import LabelForm
from limner.segment.labels.reader import RING_PX, LabelReader
from limner.segment.labels.vector_files import NO_LAYERS, Layers


@dataclass(frozen=True)
class Chip:
    """A picture of an area with its labels.

    labels: a mask or a vector file, or None when nobody labelled this one (all its pixels are ignored).
    within: a vector file of the ground that is annotated, or None. height, width: in pixels, as it is seen. annotated:
    the windows whose labels may be used, or None for all. bands, scale: how the picture is seen, see `open_raster`.
    ground_m: meters a pixel covers, as it is seen; None where nobody knows.
    """

    area: str
    image: Path
    labels: Path | None
    within: Path | None
    height: int
    width: int
    annotated: tuple[Window, ...] | None = None
    bands: tuple[int, ...] | None = None
    scale: float = 1.0
    ground_m: float | None = None

    @property
    def name(self) -> str:
        """What to call the picture: its file, or the place whose chips it joins."""
        return scene_name(self.image) if self.image.is_dir() else self.image.name

    def open(self) -> Raster:
        """The picture, seen as it is learned from."""
        return open_raster(self.image, bands=self.bands, scale=self.scale)


@dataclass(frozen=True)
class Area:
    """A place: the unit of splits and of scores."""

    name: str
    chips: tuple[Chip, ...]


@dataclass(frozen=True)
class DataSet:
    """Pictures and labels of several areas that can be learned from together.

    channels, dtype: bands and pixel type of every picture. band_names: where all pictures say the same. form: what the
    labels mean. label_field: the field of vector files that tells the class. layers: which of theirs are read.
    cautions: lines on what may mislead in the labels.
    """

    areas: tuple[Area, ...]
    channels: int
    dtype: str
    band_names: tuple[str, ...] | None
    form: LabelForm
    label_field: str | None = None
    layers: Layers = NO_LAYERS
    cautions: tuple[str, ...] = ()

    @property
    def chips(self) -> tuple[Chip, ...]:
        """All chips, area by area; a chip's number is its place here."""
        return tuple(chip for area in self.areas for chip in area.chips)

    @property
    def class_names(self) -> tuple[str, ...]:
        """One a class, from class 0."""
        return self.form.class_names

    @property
    def ground_m(self) -> float | None:
        """Median of the meters a pixel covers, over the pictures that say; None where none does."""
        known = [chip.ground_m for chip in self.chips if chip.ground_m is not None]
        return statistics.median(known) if known else None

    @property
    def ground_range_m(self) -> tuple[float, float] | None:
        """The least and the most of them."""
        known = [chip.ground_m for chip in self.chips if chip.ground_m is not None]
        return (min(known), max(known)) if known else None

    def reader(self, *, ring_px: int = RING_PX) -> LabelReader:
        """What reads the labels. ring_px: as in `LabelReader`."""
        return LabelReader(self.form, ring_px=ring_px, field=self.label_field, layers=self.layers)
