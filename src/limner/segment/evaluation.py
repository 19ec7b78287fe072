"""`limner evaluate`: a run's scores on its validation ground, or on other data in full."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from limner.errors import UserError
from limner.files import write_json
from limner.library import recipe_of
from limner.pictures import IGNORE
from limner.run import Run, bundled_models, open_run
from limner.segment.annotation import ANNOTATED_FILE
from limner.segment.areas import DataSet, find_data
from limner.segment.evaluate import Read, Tally, tally_areas
from limner.segment.labels import RING_PX, LabelReader
from limner.segment.predictor import SegmentPredictor, load_predictor
from limner.segment.rasters import open_raster
from limner.segment.recipe import SegmentRecipe
from limner.segment.scores import Evaluation, Protocol
from limner.segment.statistics import Statistics, measure
from limner.segment.windows import Pixels, Window, row_bands

VALIDATION = "validation blocks of the training areas"
EVERYTHING = "all labelled pixels"


def evaluate_run(
    run: str | Path | Run,
    *,
    data: Sequence[Path | str] = (),
    labels: Path | None = None,
    within: Path | None = None,
    normalize: str = "auto",
    device: str = "auto",
    out: Path | None = None,
) -> Evaluation:
    """Score a run and write ``evaluation.json`` into it, or to ``out`` (only there, for a bundled model).

    Without ``data``: on the validation blocks of the areas it was trained on. With it: on every labelled pixel. A
    refined run's annotated ground is left out, and without ``data`` it has no other: that is a `UserError`.
    normalize: standardize by the training areas' mean and deviation ("run"), each area by its own ("scene"), or as the run
    was trained ("auto").
    """
    run = run if isinstance(run, Run) else open_run(run)
    # The validation ground is scored in the numbers that training scored it in.
    predictor = load_predictor(run, device, "auto" if data else recipe_of(run).loop.precision)
    normalize = predictor.normalization(normalize)
    if data:
        found = find_data(
            [Path(item) for item in data], labels=labels, within=within, class_names=predictor.class_names
        )
        result = evaluate_data(predictor, found, normalize=normalize, without=annotated_ground(run))
    else:
        result = evaluate_validation(run, predictor, normalize=normalize)
    if out is not None or run.folder not in bundled_models().values():
        write_json(out or run.folder / "evaluation.json", result.to_json())
    return result


def evaluate_data(
    predictor: SegmentPredictor,
    data: DataSet,
    *,
    normalize: str = "run",
    without: dict[str, Path] | None = None,
    ring_px: int = RING_PX,
) -> Evaluation:
    """Score a predictor on every labelled pixel of ``data``.

    ring_px: the background known around polygons. without: by picture file, the mask of the ground that was annotated for refining and is kept out of the scores.
    """
    if data.channels != predictor.channels:
        raise UserError(f"the data has {data.channels} bands, this run was trained on {predictor.channels}")
    read = reader_without(data, without or {}, ring_px)
    windows = [(chip.area, number, Window(0, 0, chip.height, chip.width)) for number, chip in enumerate(data.chips)]
    statistics = scene_statistics(data, read) if normalize == "scene" else None
    tallies = tally_areas(predictor, read, windows, statistics)
    pixels = EVERYTHING + (" outside the ground annotated for refining" if without else "")
    return as_evaluation(tallies, pixels, predictor, normalize)


def evaluate_validation(run: Run, predictor: SegmentPredictor, *, normalize: str = "run") -> Evaluation:
    """Score a predictor on the validation blocks of its run's own areas.

    normalize: "scene" standardizes each area by its own training ground, as a run of the recipe ``normalize: area`` does.
    """
    from limner.segment.task import load_data, make_source, split_data

    for scene in annotated_ground(run):
        raise UserError(
            f"{run.folder}: was refined on a part of {scene}, which no score may count; "
            "to score it on the rest, or on another place, add --data with labels"
        )
    recipe: SegmentRecipe = recipe_of(run)
    data = load_data(recipe.data, recipe.seed)
    source = make_source(recipe, data, split_data(recipe, data))
    windows = [(data.chips[chip].area, chip, block) for chip, block in source.validation_blocks()]
    by_area = source.area_statistics() if normalize == "scene" else None
    tallies = tally_areas(predictor, source.read, windows, by_area)
    return as_evaluation(tallies, VALIDATION, predictor, "scene" if by_area else "run")


def as_evaluation(tallies: dict[str, Tally], pixels: str, predictor: SegmentPredictor, normalize: str) -> Evaluation:
    """The counts with their protocol. Raises `UserError` when no pixel was scored."""
    counted = {area: tally.counts for area, tally in tallies.items() if tally.counts.pixels}
    if not counted:
        raise UserError(f"nothing to score: no labelled pixel among the {pixels}; give labelled data with --data")
    threshold = predictor.threshold if len(predictor.class_names) == 2 else None
    protocol = Protocol(pixels, IGNORE, threshold, normalize)
    return Evaluation(counted, protocol, predictor.class_names)


def reader_without(data: DataSet, without: dict[str, Path], ring_px: int = RING_PX) -> Read:
    """Reads the chips' windows from their files, with the mask 255 on ground that must not be scored."""
    labels = LabelReader(data.form, ring_px=ring_px)

    def read(number: int, window: Window) -> tuple[Pixels, np.ndarray]:
        chip = data.chips[number]
        pixels, mask = labels.read_with_pixels(chip, window)
        annotated = without.get(str(chip.image.resolve()))
        if annotated is not None:
            with open_raster(annotated) as ground:
                known = ground.read(window)
            mask[known.valid & (known.values[0] != IGNORE)] = IGNORE
        return pixels, mask

    return read


def scene_statistics(data: DataSet, read: Read) -> dict[str, Statistics]:
    """Mean and deviation of each area's pictures together."""
    return {
        area.name: measure(
            read(number, window)[0]
            for number, chip in enumerate(data.chips)
            if chip.area == area.name
            for window in row_bands(chip.height, chip.width)
        )
        for area in data.areas
    }


def annotated_ground(run: Run) -> dict[str, Path]:
    """For a refined run: its scene's file and the mask of the ground it was refined on (255 = not annotated)."""
    mask = run.folder / ANNOTATED_FILE
    if not mask.exists():
        return {}
    scene = run.status.get("refined_on")
    if scene is None:
        raise UserError(f"{run.folder}: its refining was stopped before it ended; run the same command again first")
    return {str(scene): mask}
