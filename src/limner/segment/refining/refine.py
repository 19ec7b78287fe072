"""Refining: go on learning from a small annotated part of a scene, and keep what that part says is better.

Ghassemi et al. 2018, section IV: from the trained network, learning rate 1e-4, about 7 % or 15 % of the scene
annotated, and that ground kept out of the scores. Ours: part of the annotated ground is held out in turn, and by it the
refined run, a mix of both or the run as it was is kept (`limner.segment.training.held_out`).
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from limner.foundation.errors import UserError
from limner.foundation.progress import say
from limner.foundation.signals import StopRequest
from limner.learning.library import recipe_of, with_overrides
from limner.learning.recipes.recipe import Choice
from limner.learning.runs.evaluations import EVALUATION_FILE, write_evaluation
from limner.learning.runs.opening import open_run
from limner.learning.runs.run import Run
from limner.learning.train import train_recipe
from limner.scenes.rasters import open_raster
from limner.segment.data.annotation import ANNOTATED_FILE, write_annotated
from limner.segment.data.areas import find_data
from limner.segment.data.chips import DataSet
from limner.segment.data.warnings import FINE_GROUND_M
from limner.segment.labels.cautions import careful
from limner.segment.labels.reading import MASKS_FOLDER, Reading
from limner.segment.measures.held_out import Decision
from limner.segment.measures.scores import Evaluation
from limner.segment.measures.thresholds import meaning_of
from limner.segment.predicting.facts import read_facts
from limner.segment.predicting.fit_to_run import match_scene
from limner.segment.predicting.predictor import load_predictor
from limner.segment.refining.advice import advice_on, summarize_annotation
from limner.segment.refining.next_windows import NEXT_FILE, propose_windows
from limner.segment.scoring.annotated import ANNOTATED, AnnotatedGround, AnnotatedPart, annotated_ground
from limner.segment.scoring.evaluate import evaluate_data
from limner.segment.training.recipe import SegmentRecipe
from limner.segment.training.recipe_data import load_data

PAPER_LEARNING_RATE = 1e-4
"""With SGD, from 0.005: Ghassemi et al. 2018."""
ADAPTIVE_FACTOR = 0.5
"""Adam-like optimizers go on with half of the recipe's rate: at 1e-4 they hardly move in a few minutes (measured: see
docs/results/buildings.md)."""
EPOCHS, STEPS_PER_EPOCH = 5, 30
SCENE_AS_IT_IS: dict[str, Any] = {
    "masks": MASKS_FOLDER, "group": None, "mosaic": False, "areas": (), "leave_out": (),
    "classes": (), "target": None, "label_field": None, "bands": (),
    "layer": None, "within_layer": None, "to_ground_m": None,
}  # fmt: skip
"""How the run's own data was read means nothing to the scene;
its labels are brought to the run's classes by their names.
"""


@dataclass(frozen=True)
class Refinement:
    """What refining gave.

    decision: what the held-out annotated ground said, and what is kept; None where refining was stopped. cautions: what
    the annotated ground lacks, with what to draw next. proposed: the file of windows to annotate next, if asked for.
    before: scores of the run as it was, plain, normalized to the scene, and with the threshold that is chosen for the
    scene without labels; after: refined; all on the same pixels outside the annotated ground (empty and None without
    truth). stopped: the signal that ended it early, if one did.
    """

    run: Run
    before: dict[str, Evaluation] = field(default_factory=dict)
    after: Evaluation | None = None
    stopped: StopRequest | None = None
    decision: Decision | None = None
    cautions: tuple[str, ...] = ()
    proposed: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """The run's folder, and the evaluations by name, none without truth."""
        scored = self.before if self.after is None else {**self.before, "refined": self.after}
        return {
            "run": str(self.run.folder),
            "cautions": list(self.cautions),
            "decision": None if self.decision is None else self.decision.to_json(),
            "proposed": None if self.proposed is None else str(self.proposed),
            "scores": {name: item.to_json() for name, item in scored.items()},
        }

    @property
    def comparison(self) -> str:
        """Before and after in Markdown: what may mislead, what the held-out ground says, and the table of the rest of
        the scene where there is truth."""
        told = [*careful((*(() if self.decision is None else self.decision.cautions), *self.cautions))]
        if self.decision is not None:
            line = self.decision.line
            told.append(f"{line[:1].upper()}{line[1:]}.")
        if table := self._table():
            told += ["", table]
        return "\n".join(told)

    def _table(self) -> str:
        if self.after is None:
            return ""
        from limner.segment.scoring.comparison import compare

        rows = {**self.before, "refined": self.after}
        return compare([(name, item.to_json()) for name, item in rows.items()]).to_markdown()


def refine(
    run: str | Path,
    scene: Path | str,
    *,
    labels: Path | str | None = None,
    within: Path | str | None = None,
    truth: Path | str | None = None,
    fraction: float | None = None,
    normalize: str = "scene",
    annotate_next: int = 0,
    overrides: Sequence[str] = (),
    out: Path | str | None = None,
    overwrite: bool = False,
    **meaning: Any,
) -> Refinement:
    """Go on learning from the annotated part of ``scene``; the same call again goes on with what was stopped.

    labels: polygons or a mask (255 = not annotated); within: the annotated ground, see `limner.segment.labels.reader`.
    truth: the whole scene's mask or polygons, for scores before and after on the rest. fraction: with ``truth`` alone,
    annotate so large a share of the scene from it, in squares drawn by the seed. normalize: standardize by the scene's
    own mean and deviation ("scene"), or keep the run's ("run"). annotate_next: propose so many windows to
    annotate next, in ``annotate-next.gpkg`` in the run's folder (`limner.segment.refining.next_windows`). overrides:
    recipe settings such as ``["--epochs", "20"]``. meaning: of the labels and bands, where they need to be told:
    ``classes``, ``label_field``, ``bands`` as in `limner.segment.labels.reading.Reading`.
    """
    if (labels is None) == (fraction is None):
        raise UserError("give either --labels FILE (what was annotated) or --fraction 0.07 with --truth FILE")
    if fraction is not None and truth is None:
        raise UserError("--fraction annotates from the truth: add --truth FILE")
    if fraction is not None and not 0 < fraction < 1:
        raise UserError(f"--fraction is {fraction}; it must be a share of the scene between 0 and 1, such as 0.07")
    parent, scene = open_run(run, "segment"), Path(scene)
    before = annotated_ground(parent)
    if not scene.is_file():
        what = "is a folder; refining takes one file" if scene.is_dir() else "no such scene"
        raise UserError(f"{scene}: {what}; give a GeoTIFF, PNG or JPEG file")
    recipe = refining_recipe(parent, overrides)
    data = dataclasses.replace(
        recipe.data,
        paths=(scene.resolve(),),
        labels=Path(labels or truth or "").resolve(),
        within=Path(within).resolve() if within else None,
        annotate=fraction,
        **Reading(**meaning).given(),
    )
    ground_m = learned_ground_m(parent, scene, data.bands)
    data = dataclasses.replace(data, to_ground_m=data.to_ground_m or ground_m)
    whole = None
    if truth is not None:  # one that does not fit shall not be noticed after the training
        layer = data.layer if labels is None or Path(truth).resolve() == data.labels else None
        reading = dataclasses.replace(data.reading, labels=Path(truth), layer=layer, within=None, to_ground_m=None)
        whole = find_data([scene], reading, wanted=read_facts(parent).class_names)
    recipe = dataclasses.replace(recipe, data=data, normalize="run" if normalize == "scene" else "initial")
    name = f"{parent.name}-refined"
    annotated = load_data(recipe)
    cautions = tuple(cautions_on(annotated, recipe))
    for line in careful(cautions):  # before the minutes of training, for whoever would rather draw more first
        say(line)
    done = train_recipe(recipe, name, out=Path(out) if out else None, overwrite=overwrite)
    keep_annotation(done.run, recipe, annotated, before)
    if done.stopped:
        return Refinement(done.run, stopped=done.stopped)
    told = done.run.status.get("decision")
    decision = None if told is None else Decision.from_json(told)
    proposed = None
    if annotate_next:
        proposed = propose_windows(
            done.run, scene, done.run.folder / NEXT_FILE, annotate_next, bands=data.bands or None
        )
    refined = Refinement(done.run, decision=decision, cautions=cautions, proposed=proposed)
    return refined if whole is None else score_rest(parent, refined, whole)


def refining_recipe(parent: Run, overrides: Sequence[str]) -> SegmentRecipe:
    """The parent's recipe, turned to refining: its weights, a lower learning rate, a calibrated threshold,
    few epochs.
    """
    recipe: SegmentRecipe = recipe_of(parent)
    usual = float(recipe.optimizer.options.get("learning_rate", 1e-3))
    rate = PAPER_LEARNING_RATE if recipe.optimizer.name == "sgd" else ADAPTIVE_FACTOR * usual
    options = {**recipe.optimizer.options, "learning_rate": rate}
    settings = dataclasses.replace(
        recipe,
        data=dataclasses.replace(
            recipe.data,
            validation_share=0.0,  # held out in turn, unless a share is asked for
            **SCENE_AS_IT_IS,
        ),
        initial=parent.folder.resolve(),
        keep_if_better=True,
        average=Choice("none"),  # what is kept is mixed of two weights already
        optimizer=Choice(recipe.optimizer.name, options),
        schedule=Choice("cosine", {"warmup": 0.1}),
        stages=(),
        loop=dataclasses.replace(recipe.loop, steps=None),  # a budget of the parent's training is none of this one's
        epochs=EPOCHS,
        steps_per_epoch=STEPS_PER_EPOCH,
        threshold="calibrated",
    )
    return with_overrides(settings, overrides)


def cautions_on(data: DataSet, recipe: SegmentRecipe) -> list[str]:
    """What the annotated ground lacks, with what to draw next."""
    (chip,) = data.chips
    summary = summarize_annotation(data, chip, ring_px=recipe.data.ring_px)
    return advice_on(summary, data.class_names, recipe.data.tile_px)


def keep_annotation(run: Run, recipe: SegmentRecipe, data: DataSet, before: AnnotatedGround) -> None:
    """Keep in the run which ground was annotated, so that later scores leave it out.

    data: the annotated scene. before: what the run that was refined had been refined on itself.
    """
    reader = data.reader(ring_px=recipe.data.ring_px)
    (chip,) = data.chips
    annotated = write_annotated(chip, reader, run.folder / ANNOTATED_FILE)
    parts = [AnnotatedPart.of(run.folder / ANNOTATED_FILE, chip), *before.copied(run.folder)]
    told = {"refined_on": str(chip.image.resolve()), ANNOTATED: [part.to_json(run.folder) for part in parts]}
    run.set_status(run.status["status"], **told)
    say(f"annotated: {annotated / (chip.height * chip.width):.1%} of the scene; kept out of all scores")


def learned_ground_m(parent: Run, scene: Path, bands: tuple[int, ...]) -> float | None:
    """The ground resolution at which a scene is learned from, in meters a pixel; None for its own.

    It is the one that mapping would bring the scene to for this run, or, of a scene of finer pixels, a finer one: the
    scene's own labels show the network more than it could know of places that it had never seen
    (docs/results/footprints.md). Raises `UserError` for bands that are not the run's.
    """
    predictor = load_predictor(parent, "cpu")
    with open_raster(scene, bands=bands or None) as raster:
        ground_m = match_scene(predictor, raster).ground_m
    scale = predictor.at_ground(ground_m).scale
    if ground_m is None or scale == 1:
        return None
    return min(ground_m / scale, max(ground_m, FINE_GROUND_M))


def score_rest(parent: Run, refinement: Refinement, data: DataSet) -> Refinement:
    """With before (plain, normalized to the scene, and there with a threshold of its own) and after, on the scene's
    ground that was not annotated."""
    refined = refinement.run
    before, after = load_predictor(parent), load_predictor(refined)
    (chip,) = data.chips
    rest = partial(
        evaluate_data,
        data=data,
        without=annotated_ground(refined),
        ring_px=max(chip.height, chip.width),  # the truth knows all ground, not only a ring around polygons
    )
    own = "before, scene's colors"
    say("scoring the run as it was and as it is refined on the rest of the scene")
    scored = {
        "before, training colors": rest(before, normalize="run"),
        own: rest(before, normalize="scene"),
    }
    if len(before.class_names) == 2:
        scored[f"{own}, threshold auto"] = rest(before, normalize="scene", meaning=meaning_of([parent]))
    way = after.normalization("auto")  # the scene's own colors, where the parent is kept that was trained so
    result = rest(after, normalize=way)
    write_evaluation(refined.folder / EVALUATION_FILE, "segment", result.to_json())
    return dataclasses.replace(refinement, before=scored, after=result)
