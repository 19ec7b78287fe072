"""How a network learns to map: crops of the training areas, a loss on every labelled pixel, validation on ground apart."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from limner.errors import UserError
from limner.nn.optimizers import OPTIMIZERS, SCHEDULES, set_learning_rate
from limner.pictures import captioned_rows, error_map, overlay, to_display
from limner.recipe import to_plain
from limner.run import Run, open_run
from limner.segment.annotation import annotate_share
from limner.segment.areas import DataSet, find_data, fingerprint
from limner.segment.blocks import Split, hold_out
from limner.segment.crops import Crops, CropSource
from limner.segment.evaluate import Tally, predict_cells, tally_areas
from limner.segment.losses import LOSSES
from limner.segment.networks import NETWORKS
from limner.segment.predictor import SegmentPredictor, load_predictor, standardize
from limner.segment.recipe import DataSettings, SegmentRecipe
from limner.segment.statistics import Statistics
from limner.task import Stage, Task

if TYPE_CHECKING:
    from lightning_fabric import Fabric


class SegmentTask(Task):
    """Supervised segmentation of scenes (Ghassemi et al. 2018, section III)."""

    name = "segment"
    recipe_type = SegmentRecipe

    def __init__(self, recipe: SegmentRecipe) -> None:
        self.recipe = recipe
        self.data = load_data(recipe.data, recipe.seed)
        self.split = split_data(recipe, self.data)
        self.source = make_source(recipe, self.data, self.split)
        self.statistics = self.source.statistics()
        if recipe.normalize == "initial" and recipe.initial is not None:
            self.statistics = Statistics.from_json(open_run(recipe.initial).facts["statistics"])
        self.area_statistics = self.source.area_statistics() if recipe.normalize == "area" else {}
        self.score = ("validation/f1", 1) if recipe.keep_by == "f1" else ("validation/loss", -1)
        self.networks = {"network": self._make_network()}
        self.optimizers = {}
        self.state = {}
        self.threshold = 0.5

    @classmethod
    def with_data(
        cls, recipe: SegmentRecipe, paths: Sequence[Path], labels: Path | None, within: Path | None
    ) -> SegmentRecipe:
        """The recipe with other data: what ``--data``, ``--labels`` and ``--within`` say."""
        data = dataclasses.replace(recipe.data, paths=tuple(paths), labels=labels, within=within)
        return dataclasses.replace(recipe, data=data)

    def _statistics_of(self, chip: int) -> Statistics:
        return self.area_statistics.get(self.data.chips[chip].area, self.statistics)

    @property
    def fingerprint(self) -> str:
        """A digest of the data: files, sizes, times of change."""
        return fingerprint(self.data)

    def _make_network(self) -> nn.Module:
        recipe, data = self.recipe, self.data
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            network: nn.Module = recipe.network.build(
                NETWORKS, channels=data.channels, classes=len(recipe.data.classes)
            )
        if recipe.initial is not None:
            start_from(network, open_run(recipe.initial), data.channels, recipe.data.classes)
        return network

    def stages(self) -> tuple[Stage, ...]:
        """The recipe's stages; an epoch is one pass over the training tiles unless the recipe says how many steps."""
        steps = self.recipe.steps_per_epoch or self.source.batches_per_epoch(self.recipe.batch)
        return tuple(Stage(stage.name, stage.epochs, steps) for stage in self.recipe.all_stages())

    def begin(self, stage: Stage, fabric: "Fabric") -> None:
        """Make the optimizer over what the stage trains."""
        settings = next(item for item in self.recipe.all_stages() if item.name == stage.name)
        network = self.networks["network"]
        network.requires_grad_(True)
        if settings.train == "decoder":
            encoder_of(network).requires_grad_(False)
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
        self.loss = self.recipe.loss.build(LOSSES)

    def batch(self, stage: Stage, number: int) -> tuple[Tensor, Tensor]:
        """Batch ``number``: standardized crops (B, C, crop, crop) float32 and masks (B, crop, crop) int64."""
        per_epoch = self.source.batches_per_epoch(self.recipe.batch)
        # Stages draw different crops: each starts where a distant epoch would.
        first = 1000 * [item.name for item in self.recipe.all_stages()].index(stage.name)
        crops: Crops = self.source.batch(first + number // per_epoch, number % per_epoch, self.recipe.batch)
        image = standardize(crops.image, crops.valid, [self._statistics_of(chip) for chip in crops.chip.tolist()])
        return image.contiguous(memory_format=torch.channels_last), crops.mask

    def step(self, batches: Iterator[Any], index: int) -> dict[str, Tensor]:
        """Draw crops, compare the network's answer with their masks, update."""
        image, mask = self.fabric.to_device(next(batches))
        self.model.train()
        optimizer = self.optimizers["network"]
        set_learning_rate(optimizer, self.learning_rate_factor(index / self.stage.steps, self.stage.epochs))
        self.updater.zero_grad(set_to_none=True)
        loss = self.loss(self.model(image), mask)
        self.fabric.backward(loss)
        self.updater.step()
        return {"loss": loss.detach()}

    def current_predictor(self) -> SegmentPredictor:
        """A predictor around the network as it is now."""
        network = self.networks["network"]
        parameter = next(network.parameters())
        return SegmentPredictor(
            network=network.eval(),
            channels=self.data.channels,
            class_names=self.recipe.data.classes,
            statistics=self.statistics,
            threshold=self.threshold,
            ground_m=self.data.ground_m,
            normalize="scene" if self.area_statistics else "run",
            device=parameter.device,
            precision=self.fabric._precision.precision if hasattr(self, "fabric") else "32-true",
        )

    def validation_tallies(self) -> dict[str, Tally]:
        """What is right on each area's validation blocks."""
        windows = [(self.data.chips[chip].area, chip, block) for chip, block in self.source.validation_blocks()]
        return tally_areas(self.current_predictor(), self.source.read, windows, self.area_statistics)

    def evaluate(self) -> Mapping[str, float]:
        """F1 (mean over areas and the classes other than background), IoU and cross-entropy on validation ground."""
        tallies = {area: item for area, item in self.validation_tallies().items() if item.counts.pixels}
        if not tallies:
            return {}
        classes = range(1, len(self.recipe.data.classes))
        f1 = [value for item in tallies.values() for c in classes if (value := item.counts.f1(c)) is not None]
        iou = [value for item in tallies.values() for c in classes if (value := item.counts.iou(c)) is not None]
        return {
            "validation/loss": float(np.mean([item.loss for item in tallies.values()])),
            "validation/f1": float(np.mean(f1)) if f1 else 0.0,
            "validation/iou": float(np.mean(iou)) if iou else 0.0,
        }

    def picture(self) -> np.ndarray | None:
        """A validation block (or, with nothing held out, the first labelled ground) of up to four areas, with its truth and
        the errors; ground without a label is hatched."""
        predictor = self.current_predictor()
        rows: list[list[np.ndarray]] = []
        seen: set[str] = set()
        for chip, block in self.source.validation_blocks() or self.source.pictures():
            area = self.data.chips[chip].area
            if area in seen or len(seen) == 4:
                continue
            for _, probabilities, pixels, mask in predict_cells(
                predictor, self.source.read, chip, block, self._statistics_of(chip)
            ):
                seen.add(area)
                shown = to_display(pixels.values, pixels.valid)
                classes = predictor.classes_of(probabilities[None])[0]
                rows.append([shown, overlay(shown, mask), error_map(shown, mask, classes)])
                break
        return captioned_rows(rows, heads=("picture", "truth", "errors")) if rows else None

    def summary(self) -> str:
        """Areas, tiles, steps and parameters in one line."""
        steps = sum(stage.total_steps for stage in self.stages())
        parameters = sum(parameter.numel() for parameter in self.networks["network"].parameters())
        return (
            f"{len(self.data.areas)} areas, {len(self.source)} training tiles, {steps} steps of {self.recipe.batch} crops, "
            f"{self.recipe.network.name} of {parameters / 1e6:.2f} M parameters"
        )

    def facts(self) -> dict[str, Any]:
        """What mapping needs to know of the trained network."""
        recipe = self.recipe
        return {
            "task": self.name,
            "network": to_plain(recipe.network),
            "channels": self.data.channels,
            "dtype": self.data.dtype,
            "class_names": list(recipe.data.classes),
            "ground_m": self.data.ground_m,
            "statistics": self.statistics.to_json(),
            "normalize": recipe.normalize,
            "threshold": self.threshold,
            "initial": None if self.recipe.initial is None else self.recipe.initial.name,
            "areas": [area.name for area in self.data.areas],
        }

    def settle(self) -> None:
        """Set the decision threshold where the recipe wants it calibrated."""
        if self.recipe.threshold == "calibrated" and len(self.recipe.data.classes) == 2:
            tallies = self.validation_tallies() or self.labelled_tallies()
            self.threshold = sum(tallies.values(), Tally.zero(2)).best_threshold()

    def labelled_tallies(self) -> dict[str, Tally]:
        """What is right on all labelled ground, learned from or not."""
        windows = [(self.data.chips[chip].area, chip, window) for chip, window in self.source.pictures()]
        return tally_areas(self.current_predictor(), self.source.read, windows, self.area_statistics)

    def conclude(self, run: Run) -> None:
        """Validation scores, curves, card and report."""
        from limner.segment.outcome import conclude_training

        conclude_training(self, run)

    @classmethod
    def predictor(cls, run: Run, device: str = "auto") -> SegmentPredictor:
        """The predictor of a run."""
        return load_predictor(run, device)


def load_data(settings: DataSettings, seed: int) -> DataSet:
    """The data set that a recipe names, with labels on only a share of its ground where the recipe says so."""
    if not settings.paths:
        raise UserError("no data: add --data FOLDER (a folder of areas, each with images/ and masks/ or a vector file)")
    data = find_data(settings.paths, labels=settings.labels, within=settings.within, class_names=settings.classes)
    if settings.annotate is None:
        return data
    return annotate_share(data, settings.annotate, seed, ring_px=settings.ring_px)


def split_data(recipe: SegmentRecipe, data: DataSet) -> Split:
    """The ground that a recipe holds out for validation."""
    settings = recipe.data
    return hold_out(data, settings.validation_share, settings.tile_px, recipe.seed, ring_px=settings.ring_px)


def make_source(recipe: SegmentRecipe, data: DataSet, split: Split) -> CropSource:
    """The crops that a recipe draws from its data."""
    settings = recipe.data
    return CropSource(
        data,
        split,
        tile_px=settings.tile_px,
        stride_px=settings.stride_px,
        crop_px=settings.crop_px,
        seed=recipe.seed,
        ring_px=settings.ring_px,
        areas_balanced=settings.areas_balanced,
        scale_range=settings.scale_range,
        jitter=settings.jitter,
    )


def encoder_of(network: nn.Module) -> nn.Module:
    """The part that may be pretrained; `UserError` for a network that does not name it."""
    encoder = getattr(network, "encoder", None)
    if not isinstance(encoder, nn.Module):
        raise UserError(f"{type(network).__name__} has no 'encoder' to keep still; a stage needs 'train: all' for it")
    return encoder


def start_from(network: nn.Module, run: Run, channels: int, classes: Sequence[str]) -> None:
    """Put another run's weights into ``network``; `UserError` when they are another network's or mean other classes."""
    facts = run.facts
    if facts["channels"] != channels:
        raise UserError(f"{run.folder} was trained on {facts['channels']} bands; this data has {channels}")
    if tuple(facts["class_names"]) != tuple(classes):
        known = ", ".join(facts["class_names"])
        raise UserError(f"{run.folder} knows the classes {known}; the recipe says {', '.join(classes)}")
    weights = {key.removeprefix("network."): value for key, value in run.weights().items()}
    try:
        network.load_state_dict(weights)
    except RuntimeError:
        raise UserError(f"{run.folder} holds a {facts['network']['name']}; the recipe's network is another") from None
