"""How a network learns to tell classes apart: batches of pictures, a loss on their classes, scores on held-out ones."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from limner.classify.data.examples import cropped, load_examples
from limner.classify.data.preprocessing import KeptWhitening, Preprocessing, fit_whitening, normalize_contrast
from limner.classify.data.sources import find_pictures
from limner.classify.data.split import split_examples
from limner.classify.measures.scores import evaluate_logits
from limner.classify.networks import NETWORKS, PictureNetwork
from limner.classify.networks.kmeans_linear import KMeansLinear
from limner.classify.predicting.overlay import as_picture
from limner.classify.predicting.predictor import PictureClassifier, load_classifier
from limner.classify.training.augment import augmented, color_axes_of
from limner.classify.training.losses import LOSSES, class_weights
from limner.classify.training.outcome import Outcome, closing_line, finish_training
from limner.classify.training.recipe import ClassifyRecipe
from limner.datasets.order import ShuffledOrder
from limner.foundation.draws import Draws
from limner.foundation.errors import UserError
from limner.foundation.progress import say
from limner.learning.loop.accumulation import accumulated, mean_of_all
from limner.learning.loop.optimizers import OPTIMIZERS, SCHEDULES, set_learning_rate
from limner.learning.loop.task import Stage, StageContext, Task, number_stages
from limner.learning.recipes.recipe import to_plain
from limner.learning.runs.run import Run
from limner.nn.depthwise import quicken_depthwise
from limner.nn.kernels.greedy import convolutions, learn_layer
from limner.nn.parameters import count_parameters
from limner.reporting.pictures import contact_sheet

MEASURED = 2000
"""Pictures of the training, at most, over which mean and deviation are taken."""
GREEDY_PATCHES, GREEDY_STEPS = 10_000, 1000
"""Patches that each layer learns from without labels, and steps of that."""
SCORED = 256
"""Pictures that are read at once to be scored."""


class ClassifyTask(Task):
    """Supervised classification of pictures."""

    name = "classify"
    recipe_type = ClassifyRecipe

    def __init__(self, recipe: ClassifyRecipe) -> None:
        self.recipe, self.seed = recipe, recipe.seed
        data = recipe.data
        found = find_pictures(data.paths, class_folder=data.class_folder, torchvision=data.torchvision)
        if not data.paths:
            say("no data is given: learning from scikit-learn's digits, which come with limner")
        self.examples = load_examples(
            found, size_px=data.size_px, colors=data.colors, fit=data.fit, memory=data.memory
        )  # fmt: skip
        self.sides = split_examples(self.examples, data.rule, recipe.seed)
        parts, learned = recipe.loop.accumulate, len(self.sides.training)
        if recipe.pictures_per_step > learned:
            times = f" times loop.accumulate {parts}" if parts > 1 else ""
            raise UserError(
                f"batch is {recipe.batch}{times}, and there are {learned} pictures to learn from "
                f"({len(self.sides.held_out)} are held out); give --batch {max(1, learned // parts)} or less"
            )
        self.order = ShuffledOrder(learned, recipe.pictures_per_step, recipe.seed)
        self.draws = Draws(recipe.seed, torch.device("cpu"))
        self.networks = {"network": self._make_network()}
        self.preprocessing = Preprocessing(*self._statistics(), recipe.contrast)
        if recipe.whiten is not None:
            shown = cropped(self.measured, recipe.data.seen_px).float() / 255
            whitening = fit_whitening(self.preprocessing(shown), recipe.whiten)
            self.networks["whitening"] = KeptWhitening(whitening)
            self.preprocessing = dataclasses.replace(self.preprocessing, whitening=whitening)
        self.score = ("validation/accuracy", 1) if recipe.keep_by == "accuracy" else ("validation/loss", -1)
        self.optimizers, self.state = {}, {}
        self.device = torch.device("cpu")

    @classmethod
    def with_data(cls, recipe: ClassifyRecipe, paths: Sequence[Path], options: None) -> ClassifyRecipe:
        """The recipe with other data (``--data``)."""
        if not paths:
            return recipe
        return dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, paths=tuple(paths)))

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes."""
        return self.examples.found.class_names

    @property
    def fingerprint(self) -> str:
        """A digest of the pictures and their classes."""
        return self.examples.found.fingerprint

    @property
    def network(self) -> PictureNetwork:
        """The network."""
        return cast(PictureNetwork, self.networks["network"])

    def _make_network(self) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network: nn.Module = self.recipe.network.build(
                NETWORKS, channels=self.examples.channels, classes=len(self.class_names)
            )
        if isinstance(network, PictureNetwork):
            network.check_size(self.recipe.data.seen_px)
        convolutions(network, self.recipe.greedy_layers)  # refused here, before anything is written
        return network

    def _statistics(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Mean and deviation of each channel, in 0..1."""
        if self.recipe.normalize == "network":
            mean, std = getattr(self.network, "input_mean", None), getattr(self.network, "input_std", None)
            if mean is None or std is None:
                raise UserError(
                    f"normalize is network, and {self.recipe.network.name} expects nothing of its own; "
                    "give --normalize data"
                )
            if len(mean) != self.examples.channels:  # gray pictures before a network of three bands
                mean, std = ([sum(each) / len(each)] * self.examples.channels for each in (mean, std))
            return tuple(mean), tuple(std)
        if self.recipe.normalize != "data":
            middle = 0.0 if self.recipe.normalize == "unit" else 0.5
            return (middle,) * self.examples.channels, (1 - middle,) * self.examples.channels
        parts = [normalize_contrast(part.double() / 255, self.recipe.contrast) for part in self.measured.split(SCORED)]
        pixels = torch.cat(parts).permute(1, 0, 2, 3).flatten(1)
        return tuple(pixels.mean(dim=1).tolist()), tuple(pixels.std(dim=1).clamp(min=1 / 255).tolist())

    @cached_property
    def measured(self) -> Tensor:
        """(n, C, S, S) uint8: pictures of the training, evenly over it, that statistics are taken of."""
        training = self.sides.training
        return self.examples.read(training[torch.linspace(0, len(training) - 1, min(MEASURED, len(training))).long()])

    @cached_property
    def color_axes(self) -> Tensor | None:
        """What colors are changed along, where they are."""
        return color_axes_of(self.measured) if self.recipe.augment.pca else None

    @property
    def counts(self) -> Tensor:
        """(classes,) int64: pictures of each class that are learned from."""
        return torch.bincount(self.examples.labels[self.sides.training], minlength=len(self.class_names))

    def stages(self) -> tuple[Stage, ...]:
        """Kernels without labels, where the network or the recipe has some learned so, a stage for each layer; the last
        layer alone, where the recipe wants that first; then all."""
        steps = max(1, round(len(self.sides.training) / self.recipe.pictures_of_all))
        stages = [Stage("train", self.recipe.epochs, steps)]
        if self.recipe.head_epochs:
            stages.insert(0, Stage("head", self.recipe.head_epochs, steps))
        if isinstance(self.network, KMeansLinear):
            stages.insert(0, Stage("kernels", 0))
        greedy = [Stage(f"kernels {number}", 0) for number in range(1, self.recipe.greedy_layers + 1)]
        return number_stages([*greedy, *stages])

    def begin(self, stage: Stage, context: StageContext) -> None:
        """Make the optimizer over what the stage trains."""
        recipe, network, fabric = self.recipe, self.network, context.fabric
        self.fabric, self.stage, self.device = fabric, stage, fabric.device
        if stage.epochs == 0:
            self.model, self.optimizers = fabric.setup_module(network), {}
            return
        head_only = stage.name == "head"
        network.requires_grad_(True)
        network.to(memory_format=torch.channels_last)
        head = {id(parameter) for parameter in network.head().parameters()} if self._parts() else set()
        body = [parameter for parameter in network.parameters() if id(parameter) not in head]
        self.still = head_only or (bool(head) and recipe.body_factor == 0)
        if self.still:
            for parameter in body:
                parameter.requires_grad_(False)
        quicken_depthwise(network)
        self.model = fabric.setup_module(network)
        groups = [{"params": [each for each in network.parameters() if id(each) in head]}] if head else []
        if not self.still:
            groups.insert(0, {"params": body})
        optimizer = recipe.optimizer.build(OPTIMIZERS, [group for group in groups if group["params"]])
        if head and not self.still:
            optimizer.param_groups[0]["lr"] *= recipe.body_factor
        self.optimizers = {"network": optimizer}
        self.updater: Any = fabric.setup_optimizers(optimizer)
        self.learning_rate_factor = recipe.schedule.build(SCHEDULES)
        self.loss = recipe.loss.build(LOSSES)
        weights = class_weights(self.counts) if recipe.balance else torch.ones(len(self.class_names))
        self.class_weights = weights.to(fabric.device)

    def _parts(self) -> bool:
        """Whether the last layer and the others learn apart."""
        return self.recipe.head_epochs > 0 or self.recipe.body_factor != 1

    def batch(self, stage: Stage, number: int) -> tuple[Tensor, Tensor]:
        """What step ``number`` learns from: (B, C, P, P) float32 standardized, changed, and (B,) int64 classes."""
        chosen = self.sides.training[self.order.indices(number)]
        generator = self.draws.of("augment", stage.index, number)
        data = self.recipe.data
        image01 = augmented(
            self.examples.read(chosen), self.recipe.augment, data.seen_px, generator, self.color_axes
        )  # fmt: skip
        return self.preprocessing(image01).contiguous(memory_format=torch.channels_last), self.examples.labels[chosen]

    def fit(self, stage: Stage, context: StageContext) -> dict[str, float] | None:
        """Learn kernels without labels from the pictures of the training."""
        if isinstance(self.network, KMeansLinear):
            return self.network.learn_kernels(self.measured, self.seed)
        layer = convolutions(self.network, self.recipe.greedy_layers)[stage.index]
        shown = cropped(self.measured, self.recipe.data.seen_px).float() / 255
        return learn_layer(self.network, layer, self.preprocessing(shown), GREEDY_PATCHES, GREEDY_STEPS, self.seed)

    def step(self, batches: Iterator[Any], index: int) -> dict[str, Tensor]:
        """Draw pictures, compare the network's answer with their classes, update; in parts where the recipe
        accumulates."""
        self.model.train()
        if self.still:  # batch norm keeps the statistics that the weights were learned with, and nothing is dropped
            self.model.eval()
            self.network.head().train()
        optimizer, parts = self.optimizers["network"], self.recipe.loop.accumulate
        set_learning_rate(optimizer, self.learning_rate_factor(index / self.stage.steps, self.stage.epochs))
        self.updater.zero_grad(set_to_none=True)
        image, labels = next(batches)
        whole = mean_of_all(self.fabric, self.class_weights[labels.to(self.device)].sum())
        losses, hits = [], []
        for part, truth in accumulated(self.fabric, self.model, (image, labels), parts):
            outputs = self.model(part)
            logits, *auxiliary = outputs if isinstance(outputs, tuple) else (outputs,)
            counted = self.class_weights[truth] / whole
            loss = (self.loss(logits.float(), truth) * counted).sum()
            for each in auxiliary:
                loss = loss + self.network.auxiliary_weight * (self.loss(each.float(), truth) * counted).sum()
            self.fabric.backward(loss)
            losses.append(loss.detach())
            hits.append((logits.detach().argmax(dim=1) == truth).float().sum())
        self.updater.step()
        return {"loss": torch.stack(losses).sum(), "accuracy": torch.stack(hits).sum() / len(labels)}

    def current_predictor(self) -> PictureClassifier:
        """A classifier around the network as it is now."""
        data = self.recipe.data
        return PictureClassifier(
            network=self.network.eval(),
            class_names=self.class_names,
            size_px=data.size_px,
            crop_px=data.seen_px,
            colors=self.examples.colors,
            fit=self.examples.fit,
            preprocessing=self.preprocessing,
            device=self.device,
        )

    def logits(self, numbers: Tensor) -> Tensor:
        """(n, classes) float32: what the network says of pictures ``numbers`` as it is now."""
        classifier = self.current_predictor()
        return torch.cat([classifier.logits(self.examples.read(part)) for part in numbers.split(SCORED)])

    def evaluate(self) -> Mapping[str, float]:
        """Accuracy, and with more than five classes top-5, and cross-entropy on the held-out pictures."""
        held_out = self.sides.held_out
        if not len(held_out):
            return {}
        scored = evaluate_logits(self.logits(held_out), self.examples.labels[held_out], self.class_names, on="held out")
        found = {"validation/loss": scored.loss, "validation/accuracy": scored.accuracy}
        if scored.top5_accuracy is not None:
            found["validation/top5"] = scored.top5_accuracy
        return found

    def picture(self) -> np.ndarray | None:
        """The first held-out pictures with what it says of them now."""
        numbers = (self.sides.held_out if len(self.sides.held_out) else self.sides.training)[:24]
        said = self.logits(numbers).argmax(dim=1)
        labels = []
        for answer, truth in zip(said.tolist(), self.examples.labels[numbers].tolist(), strict=True):
            right, name = answer == truth, self.class_names[answer]
            labels.append(name if right else f"{name}, not {self.class_names[truth]}")
        return contact_sheet([as_picture(each) for each in self.examples.read(numbers)], labels, columns=6, cell_px=120)

    def summary(self) -> str:
        """Pictures, steps and parameters in one line."""
        steps = sum(stage.total_steps for stage in self.stages())
        return (
            f"{self.examples.summary()}; {len(self.sides.held_out):,} held out ({self.sides.how}), {steps} steps of "
            f"{self.recipe.pictures_per_step} pictures, {self.recipe.network.name} of "
            f"{count_parameters(self.network) / 1e6:.2f} M parameters"
        )

    def facts(self) -> dict[str, Any]:
        """What classifying needs to know of the trained network."""
        data = self.recipe.data
        return {
            "task": self.name,
            "network": to_plain(self.recipe.network),
            "channels": self.examples.channels,
            "class_names": list(self.class_names),
            "class_counts": self.counts.tolist(),
            "size_px": data.size_px,
            "crop_px": data.seen_px,
            "colors": data.colors,
            "fit": self.examples.fit,
            "mean": list(self.preprocessing.mean),
            "std": list(self.preprocessing.std),
            "contrast": self.preprocessing.contrast,
            "whitened": self.preprocessing.whitening is not None,
        }

    def finish(self, run: Run) -> None:
        """Scores, worst mistakes, curves, card and report."""
        held_out = self.sides.held_out
        finish_training(
            Outcome(
                recipe=self.recipe,
                examples=self.examples,
                sides=self.sides,
                counts=tuple(self.counts.tolist()),
                parameters=count_parameters(self.network),
                classifier=self.current_predictor(),
                logits=self.logits(held_out) if len(held_out) else None,
            ),
            run,
        )

    def closing_line(self, run: Run) -> str:
        """Accuracy on what was held out, and that of always saying one class."""
        return closing_line(run)

    @classmethod
    def predictor(cls, run: Run, device: str = "auto") -> PictureClassifier:
        """The classifier of a run, which knows what it scored."""
        return dataclasses.replace(load_classifier(run, device), score=closing_line(run))
