"""`limner evaluate`: a run's scores on its validation ground, or on other data in full."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from limner.colors.harmonize import Harmonizer, SceneColors
from limner.colors.summary import ColorSummary, summarize
from limner.foundation.errors import UserError
from limner.learning.library import recipe_of
from limner.learning.runs.opening import open_run
from limner.learning.runs.run import Run
from limner.scenes.bands import check_bands
from limner.scenes.statistics import Statistics, measure
from limner.scenes.windows import Pixels, Window, row_bands
from limner.segment.data.areas import find_data
from limner.segment.data.chips import DataSet
from limner.segment.labels.cautions import WHOLE, rings_only, scored_part
from limner.segment.labels.reader import RING_PX
from limner.segment.labels.reading import Reading
from limner.segment.labels.vector_files import is_vector
from limner.segment.measures.evaluation import EVERYTHING, VALIDATION, as_evaluation, counting_objects, known_by_rings
from limner.segment.measures.gallery import drawing_errors
from limner.segment.measures.scores import Evaluation
from limner.segment.measures.tally import Read, tally_areas
from limner.segment.measures.thresholds import Meaning, deciding, place_look
from limner.segment.predicting.crf.cells import CellCrf
from limner.segment.predicting.crf.options import CrfOptions
from limner.segment.predicting.ensemble import Predictor, together
from limner.segment.predicting.fit_to_run import learned_caution
from limner.segment.predicting.predictor import load_predictor
from limner.segment.predicting.turns import turned
from limner.segment.scoring.annotated import AnnotatedGround, annotated_ground
from limner.segment.scoring.options import EvaluateOptions
from limner.segment.training.colors import harmonizer_of
from limner.segment.training.recipe import DataSettings, SegmentRecipe
from limner.segment.training.recipe_data import load_data, make_source, split_data


def evaluate_run(run: Run, options: EvaluateOptions, *, data: Sequence[Path] = (), device: str = "auto") -> Evaluation:
    """Score a run.

    Without ``data``: on the validation blocks of the areas it was trained on. With it: on every labelled pixel, read as
    the options say. A refined run's annotated ground is left out, and without ``data`` it has no other: that is a
    `UserError`.
    """
    left_out, reading = options.left_out, options.reading.given()
    # The validation ground is scored in the numbers that training scored it in.
    if left_out and (data or reading):
        raise UserError(
            "--left-out scores the areas that the recipe left out, read as in training; give it no other data"
        )
    whole = bool(data) or left_out
    runs = [run, *(open_run(name, "segment") for name in options.ensemble or ())]
    if len(runs) > 1:
        _check_ensemble(options, whole)
    loaded = [load_predictor(each, device, "auto" if whole else recipe_of(run).loop.precision) for each in runs]
    predictor = together([turned(each) for each in loaded] if options.predicting.tta else loaded)
    crf = options.predicting.crf_settings if options.predicting.crf else None
    predictor, meaning = deciding(
        predictor, runs if whole else (), options.threshold, harmonized=options.harmonize is not None
    )
    harmonizer = harmonizer_of(run, options.harmonize, options.harmonize_to, options.normalize)
    normalize = predictor.normalization(options.normalize, harmonized=harmonizer is not None)
    if whole:
        paths, how = left_out_areas(run) if left_out else (list(data), options.reading)
        found = find_data(paths, how, wanted=predictor.class_names)
        without = AnnotatedGround([part for each in runs for part in annotated_ground(each).parts])
        result = evaluate_data(
            predictor, found, normalize=normalize, harmonize=harmonizer, without=without, crf=crf,
            errors=options.errors, meaning=meaning,
        )  # fmt: skip
        told = options.predicting.told(len(runs))
        cautions = (*_on_learned_ground(runs, found), *result.cautions, *found.cautions)
        return replace(result, cautions=cautions, protocol=result.protocol._replace(answers=told))
    if options.threshold == "auto":
        raise UserError(
            "--threshold auto is for places that the run was not trained on; name one with --data, or add --left-out"
        )
    if harmonizer is not None:
        raise UserError(
            "--harmonize is for places that the run was not trained on; name one with --data, or add --left-out"
        )
    if reading:
        raise UserError(f"--{next(iter(reading)).replace('_', '-')} says how --data is read, but there is no --data")
    result = evaluate_validation(run, predictor, normalize=normalize, crf=crf, errors=options.errors)
    return replace(result, protocol=result.protocol._replace(answers=options.predicting.told()))


def _on_learned_ground(runs: Sequence[Run], data: DataSet) -> tuple[str, ...]:
    """A line on the first picture of ground that one of the runs learned from."""
    for chip in data.chips:
        with chip.open() as picture:
            line = learned_caution(runs, picture)
        if line is not None:
            return (f"{chip.name}: {line}",)
    return ()


def _check_ensemble(options: EvaluateOptions, whole: bool) -> None:
    if not whole:
        raise UserError(
            "--ensemble: the other runs may have learned from this run's validation ground; name ground that none of "
            "them saw with --data, or add --left-out"
        )
    if options.harmonize is not None:
        raise UserError("--harmonize brings data to the colors of one run; leave it or --ensemble out")


def left_out_areas(run: Run) -> tuple[list[Path], Reading]:
    """The paths of a run's data and how to read only those areas of it that the recipe left out."""
    settings: DataSettings = recipe_of(run).data
    if not settings.leave_out:
        raise UserError(f"{run.folder}: its recipe left no area out (--leave-out); name other data with --data")
    return list(settings.paths), replace(settings.reading, areas=settings.leave_out, leave_out=None)


def evaluate_data(
    predictor: Predictor,
    data: DataSet,
    *,
    normalize: str = "run",
    harmonize: Harmonizer | None = None,
    without: AnnotatedGround | None = None,
    ring_px: int = RING_PX,
    crf: CrfOptions | None = None,
    errors: Path | None = None,
    meaning: Meaning | None = None,
) -> Evaluation:
    """Score a predictor on every labelled pixel of ``data``.

    harmonize: brings each area to other colors first, all its pictures together; with ``normalize`` "matched" it is
    then standardized as the area of those colors. ring_px: the background known around polygons. without: the ground
    that was annotated for refining and is kept out of the scores. crf: what probabilities go through, None: nothing,
    in colors compared by each area's own deviations. errors: a folder for pictures of what is wrong
    (`drawing_errors`). meaning: of probabilities, by which each area gets a threshold of its own; its colors are as
    they were found then.
    """
    with data.chips[0].open() as picture:
        check_bands(picture, predictor.channels, predictor.bands)
    without = without or AnnotatedGround()
    read = reader_without(data, without, ring_px)
    windows = [(number, Window(0, 0, chip.height, chip.width)) for number, chip in enumerate(data.chips)]
    own = scene_statistics(data, read) if normalize == "scene" or crf is not None else {}
    statistics = own if normalize == "scene" else None
    if harmonize is not None:
        colors = {area: harmonize.fit(summary, data.dtype) for area, summary in area_colors(data, read).items()}
        read = reader_in_colors(data, read, colors)
        own = {area: item.statistics for area, item in colors.items()}
        if normalize == "matched":
            statistics = own
    with (
        drawing_errors(errors, data.chips, windows, predictor.class_names) as observer,
        counting_objects(data, predictor, observer, ring_px) as counting,
    ):
        smoothing = cell_crfs(crf, own, predictor)
        thresholds = {} if meaning is None else area_thresholds(predictor, data, statistics, meaning)
        tallies = tally_areas(
            predictor, data.chips, read, windows, statistics, counting.observer, smoothing, thresholds
        )  # fmt: skip
        objects = counting.objects()
    pixels = EVERYTHING + (" outside the ground annotated for refining" if without.hidden else "")
    result = as_evaluation(tallies, pixels, predictor, normalize, harmonize, objects)
    protocol = result.protocol
    if thresholds:
        told = ", ".join(f"{area} {threshold:.2f}" for area, threshold in thresholds.items())
        protocol = protocol._replace(threshold=f"chosen without labels ({told})")
    return replace(result, protocol=protocol, cautions=_on_a_part(result, data, without, ring_px))


def area_thresholds(
    predictor: Predictor, data: DataSet, statistics: Mapping[str, Statistics] | None, meaning: Meaning
) -> dict[str, float]:
    """For each area the threshold at which its probabilities promise the highest F1, without its labels."""
    found = {}
    for area in data.areas:
        chips = [chip for chip in data.chips if chip.area == area.name]
        found[area.name] = place_look(predictor, chips, (statistics or {}).get(area.name)).threshold(meaning)
    return found


def _on_a_part(result: Evaluation, data: DataSet, without: AnnotatedGround, ring_px: int) -> tuple[str, ...]:
    """A line where labels know less than all ground that has data and that scores may count; not for the ground that
    ``within`` asks for."""
    scored = result.pooled.pixels
    if any(chip.within is not None for chip in data.chips):
        return ()
    if scored >= WHOLE * sum(chip.height * chip.width for chip in data.chips):
        return ()
    pixels = 0
    for chip in data.chips:
        for window in row_bands(chip.height, chip.width):
            with chip.open() as picture:
                known = picture.read(window).valid.astype(np.uint8)  # 255 is set below: what is hidden from scores
            without.hide(chip, window, known)
            pixels += int(np.count_nonzero(known == 1))
    rings = any(chip.labels is not None and is_vector(chip.labels) for chip in data.chips)
    why = rings_only(ring_px) if rings else f"{pixels - scored:,} pixels are not labelled"
    return scored_part(scored, pixels, [why])


def evaluate_validation(
    run: Run,
    predictor: Predictor,
    *,
    normalize: str = "run",
    crf: CrfOptions | None = None,
    errors: Path | None = None,
) -> Evaluation:
    """Score a predictor on the validation blocks of its run's own areas.

    normalize: "scene" standardizes each area by its own training ground, as a run of the recipe ``normalize: area``
    does. crf: as in `evaluate_data`.
    """
    if annotated := annotated_ground(run):
        raise UserError(
            f"{run.folder}: was refined on a part of {annotated.parts[0].scene}, which no score may count; "
            "to score it on the rest, or on another place, add --data with labels"
        )
    recipe: SegmentRecipe = recipe_of(run)
    data = load_data(recipe, predictor.class_names)
    source = make_source(recipe, data, split_data(recipe, data))
    windows = source.validation_blocks()
    by_area = source.area_statistics() if normalize == "scene" else None
    with (
        drawing_errors(errors, data.chips, windows, predictor.class_names) as observer,
        counting_objects(data, predictor, observer, recipe.data.ring_px) as counting,
    ):
        smoothing = cell_crfs(crf, source.area_statistics() if crf else {}, predictor)
        tallies = tally_areas(predictor, data.chips, source.read, windows, by_area, counting.observer, smoothing)
        objects = counting.objects()
    result = as_evaluation(tallies, VALIDATION, predictor, "scene" if by_area else "run", objects=objects)
    return replace(result, cautions=known_by_rings(data, recipe.data.ring_px))


def cell_crfs(crf: CrfOptions | None, statistics: Mapping[str, Statistics], predictor: Predictor) -> dict[str, CellCrf]:
    """The CRF of each area, by its own deviations; none without settings."""
    return {} if crf is None else {area: CellCrf(crf, own, predictor.device) for area, own in statistics.items()}


def reader_without(data: DataSet, without: AnnotatedGround, ring_px: int = RING_PX) -> Read:
    """Reads the chips' windows from their files, with the mask 255 on ground that must not be scored."""
    labels = data.reader(ring_px=ring_px)

    def read(number: int, window: Window) -> tuple[Pixels, np.ndarray]:
        chip = data.chips[number]
        pixels, mask = labels.read_with_pixels(chip, window)
        without.hide(chip, window, mask)
        return pixels, mask

    return read


def scene_statistics(data: DataSet, read: Read) -> dict[str, Statistics]:
    """Mean and deviation of each area's pictures together."""
    return {area.name: measure(area_pixels(data, read, area.name)) for area in data.areas}


def area_colors(data: DataSet, read: Read) -> dict[str, ColorSummary]:
    """The colors of each area's pictures together. Raises `UserError` for an area without data."""
    found = {area.name: summarize(area_pixels(data, read, area.name)) for area in data.areas}
    for area, summary in found.items():
        if not summary.count:
            raise UserError(f"{area}: no pixel holds data (all are nodata); there are no colors to match")
    return found


def area_pixels(data: DataSet, read: Read, area: str) -> Iterator[Pixels]:
    """All pixels of an area's pictures, by bands of rows."""
    for number, chip in enumerate(data.chips):
        if chip.area == area:
            for window in row_bands(chip.height, chip.width):
                yield read(number, window)[0]


def reader_in_colors(data: DataSet, read: Read, colors: Mapping[str, SceneColors]) -> Read:
    """Reads as ``read`` does, with the pixels of each area in other colors."""

    def recolored(number: int, window: Window) -> tuple[Pixels, np.ndarray]:
        pixels, mask = read(number, window)
        return colors[data.chips[number].area].apply(pixels), mask

    return recolored
