"""Looking at a data set before training: how it is read, what it holds, what is wrong with it, what to run next.

This file imports no torch: `limner check` answers quickly.
"""

import hashlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import numpy as np

from limner.foundation.errors import UserError
from limner.reporting.pictures import (
    GRAY,
    IGNORE,
    captioned_rows,
    class_colors,
    overlay,
    resized,
    to_display,
    write_picture,
)
from limner.scenes.overlaps import Ground
from limner.scenes.rasters import Raster
from limner.scenes.windows import Window
from limner.segment.data.areas import survey
from limner.segment.data.blocks import grid, hold_out
from limner.segment.data.chips import Area, Chip, DataSet
from limner.segment.data.findings import AreaReport, CheckReport
from limner.segment.data.places import boxes_in, holds_classes
from limner.segment.data.warnings import advised_ground_m, warnings_of
from limner.segment.labels.drawing import with_key
from limner.segment.labels.forms import background_of
from limner.segment.labels.reader import LabelReader
from limner.segment.labels.reading import AS_FOUND, Reading
from limner.segment.labels.vector_files import is_vector

WINDOW_PX = 1024  # pictures are read, and shown, by windows of about this edge
SHEET_ROWS, SHEET_COLUMNS, CELL_PX = 12, 3, 320


def check(data: Sequence[Path | str], reading: Reading = AS_FOUND, *, sheet: Path | None = None) -> CheckReport:
    """Look at everything below ``data``, and list all that is wrong instead of stopping at the first.

    Args:
        data, reading: as in `limner.segment.data.areas.find_data`.
        sheet: where to write a contact sheet (PNG): a few windows of each area with their labels laid over.
    """
    paths = [Path(item) for item in data]
    found, problems, notes, draft = survey(paths, reading)
    if found is None:
        again = _command("check", paths, reading)
        if not all(path.exists() for path in paths):
            again = ""  # what is nowhere is nowhere the next time, too
        elif any(boxes_in(path) is not None for path in paths):
            again = f"{_command('check', paths, AS_FOUND)} --room detect"
        elif any(map(holds_classes, paths)):
            again += " --room classify"
        return CheckReport((), 0, "", (), "", problems, (), notes, again, None, draft)
    reader = found.reader()
    unread: list[str] = []
    surveys = [_survey(area, reader, unread) for area in found.areas]
    shares = {} if unread else _held_out(found, unread)
    areas = tuple(each.report(found.class_names, shares) for each in surveys)
    problems = (*problems, *unread)
    shown = sheet is not None and any(each.windows for each in surveys)
    if sheet is not None and shown:
        write_picture(sheet, draw_sheet(surveys, reader))
    if not problems and (ground_m := advised_ground_m(areas)) is not None:
        reading = replace(reading, to_ground_m=ground_m)
    return CheckReport(
        areas=areas,
        channels=found.channels,
        dtype=found.dtype,
        class_names=found.class_names,
        form=found.form.describe(found.label_field),
        problems=problems,
        leaks=(*identical_files(found), *shared_ground(found)),
        warnings=(*notes, *warnings_of(areas, found)),
        next_command=_command("check" if problems else "train", paths, reading),
        sheet=str(sheet) if shown else None,
        draft=draft,
        cautions=found.cautions,
    )


@dataclass
class AreaSurvey:
    """What was seen of an area so far; `at` adds a picture.

    class_px: (256,) pixels of each value of the labels. windows: (chip, window, pixels of objects) of the
    windows that hold labelled pixels.
    """

    area: Area
    pixels: int = 0
    valid_px: int = 0
    class_px: np.ndarray = field(default_factory=lambda: np.zeros(256, np.int64))
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    ground_m: list[float] = field(default_factory=list)
    windows: list[tuple[Chip, Window, int]] = field(default_factory=list)

    def at(self, chip: Chip, reader: LabelReader) -> None:
        """Look at a picture and its labels. Raises `UserError` when one cannot be read to its end."""
        with chip.open() as raster:
            if raster.ground_m is not None:
                self.ground_m.append(raster.ground_m)
            for window in grid(chip.height, chip.width, WINDOW_PX):
                self._at_window(chip, window, raster, reader)

    def _at_window(self, chip: Chip, window: Window, raster: Raster, reader: LabelReader) -> None:
        values, valid = raster.read(window)
        mask = reader.read(chip, window)
        mask[~valid] = IGNORE
        self.pixels += valid.size
        self.valid_px += int(np.count_nonzero(valid))
        if valid.any():
            seen = values.reshape(len(values), -1) if valid.all() else values[:, valid]  # choosing is slow
            low, high = seen.min(axis=1), seen.max(axis=1)
            self.low = low if self.low is None else np.minimum(self.low, low)
            self.high = high if self.high is None else np.maximum(self.high, high)
        counts = np.bincount(mask.ravel(), minlength=256)
        self.class_px += counts
        if counts[:IGNORE].any():
            nothing = background_of(reader.form.class_names)
            self.windows.append(
                (chip, window, int(counts[:IGNORE].sum() - (0 if nothing is None else counts[nothing])))
            )

    def report(self, class_names: Sequence[str], held_out: dict[str, float]) -> AreaReport:
        """The numbers of the area."""
        chips = self.area.chips
        labelled = int(self.class_px[:IGNORE].sum())
        heights, widths = [chip.height for chip in chips], [chip.width for chip in chips]
        polygons = any(chip.labels is not None and is_vector(chip.labels) for chip in chips)
        shares = {name: self.class_px[number] / max(1, labelled) for number, name in enumerate(class_names)}
        return AreaReport(
            name=self.area.name,
            chips=len(chips),
            labels="polygons" if polygons else "masks",
            height=(min(heights), max(heights)),
            width=(min(widths), max(widths)),
            low=() if self.low is None else tuple(float(value) for value in self.low),
            high=() if self.high is None else tuple(float(value) for value in self.high),
            class_share={name: float(share) for name, share in shares.items()},
            labelled=labelled / max(1, self.pixels),
            nodata=1 - self.valid_px / max(1, self.pixels),
            georeferenced=len(self.ground_m),
            ground_m=(min(self.ground_m), max(self.ground_m)) if self.ground_m else None,
            held_out=held_out.get(self.area.name, 0.0),
        )


def _survey(area: Area, reader: LabelReader, unread: list[str]) -> AreaSurvey:
    found = AreaSurvey(area)
    for chip in area.chips:
        try:
            found.at(chip, reader)
        except UserError as error:
            unread.append(str(error))
    return found


def _held_out(data: DataSet, problems: list[str]) -> dict[str, float]:
    """The share of each area that training would hold out."""
    try:
        shares = hold_out(data).shares
    except UserError as error:
        problems.append(str(error))
        return {}
    return {one.area: one.validation_px / max(1, one.training_px + one.validation_px) for one in shares}


def identical_files(data: DataSet) -> list[str]:
    """A line for each set of pictures with the same content: copies end up on both sides of a split."""
    copies: dict[str, list[Chip]] = {}
    for chip in data.chips:
        if chip.image.is_dir():  # a mosaic of chips
            continue
        with chip.image.open("rb") as file:
            copies.setdefault(hashlib.file_digest(file, "sha256").hexdigest(), []).append(chip)
    return [
        "the same picture "
        + ("in several areas: " if len({chip.area for chip in same}) > 1 else "twice in one area: ")
        + ", ".join(f"{chip.area}/{chip.image.name}" for chip in same)
        for same in copies.values()
        if len(same) > 1
    ]


def shared_ground(data: DataSet) -> list[str]:
    """A line for each two areas whose georeferenced pictures show the same ground."""
    ground, chips = Ground(data.chips), data.chips
    pairs: dict[tuple[str, str], list[tuple[Chip, Chip]]] = {}
    for number, chip in enumerate(chips):
        for other, _ in ground.other_chips_on(number, Window(0, 0, chip.height, chip.width)):
            if number < other and chips[other].area != chip.area:
                pairs.setdefault((chip.area, chips[other].area), []).append((chip, chips[other]))
    return [
        f"areas {one} and {two} show the same ground ({len(overlaps)} overlaps, such as {overlaps[0][0].name} "
        f"and {overlaps[0][1].name}): a score of one after training on the other is no test"
        for (one, two), overlaps in pairs.items()
    ]


def draw_sheet(surveys: Sequence[AreaSurvey], reader: LabelReader) -> np.ndarray:
    """(H, W, 3) uint8: a row for each area (at most twelve), windows with objects first, their labels laid over; and
    above what the colors mean."""
    names = reader.form.class_names
    colors = dict(zip(names, class_colors(len(names)).tolist(), strict=True))
    background = background_of(names)
    if background is not None:
        del colors[names[background]]
    rows, captions = [], []
    for each in [one for one in surveys if one.windows][:SHEET_ROWS]:
        windows = [seen for seen in each.windows if seen[2]] or each.windows
        chosen = np.unique(np.linspace(0, len(windows) - 1, SHEET_COLUMNS).round().astype(int)).tolist()
        shown = [windows[number] for number in chosen]
        rows.append([_draw_window(chip, window, reader) for chip, window, _ in shown])
        captions.append([f"{each.area.name}: {chip.image.name}" for chip, _, _ in shown])
    return with_key(captioned_rows(rows, captions, cell_px=CELL_PX), {**colors, "not labelled (hatched)": GRAY})


def _draw_window(chip: Chip, window: Window, reader: LabelReader) -> np.ndarray:
    pixels, mask = reader.read_with_pixels(chip, window)
    picture = resized(to_display(pixels.values, pixels.valid), CELL_PX)
    rows, columns = (
        (np.arange(small) * large) // small for small, large in zip(picture.shape[:2], mask.shape, strict=True)
    )
    names = reader.form.class_names
    return overlay(picture, mask[np.ix_(rows, columns)], class_colors(len(names)), background=background_of(names))


def _command(verb: str, data: Sequence[Path], reading: Reading) -> str:
    """The command line to go on with."""
    words = ["limner", "check", *map(str, data)] if verb == "check" else ["limner", "train", "segment/modern"]
    if verb != "check":
        words += [word for path in data for word in ("--data", str(path))]
    for item in fields(reading):
        value = getattr(reading, item.name)
        if value:
            option = "--" + item.name.replace("_", "-")
            text = [] if value is True else [",".join(map(str, value)) if isinstance(value, tuple) else str(value)]
            words += [option, *text]
    return shlex.join(words)
