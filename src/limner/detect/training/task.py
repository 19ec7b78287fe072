"""How a detector learns: batches of pictures with their objects, the network's own losses, scores on held-out ones."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from limner.datasets.annotations.turning import TURNED
from limner.datasets.order import ShuffledOrder
from limner.detect.boxes.objects import Detections, Objects
from limner.detect.data.augment import Example, as_read, example_of
from limner.detect.data.found import ObjectSet, find_objects
from limner.detect.data.options import ObjectReading
from limner.detect.data.pictures import load_pictures
from limner.detect.data.split import split_objects
from limner.detect.measures.common_boxes import common_boxes, in_pictures
from limner.detect.measures.drawing import draw_detections
from limner.detect.measures.evaluation import Evaluation, evaluate_detections
from limner.detect.networks import NETWORKS
from limner.detect.networks.rcnn import Lesson
from limner.detect.networks.rcnn_by_fit import DescribedPictures, RcnnNetwork
from limner.detect.predicting.predictor import ObjectDetector, above, load_detector
from limner.detect.regions.linear_svm import RegionFeatures
from limner.detect.training.outcome import Outcome, closing_line, finish_training
from limner.detect.training.recipe import DetectRecipe
from limner.foundation.draws import Draws
from limner.foundation.errors import UserError
from limner.learning.loop.optimizers import OPTIMIZERS, SCHEDULES, set_learning_rate
from limner.learning.loop.task import Stage, StageContext, Task, number_stages
from limner.learning.recipes.recipe import to_plain
from limner.learning.runs.run import Run
from limner.nn.depthwise import quicken_depthwise
from limner.nn.parameters import count_parameters
from limner.reporting.pictures import contact_sheet

USUAL_THRESHOLD = 0.5
"""From which score on detections are shown where nothing was held out to choose it on."""
SHOWN = 6


class DetectTask(Task):
    """Supervised detection of objects."""

    name = "detect"
    recipe_type = DetectRecipe
    score = ("validation/ap50", 1)

    def __init__(self, recipe: DetectRecipe) -> None:
        self.recipe, self.seed = recipe, recipe.seed
        found = find_objects(recipe.data.paths, recipe.data.reading)
        self.pictures = load_pictures(found, recipe.data.sizing)
        self.sides = split_objects(self.pictures, recipe.data.group, recipe.data.held_out, recipe.seed)
        if recipe.batch > len(self.sides.training):
            raise UserError(
                f"batch is {recipe.batch}, and there are {len(self.sides.training)} pictures to learn from "
                f"({len(self.sides.held_out)} are held out); give --batch {max(1, len(self.sides.training))} or less"
            )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network: nn.Module = recipe.network.build(NETWORKS, channels=3, classes=len(found.class_names))
        self.masks = bool(getattr(network, "outlines", False))
        self.by_fit = bool(getattr(network, "by_fit", False))
        if self.masks and not found.outlined:
            raise UserError(
                f"{recipe.network.name} learns outlines, and some objects have only boxes; give outlines or masks, or "
                "take detect/faster-rcnn"
            )
        if self.masks and recipe.augment.move:
            raise UserError(
                f"augment.move is {recipe.augment.move:g}, and {recipe.network.name} learns outlines, which are not "
                "moved; give augment.move 0"
            )
        self.networks = {"network": network}
        self.order = ShuffledOrder(len(self.sides.training), recipe.batch, recipe.seed)
        self.draws = Draws(recipe.seed, torch.device("cpu"))
        self.optimizers, self.state = {}, {}
        self.device, self.threshold = torch.device("cpu"), USUAL_THRESHOLD
        self.detections: list[Detections] | None = None
        self.seconds_a_picture: float | None = None

    @classmethod
    def with_data(cls, recipe: DetectRecipe, paths: Sequence[Path], options: ObjectReading) -> DetectRecipe:
        """The recipe with other data (``--data``), read otherwise."""
        given = {name: value for name, value in vars(options).items() if value is not None}
        if paths:
            given["paths"] = tuple(paths)
        return dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, **given))

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes."""
        return self.pictures.found.class_names

    @property
    def fingerprint(self) -> str:
        """A digest of the pictures and their objects."""
        return self.pictures.found.fingerprint

    @property
    def network(self) -> nn.Module:
        """The detector."""
        return self.networks["network"]

    def truths(self, numbers: Sequence[int]) -> list[Objects]:
        """The true objects of pictures."""
        return [self.pictures.found.pictures[number].objects for number in numbers]

    def sizes(self, numbers: Sequence[int]) -> list[tuple[int, int]]:
        """(width, height) of pictures."""
        return [self.pictures.found.pictures[number].size for number in numbers]

    def stages(self) -> tuple[Stage, ...]:
        """All at once, by steps or, where the network has no use for them, by one fit."""
        if self.by_fit:
            return number_stages([Stage("fit", 0)])
        steps = max(1, round(len(self.sides.training) / (self.recipe.batch * self.recipe.loop.devices)))
        return number_stages([Stage("train", self.recipe.epochs, steps)])

    def begin(self, stage: Stage, context: StageContext) -> None:
        """Make the optimizer over what learns by steps."""
        recipe, fabric = self.recipe, context.fabric
        self.fabric, self.stage, self.device = fabric, stage, fabric.device
        self.network.to(memory_format=torch.channels_last)
        if self.by_fit:
            self.network.to(self.device)
            return
        quicken_depthwise(self.network)
        self.model = fabric.setup_module(self.network)
        self.moving = [each for each in self.network.parameters() if each.requires_grad]
        optimizer = recipe.optimizer.build(OPTIMIZERS, self.moving)
        self.optimizers = {"network": optimizer}
        self.updater: Any = fabric.setup_optimizers(optimizer)
        self.learning_rate_factor = recipe.schedule.build(SCHEDULES)

    def batch(self, stage: Stage, number: int) -> list[Example]:
        """What step ``number`` learns from."""
        generator = self.draws.of("augment", stage.index, number)
        chosen = [self.sides.training[place] for place in self.order.indices(number).tolist()]
        return [
            example_of(
                self.pictures.found.pictures[each], self.pictures.read(each), self.recipe.data.sizing,
                self.recipe.augment, generator, masks=self.masks,
            )
            for each in chosen
        ]  # fmt: skip

    def fit(self, stage: Stage, context: StageContext) -> dict[str, float] | None:
        """Describe the regions of all pictures, which is kept for who goes on, and learn from them at once."""
        network, numbers = self.network, self.sides.training
        assert isinstance(network, RcnnNetwork)

        def described(place: int) -> RegionFeatures:
            number, file = numbers[place], context.scratch / f"{place}.pt"
            picture, pixels = self.pictures.found.pictures[number], self.pictures.read(number)
            image01 = pixels.float() / 255
            generator = self.draws.of("regions", stage.index, place)
            return network.described(image01, as_read(picture, image01), generator, file)

        count = len(numbers)
        for place in range(count):
            if context.stop:
                return None
            described(place)
            context.progress.advance(0, note=f"regions of {place + 1} of {count} pictures")
        pictures = DescribedPictures(count, described)
        network.fit(pictures)
        return {"regions": float(sum(len(each.boxes) for each in pictures)) / count}

    def step(self, batches: Iterator[Any], index: int) -> dict[str, Tensor]:
        """Draw pictures, sum the network's losses, update."""
        self.model.train()
        optimizer, recipe = self.optimizers["network"], self.recipe
        rise = min(1.0, (index + 1) / recipe.warmup_steps) if recipe.warmup_steps else 1.0
        set_learning_rate(optimizer, rise * self.learning_rate_factor(index / self.stage.steps, self.stage.epochs))
        examples: list[Example] = next(batches)
        self.updater.zero_grad(set_to_none=True)
        targets = [
            {
                "boxes": each.boxes.to(self.device), "labels": each.labels.to(self.device),
                **({} if each.masks is None else {"masks": each.masks.to(self.device)}),
            }
            for each in examples
        ]  # fmt: skip
        losses = self.model(Lesson([each.image01.to(self.device) for each in examples], targets))
        whole = torch.stack(list(losses.values())).sum()
        self.fabric.backward(whole)
        nn.utils.clip_grad_norm_(self.moving, recipe.clip)
        self.updater.step()
        return {"loss": whole.detach(), **{name: value.detach() for name, value in losses.items()}}

    def current_predictor(self) -> ObjectDetector:
        """A detector around the network as it is now."""
        return ObjectDetector(
            self.network.eval(), self.class_names, self.recipe.data.sizing, self.threshold, self.device
        )  # fmt: skip

    def detect(self, numbers: Sequence[int]) -> list[Detections]:
        """All that the network finds in pictures as it is now."""
        detector = self.current_predictor()
        found: list[Detections] = []
        for number, size in zip(numbers, self.sizes(numbers), strict=True):
            found += detector.detect_all([self.pictures.read(number)], [size])
        return found

    def scored(self, found: Sequence[Detections]) -> Evaluation:
        """The scores of what was found in the held-out pictures."""
        held_out, training = self.sides.held_out, self.sides.training
        common = common_boxes(self.truths(training), self.sizes(training), len(self.class_names))
        return evaluate_detections(
            found, self.truths(held_out), self.class_names, on=f"held out, {self.sides.how}",
            common=in_pictures(common, self.sizes(held_out)), seconds_a_picture=self.seconds_a_picture,
        )  # fmt: skip

    def evaluate(self) -> Mapping[str, float]:
        """AP50 and AP on the held-out pictures."""
        held_out = self.sides.held_out
        if not held_out:
            return {}
        scored = evaluate_detections(self.detect(held_out), self.truths(held_out), self.class_names, on="held out")
        return {f"validation/{name}": scored.scores[name] or 0.0 for name in ("ap50", "ap")}

    def calibrate(self) -> None:
        """Choose the score from which detections are shown: where F1 on the held-out pictures is highest."""
        held_out = self.sides.held_out
        if not held_out:
            return
        began = time.monotonic()
        self.detections = self.detect(held_out)
        self.seconds_a_picture = round((time.monotonic() - began) / len(held_out), 4)
        scored = evaluate_detections(self.detections, self.truths(held_out), self.class_names, on="held out")
        self.threshold = USUAL_THRESHOLD if scored.threshold is None else round(scored.threshold["score"], 4)

    def picture(self) -> np.ndarray | None:
        """Held-out pictures with what it finds in them now."""
        numbers = (self.sides.held_out or self.sides.training)[:SHOWN]
        drawn = []
        for number, found, size in zip(numbers, self.detect(numbers), self.sizes(numbers), strict=True):
            picture = self.pictures.read(number)
            drawn.append(draw_detections(_pixels(picture), _at(above(found, 0.3), size, picture), self.class_names))
        return contact_sheet(drawn, columns=3, cell_px=280)

    def summary(self) -> str:
        """Pictures, objects, steps and parameters in one line."""
        steps = sum(stage.total_steps for stage in self.stages())
        how = f"{steps} steps of {self.recipe.batch} pictures" if steps else "learned at once"
        return (
            f"{self.pictures.found.summary()}{''.join(_told(self.pictures.found))}; {len(self.sides.held_out):,} held "
            f"out ({self.sides.how}), {how}, {self.recipe.network.name} of "
            f"{count_parameters(self.network) / 1e6:.2f} M parameters"
        )

    def facts(self) -> dict[str, Any]:
        """What detecting needs to know of the trained network."""
        data = self.recipe.data
        shown = [self.pictures.found.pictures[number] for number in self.sides.training]
        grounds: list[Any] = [each.ground_m for each in shown]
        return {
            "task": self.name,
            "network": to_plain(self.recipe.network),
            "class_names": list(self.class_names),
            "short_px": data.short_px,
            "longest_px": data.longest_px,
            "threshold": self.threshold,
            "scale": round(float(np.median([data.sizing.scale(*each.size) for each in shown])), 6),
            "ground_m": None if None in grounds else round(float(np.median(grounds)), 6),
        }

    def finish(self, run: Run) -> None:
        """Scores, missed objects, curves, card and report."""
        held_out = self.sides.held_out
        if held_out and self.detections is None:
            self.calibrate()
        finish_training(
            Outcome(
                recipe=self.recipe,
                found=self.pictures.found,
                sides=self.sides,
                parameters=count_parameters(self.network),
                threshold=self.threshold,
                detections=self.detections,
                scored=self.scored(self.detections) if self.detections is not None else None,
            ),
            run,
        )

    def closing_line(self, run: Run) -> str:
        """AP50 and AP on what was held out, and the AP50 of the commonest boxes."""
        return closing_line(run)

    @classmethod
    def predictor(cls, run: Run, device: str = "auto") -> ObjectDetector:
        """The detector of a run, which knows what it scored."""
        return dataclasses.replace(load_detector(run, device), score=closing_line(run))


def _told(found: ObjectSet) -> Iterator[str]:
    """What is not learned from."""
    lost, unreadable = found.lost, found.unreadable
    if lost:
        yield (
            f"; objects left out: {len(lost):,}, such as {lost[0].name} {lost[0].number} of {lost[0].picture} "
            f"({lost[0].reason}); limner check --room detect lists them"
        )
    if turned := [note for note in found.notes if TURNED in note]:
        yield f"; {'; '.join(turned)}"
    if unreadable:
        yield f"; pictures left out: {len(unreadable):,}, the first: {unreadable[0]}"


def _pixels(picture: Tensor) -> np.ndarray:
    return np.ascontiguousarray(picture.permute(1, 2, 0).numpy())


def _at(found: Detections, size: tuple[int, int], picture: Tensor) -> Detections:
    """In pixels of the picture as the detector reads it, without outlines."""
    factor = torch.tensor([picture.shape[2] / size[0], picture.shape[1] / size[1]] * 2)
    return Detections(found.boxes * factor, found.labels, found.scores)
