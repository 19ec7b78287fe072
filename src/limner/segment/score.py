"""Scores of class maps from exact integer counts: precision, recall, F1, IoU and accuracy, per class and area.

Everything rests on the confusion matrix of an area (`Counts`); `Evaluation` holds one per area together with the
protocol, and is what ``evaluation.json`` keeps; `score_files` counts it from files of any size, window by window.
This file imports no torch: `limner score` stays light.

Protocol of Ghassemi et al. 2018, section IV: pixel-wise over the whole scene, positive = class 1,
P = TP / (TP + FP), R = TP / (TP + FN), F1 = 2 P R / (P + R), accuracy = (TP + TN) / all; the "mean" is the plain
mean over the areas, not pooled.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rasterio
from rasterio.windows import Window as RasterioWindow

from limner.errors import UserError
from limner.files import replacing
from limner.segment.areas import Chip
from limner.segment.labels import (
    BINARY_NAMES,
    IGNORE,
    RING_PX,
    LabelForm,
    LabelReader,
    decide_form,
    is_vector,
    mask_values,
)
from limner.segment.rasters import RASTER_SUFFIXES, VECTOR_SUFFIXES, Raster, Window, open_raster
from limner.segment.statistics import row_bands

FORMAT_VERSION = 1
PIXELS_A_READ = 4_000_000
PIXELS_A_COUNT = 1 << 18  # small enough for the indices to stay in the processor's cache
VALUES = 256
FARTHEST_SHIFT_PX = 0.1  # grids nearer than this are one: tools round their transforms
COLUMNS = {"F1": "f1", "precision": "precision", "recall": "recall", "IoU": "iou", "accuracy": "accuracy"}

# The colors of the paper's own error maps (github.com/sinaghassemi/eusipco2018), and one for a wrong object class.
ERROR_COLORS = {
    0: (255, 255, 255),  # true negative
    1: (0, 160, 0),  # true positive
    2: (220, 0, 0),  # false positive
    3: (0, 70, 230),  # false negative
    4: (230, 150, 0),  # an object, but of another class
}


class Scores(NamedTuple):
    """Fractions 0..1 of one class (or their mean); None where undefined.

    precision is undefined when the class was never predicted, recall when it is nowhere in the truth, f1 and iou when
    it is in neither, accuracy when no pixel was counted.
    """

    precision: float | None
    recall: float | None
    f1: float | None
    iou: float | None
    accuracy: float | None


@dataclass(frozen=True, eq=False)
class Counts:
    """Pixels counted exactly. matrix: (classes, classes) int64, [truth, prediction]. Counts of areas add up.

    >>> counts = Counts.of(np.array([0, 0, 1, 1, 255]), np.array([0, 1, 1, 1, 1]), classes=2)
    >>> counts.matrix.tolist(), counts.f1()
    ([[1, 1], [0, 2]], 0.8)
    """

    matrix: np.ndarray

    def __post_init__(self) -> None:
        matrix = np.array(self.matrix)
        if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or matrix.shape[0] < 2:
            raise ValueError(f"counts of shape {matrix.shape}; needed: (classes, classes) with 2 classes or more")
        if not np.issubdtype(matrix.dtype, np.integer) or (matrix < 0).any():
            raise ValueError("counts must be whole numbers, none below 0")
        matrix = matrix.astype(np.int64)
        matrix.setflags(write=False)
        object.__setattr__(self, "matrix", matrix)

    @classmethod
    def zero(cls, classes: int) -> "Counts":
        """No pixel counted yet."""
        return cls(np.zeros((classes, classes), np.int64))

    @classmethod
    def of(cls, truth: np.ndarray, prediction: np.ndarray, classes: int = 2, ignore: int = IGNORE) -> "Counts":
        """Count two masks of one shape, integers 0..classes-1; a pixel that is ``ignore`` in either is left out.

        Raises `ValueError` when the shapes differ or a value is no class.
        """
        if truth.shape != prediction.shape:
            raise ValueError(f"truth of shape {truth.shape}, prediction of shape {prediction.shape}: must agree")
        for name, mask in (("truth", truth), ("prediction", prediction)):
            if mask.dtype != np.uint8 and mask.size and (mask.min() < 0 or mask.max() >= VALUES):
                raise ValueError(f"{name} holds {mask.min()}..{mask.max()}; needed: 0..{classes - 1} or {ignore}")
        joint = _joint_counts(truth, prediction)
        joint[ignore] = joint[:, ignore] = 0
        if joint[classes:].any() or joint[:, classes:].any():
            strange = np.flatnonzero(joint.sum(0) + joint.sum(1))[-1]
            raise ValueError(f"class {strange} among the pixels; needed: 0..{classes - 1}, or {ignore} = ignore")
        return cls(joint[:classes, :classes])

    def __add__(self, other: "Counts") -> "Counts":
        if self.classes != other.classes:
            raise ValueError(f"counts of {self.classes} and of {other.classes} classes do not add up")
        return Counts(self.matrix + other.matrix)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Counts) and np.array_equal(self.matrix, other.matrix)

    __hash__ = None  # type: ignore[assignment]

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return len(self.matrix)

    @property
    def pixels(self) -> int:
        """How many pixels were counted."""
        return int(self.matrix.sum())

    @property
    def truth_pixels(self) -> tuple[int, ...]:
        """How many pixels of each class the truth has."""
        return tuple(self.matrix.sum(axis=1).tolist())

    def cells(self, number: int = 1) -> tuple[int, int, int, int]:
        """(TP, FP, FN, TN) of class ``number`` against all others."""
        positive = int(self.matrix[number, number])
        predicted, there = int(self.matrix[:, number].sum()), int(self.matrix[number].sum())
        return positive, predicted - positive, there - positive, self.pixels - predicted - there + positive

    def precision(self, number: int = 1) -> float | None:
        """TP / (TP + FP); None when nothing was predicted as the class."""
        positive, false_positive, _, _ = self.cells(number)
        return _fraction(positive, positive + false_positive)

    def recall(self, number: int = 1) -> float | None:
        """TP / (TP + FN); None when the truth has none of the class."""
        positive, _, missed, _ = self.cells(number)
        return _fraction(positive, positive + missed)

    def f1(self, number: int = 1) -> float | None:
        """2 TP / (2 TP + FP + FN); 0 when all is missed, None when neither truth nor prediction has the class."""
        positive, false_positive, missed, _ = self.cells(number)
        return _fraction(2 * positive, 2 * positive + false_positive + missed)

    def iou(self, number: int = 1) -> float | None:
        """TP / (TP + FP + FN) = F1 / (2 - F1); None where `f1` is."""
        positive, false_positive, missed, _ = self.cells(number)
        return _fraction(positive, positive + false_positive + missed)

    @property
    def accuracy(self) -> float | None:
        """The share of pixels called rightly, over all classes; None without pixels."""
        return _fraction(int(np.trace(self.matrix)), self.pixels)

    def share(self, number: int = 1) -> float | None:
        """The share of the truth that is class ``number``; None without pixels."""
        return _fraction(self.truth_pixels[number], self.pixels)

    def scores(self, number: int | None = None) -> Scores:
        """The scores of class ``number``. None: of class 1 of two, of more classes the mean over the classes."""
        if number is None and self.classes > 2:
            return mean_scores(self.scores(each) for each in range(self.classes))
        number = 1 if number is None else number
        ratios = (self.precision(number), self.recall(number), self.f1(number), self.iou(number))
        return Scores(*ratios, self.accuracy)

    def constant(self, number: int) -> "Counts":
        """What a map that calls every pixel class ``number`` would count on the same pixels."""
        matrix = np.zeros_like(self.matrix)
        matrix[:, number] = self.truth_pixels
        return Counts(matrix)


def mean_scores(scores: Iterable[Scores]) -> Scores:
    """The plain mean of each score, over those that are defined; None where none is."""
    columns = zip(*scores, strict=True)
    defined = ([value for value in column if value is not None] for column in columns)
    return Scores(*(sum(values) / len(values) if values else None for values in defined))


class Protocol(NamedTuple):
    """The protocol of an evaluation: which pixels were scored, and how the map was made."""

    pixels: str  # in words, such as "all labelled pixels"; equal words are needed to compare
    ignore: int = IGNORE  # the mask value that was left out
    threshold: float | None = None  # probability from which a pixel is class 1; None: the likeliest class
    normalization: str | None = None  # whose mean and deviation the pictures were brought to: "run" or "scene"


@dataclass(frozen=True)
class Evaluation:
    """The counts of every area with their protocol: what ``evaluation.json`` keeps and every table is made of."""

    areas: Mapping[str, Counts]
    protocol: Protocol
    class_names: tuple[str, ...] = BINARY_NAMES
    unmapped: Mapping[str, int] = field(default_factory=dict)  # labelled pixels an area's map says nothing about

    def __post_init__(self) -> None:
        if not self.areas:
            raise ValueError("an evaluation needs at least one area")
        if any(counts.classes != len(self.class_names) for counts in self.areas.values()):
            raise ValueError(f"{len(self.class_names)} class names, but the counts have other numbers of classes")

    def mean(self, number: int | None = None) -> Scores:
        """The plain mean over the areas of `Counts.scores`; an area where a score is undefined is left out."""
        return mean_scores(counts.scores(number) for counts in self.areas.values())

    @cached_property
    def pooled(self) -> Counts:
        """The counts of all areas together."""
        return sum(self.areas.values(), Counts.zero(len(self.class_names)))

    def constants(self) -> dict[str, "Evaluation"]:
        """What maps of one class only would score on the same pixels: "all background", "all object", ..."""
        return {
            f"all {name}": Evaluation(
                {area: counts.constant(number) for area, counts in self.areas.items()},
                self.protocol,
                self.class_names,
            )
            for number, name in enumerate(self.class_names)
        }

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads: plain values. The scores are there to be read; only the counts are read back."""
        return {
            "format_version": FORMAT_VERSION,
            "task": "segment",
            "protocol": self.protocol._asdict(),
            "classes": list(self.class_names),
            "areas": {
                name: {
                    "counts": counts.matrix.tolist(),
                    "unmapped": self.unmapped.get(name, 0),
                    "scores": counts.scores()._asdict(),
                }
                for name, counts in self.areas.items()
            },
            "mean": self.mean()._asdict(),
            "pooled": self.pooled.scores()._asdict(),
            "constants": {name: constant.mean()._asdict() for name, constant in self.constants().items()},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any], source: str = "evaluation.json") -> "Evaluation":
        """The evaluation that `to_json` gave. Raises `UserError`, naming ``source``, for anything else."""
        version = value.get("format_version") if isinstance(value, Mapping) else None
        if version != FORMAT_VERSION:
            raise UserError(
                f"{source}: format version {version!r}, this limner reads {FORMAT_VERSION}; evaluate the run again"
            )
        try:
            areas = {name: Counts(np.array(area["counts"])) for name, area in value["areas"].items()}
            unmapped = {name: int(area["unmapped"]) for name, area in value["areas"].items()}
            return cls(areas, Protocol(**value["protocol"]), tuple(value["classes"]), unmapped)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(f"{source}: not an evaluation ({error}); evaluate the run again") from None

    def to_markdown(self) -> str:
        """A table of the areas, their mean and pool, and both constants on the same pixels; in percent."""
        rows: list[tuple[str, int | None, Scores]] = [
            (name, counts.pixels, counts.scores()) for name, counts in self.areas.items()
        ]
        rows.append(("**mean over areas**", None, self.mean()))
        rows.append(("pooled", self.pooled.pixels, self.pooled.scores()))
        rows += [(f"{name} (mean)", None, constant.mean()) for name, constant in self.constants().items()]
        head = ["area", "pixels", *COLUMNS]
        lines = [_markdown_row(head), _markdown_row(["---"] + ["---:"] * (len(head) - 1))]
        for name, pixels, scores in rows:
            cells = [percent(getattr(scores, column)) for column in COLUMNS.values()]
            lines.append(_markdown_row([name, "" if pixels is None else f"{pixels:,}", *cells]))
        if len(self.class_names) > 2:
            lines += ["", *self._class_rows()]
        return "\n".join([*lines, "", *self._notes()]) + "\n"

    def _class_rows(self) -> list[str]:
        lines = [_markdown_row(["class (pooled)", "share", *COLUMNS]), _markdown_row(["---"] + ["---:"] * 6)]
        for number, name in enumerate(self.class_names):
            scores = self.pooled.scores(number)
            cells = [percent(getattr(scores, column)) for column in COLUMNS.values()]
            lines.append(_markdown_row([name, percent(self.pooled.share(number)), *cells]))
        return lines

    def _notes(self) -> list[str]:
        which = f"of {self.class_names[1]}" if len(self.class_names) == 2 else "mean over the classes"
        notes = [f"In percent, {which}; {self.protocol.pixels}; {self.protocol.ignore} = ignore; undefined scores: -."]
        if self.protocol.threshold is not None:
            notes.append(f"Threshold: {self.protocol.threshold:g}.")
        if self.protocol.normalization is not None:
            notes.append(f"Normalization: {self.protocol.normalization}.")
        if missing := sum(self.unmapped.values()):
            notes.append(f"{missing:,} labelled pixels are in no score: the prediction says nothing there.")
        return notes


def score_files(
    prediction: Path | str,
    truth: Path | str,
    *,
    within: Path | str | None = None,
    classes: int | None = None,
    errors: Path | str | None = None,
) -> Evaluation:
    """Score maps in files against their truth, exactly, by windows of full rows: memory does not grow with a scene.

    Labels mean what they mean in training (`LabelReader`): where the masks of all files hold nothing but 0 and 255,
    255 is class 1, else values are class numbers and 255 = ignore; nodata is ignored; polygons are class 1 of two, and
    without ``within`` only a ring of background around each is scored.

    Args:
        prediction: a map, or a folder of maps.
        truth: a mask or vector file, or a folder of them, paired with the maps by stem (a final ``_classes`` does not
            count). Every file is an area of its own; in sub-folders (``<area>/*``, ``<area>/masks/*``) each folder is.
        within: a vector file; what lies outside its polygons is not scored.
        classes: how many there are; by default as many as truth and maps use, at least 2.
        errors: a GeoTIFF, or a folder for several, to draw the errors in (`error_kinds`, `ERROR_COLORS`).

    Raises:
        UserError: for files that do not pair, sizes or grids that differ, values that are no classes, polygons without
            a reference system or beside the map, and when no labelled pixel is mapped.
    """
    pairs = _paired(Path(prediction), Path(truth), None if within is None else Path(within))
    targets = [] if errors is None else _error_files(Path(errors), pairs)
    truth_form, map_form = _forms(pairs, None if classes is None else class_names(classes))
    truth_reader, map_reader = LabelReader(truth_form), LabelReader(map_form)
    _check_place(pairs, truth_reader)
    areas: dict[str, Counts] = {}
    unmapped: dict[str, int] = {}
    for number, pair in enumerate(pairs):
        windows = _windows(pair, truth_reader, map_reader)
        if targets:
            windows = _writing_errors(targets[number], pair.map, windows)
        counts, missing = Counts.zero(len(truth_form.class_names)), 0
        for _, mask, mapped in windows:
            counts += Counts.of(mask, mapped, counts.classes)
            missing += int(np.count_nonzero((mapped == IGNORE) & (mask != IGNORE)))
        areas[pair.area] = areas.get(pair.area, Counts.zero(counts.classes)) + counts
        unmapped[pair.area] = unmapped.get(pair.area, 0) + missing
    if not any(counts.pixels for counts in areas.values()):
        raise UserError(f"{prediction}: maps no labelled pixel of {truth}; do they show the same place?")
    return Evaluation(areas, Protocol(_which_pixels(pairs)), truth_form.class_names, unmapped)


def class_names(classes: int) -> tuple[str, ...]:
    """Names for classes that have none: background and object, or class 0, class 1, ..."""
    return BINARY_NAMES if classes == 2 else tuple(f"class {number}" for number in range(classes))


def error_kinds(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """What happened at each pixel: a uint8 number of `ERROR_COLORS`, or 255 where either mask is 255 (ignore).

    truth, prediction: class masks of one shape; class 0 is the background.
    """
    right = truth == prediction
    cases = [right & (truth == 0), right, truth == 0, prediction == 0]
    kinds = np.select(cases, [np.uint8(number) for number in range(4)], np.uint8(4))
    kinds[(truth == IGNORE) | (prediction == IGNORE)] = IGNORE
    return kinds


def percent(value: float | None) -> str:
    """A fraction as the tables print it: "67.72", or "-" where undefined."""
    return "-" if value is None else f"{100 * value:.2f}"


class _Pair(NamedTuple):
    """A map with its truth, as chips of the map's size: labels of ``map`` are the map itself."""

    map: Chip
    truth: Chip

    @property
    def area(self) -> str:
        return self.truth.area

    @property
    def label(self) -> Path:
        return self.truth.labels or self.truth.image


def _paired(prediction: Path, truth: Path, within: Path | None) -> list[_Pair]:
    maps, truths = _files(prediction, RASTER_SUFFIXES), _files(truth, RASTER_SUFFIXES + VECTOR_SUFFIXES)
    if truth.is_file() and (prediction.is_file() or is_vector(truth)):
        (label,) = truths.values()
        found = [(_area(key, prediction), path, label) for key, path in maps.items()]
    else:
        keys = [key for key in truths if key in maps or (truth.is_dir() and prediction.is_dir())]
        missing = [key for key in keys or truths if key not in maps]
        if missing:
            raise UserError(
                f"{prediction}: no map for {len(missing)} of {len(truths)} truths in {truth}, such as "
                f"{'/'.join(missing[0])}; needed: a map of the truth's name, or of that name with _classes"
            )
        found = [(_area(key, truth), maps[key], truths[key]) for key in keys]
    pairs = []
    for area, path, label in found:
        with open_raster(path) as raster:
            size = raster.height, raster.width
        pairs.append(_Pair(Chip(area, path, path, None, *size), Chip(area, path, label, within, *size)))
    return pairs


def _files(path: Path, suffixes: tuple[str, ...]) -> dict[tuple[str, ...], Path]:
    """The files that ``path`` is or holds, by their folders below it and their stem. Masks outrank all else."""
    if not path.exists():
        raise UserError(f"{path}: no such file or folder")
    if path.is_file():
        if path.suffix.lower() not in suffixes:
            raise UserError(f"{path}: cannot be scored; needed: a file of type {' '.join(suffixes)}, or a folder")
        return {(path.stem.removesuffix("_classes"),): path}
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in suffixes and file.name[0] != ".")
    masks = [file for file in files if "masks" in file.relative_to(path).parts[:-1]]
    found: dict[tuple[str, ...], Path] = {}
    for file in masks or files:
        folders = [part for part in file.relative_to(path).parts[:-1] if part != "masks"]
        key = (*folders, file.stem.removesuffix("_classes"))
        if key in found and found[key].stem == file.stem:
            raise UserError(f"{found[key]} and {file.name}: two files of one name; keep one of them")
        if key not in found or file.stem.endswith("_classes"):
            found[key] = file
    if not found:
        raise UserError(f"{path}: holds no file of type {' '.join(suffixes)}")
    return found


def _area(key: tuple[str, ...], folder: Path) -> str:
    if len(key) > 1:
        return key[0]
    return folder.name if (folder / "masks").is_dir() else key[0]


def _forms(pairs: list[_Pair], names: tuple[str, ...] | None) -> tuple[LabelForm, LabelForm]:
    """How truths and maps speak: each by the values of all its files, both with the same classes."""
    files = {pair.label for pair in pairs if not is_vector(pair.label)}, {pair.map.image for pair in pairs}
    values = [{path: mask_values(path) for path in sorted(side)} for side in files]
    forms = [decide_form(side, names) for side in values]
    most = max((form.class_names for form in forms), key=len)
    return decide_form(values[0], most), decide_form(values[1], most)


def _check_place(pairs: list[_Pair], reader: LabelReader) -> None:
    """Make sure that truths lie on their maps, before anything is counted."""
    for vector in {path for pair in pairs for path in (pair.label, pair.truth.within) if path and is_vector(path)}:
        chips = [pair.truth for pair in pairs if vector in (pair.label, pair.truth.within)]
        if not any(reader.touches(chip, vector) for chip in chips):
            raise UserError(f"{vector}: no polygon lies on {chips[0].image}; do they show the same place?")
    for pair in pairs:
        if not is_vector(pair.label):
            with open_raster(pair.map.image) as mapped, open_raster(pair.label) as truth:
                _check_same_grid(mapped, truth)


def _check_same_grid(mapped: Raster, truth: Raster) -> None:
    both = f"{mapped.path} and {truth.path}"
    advice = "needed: one grid; bring the truth to the map's (gdalwarp -r near)"
    if (mapped.height, mapped.width) != (truth.height, truth.width):
        sizes = f"{mapped.width} x {mapped.height} and {truth.width} x {truth.height} pixels"
        raise UserError(f"{both}: {sizes}; {advice}")
    if not (mapped.georeferenced and truth.georeferenced):
        return  # a plain picture takes the grid of what it is laid on
    if mapped.crs != truth.crs:
        raise UserError(f"{both}: {mapped.crs} and {truth.crs}; {advice}")
    to_ground, back = (np.array(raster.transform).reshape(3, 3) for raster in (truth, mapped))
    corners = np.array([(0, 0, 1), (mapped.width, 0, 1), (0, mapped.height, 1)]).T  # (column, row, 1)
    shift = np.abs(np.linalg.solve(back, to_ground @ corners) - corners).max()
    if shift > FARTHEST_SHIFT_PX:
        raise UserError(f"{both}: grids that lie {shift:.3g} pixels apart; {advice}")


def _windows(
    pair: _Pair, truth_reader: LabelReader, map_reader: LabelReader
) -> Iterator[tuple[Window, np.ndarray, np.ndarray]]:
    """Windows of full rows: (window, truth, map); masks uint8, 255 = ignore."""
    for window in row_bands(pair.map.height, pair.map.width, PIXELS_A_READ):
        yield window, truth_reader.read(pair.truth, window), map_reader.read(pair.map, window)


def _joint_counts(truth: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """(256, 256) int64: how often each value 0..255 of the truth meets each value of the prediction."""
    truth, prediction = truth.reshape(-1), prediction.reshape(-1)
    total = np.zeros(VALUES * VALUES, np.int64)
    for start in range(0, truth.size, PIXELS_A_COUNT):
        chunk = slice(start, start + PIXELS_A_COUNT)
        index = truth[chunk].astype(np.intp) * VALUES + prediction[chunk]
        total += np.bincount(index, minlength=total.size)
    return total.reshape(VALUES, VALUES)


def _error_files(errors: Path, pairs: Sequence[_Pair]) -> list[Path]:
    if len(pairs) == 1 and errors.suffix:
        if errors.suffix.lower() not in (".tif", ".tiff"):
            raise UserError(f"{errors}: error maps are GeoTIFFs; give a name that ends in .tif, or a folder")
        return [errors]
    folders = [errors / pair.area if pair.truth.image.stem != pair.area else errors for pair in pairs]
    stems = [pair.map.image.stem.removesuffix("_classes") for pair in pairs]
    return [folder / f"{stem}_errors.tif" for folder, stem in zip(folders, stems, strict=True)]


def _writing_errors(
    target: Path, chip: Chip, windows: Iterable[tuple[Window, np.ndarray, np.ndarray]]
) -> Iterator[tuple[Window, np.ndarray, np.ndarray]]:
    """The same windows again, their errors written to ``target`` on the way."""
    with open_raster(chip.image) as raster:
        place = {"crs": raster.crs, "transform": raster.transform}
    shape = {"height": chip.height, "width": chip.width, "count": 1, "dtype": "uint8", "nodata": IGNORE}
    layout = {"driver": "GTiff", "compress": "deflate", "tiled": True, "blockxsize": 256, "blockysize": 256}
    with replacing(target) as temporary, rasterio.open(temporary, "w", **layout, **shape, **place) as file:
        file.write_colormap(1, ERROR_COLORS)
        for window, truth, mapped in windows:
            area = RasterioWindow(window.column, window.row, window.width, window.height)
            file.write(error_kinds(truth, mapped), 1, window=area)
            yield window, truth, mapped


def _fraction(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _which_pixels(pairs: Sequence[_Pair]) -> str:
    within = pairs[0].truth.within
    if within is not None:
        return f"labelled pixels within {within.name}"
    if any(is_vector(pair.label) for pair in pairs):
        return f"the polygons and {RING_PX} px around each"
    return "all labelled pixels"


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
