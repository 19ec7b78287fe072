"""`limner score`: maps in files against their truth, counted exactly, window by window.

This file imports no torch: `limner score` stays light.
"""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from limner.foundation.errors import UserError
from limner.foundation.files.suffixes import TIFFS, ends_with
from limner.foundation.files.writing import replacing
from limner.reporting.pictures import ERROR_COLORS, IGNORE, error_kinds
from limner.scenes.georeference import same_system
from limner.scenes.rasters import Raster, open_mask
from limner.scenes.windows import Window, row_bands
from limner.scenes.writing import create_raster
from limner.segment.data.chips import Chip
from limner.segment.labels.alignment import FARTHEST_SHIFT_PX, shift_px
from limner.segment.labels.cautions import NOT_MAPPED, mask_cautions, rings_only, scored_part
from limner.segment.labels.forms import LabelForm, check_known, decide_form, looks_binary, names_of
from limner.segment.labels.masks import MaskContent, mask_content
from limner.segment.labels.meaning import explanation, find_form
from limner.segment.labels.reader import RING_PX, LabelReader
from limner.segment.labels.reading import AS_FOUND, Reading
from limner.segment.labels.vector_files import is_vector
from limner.segment.measures.counts import Counts
from limner.segment.measures.object_counter import AS_DELIVERED, AS_DRAWN, ObjectCounter, objects_of
from limner.segment.measures.scores import Evaluation, Protocol
from limner.segment.scoring.pairing import Pair, footprint_reader, footprints_of, pair_files

PIXELS_A_READ = 4_000_000


def score_files(
    prediction: Path | str,
    truth: Path | str,
    *,
    within: Path | str | None = None,
    classes: int | None = None,
    errors: Path | str | None = None,
    reading: Reading = AS_FOUND,
) -> Evaluation:
    """Score maps in files against their truth, exactly, by windows of full rows: memory does not grow with a scene.

    Labels mean what they mean in training (`LabelReader`): where the masks of all files hold nothing but 0 and 255,
    255 is class 1, else values are class numbers and 255 = ignore, unless ``reading`` (or a ``classes.yaml`` beside the
    truth) says what they mean; nodata is ignored; polygons are class 1 of two, or what their field says, and
    without ``within`` only a ring of background around each is scored.

    Args:
        prediction: a map, or a folder of maps: class rasters, or vector files of footprints as they are delivered.
        truth: a mask or vector file, or a folder of them, paired with the maps by stem (a final ``_classes`` does not
            count). Every file is an area of its own; in sub-folders (``<area>/*``, ``<area>/masks/*``) each folder is.
        within: a vector file; what lies outside its polygons is not scored.
        classes: how many there are; by default as many as truth and maps use, at least 2.
        reading: what the truth's labels mean: its ``classes``, ``target`` and ``label_field``. The maps then hold class
            numbers in the order of these classes.
        errors: a GeoTIFF, or a folder for several, to draw the errors in (`error_kinds`, `ERROR_COLORS`).

    Raises:
        UserError: for files that do not pair, sizes or grids that differ, values that are no classes, polygons without
            a reference system or beside the map, and when no labelled pixel is mapped.
    """
    with tempfile.TemporaryDirectory(prefix="limner-") as scratch:
        ground = None if within is None else Path(within)
        pairs = pair_files(Path(prediction), Path(truth), ground, reading.layers, Path(scratch))
        return _scored(pairs, Path(prediction), Path(truth), classes, errors, reading)


def _scored(
    pairs: list[Pair], prediction: Path, truth: Path, classes: int | None, errors: Path | str | None, reading: Reading
) -> Evaluation:
    targets = [] if errors is None else _error_files(Path(errors), pairs)
    forms = _forms(pairs, truth, reading, None if classes is None else names_of(classes))
    truth_form, delivered = forms.truth, pairs[0].delivered
    if delivered and len(truth_form.class_names) != 2:
        raise UserError(
            f"{prediction}: footprints are of one class against the rest, but the truth has "
            f"{', '.join(truth_form.class_names)}; name one with --target"
        )
    truth_reader = LabelReader(truth_form, field=reading.label_field, layers=reading.layers)
    map_reader = footprint_reader(pairs, truth_form.class_names) if delivered else LabelReader(forms.map)
    _check_place(pairs, truth_reader)
    polygons = footprints_of(pairs, map_reader)
    areas: dict[str, Counts] = {}
    unmapped: dict[str, int] = {}
    pixels = 0
    chips = [pair.truth for pair in pairs]
    counts_objects = len(truth_form.class_names) == 2
    with ObjectCounter(chips, truth_reader, polygons=polygons) as counter:
        for number, pair in enumerate(pairs):
            windows = _windows(pair, truth_reader, map_reader)
            if targets:
                windows = _writing_errors(targets[number], pair.map, windows)
            counts, missing = Counts.zero(len(truth_form.class_names)), 0
            for window, mask, mapped in windows:
                pixels += mask.size
                counts += Counts.of(mask, mapped, counts.classes)
                missing += int(np.count_nonzero((mapped == IGNORE) & (mask != IGNORE)))
                if counts_objects:
                    counter.add(number, Window(0, 0, pair.truth.height, pair.truth.width), window, mask, mapped)
            areas[pair.area] = areas.get(pair.area, Counts.zero(counts.classes)) + counts
            unmapped[pair.area] = unmapped.get(pair.area, 0) + missing
        objects = objects_of(counter, chips, AS_DELIVERED if delivered else AS_DRAWN)
    if not any(counts.pixels for counts in areas.values()):
        if all(pair.truth.within is None and _holds_no_polygon(pair.label, reading) for pair in pairs):
            raise UserError(
                f"{truth}: holds no polygon, and without --within only the ground around polygons is scored; give "
                "--within GROUND, a vector file of the ground that was looked at"
            )
        raise UserError(f"{prediction}: maps no labelled pixel of {truth}; do they show the same place?")
    result = Evaluation(areas, Protocol(_which_pixels(pairs)), truth_form.class_names, unmapped, objects=objects)
    read = [line for reader in (truth_reader, map_reader) for line in (*reader.cautions(), *reader.notes())]
    return replace(result, cautions=(*_on_a_part(result, pixels, pairs), *forms.cautions, *read))


def _holds_no_polygon(label: Path, reading: Reading) -> bool:
    return is_vector(label) and not reading.layers.open(label, of_ground=False).features


class _Forms(NamedTuple):
    """How truths and maps speak. cautions: lines on what may mislead in them."""

    truth: LabelForm
    map: LabelForm
    cautions: tuple[str, ...]


def _forms(pairs: list[Pair], truth: Path, reading: Reading, names: tuple[str, ...] | None) -> _Forms:
    """How truths and maps speak: each by what all its files hold, both with the same classes."""
    vectors = sorted({pair.label for pair in pairs if is_vector(pair.label)})
    rasters = {pair.map_file for pair in pairs if not pair.delivered}
    files = {pair.label for pair in pairs if not is_vector(pair.label)}, rasters
    truths, maps = ({path: mask_content(path) for path in sorted(side)} for side in files)
    explained = explanation([truth], reading)
    if explained or reading.target or reading.label_field or reading.class_names:
        for path, content in truths.items():
            check_known(explained, path, content)
        form = find_form(explained, truths, vectors, reading)
        return _with_cautions(form, decide_form(maps, form.class_names), truths, maps)
    forms = [decide_form(side, names) for side in (truths, maps)]
    most = max((form.class_names for form in forms), key=len)
    if names is None and len(most) > 2 and looks_binary(truths):
        raise UserError(
            f"{next(iter(truths))}: holds 0 and 255, but {next(iter(maps))} has {len(most)} classes; name them with "
            "--classes a,b,c where 255 is ignored, else say in a classes.yaml what it means"
        )
    return _with_cautions(decide_form(truths, most), decide_form(maps, most), truths, maps)


def _with_cautions(
    truth: LabelForm, mapped: LabelForm, truths: dict[Path, MaskContent], maps: dict[Path, MaskContent]
) -> _Forms:
    return _Forms(truth, mapped, (*mask_cautions(truths, truth), *mask_cautions(maps, mapped, NOT_MAPPED)))


def _on_a_part(result: Evaluation, pixels: int, pairs: Sequence[Pair]) -> tuple[str, ...]:
    """A line where less than all ``pixels`` of the maps are scored; not for the ground that ``within`` asks for."""
    scored, missing = result.pooled.pixels, sum(result.unmapped.values())
    labelled = scored + missing
    reasons = [f"the map says nothing of {missing:,} labelled pixels"] if missing else []
    if pairs[0].truth.within is None and labelled < pixels:
        rings = any(is_vector(pair.label) for pair in pairs)
        reasons.append(rings_only(RING_PX) if rings else f"{pixels - labelled:,} pixels are not labelled")
    return scored_part(scored, pixels, reasons)


def _check_place(pairs: list[Pair], reader: LabelReader) -> None:
    """Make sure that truths lie on their maps, before anything is counted."""
    reader.check_place(pair.truth for pair in pairs)
    for pair in pairs:
        if not is_vector(pair.label) and not pair.delivered:
            with open_mask(pair.map.image) as mapped, open_mask(pair.label) as truth:
                _check_same_grid(mapped, truth)


def _check_same_grid(mapped: Raster, truth: Raster) -> None:
    both = f"{mapped.path} and {truth.path}"
    advice = "needed: one grid; bring the truth to the map's (gdalwarp -r near)"
    if (mapped.height, mapped.width) != (truth.height, truth.width):
        sizes = f"{mapped.width} x {mapped.height} and {truth.width} x {truth.height} pixels"
        raise UserError(f"{both}: {sizes}; {advice}")
    if not (mapped.georeferenced and truth.georeferenced):
        return  # a plain picture takes the grid of what it is laid on
    if not same_system(mapped.crs, truth.crs):
        raise UserError(f"{both}: {mapped.crs} and {truth.crs}; {advice}")
    shift = shift_px(truth, mapped)
    if shift > FARTHEST_SHIFT_PX:
        raise UserError(f"{both}: grids that lie {shift:.3g} pixels apart; {advice}")


def _windows(
    pair: Pair, truth_reader: LabelReader, map_reader: LabelReader
) -> Iterator[tuple[Window, np.ndarray, np.ndarray]]:
    """Windows of full rows: (window, truth, map); masks uint8, 255 = ignore. Around footprints all is background."""
    for window in row_bands(pair.map.height, pair.map.width, PIXELS_A_READ):
        mapped = map_reader.read(pair.map, window)
        if pair.delivered:
            mapped[mapped == IGNORE] = 0
        yield window, truth_reader.read(pair.truth, window), mapped


def _error_files(errors: Path, pairs: Sequence[Pair]) -> list[Path]:
    if len(pairs) == 1 and errors.suffix:
        if not ends_with(errors, TIFFS):
            raise UserError(f"{errors}: error maps are GeoTIFFs; give a name that ends in .tif, or a folder")
        return [errors]
    folders = [errors / pair.area if pair.truth.image.stem != pair.area else errors for pair in pairs]
    stems = [pair.map_file.stem.removesuffix("_classes") for pair in pairs]
    return [folder / f"{stem}_errors.tif" for folder, stem in zip(folders, stems, strict=True)]


def _writing_errors(
    target: Path, chip: Chip, windows: Iterable[tuple[Window, np.ndarray, np.ndarray]]
) -> Iterator[tuple[Window, np.ndarray, np.ndarray]]:
    """The same windows again, their errors written to ``target`` on the way."""
    with replacing(target) as temporary:
        with open_mask(chip.image) as scene:
            file = create_raster(temporary, scene, "uint8", nodata=IGNORE)
        with file:
            file.dataset.write_colormap(1, ERROR_COLORS)
            for window, truth, mapped in windows:
                file.write(error_kinds(truth, mapped), 1, window=window.rasterio)
                yield window, truth, mapped


def _which_pixels(pairs: Sequence[Pair]) -> str:
    within, on_polygons = pairs[0].truth.within, any(is_vector(pair.label) for pair in pairs)
    which = "all labelled pixels"
    if within is not None:
        which = f"labelled pixels within {within.name}"
    elif on_polygons:
        which = f"the polygons and {RING_PX} px around each"
    cells = [ground for pair in pairs if pair.delivered and is_vector(pair.label) and (ground := pair.truth.ground_m)]
    return which + (f", in cells of {max(cells):.2g} m" if cells else "")
