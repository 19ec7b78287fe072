"""`limner segment`: maps of one or many scenes with a run, with progress and a line about each."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from limner.foundation.errors import UserError
from limner.foundation.progress import Progress, duration, say
from limner.learning.run import open_run
from limner.scenes.names import find_scenes, scene_name
from limner.segment.labels.forms import background_of
from limner.segment.mapping.answers import PLAIN, AnswerOptions
from limner.segment.mapping.damage import Damage, check_pair, mark_damage
from limner.segment.mapping.map import map_scene
from limner.segment.mapping.record import SceneMap
from limner.segment.predicting.ensemble import Ensemble, together
from limner.segment.predicting.fit_to_run import Bands, Match, match_scene
from limner.segment.predicting.predictor import SegmentPredictor, load_predictor
from limner.segment.predicting.turns import turned
from limner.segment.training.colors import harmonizer_of


def map_scenes(
    run: str | Path | Sequence[str | Path],
    scenes: Path | str | Sequence[Path | str],
    out: Path | str = "maps",
    *,
    normalize: str = "auto",
    harmonize: str | None = None,
    harmonize_to: str | None = None,
    bands: Bands = None,
    ground_m: float | None = None,
    threshold: float | None = None,
    device: str = "auto",
    precision: str = "auto",
    answers: AnswerOptions = PLAIN,
    **options: Any,
) -> list[SceneMap]:
    """Map scenes into folder ``out`` with a run or a bundled model; finished maps are not made again.

    run: of several, the mean of their probabilities is taken, see `limner.segment.predicting.ensemble.Ensemble`.
    answers: turned pictures, a CRF, entropy.
    normalize: standardize by the training areas' mean and deviation ("run"), by the scene's own ("scene"), or as the
    run was trained ("auto"). harmonize: bring each scene to the colors of the training areas first, by "mkl", "idt",
    "histogram" or "reinhard". harmonize_to: the training area whose colors they take, "all" of them together (if not
    given), or the "nearest". bands: numbers of the scenes' bands to read, from 1, in the run's order. ground_m: meters
    a pixel of the scenes covers, for files that do not say. threshold: two classes: the probability that decides, in
    place of the run's own. device: auto, cpu or cuda. precision: auto, bf16 or fp32. options: those of
    `limner.segment.mapping.map.map_scene`.
    """
    runs = [open_run(name, "segment") for name in ([run] if isinstance(run, (str, Path)) else run)]
    loaded = [load_predictor(each, device, precision) for each in runs]
    predictor = together([turned(each) for each in loaded] if answers.tta else loaded)
    if len(runs) > 1 and harmonize is not None:
        raise UserError("--harmonize brings a scene to the colors of one run; give one run, or leave it out")
    if threshold is not None:
        if len(predictor.class_names) != 2 or not 0 < threshold < 1:
            raise UserError(f"--threshold {threshold}: needs a run of two classes and a number between 0 and 1")
        predictor = predictor.with_threshold(threshold)
    harmonizer = harmonizer_of(runs[0], harmonize, harmonize_to, normalize)
    normalize = predictor.normalization(normalize, harmonized=harmonizer is not None)
    options = {**options, "normalize": normalize, "harmonize": harmonizer, "answers": answers}
    paths = find_scenes(scenes)
    seen = "scene" if harmonizer is not None else normalize
    matches = [match_scene(predictor, path, bands=bands, ground_m=ground_m, normalize=seen) for path in paths]
    return [
        _map_with_progress(predictor, path, match, Path(out), options)
        for path, match in zip(paths, matches, strict=True)
    ]


def map_change(
    run: str | Path | Sequence[str | Path],
    after: Path | str,
    before: Path | str,
    out: Path | str = "maps",
    *,
    overwrite: bool = False,
    **options: Any,
) -> tuple[SceneMap, Damage]:
    """Map a scene after an event and one before it, and mark which footprints of before are lost.

    The map of ``before`` goes to the folder ``before`` below ``out``, and its footprints with the share of each that is
    lost to ``<after>_damage.gpkg`` in ``out``. options: those of `map_scenes`, for both scenes.

    Raises `UserError` for scenes that do not show the same ground, before anything is mapped, and as `map_scenes`.
    """
    out = Path(out)
    check_pair(Path(before), Path(after))
    if options.get("polygons", "gpkg") != "gpkg":
        raise UserError("--before needs the polygons as GeoPackage: leave --polygons out")
    earlier = map_scenes(run, before, out / "before", overwrite=overwrite, **options)[0]
    later = map_scenes(run, after, out, overwrite=overwrite, **options)[0]
    damage = mark_damage(earlier, later, out / f"{scene_name(Path(after))}_damage.gpkg", overwrite=overwrite)
    for line in damage.lines():
        say(line)
    return later, damage


def _map_with_progress(
    predictor: SegmentPredictor | Ensemble, scene: Path, match: Match, out: Path, options: dict[str, Any]
) -> SceneMap:
    for line in match.advice:
        say(line)
    predictor = predictor.at_ground(match.ground_m)
    with Progress(f"map {scene.name}", 1, "rows of tiles") as progress:

        def tell(message: str, done: int, total: int) -> None:
            if message == "mapping":
                progress.total = total
                progress.advance(done - progress.done)
            elif message.startswith("CUDA"):
                say(f"limner: {message}")

        made = map_scene(predictor, scene, out, bands=match.bands, ground_m=match.ground_m, progress=tell, **options)
    background = background_of(list(made.shares))
    nothing = None if background is None else list(made.shares)[background]
    shares = ", ".join(f"{name} {share:.1%}" for name, share in made.shares.items() if name != nothing)
    polygons = "" if made.polygon_count is None else f", {made.polygon_count} polygons"
    done = "was mapped before" if made.skipped else f"mapped in {duration(made.seconds)}"
    matched = "" if made.matched is None else f" in the colors of {made.matched}"
    say(f"{scene.name}: {done}{matched}; {shares}{polygons}; look at {made.preview}")
    if options.get("check_seams") and made.seams is not None:
        say(f"{scene.name}: {made.seams.line()}")
    return made
