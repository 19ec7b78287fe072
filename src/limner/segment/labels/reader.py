"""Reading the class of each pixel from masks and polygons, in the form that a data set's labels have.

This file imports no torch: `limner check` and `limner score` stay light.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import shapely

from limner.foundation.errors import UserError
from limner.reporting.pictures import IGNORE
from limner.scenes.rasters import Raster, open_mask
from limner.scenes.windows import Pixels, Window, covered
from limner.segment.labels.alignment import is_aligned, read_onto, turned_like
from limner.segment.labels.forms import LabelForm
from limner.segment.labels.masks import has_colors
from limner.segment.labels.vector_files import NO_LAYERS, Layers, is_vector
from limner.segment.labels.vectors import (
    Polygons,
    box_of,
    check_ground,
    draw_over,
    drawn,
    drawn_around,
    moved,
    read_polygons,
)

RING_PX = 32  # background known around a polygon when nobody says which ground is annotated


class Labelled(Protocol):
    """A picture with its labels: what `LabelReader` needs to know of a chip."""

    @property
    def image(self) -> Path: ...
    @property
    def labels(self) -> Path | None: ...
    @property
    def within(self) -> Path | None: ...
    @property
    def annotated(self) -> tuple[Window, ...] | None: ...
    def open(self) -> Raster:
        """The picture, seen as it is learned from: its bands and its resolution chosen."""
        ...


class LabelReader:
    """Reads the class of each pixel, whatever form the labels have.

    Vector files are opened and reprojected once for each reference system and kept. Files of pixels are opened
    for each read, so that one reader serves several threads.

    Args:
        form: what the labels mean (`limner.segment.labels.forms`).
        ring_px: background known around each polygon, in pixels of the picture, where no ``within`` is given.
        field: the field of vector files that tells a polygon's class; without one all are class 1.
        layers: which layers of vector files are read.
    """

    def __init__(
        self, form: LabelForm, *, ring_px: int = RING_PX, field: str | None = None, layers: Layers = NO_LAYERS
    ) -> None:
        self.form = form
        self.ring_px = ring_px
        self.field = field
        self.layers = layers
        self._polygons: dict[tuple[Path, bool, str], Polygons] = {}
        self._classes = dict(form.attributes)

    def read(self, chip: Labelled, window: Window) -> np.ndarray:
        """The classes in ``window`` of a chip.

        Masks: each number or color becomes its class; nodata is ignored; a mask on another grid than the picture gives
        each pixel what it has there. Polygons: a pixel whose center lies inside is of the polygon's class (ignored
        where its field says nothing), the last one drawn where several lie; the annotated ground around it (the chip's
        ``within``, else a ring of ``ring_px``) is 0; everything else is ignored. ``within`` limits masks too.

        Returns:
            (height, width) uint8, 255 = ignore; 255 beyond the picture as well.

        Raises:
            UserError: broken file, a value without a class, no reference system where one is needed.
        """
        if chip.labels is None:
            return np.full((window.height, window.width), IGNORE, np.uint8)
        labels = self._draw(chip, chip.labels, window) if is_vector(chip.labels) else self._read_mask(chip, window)
        if chip.within is not None:
            labels[~drawn(self._shapes(chip, chip.within, window, of_ground=True)[0], window)] = IGNORE
        if chip.annotated is not None:
            labels[~covered(chip.annotated, window)] = IGNORE
        return labels

    def read_with_pixels(self, chip: Labelled, window: Window) -> tuple[Pixels, np.ndarray]:
        """The picture's pixels in ``window`` and their classes as `read` gives them,
        255 also where there is no data.
        """
        with chip.open() as raster:
            pixels = raster.read(window)
        mask = self.read(chip, window)
        mask[~pixels.valid] = IGNORE
        return pixels, mask

    def read_objects(self, chip: Labelled, window: Window) -> tuple[np.ndarray, np.ndarray]:
        """The classes in ``window`` as `read` gives them, and the number of each pixel's object, (height, width) int32.

        Polygons are objects of their own, the last one drawn where several lie; in masks neighbors of one class are of
        one object, so that a class's number serves for all of its objects. 0: neither knows of one.
        """
        mask = self.read(chip, window)
        if chip.labels is None or not is_vector(chip.labels):
            return mask, np.where(mask == IGNORE, 0, mask.astype(np.int32) + 1)
        shapes, _ = self._shapes(chip, chip.labels, window)
        objects = np.zeros(mask.shape, np.int32)
        draw_over(objects, [(shape, number) for number, shape in enumerate(shapes, 1)], window)
        return mask, objects

    def objects(self, chip: Labelled, path: Path, number: int) -> np.ndarray:
        """The polygons of a vector file that are of class ``number`` and lie on a chip, (n,) object, in the chip's
        pixels: x = column, y = row."""
        shapes, texts = self._shapes(chip, path)
        classes = [1] * len(shapes) if self.field is None else [self._class_of(text, path) for text in texts]
        return shapes[np.array(classes, int) == number]

    def check_place(self, chips: Iterable[Labelled]) -> None:
        """Raise `UserError` for a vector file none of whose polygons lies on any of its pictures.

        One of labels without any feature is right: there is no object. Ground that nobody annotated is a mistake.
        """
        users: dict[tuple[Path, bool], list[Labelled]] = {}
        for chip in chips:
            for vector, of_ground in ((chip.labels, False), (chip.within, True)):
                if vector is not None and is_vector(vector):
                    users.setdefault((vector, of_ground), []).append(chip)
        for (vector, of_ground), laid_on in users.items():
            touched = [len(self._shapes(chip, vector, of_ground=of_ground)[0]) > 0 for chip in laid_on]
            empty = any(path == vector and not polygons.count for (path, *_), polygons in self._polygons.items())
            if empty and of_ground:
                raise UserError(
                    f"{vector}: is empty, so no ground is annotated; draw its outline, or leave --within away"
                )
            if not empty and not any(touched):
                others = f" or {len(laid_on) - 1} other pictures" if len(laid_on) > 1 else ""
                raise UserError(
                    f"{vector}: none of its polygons lies on {laid_on[0].image.name}{others}; "
                    "are picture and polygons of the same place, in their right reference systems?"
                )

    def cautions(self) -> list[str]:
        """Lines on what may mislead in how the vector files read so far were understood."""
        return self._told(Polygons.cautions)

    def notes(self) -> list[str]:
        """Lines on what else a user may want to know of them."""
        return self._told(Polygons.notes)

    def _told(self, words_of: Callable[[Polygons], list[str]]) -> list[str]:
        found = {(path, polygons.layer.name): words_of(polygons) for (path, *_), polygons in self._polygons.items()}
        return [f"{path}: {'; '.join(words)}" for (path, _), words in found.items() if words]

    def _read_mask(self, chip: Labelled, window: Window) -> np.ndarray:
        path: Any = chip.labels
        with open_mask(path) as stored, chip.open() as picture:
            mask = turned_like(stored, picture)
            if is_aligned(mask, picture):
                values, known = self.form.read(mask, window)
            else:
                values, known = read_onto(picture, mask, window, self.form.read)
                known &= covered([Window(0, 0, picture.height, picture.width)], window)
            as_colors = bool(self.form.colors) and has_colors(mask)
        return self.form.classes_of(values, known, path, as_colors=as_colors)

    def _draw(self, chip: Labelled, path: Path, window: Window) -> np.ndarray:
        shapes, texts = self._shapes(chip, path, window, self.ring_px)
        labels = np.full((window.height, window.width), IGNORE if chip.within is None else 0, np.uint8)
        if chip.within is None:
            labels[drawn_around(shapes, window, self.ring_px)] = 0
        classes = [1] * len(shapes) if self.field is None else [self._class_of(text, path) for text in texts]
        touching = shapely.intersects(shapely.envelope(shapes), box_of(window))
        draw_over(labels, [(shapes[index], classes[index]) for index in np.flatnonzero(touching)], window)
        labels[~self._on_picture(chip, window)] = IGNORE
        return labels

    def _class_of(self, text: str | None, path: Path) -> int:
        if text is None:
            return IGNORE
        if text not in self._classes:
            raise UserError(f"{path}: the field {self.field} says '{text}', which means no class")
        return self._classes[text]

    def _shapes(
        self,
        chip: Labelled,
        path: Path,
        window: Window | None = None,
        margin_px: int = 0,
        *,
        of_ground: bool = False,
    ) -> tuple[np.ndarray, list[str | None]]:
        """Polygons on a window (None: the chip) and ``margin_px`` around, in the chip's columns and rows; and what
        the field says of each (nothing, ``of_ground`` that is annotated)."""
        with chip.open() as raster:
            polygons = self._polygons_on(raster, path, of_ground)
            to_ground, height, width = raster.transform, raster.height, raster.width
        box = box_of(window or Window(0, 0, height, width), margin_px)
        numbers = polygons.near(moved(np.array([box]), to_ground)[0])
        texts = [polygons.texts[number] for number in numbers] if polygons.texts else []
        return moved(polygons.tree.geometries[numbers], ~to_ground), texts

    def _polygons_on(self, raster: Raster, path: Path, of_ground: bool) -> Polygons:
        """The polygons of ``path`` in the picture's reference system (read once, then kept)."""
        check_ground(raster, path)
        crs: Any = raster.crs
        key = path, of_ground, crs.to_wkt()
        if key not in self._polygons:
            self._polygons[key] = read_polygons(
                self.layers.open(path, of_ground), crs, None if of_ground else self.field
            )
        return self._polygons[key]

    def _on_picture(self, chip: Labelled, window: Window) -> np.ndarray:
        with chip.open() as raster:
            return covered([Window(0, 0, raster.height, raster.width)], window)
