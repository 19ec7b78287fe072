"""The task of learning to map: validation on ground apart, and what a training says of itself."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from limner.foundation.errors import UserError
from limner.foundation.progress import counted, say
from limner.learning.recipes.recipe import to_plain
from limner.learning.runs.opening import open_run
from limner.learning.runs.run import Run
from limner.nn.parameters import count_parameters
from limner.scenes.windows import Window
from limner.segment.data.learned_ground import ground_of
from limner.segment.labels.drawing import draw_triple, draw_triples
from limner.segment.labels.reading import Reading
from limner.segment.measures.counts import mean_scores
from limner.segment.measures.evaluation import VALIDATION, as_evaluation, counting_objects, known_by_rings
from limner.segment.measures.gallery import WorstTiles
from limner.segment.measures.scores import Evaluation
from limner.segment.measures.tally import Observer, ScoredCell, Tally, predict_cells, tally_areas
from limner.segment.measures.tile_scores import TileScores
from limner.segment.predicting.facts import read_facts
from limner.segment.predicting.predictor import SegmentPredictor, load_predictor
from limner.segment.training.learning import MapLearning
from limner.segment.training.recipe import SegmentRecipe
from limner.segment.training.recipe_data import fingerprint

RUN_FACTS = ("format_version", "limner")
"""What every run says of itself anew."""


class SegmentTask(MapLearning):
    """Supervised segmentation of scenes (Ghassemi et al. 2018, section III)."""

    name = "segment"
    recipe_type = SegmentRecipe

    @classmethod
    def with_data(cls, recipe: SegmentRecipe, paths: Sequence[Path], options: Reading) -> SegmentRecipe:
        """The recipe with other data (``--data``) and another `Reading` of it (``--labels``, ``--masks``, ...)."""
        files = {} if not paths else {"paths": tuple(paths), "labels": None, "within": None}
        return dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, **{**files, **options.given()}))

    @property
    def fingerprint(self) -> str:
        """A digest of the data, and of the model that the training begins with."""
        return fingerprint(self.recipe, self.data)

    def validation_tallies(self, observer: Observer | None = None) -> dict[str, Tally]:
        """What is right on each area's validation blocks."""
        return self._tallies(self.source.validation_blocks(), observer)

    def _tallies(self, windows: Iterable[tuple[int, Window]], observer: Observer | None = None) -> dict[str, Tally]:
        predictor, read = self.current_predictor(), self.source.read
        return tally_areas(predictor, self.data.chips, read, windows, self.area_statistics, observer)

    def evaluate(self) -> Mapping[str, float]:
        """F1 and IoU (of class 1 of two, of more the mean over the classes; mean over areas) and cross-entropy on
        validation ground."""
        if self.held_out is not None:
            return {}  # tested at the end of each fold
        tallies = {area: item for area, item in self.validation_tallies().items() if item.counts.pixels}
        if not tallies:
            return {}
        scores = mean_scores(item.counts.scores() for item in tallies.values())
        return {
            "validation/loss": float(np.mean([item.loss for item in tallies.values()])),
            "validation/f1": scores.f1 or 0.0,
            "validation/iou": scores.iou or 0.0,
        }

    def picture(self) -> np.ndarray | None:
        """A validation block (or, with nothing held out, the first labelled ground) of up to four areas, with its truth
        and the errors; ground without a label is hatched."""
        predictor = self.current_predictor()
        rows: list[tuple[np.ndarray, ...]] = []
        seen: set[str] = set()
        for chip, block in self.source.validation_blocks() or self.source.pictures():
            area = self.data.chips[chip].area
            if area in seen or len(seen) == 4:
                continue
            for found in predict_cells(predictor, self.source.read, chip, block, self._statistics_of(chip)):
                seen.add(area)
                classes = predictor.classes_of(found.probabilities[None])[0]
                rows.append(draw_triple(found.pixels, found.mask, classes, self.class_names))
                break
        return draw_triples(rows, self.class_names) if rows else None

    def summary(self) -> str:
        """Areas, tiles, steps and parameters in one line."""
        steps = sum(stage.total_steps for stage in self.stages())
        parameters = count_parameters(self.networks["network"])
        return (
            f"{counted(len(self.data.areas), 'area')}, {counted(len(self.source), 'training tile')}, "
            f"{counted(steps, 'step')} of {counted(self.recipe.crops_per_step, 'crop')}, "
            f"{self.recipe.network.name} of {parameters / 1e6:.2f} M parameters"
        )

    def facts(self) -> dict[str, Any]:
        """What mapping needs to know of the trained network."""
        recipe = self.recipe
        if self.held_out is not None and self._keeps_initial():
            facts = {key: value for key, value in self.held_out.initial.facts.items() if key not in RUN_FACTS}
            return {**facts, "initial": self.held_out.initial.name}
        return {
            "task": self.name,
            "network": to_plain(recipe.network),
            "borders": None if self.borders is None else to_plain(recipe.borders),
            "channels": self.data.channels,
            "dtype": self.data.dtype,
            "class_names": list(self.class_names),
            "bands": None if self.data.band_names is None else list(self.data.band_names),
            "ground_m": self.data.ground_m,
            "ground_range_m": self._ground_range_m(),
            "pictures_ground_m": None if self.data.ground_range_m is None else list(self.data.ground_range_m),
            "statistics": self.statistics.to_json(),
            "normalize": recipe.normalize,
            "threshold": self.threshold,
            "threshold_by_scene": recipe.threshold == "scene" and len(self.class_names) == 2,
            "initial": None if self.recipe.initial is None else self.recipe.initial.name,
            "areas": [area.name for area in self.data.areas],
            "ground": self._ground(),
        }

    def _ground(self) -> dict[str, Any]:
        """What the run's pictures show of the Earth, and those of the run that it began with. Of a scene that is
        refined on, the annotated part is kept by itself (`limner.segment.scoring.annotated`)."""
        before = {} if self.recipe.initial is None else read_facts(open_run(self.recipe.initial, "segment")).ground
        own = {} if self.recipe.keep_if_better else ground_of(self.data.areas)
        return {name: (*before.get(name, ()), *own.get(name, ())) for name in {**before, **own}}

    def _ground_range_m(self) -> list[float] | None:
        """The finest and the coarsest ground that the network saw: a crop that is enlarged shows less of it a pixel."""
        if self.data.ground_range_m is None:
            return None
        (finest, coarsest), (low, high) = self.data.ground_range_m, self.recipe.data.scale_range
        return [finest / max(high, 1.0), coarsest / min(low, 1.0)]

    def calibrate(self) -> None:
        """Set the decision threshold where the recipe wants it calibrated."""
        if self.held_out is not None:
            if self.recipe.threshold == "calibrated" and self.decision is not None:
                self.threshold = 0.5 if self.decision.threshold is None else self.decision.threshold
            return
        if self.recipe.threshold == "calibrated" and len(self.class_names) == 2:
            tallies = self.validation_tallies() or self.labelled_tallies()
            self.threshold = sum(tallies.values(), Tally.zero(2)).best_threshold()

    def labelled_tallies(self) -> dict[str, Tally]:
        """What is right on all labelled ground, learned from or not."""
        return self._tallies(self.source.pictures())

    def validation_scores(self, observer: Observer | None = None) -> Evaluation | None:
        """Scores on the validation blocks, or None when nothing was held out. observer: is shown what was scored."""
        if self.held_out is not None:
            return None  # what was held out in one fold was learned from in the other
        normalize = "scene" if self.recipe.normalize == "area" else "run"
        predictor = self.current_predictor()
        with counting_objects(self.data, predictor, observer, self.recipe.data.ring_px) as counting:
            tallies = self.validation_tallies(counting.observer)
            try:
                result = as_evaluation(tallies, VALIDATION, predictor, normalize, objects=counting.objects())
                return dataclasses.replace(result, cautions=known_by_rings(self.data, self.recipe.data.ring_px))
            except UserError:
                return None

    def finish(self, run: Run) -> None:
        """Validation scores, curves, card and report."""
        from limner.segment.training.outcome import Outcome
        from limner.segment.training.report import finish_training

        worst = WorstTiles(self.data.chips, self.class_names)
        tiles = TileScores(self.data.chips, self.class_names)

        def look(seen: ScoredCell) -> None:
            worst(seen)
            tiles(seen)

        scored = self.validation_scores(look)
        outcome = Outcome(
            recipe=self.recipe,
            data=self.data,
            split=self.split,
            class_names=self.class_names,
            parameters=count_parameters(self.networks["network"]),
            tiles=len(self.source),
            statistics=self.statistics,
            colors=self.source.area_colors,
            scored=scored,
            worst=worst,
            decision=self.decision,
            tile_scores=tiles,
        )
        if self.decision is not None:
            run.set_status(run.status["status"], decision=self.decision.to_json())
            say(self.decision.line)
        finish_training(outcome, run)

    def closing_line(self, run: Run) -> str:
        """F1 on validation ground, and that of maps of one class."""
        from limner.segment.training.outcome import closing_line

        return closing_line(run)

    def stopped_line(self, run: Run) -> str:
        """Where the held-out ground decides what is kept, nothing is before it did."""
        if self.held_out is None or self.decision is not None:
            return super().stopped_line(run)
        return (
            f"nothing of what was learned is kept yet: {run.folder} is {self.held_out.initial.name} as it was, until "
            "the held-out ground has decided"
        )

    @classmethod
    def predictor(cls, run: Run, device: str = "auto") -> SegmentPredictor:
        """The predictor of a run, which knows what it scored."""
        from limner.segment.training.outcome import closing_line

        return dataclasses.replace(load_predictor(run, device), score=closing_line(run))
