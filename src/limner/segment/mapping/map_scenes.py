"""`limner segment`: maps of one or many scenes with a run, with progress and a line about each."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from limner.colors.harmonize import Harmonizer
from limner.foundation.errors import UserError
from limner.foundation.orientation import UPRIGHT
from limner.foundation.progress import Progress, duration, say
from limner.learning.options import make_options
from limner.learning.runs.export.formats import is_onnx
from limner.learning.runs.opening import open_run
from limner.learning.runs.run import Run
from limner.nn.engines.names import check_engine, device_for
from limner.scenes.bands import parse_bands
from limner.scenes.names import find_scenes, scene_name
from limner.scenes.rasters import Raster, open_raster
from limner.scenes.statistics import measure_raster
from limner.segment.labels.forms import background_of
from limner.segment.mapping.damage import Damage, check_pair, mark_damage
from limner.segment.mapping.likeness import coarse_caution, color_caution, kind_caution
from limner.segment.mapping.map import map_raster
from limner.segment.mapping.options import PLAIN, MapOptions, SceneOptions, SegmentOptions
from limner.segment.mapping.place import Place, look_at_place
from limner.segment.mapping.predictions import NOTICES
from limner.segment.mapping.record import SceneMap
from limner.segment.measures.thresholds import Meaning, deciding, look
from limner.segment.predicting.engines import OpenVino
from limner.segment.predicting.ensemble import Ensemble, together
from limner.segment.predicting.exported import load_exported
from limner.segment.predicting.fit_to_run import Match, learned_caution, match_scene
from limner.segment.predicting.predictor import SegmentPredictor, load_predictor
from limner.segment.predicting.turns import turned
from limner.segment.training.colors import harmonizer_of

Runs = str | Path | Sequence[str | Path]
"""A run, or several whose answers are averaged."""
KEPT_OPEN = 32
"""Scenes that stay open from when they are looked at until they are mapped; further ones are opened again."""


def map_scenes(
    run: Runs,
    scenes: Path | str | Sequence[Path | str],
    out: Path | str = "maps",
    *,
    device: str = "auto",
    overwrite: bool = False,
    **options: Any,
) -> list[SceneMap]:
    """Map scenes into folder ``out`` with a run or a bundled model; finished maps are not made again.

    run: of several, the mean of their probabilities is taken, see `limner.segment.predicting.ensemble.Ensemble`.
    device: auto, cpu or cuda. overwrite: maps that are there and were made otherwise. options: those of
    `limner.segment.mapping.options.SceneOptions` and its `MapOptions` by name.

    Raises `UserError` for what is no scene, an option that cannot be, and maps that are there and were made otherwise,
    or changed since.
    """
    chosen = make_options(SegmentOptions, options, "limner segment")
    return map_scenes_with(run, scenes, Path(out), chosen, device=device, overwrite=overwrite)


def map_scenes_with(
    run: Runs,
    scenes: Path | str | Sequence[Path | str],
    out: Path,
    options: SegmentOptions = PLAIN,
    *,
    device: str = "auto",
    overwrite: bool = False,
) -> list[SceneMap]:
    """`map_scenes`, with the options as an instance of their dataclass."""
    job = make_job(run, out, options, device=device, overwrite=overwrite)
    with ExitStack() as stack:
        waiting = [look_at(stack, job, path, options.scene, number) for number, path in enumerate(find_scenes(scenes))]
        if options.scene.one_place:
            job = job.at_place(waiting)
        else:
            job.say_thresholds_differ(len(waiting))
        return [job.run(one) for one in waiting]


def make_job(run: Runs, out: Path, options: SegmentOptions, *, device: str, overwrite: bool) -> "Job":
    """What scenes are mapped by, the networks loaded. Raises `UserError` for a run or an option that cannot be."""
    looking = options.scene
    if looking.one_place and looking.harmonize is not None:
        raise UserError(
            "--one-place looks at the scenes' own colors, --harmonize brings each to others; give one of them"
        )
    check_engine(looking.engine, device)
    names = [run] if isinstance(run, (str, Path)) else list(run)
    runs = [open_run(name, "segment") for name in names if not is_onnx(name)]
    if len(runs) < len(names) and (looking.harmonize is not None or looking.engine != "torch"):
        option = "--harmonize" if looking.harmonize is not None else f"--engine {looking.engine}"
        raise UserError(f"{option} takes runs; an ONNX file is computed by ONNX Runtime, and keeps no training colors")
    if len(runs) > 1 and looking.harmonize is not None:
        raise UserError("--harmonize brings a scene to the colors of one run; give one run, or leave it out")
    place = device_for(looking.engine, device)
    opened = iter(runs)
    loaded = [
        load_exported(Path(name)) if is_onnx(name) else load_predictor(next(opened), place, looking.precision)
        for name in names
    ]
    predictor = together([turned(each) for each in loaded] if options.mapping.answers.tta else loaded)
    predictor, meaning = deciding(predictor, runs, looking.threshold, harmonized=looking.harmonize is not None)
    harmonizer = (
        None if not runs else harmonizer_of(runs[0], looking.harmonize, looking.harmonize_to, looking.normalize)
    )
    normalize = predictor.normalization(looking.normalize, harmonized=harmonizer is not None)
    engine = OpenVino(looking.precision) if looking.engine == "openvino" else None
    return Job(predictor, tuple(runs), out, options.mapping, normalize, harmonizer, overwrite, meaning, engine)


def map_change(
    run: Runs,
    after: Path | str,
    before: Path | str,
    out: Path | str = "maps",
    *,
    device: str = "auto",
    overwrite: bool = False,
    **options: Any,
) -> tuple[SceneMap, Damage]:
    """Map a scene after an event and one before it, and mark which footprints of before are lost.

    The map of ``before`` goes to the folder ``before`` below ``out``, and its footprints with the share of each that is
    lost to ``<after>_damage.gpkg`` in ``out``. options: those of `map_scenes`, for both scenes.

    Raises `UserError` for scenes that do not show the same ground, before anything is mapped, and as `map_scenes`.
    """
    chosen = make_options(SegmentOptions, options, "limner segment")
    return map_change_with(run, after, before, Path(out), chosen, device=device, overwrite=overwrite)


def map_change_with(
    run: Runs,
    after: Path | str,
    before: Path | str,
    out: Path,
    options: SegmentOptions = PLAIN,
    *,
    device: str = "auto",
    overwrite: bool = False,
) -> tuple[SceneMap, Damage]:
    """`map_change`, with the options as an instance of their dataclass."""
    if options.scene.one_place:
        raise UserError("--before compares one scene with an earlier one; leave --one-place out")
    check_pair(Path(before), Path(after))
    if options.mapping.polygons != "gpkg":
        raise UserError("--before needs the polygons as GeoPackage: leave --polygons out")
    earlier, later = (
        map_scenes_with(run, scene, folder, options, device=device, overwrite=overwrite)[0]
        for scene, folder in ((before, out / "before"), (after, out))
    )
    damage = mark_damage(earlier, later, out / f"{scene_name(Path(after))}_damage.gpkg", overwrite=overwrite)
    for line in damage.lines():
        say(line)
    return later, damage


@dataclass(frozen=True)
class Waiting:
    """A scene that was looked at. raster: None where it was closed again."""

    path: Path
    bands: tuple[int, ...] | None
    match: Match
    raster: Raster | None

    @property
    def ground_m(self) -> float | None:
        """Meters that a pixel covers, None where nobody says."""
        return self.match.ground_m

    def open(self) -> AbstractContextManager[Raster]:
        """The scene; where it stayed open, it stays so."""
        return open_raster(self.path, bands=self.bands) if self.raster is None else nullcontext(self.raster)


def look_at(stack: ExitStack, job: "Job", path: Path, looking: SceneOptions, number: int) -> Waiting:
    """Look at scene ``number`` before the first is mapped: a mistake in the last one shall not cost hours.

    The first `KEPT_OPEN` stay open until ``stack`` closes.
    """
    bands = parse_bands(looking.bands)
    raster = open_raster(path, bands=bands)
    stays = number < KEPT_OPEN
    if stays:
        stack.enter_context(raster)
    with nullcontext() if stays else raster:
        seen = "run" if job.harmonizer is None and job.normalize == "run" else "scene"
        match = match_scene(job.predictor, raster, ground_m=looking.ground_m, normalize=seen)
        if raster.orientation != UPRIGHT:
            turn = f"its EXIF (orientation {raster.orientation})"
            line = f"{path.name}: turned upright by {turn}, and so is its map"
            match = replace(match, advice=(line, *match.advice))
    return Waiting(path, bands, match, raster if stays else None)


@dataclass(frozen=True)
class Job:
    """What all scenes are mapped by."""

    predictor: SegmentPredictor | Ensemble
    runs: tuple[Run, ...]
    out: Path
    options: MapOptions
    normalize: str
    harmonizer: Harmonizer | None
    overwrite: bool
    meaning: Meaning | None = None
    engine: OpenVino | None = None
    place: Place | None = None

    def at_place(self, scenes: Sequence[Waiting]) -> "Job":
        """This job for scenes of one place, which are looked at together, and a line about it."""
        place = look_at_place(self.predictor, scenes, self.normalize, self.meaning)
        say(place.line)
        return replace(self, place=place)

    def say_thresholds_differ(self, scenes: int) -> None:
        """A line where each of several scenes is about to get a threshold of its own."""
        if scenes > 1 and self.meaning is not None:
            say(
                f"each of the {scenes} scenes gets a threshold of its own; where they show one place, --one-place "
                "chooses one for all of them, which is surer"
            )

    def run(self, scene: Waiting) -> SceneMap:
        """Map a scene, with progress and a line about it; what may mislead stands first."""
        name = scene.path.name
        with scene.open() as raster:
            cautions = self._cautions(raster, scene.ground_m)
            for line in (*(f"Careful: {name}: {caution}" for caution in cautions), *scene.match.advice):
                say(line)
            with Progress(f"map {name}", 1, "rows of tiles") as progress:

                def tell(message: str, done: int, total: int) -> None:
                    if message == "mapping":
                        progress.total = total
                        progress.advance(done - progress.done)
                    elif message.startswith(NOTICES):
                        say(f"{name}: {message}")

                made = map_raster(
                    self._deciding(scene, raster), raster, self.out, self.options,
                    ground_m=scene.ground_m, normalize=self.normalize, harmonizer=self.harmonizer,
                    statistics=None if self.place is None else self.place.statistics,
                    engine=self.engine, overwrite=self.overwrite, cautions=cautions, progress=tell,
                )  # fmt: skip
        say(f"{name}: {_line(made)}")
        if self.options.check_seams and made.seams is not None:
            say(f"{name}: {made.seams.line()}")
        return made

    def _deciding(self, scene: Waiting, raster: Raster) -> SegmentPredictor | Ensemble:
        """The predictor for a scene, with the threshold of its place, of its own, or the run's."""
        predictor = self.predictor.at_ground(scene.ground_m)
        if self.place is not None:
            return predictor if self.place.threshold is None else predictor.with_threshold(self.place.threshold)
        if self.meaning is None:
            return predictor
        own = measure_raster(raster) if self.normalize == "scene" else predictor.statistics
        seen = look(predictor, raster, own)
        threshold = seen.threshold(self.meaning)
        say(f"{scene.path.name}: {self.meaning.line(threshold, seen.where)}")
        return predictor.with_threshold(threshold)

    def _cautions(self, raster: Raster, ground_m: float | None) -> tuple[str, ...]:
        coarse = coarse_caution(ground_m, self.predictor.ground_range_m)
        colors = None if self.harmonizer is not None else color_caution(self.runs, raster, self.normalize)
        kind = None  # by the training's own mean and deviation `match_scene` says what the type means
        if self.normalize != "run":
            kind = kind_caution(raster.dtype, self.predictor.dtype, ground_m, self.predictor.ground_range_m)
        learned = learned_caution(self.runs, raster)
        return tuple(line for line in (raster.not_degrees, learned, kind, colors, coarse) if line is not None)


def _line(made: SceneMap) -> str:
    background = background_of(list(made.shares))
    nothing = None if background is None else list(made.shares)[background]
    shares = ", ".join(f"{name} {share:.1%}" for name, share in made.shares.items() if name != nothing)
    polygons = "" if made.polygon_count is None else f", {made.polygon_count} polygons"
    done = "was mapped before" if made.skipped else f"mapped in {duration(made.seconds)}"
    matched = "" if made.matched is None else f" in the colors of {made.matched}"
    return f"{done}{matched}; {shares}{polygons}; look at {made.preview}"
