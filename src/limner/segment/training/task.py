"""How a network learns to map: crops of the training areas, a loss on every labelled pixel,
validation on ground apart.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from limner.foundation.errors import UserError
from limner.foundation.memory import check_memory
from limner.foundation.progress import say
from limner.learning.accumulation import accumulated
from limner.learning.optimizers import OPTIMIZERS, SCHEDULES, set_learning_rate
from limner.learning.recipe import to_plain
from limner.learning.run import Run
from limner.learning.run_opening import open_run
from limner.learning.task import Stage, StageContext, Task, number_stages
from limner.nn.parameters import count_parameters
from limner.reporting.pictures import IGNORE
from limner.scenes.statistics import Statistics
from limner.scenes.windows import Window
from limner.segment.data.crops import Crops
from limner.segment.labels.drawing import draw_triple, draw_triples
from limner.segment.labels.forms import background_of
from limner.segment.labels.reading import Reading
from limner.segment.measures.counts import mean_scores
from limner.segment.measures.evaluation import VALIDATION, as_evaluation, counting_objects, known_by_rings
from limner.segment.measures.gallery import WorstTiles
from limner.segment.measures.held_out import Decision
from limner.segment.measures.scores import Evaluation
from limner.segment.measures.tally import Observer, ScoredCell, Tally, predict_cells, tally_areas
from limner.segment.measures.tile_scores import TileScores
from limner.segment.networks import NETWORKS
from limner.segment.predicting.facts import read_facts
from limner.segment.predicting.predictor import SegmentPredictor, load_predictor, standardize
from limner.segment.training.borders import fit_outputs
from limner.segment.training.held_out import FoldStage, HeldOutTest
from limner.segment.training.losses import LOSSES, Loss, Whole
from limner.segment.training.pixel_weights import ClassPixels, KnownClasses
from limner.segment.training.recipe import SegmentRecipe, StageSettings
from limner.segment.training.recipe_data import borders_of, fingerprint, folds_of, load_data, make_source, split_data

RUN_FACTS = ("format_version", "limner")
"""What every run says of itself anew."""


class SegmentTask(Task):
    """Supervised segmentation of scenes (Ghassemi et al. 2018, section III)."""

    name = "segment"
    recipe_type = SegmentRecipe

    def __init__(self, recipe: SegmentRecipe) -> None:
        self.recipe, self.seed = recipe, recipe.seed
        self.data = load_data(recipe)
        for line in self.data.cautions:
            say(f"Careful: {line}")
        self.class_names = self.data.class_names
        self._check_memory()
        self.split = split_data(recipe, self.data)
        self.source = make_source(recipe, self.data, self.split)
        self.statistics = self.source.statistics()
        if recipe.normalize == "initial" and recipe.initial is not None:
            self.statistics = read_facts(open_run(recipe.initial, "segment")).band_statistics
        self.area_statistics = self.source.area_statistics() if recipe.normalize == "area" else {}
        self.score = ("validation/f1", 1) if recipe.keep_by == "f1" else ("validation/loss", -1)
        self.borders = borders_of(recipe, self.class_names)
        self.networks = {"network": self._make_network()}
        self._make_loss(lambda: np.ones((1, 2), int))  # what does not fit is refused before anything is written
        self.optimizers = {}
        self.state = {}
        self.threshold = 0.5
        self.held_out: HeldOutTest | None = None
        if recipe.keep_if_better and recipe.initial is not None:
            initial = open_run(recipe.initial, "segment")
            self.held_out = HeldOutTest(folds_of(recipe, self.data), self.source, initial, self.networks["network"])

    @classmethod
    def with_data(cls, recipe: SegmentRecipe, paths: Sequence[Path], options: Reading) -> SegmentRecipe:
        """The recipe with other data (``--data``) and another `Reading` of it (``--labels``, ``--masks``, ...)."""
        files = {} if not paths else {"paths": tuple(paths), "labels": None, "within": None}
        return dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, **{**files, **options.given()}))

    def _check_memory(self) -> None:
        """Refuse a step that cannot be: its crops, the network's answers and their gradients alone are too much."""
        count, side = self.recipe.crops_per_step, self.recipe.data.crop_px
        bytes_a_pixel = 4 * (2 * self.data.channels + 2 * len(self.class_names)) + 9
        what = f"steps of {count} crops of {side} x {side} px"
        check_memory(count * side**2 * bytes_a_pixel, what, "give a smaller batch or data.crop_px")

    def _statistics_of(self, chip: int) -> Statistics:
        return self.area_statistics.get(self.data.chips[chip].area, self.statistics)

    @property
    def fingerprint(self) -> str:
        """A digest of the data, and of the model that the training begins with."""
        return fingerprint(self.recipe, self.data)

    def _make_network(self) -> nn.Module:
        recipe, data = self.recipe, self.data
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            outputs = len(self.class_names) + (self.borders is not None)
            network: nn.Module = recipe.network.build(NETWORKS, channels=data.channels, classes=outputs)
        if recipe.initial is not None:
            start_from(network, open_run(recipe.initial), data.channels, borders=self.borders is not None)
        return network

    def stages(self) -> tuple[Stage, ...]:
        """The recipe's stages; an epoch is one pass over the training tiles unless the recipe says how many steps."""
        steps = self.recipe.steps_per_epoch or self.source.batches_per_epoch(self.recipe.crops_per_step)
        if self.held_out is not None:
            return number_stages(self.held_out.stages(self.recipe.all_stages(), steps))
        return number_stages(
            Stage(stage.name, stage.epochs, steps, settings=stage) for stage in self.recipe.all_stages()
        )

    def begin(self, stage: Stage, context: StageContext) -> None:
        """Make the optimizer over what the stage trains."""
        settings: StageSettings | FoldStage = stage.settings
        fabric, network = context.fabric, self.networks["network"]
        if isinstance(settings, FoldStage):
            assert self.held_out is not None
            if self.held_out.folds:
                self.source = self.held_out.sources[settings.fold]
            if settings.first:
                network.load_state_dict(self.held_out.start)
            if settings.learns is None:
                self.fabric, self.stage, self.optimizers = fabric, stage, {}
                network.to(fabric.device)
                return
            settings = settings.learns
        network.requires_grad_(True)
        self.still = encoder_of(network).requires_grad_(False) if settings.train == "decoder" else None
        network.to(memory_format=torch.channels_last)
        self.fabric, self.stage = fabric, stage
        self.model = fabric.setup_module(network)
        learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
        optimizer = self.recipe.optimizer.build(OPTIMIZERS, learning)
        for group in optimizer.param_groups:
            group["lr"] *= settings.learning_rate_factor
        self.optimizers = {"network": optimizer}
        self.updater: Any = fabric.setup_optimizers(optimizer)
        self.learning_rate_factor = self.recipe.schedule.build(SCHEDULES)

    @cached_property
    def loss(self) -> Loss:
        """What is minimized; made when first asked for, as counting the classes reads all labels."""
        return self._make_loss(self.source.class_pixels)

    def _make_loss(self, class_pixels: ClassPixels) -> Loss:
        known = KnownClasses(len(self.class_names), class_pixels, background_of(self.class_names))
        loss: Loss = self.recipe.loss.build(LOSSES, known=known)
        return loss

    def batch(self, stage: Stage, number: int) -> tuple[Tensor, ...]:
        """What step ``number`` learns from: standardized crops (B, C, crop, crop) float32, masks (B, crop, crop) int64,
        where borders are learned, depths (B, crop, crop) uint8, and, where the loss weighs pixels, their weights (B,
        crop, crop) float32."""
        size = self.recipe.crops_per_step
        per_epoch = self.source.batches_per_epoch(size)
        # Stages draw different crops: each starts where a distant epoch would.
        first = 1000 * stage.index
        crops: Crops = self.source.batch(first + number // per_epoch, number % per_epoch, size)
        image = standardize(crops.image, crops.valid, [self._statistics_of(chip) for chip in crops.chip.tolist()])
        weight = self.loss.pixel_weight(crops.mask)
        weights = () if weight is None else (weight,)
        depth = () if self.borders is None else (crops.depth,)
        return image.contiguous(memory_format=torch.channels_last), crops.mask, *depth, *weights

    def step(self, batches: Iterator[Any], index: int) -> dict[str, Tensor]:
        """Draw crops, compare the network's answer with their masks, update; in parts where the recipe accumulates."""
        self.model.train()
        if self.still is not None:
            self.still.eval()  # its batch norm keeps the statistics that its weights were learned with
        optimizer, parts = self.optimizers["network"], self.recipe.loop.accumulate
        set_learning_rate(optimizer, self.learning_rate_factor(index / self.stage.steps, self.stage.epochs))
        self.updater.zero_grad(set_to_none=True)
        batch = next(batches)
        first_weight = 2 + (self.borders is not None)
        whole = Whole(self.loss.counted(batch[1], *batch[first_weight:]), parts) if parts > 1 else None
        labelled = (batch[1] != IGNORE).sum()
        losses = []
        for part in accumulated(self.fabric, self.model, batch, parts):
            image, mask, weights = part[0], part[1], part[first_weight:]
            logits = self.model(image)
            loss = self.loss(logits[:, : len(self.class_names)], mask, *weights, whole=whole)
            if self.borders is not None:
                loss = loss + self.borders.loss(logits[:, -1], mask, part[2], labelled)
            self.fabric.backward(loss)
            losses.append(loss.detach())
        self.updater.step()
        return {"loss": torch.stack(losses).sum()}

    def fit(self, stage: Stage, context: StageContext) -> dict[str, float] | None:
        """Test what a fold learned on the ground that it held out; after the last one, decide what is kept."""
        assert self.held_out is not None
        fold: FoldStage = stage.settings
        predictor, areas = self.current_predictor(), self.area_statistics
        decision = self.held_out.test(fold.fold, predictor, self.source.read, areas, self.state)
        if decision is None:
            return {}
        self.state["decision"] = decision.to_json()
        return {"held-out/f1 before": decision.before.scores().f1 or 0, "held-out/f1": decision.after.scores().f1 or 0}

    @property
    def decision(self) -> Decision | None:
        """What is kept of the initial run and what was learned, once it is decided."""
        return Decision.from_json(self.state["decision"]) if "decision" in self.state else None

    def _keeps_initial(self) -> bool:
        """Whether the run is the initial one as it was: nothing is surely better, or that is not known yet."""
        return self.held_out is not None and (self.decision is None or self.decision.mix is None)

    def weights(self) -> dict[str, Tensor]:
        """All tensors; those of the initial run where that is what is kept."""
        if self.held_out is not None and self._keeps_initial():
            return self.held_out.initial.weights()
        return super().weights()

    def current_predictor(self) -> SegmentPredictor:
        """A predictor around the network as it is now."""
        network = self.networks["network"]
        parameter = next(network.parameters())
        return SegmentPredictor(
            network=network.eval(),
            channels=self.data.channels,
            class_names=self.class_names,
            statistics=self.statistics,
            threshold=self.threshold,
            ground_m=self.data.ground_m,
            normalize="scene" if self.area_statistics else "run",
            device=parameter.device,
            precision=self.fabric._precision.precision if hasattr(self, "fabric") else "32-true",
            learned_borders=self.borders is not None,
        )

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
            f"{len(self.data.areas)} areas, {len(self.source)} training tiles, {steps} steps of "
            f"{self.recipe.crops_per_step} crops, "
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
            "statistics": self.statistics.to_json(),
            "normalize": recipe.normalize,
            "threshold": self.threshold,
            "initial": None if self.recipe.initial is None else self.recipe.initial.name,
            "areas": [area.name for area in self.data.areas],
        }

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

    @classmethod
    def predictor(cls, run: Run, device: str = "auto") -> SegmentPredictor:
        """The predictor of a run, which knows what it scored."""
        from limner.segment.training.outcome import closing_line

        return dataclasses.replace(load_predictor(run, device), score=closing_line(run))


def encoder_of(network: nn.Module) -> nn.Module:
    """The part that may be pretrained; `UserError` for a network that does not name it."""
    encoder = getattr(network, "encoder", None)
    if not isinstance(encoder, nn.Module):
        raise UserError(f"{type(network).__name__} has no 'encoder' to keep still; a stage needs 'train: all' for it")
    return encoder


def start_from(network: nn.Module, run: Run, channels: int, *, borders: bool = False) -> None:
    """Put another run's weights into ``network``; `UserError` when they are another network's.

    borders: whether it learns them; where the other run did not, that output begins afresh.
    """
    facts = read_facts(run)
    if facts.channels != channels:
        raise UserError(f"{run.folder} was trained on {facts.channels} bands; this data has {channels}")
    weights = {key.removeprefix("network."): value for key, value in run.weights().items()}
    if borders and facts.borders is None:
        weights = fit_outputs(weights, network.state_dict())
    try:
        network.load_state_dict(weights)
    except RuntimeError:
        raise UserError(f"{run.folder} holds a {facts.network.get('name')}; the recipe's network is another") from None
