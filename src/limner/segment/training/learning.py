"""How a network learns to map: crops of the training areas, and a loss on every labelled pixel."""

import copy
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from limner.foundation.errors import UserError
from limner.foundation.machine.memory import check_memory
from limner.foundation.progress import counted, say
from limner.learning.loop.accumulation import accumulated, mean_of_all
from limner.learning.loop.average import AVERAGES, update_average
from limner.learning.loop.optimizers import OPTIMIZERS, SCHEDULES, set_learning_rate
from limner.learning.loop.task import Stage, StageContext, Task, number_stages
from limner.learning.runs.opening import open_run
from limner.learning.runs.run import Run
from limner.nn.depthwise import quicken_depthwise
from limner.reporting.pictures import IGNORE
from limner.scenes.statistics import Statistics
from limner.segment.data.crops import Crops
from limner.segment.labels.forms import background_of
from limner.segment.measures.held_out import Decision
from limner.segment.networks import NETWORKS
from limner.segment.predicting.facts import read_facts
from limner.segment.predicting.predictor import SegmentPredictor, standardize
from limner.segment.training.borders import fit_outputs
from limner.segment.training.held_out import FoldStage, HeldOutTest
from limner.segment.training.losses import LOSSES, Loss, Whole
from limner.segment.training.pixel_weights import ClassPixels, KnownClasses
from limner.segment.training.recipe import SegmentRecipe, StageSettings
from limner.segment.training.recipe_data import borders_of, folds_of, load_data, make_source, split_data

AVERAGE = "average"
"""Of a task's networks: the running average of the one that learns."""
CHOSEN, DECISION = "chosen", "decision"
"""Of a task's state: what is to be kept once it learned from all ground, and what is kept."""


class MapLearning(Task):
    """How a network learns to map; `limner.segment.training.task.SegmentTask` adds what it says of itself.

    threshold: two classes, the probability that decides. held_out: the test by which the initial run is kept or not.
    """

    recipe: SegmentRecipe
    state: dict[str, Any]

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
        self.decay = recipe.average.build(AVERAGES)
        if self.decay is not None:
            self.networks[AVERAGE] = copy.deepcopy(self.networks["network"]).requires_grad_(False)
        self._make_loss(lambda: np.ones((1, 2), int))  # what does not fit is refused before anything is written
        self.optimizers = {}
        self.state = {}
        self.threshold = 0.5
        self.held_out: HeldOutTest | None = None
        if recipe.keep_if_better and recipe.initial is not None:
            initial = open_run(recipe.initial, "segment")
            self.held_out = HeldOutTest(folds_of(recipe, self.data), self.source, initial, self.networks["network"])

    def _check_memory(self) -> None:
        """Refuse a step that cannot be: its crops, the network's answers and their gradients alone are too much."""
        count, side = self.recipe.crops_per_step, self.recipe.data.crop_px
        bytes_a_pixel = 4 * (2 * self.data.channels + 2 * len(self.class_names)) + 9
        what = f"steps of {count} crops of {side} x {side} px"
        check_memory(count * side**2 * bytes_a_pixel, what, "give a smaller batch or data.crop_px")

    def _statistics_of(self, chip: int) -> Statistics:
        return self.area_statistics.get(self.data.chips[chip].area, self.statistics)

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
        steps = self.recipe.steps_per_epoch or self.source.batches_per_epoch(self.recipe.crops_of_all)
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
            self.source = self.held_out.source_of(settings.fold)
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
        quicken_depthwise(network)
        self.model = fabric.setup_module(network)
        if self.decay is not None:
            self.networks[AVERAGE].to(fabric.device).to(memory_format=torch.channels_last)
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
        size, processes = self.recipe.crops_of_all, self.recipe.loop.devices
        per_epoch = self.source.batches_per_epoch(size)
        step, part = divmod(number, processes)
        # Stages draw different crops: each starts where a distant epoch would.
        first = 1000 * stage.index
        crops: Crops = self.source.batch(first + step // per_epoch, step % per_epoch, size, (part, processes))
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
        together = parts > 1 or self.fabric.world_size > 1
        counted = mean_of_all(self.fabric, self.loss.counted(batch[1], *batch[first_weight:])) if together else None
        whole = None if counted is None else Whole(counted, parts)
        labelled = mean_of_all(self.fabric, (batch[1] != IGNORE).sum())
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
        if self.decay is not None:
            shown = self.recipe.crops_of_all
            update_average(
                self.networks[AVERAGE],
                self.networks["network"],
                self.decay((index + 1) * shown, shown),
                statistics=True,
            )
        return {"loss": torch.stack(losses).sum()}

    def skips(self, stage: Stage) -> bool:
        """Whether it learns from all ground though nothing of it would be kept."""
        fold = stage.settings
        if self.held_out is None or fold.learns is None or CHOSEN not in self.state:
            return False
        mix = Decision.from_json(self.state[CHOSEN]).mix
        return mix is None or (mix == 0 and not self.held_out.new_outputs)

    def fit(self, stage: Stage, context: StageContext) -> dict[str, float] | None:
        """Test what a fold learned on the ground that it held out; after the last one, decide what is kept, and keep
        it, once it learned from all ground."""
        assert self.held_out is not None
        fold: FoldStage = stage.settings
        predictor = self.current_predictor()
        if CHOSEN in self.state:
            chosen = self.state.pop(CHOSEN)
            self.held_out.keep(predictor, Decision.from_json(chosen))
            self.state[DECISION] = chosen
            return {}
        decision = self.held_out.test(fold.fold, predictor, self.source.read, self.area_statistics, self.state)
        if decision is None:
            return {}
        self.state[CHOSEN if len(self.held_out.folds) > 1 else DECISION] = decision.to_json()
        return {"held-out/f1 before": decision.before.scores().f1 or 0, "held-out/f1": decision.after.scores().f1 or 0}

    @property
    def decision(self) -> Decision | None:
        """What is kept of the initial run and what was learned, once it is decided."""
        return Decision.from_json(self.state[DECISION]) if DECISION in self.state else None

    def _keeps_initial(self) -> bool:
        """Whether the run is the initial one as it was: what was learned is not kept, or that is not known yet."""
        return self.held_out is not None and (self.decision is None or self.decision.mix is None)

    def weights(self) -> dict[str, Tensor]:
        """All tensors; those of the initial run where that is what is kept."""
        if self.held_out is not None and self._keeps_initial():
            return self.held_out.initial.weights()
        return {
            f"network.{key}": value.detach().to("cpu", copy=True).contiguous()
            for key, value in self.mapping_network.state_dict().items()
        }

    def load_weights(self, weights: Mapping[str, Tensor]) -> Self:
        """Put `weights` back, into the average, too."""
        for network in self.networks.values():
            network.load_state_dict({key.removeprefix("network."): value for key, value in weights.items()})
        return self

    @property
    def mapping_network(self) -> nn.Module:
        """What a run keeps and maps with: the average, where there is one."""
        return self.networks.get(AVERAGE, self.networks["network"])

    def current_predictor(self) -> SegmentPredictor:
        """A predictor around the network as it is now."""
        network = self.mapping_network
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
        raise UserError(f"{run.folder} was trained on {counted(facts.channels, 'band')}; this data has {channels}")
    weights = {key.removeprefix("network."): value for key, value in run.weights().items()}
    if borders and facts.borders is None:
        weights = fit_outputs(weights, network.state_dict())
    try:
        network.load_state_dict(weights)
    except RuntimeError:
        raise UserError(f"{run.folder} holds a {facts.network.get('name')}; the recipe's network is another") from None
