"""What labels mean: masks of 0 and 255, masks of class numbers, and polygons, all read as class numbers.

This file imports no torch: `limner check` and `limner score` stay light.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import shapely
from rasterio.errors import RasterioError

from limner.errors import UserError
from limner.pictures import IGNORE
from limner.segment.rasters import Raster, open_raster
from limner.segment.vectors import Polygons, check_ground, drawn, is_vector, moved, read_polygons
from limner.segment.windows import Pixels, Window, covered, row_bands

RING_PX = 32  # background known around a polygon when nobody says which ground is annotated
UNNAMED_CLASSES = 64  # more without names is a gray picture or a JPEG's noise, not a mask
BINARY_NAMES = ("background", "object")


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


@dataclass(frozen=True)
class LabelForm:
    """How the masks of a whole data set speak.

    binary: 255 means class 1 and nothing is ignored but nodata; else values are class numbers and 255 = ignore.
    class_names: one a class, from class 0.
    """

    binary: bool
    class_names: tuple[str, ...]


def read_mask(raster: Raster, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """The mask file's own values, and where it has any.

    A palette's numbers are read, not its colors: class maps carry a color table only to look well.

    Returns:
        values: (height, width) in the file's type; known: (height, width) bool, False for nodata, alpha 0
        and what lies beyond the file.

    Raises:
        UserError: for colors, broken pixels.
    """
    if len(raster.data_bands) != 1:
        raise UserError(
            f"{raster.path}: a mask of {len(raster.data_bands)} bands is a color picture; needed is one band of "
            "0/255 or class numbers (colors need a classes.yaml, which is not supported yet)"
        )
    if raster.palette is None:
        values, known = raster.read(window)
        return values[0], known
    values = np.zeros((window.height, window.width), raster.dtype)
    known = np.zeros(values.shape, bool)
    inside = window.clipped(raster.height, raster.width)
    if inside.height and inside.width:
        try:
            read = raster.dataset.read(1, window=inside.rasterio)
        except RasterioError as error:
            raise UserError(f"{raster.path}: cannot read its pixels ({error}); is the file whole?") from None
        place = inside.seen_from(window).slices
        values[place], known[place] = read, read != raster.nodata
    return values, known


def mask_values(path: Path) -> frozenset[int]:
    """All values of a mask file but its nodata. Raises `UserError` for colors, fractions and numbers above 255."""
    found: set[int] = set()
    with open_raster(path) as raster:
        for window in row_bands(raster.height, raster.width):
            values, known = read_mask(raster, window)
            found.update(_whole_numbers(values[known], path))
    return frozenset(found)


def _whole_numbers(values: np.ndarray, path: Path) -> list[int]:
    if values.dtype == np.uint8:
        return np.flatnonzero(np.bincount(values, minlength=256)).tolist()
    numbers = np.unique(values)
    wrong = numbers[(numbers != np.round(numbers)) | (numbers < 0) | (numbers > IGNORE)]
    if wrong.size:
        raise UserError(f"{path}: a mask with the value {wrong[0]:g}; needed are whole numbers from 0 to 255")
    return [int(number) for number in numbers]


def decide_form(values_of: dict[Path, frozenset[int]], class_names: Sequence[str] | None = None) -> LabelForm:
    """How to read masks, decided over all of them together.

    Values within {0, 255} everywhere mean binary masks (255 is class 1); anything else means class numbers,
    with 255 = ignore. More than two ``class_names`` mean class numbers in any case. Without masks (polygons
    only) the form is binary. The masks of one folder speak one way: a folder of 0 and 255 beside another of class
    numbers is refused, for 255 would be an object here and nothing there.

    Args:
        values_of: for each mask file the values it holds (`mask_values`).
        class_names: names from class 0; made up when not given.

    Raises:
        UserError: naming file and value where a value has no name; for far too many unnamed classes; naming a file
            of each form where both occur.

    >>> decide_form({Path("a.png"): frozenset({0}), Path("b.png"): frozenset({0, 255})}).binary
    True
    >>> decide_form({Path("a.png"): frozenset({0, 1, 255}), Path("b.png"): frozenset({0, 2})}).class_names
    ('class 0', 'class 1', 'class 2')
    """
    names = tuple(class_names) if class_names is not None else None
    if names is not None and not 2 <= len(names) < IGNORE:
        raise UserError(f"{len(names)} class names; needed are 2 to {IGNORE - 1}")
    if set().union(*values_of.values()) <= {0, IGNORE} and (names is None or len(names) == 2):
        return LabelForm(True, names or BINARY_NAMES)
    _check_one_form(values_of)
    highest = {path: max((v for v in values if v != IGNORE), default=0) for path, values in values_of.items()}
    worst = max(highest, key=lambda path: highest[path], default=None)
    top = highest[worst] if worst is not None else 0
    if names is not None:
        if top >= len(names):
            raise UserError(
                f"{worst}: a mask with the value {top}, but there are {len(names)} classes (0 to {len(names) - 1}, "
                "and 255 to ignore); mend the mask or name more classes"
            )
        return LabelForm(False, names)
    if top >= UNNAMED_CLASSES:
        raise UserError(
            f"{worst}: a mask with the value {top}; needed is 0/255 or class numbers from 0 (a gray or JPEG picture "
            "is not a mask); name the classes if there are so many"
        )
    return LabelForm(False, names_of(max(2, top + 1)))


def names_of(classes: int) -> tuple[str, ...]:
    """Names for classes that have none: background and object, or class 0, class 1, ..."""
    return BINARY_NAMES if classes == 2 else tuple(f"class {number}" for number in range(classes))


def _check_one_form(values_of: dict[Path, frozenset[int]]) -> None:
    """Refuse a folder of 0/255 masks beside another of class numbers."""
    folders: dict[Path, set[int]] = {}
    for path, values in values_of.items():
        folders.setdefault(path.parent, set()).update(values)
    binary = [path for path, values in values_of.items() if IGNORE in values and folders[path.parent] == {0, IGNORE}]
    numbered = [path for path, values in values_of.items() if values - {0, IGNORE}]
    if binary and numbered:
        raise UserError(
            f"{binary[0]} reads as 0/255, {numbered[0]} as class numbers, where 255 is ignored; bring them to one form"
        )


class LabelReader:
    """Reads the class of each pixel, whatever form the labels have.

    Vector files are opened and reprojected once for each reference system and kept. Files of pixels are opened
    for each read, so that one reader serves several threads.

    Args:
        form: how masks speak (`decide_form`).
        ring_px: background known around each polygon, in pixels of the picture, where no ``within`` is given.
    """

    def __init__(self, form: LabelForm, *, ring_px: int = RING_PX) -> None:
        self.form = form
        self.ring_px = ring_px
        self._polygons: dict[tuple[Path, str], Polygons] = {}

    def read(self, chip: Labelled, window: Window) -> np.ndarray:
        """The classes in ``window`` of a chip.

        Masks: binary 0 and 255 become 0 and 1; class numbers stay; nodata is ignored. Polygons: a pixel whose
        center lies inside is class 1; the annotated ground around it (the chip's ``within``, else a ring of
        ``ring_px``) is 0; everything else is ignored. ``within`` limits masks too.

        Returns:
            (height, width) uint8, 255 = ignore; 255 beyond the picture as well.

        Raises:
            UserError: broken file, a value without a class name, no reference system where one is needed.
        """
        if chip.labels is None:
            return np.full((window.height, window.width), IGNORE, np.uint8)
        if not is_vector(chip.labels):
            labels = self._read_mask(chip.labels, window)
        else:
            shapes = self._shapes(chip, chip.labels, window, self.ring_px)
            labels = np.full((window.height, window.width), IGNORE if chip.within is None else 0, np.uint8)
            if chip.within is None:
                labels[drawn(shapely.buffer(shapes, self.ring_px), window)] = 0
            labels[drawn(shapes, window)] = 1
            labels[~self._on_picture(chip, window)] = IGNORE
        if chip.within is not None:
            labels[~drawn(self._shapes(chip, chip.within, window), window)] = IGNORE
        if chip.annotated is not None:
            labels[~covered(chip.annotated, window)] = IGNORE
        return labels

    def read_with_pixels(self, chip: Labelled, window: Window) -> tuple[Pixels, np.ndarray]:
        """The picture's pixels in ``window`` and their classes as `read` gives them, 255 also where there is no data."""
        with open_raster(chip.image) as raster:
            pixels = raster.read(window)
        mask = self.read(chip, window)
        mask[~pixels.valid] = IGNORE
        return pixels, mask

    def touches(self, chip: Labelled, path: Path) -> bool:
        """Whether any polygon of ``path`` lies on the chip."""
        return len(self._shapes(chip, path)) > 0

    def check_place(self, chips: Iterable[Labelled]) -> None:
        """Raise `UserError` for a vector file none of whose polygons lies on any of its pictures."""
        users: dict[Path, list[Labelled]] = {}
        for chip in chips:
            for vector in (chip.labels, chip.within):
                if vector is not None and is_vector(vector):
                    users.setdefault(vector, []).append(chip)
        for vector, laid_on in users.items():
            if not any(self.touches(chip, vector) for chip in laid_on):
                others = f" or {len(laid_on) - 1} other pictures" if len(laid_on) > 1 else ""
                raise UserError(
                    f"{vector}: none of its polygons lies on {laid_on[0].image.name}{others}; "
                    "are picture and polygons of the same place, in their right reference systems?"
                )

    def _read_mask(self, path: Path, window: Window) -> np.ndarray:
        with open_raster(path) as raster:
            values, known = read_mask(raster, window)
        if self.form.binary:
            labels = (values != 0).astype(np.uint8)
        else:
            classes = len(self.form.class_names)
            wrong = known & (values != IGNORE) & ((values >= classes) | (values < 0))
            if wrong.any():
                raise UserError(f"{path}: a mask with the value {values[wrong][0]}; there are {classes} classes")
            labels = values.astype(np.uint8)
        labels[~known] = IGNORE
        return labels

    def _shapes(self, chip: Labelled, path: Path, window: Window | None = None, margin_px: int = 0) -> np.ndarray:
        """Polygons on a window (None: the chip) and ``margin_px`` around, in the chip's columns and rows."""
        with open_raster(chip.image) as raster:
            polygons = self._polygons_on(raster, path)
            to_ground, height, width = raster.transform, raster.height, raster.width
        row, column, rows, columns = window or Window(0, 0, height, width)
        box = shapely.box(column - margin_px, row - margin_px, column + columns + margin_px, row + rows + margin_px)
        found = polygons.near(moved(np.array([box]), to_ground)[0])
        return moved(found, ~to_ground)

    def _polygons_on(self, raster: Raster, path: Path) -> Polygons:
        """The polygons of ``path`` in the picture's reference system (read once, then kept)."""
        check_ground(raster, path)
        crs: Any = raster.crs
        key = path, crs.to_wkt()
        if key not in self._polygons:
            self._polygons[key] = read_polygons(path, crs)
        return self._polygons[key]

    def _on_picture(self, chip: Labelled, window: Window) -> np.ndarray:
        with open_raster(chip.image) as raster:
            return covered([Window(0, 0, raster.height, raster.width)], window)
