"""How a network learns to make one picture of another from pairs, with or without a discriminator."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from limner.adversarial.losses import LOSSES
from limner.adversarial.regularizers.gradient_penalties import gradient_penalty
from limner.adversarial.update import Term, Update, update_discriminator, update_generator
from limner.adversarial.updater import Updater, average_buffers, set_up_network
from limner.datasets.order import ShuffledOrder
from limner.foundation.draws import Draws
from limner.foundation.errors import UserError
from limner.foundation.progress import say
from limner.learning.alarms import ringing
from limner.learning.loop.optimizers import OPTIMIZERS, SCHEDULES, set_learning_rate
from limner.learning.loop.task import Stage, StageContext, Task
from limner.learning.recipes.recipe import WeightedChoice, to_plain
from limner.learning.runs.run import Run
from limner.nn.parameters import count_parameters
from limner.translate.data.crops import Pair, PairCrops, Whole, whole_pair
from limner.translate.degrading.ways import DEGRADATIONS
from limner.translate.measures.bars import Known, known_of
from limner.translate.measures.measure import counted_pixels, measure
from limner.translate.measures.result import PairScores
from limner.translate.measures.similarity import psnr, ssim
from limner.translate.training.alarms import ALARMS, alarms_of
from limner.translate.training.content import CONTENT, Content
from limner.translate.training.networks import make_networks
from limner.translate.training.outcome import Outcome, before_and_after, closing_line, finish_training
from limner.translate.training.pairs_of_recipe import bars_of, pairs_of, protocol_of, split_pairs
from limner.translate.training.recipe import PairRecipe
from limner.translate.training.weighed import Weighed
from limner.translate.translating.predictor import PictureTranslator, load_translator, make_translator

SHOWN = 6
"""Pairs that `picture` shows."""


class Shown(NamedTuple):
    """What a discriminator is shown. image: true or made, (B, C, H, W) in [-1, 1]. source: what it belongs to."""

    image: Tensor
    source: Tensor

    def detach(self) -> "Shown":
        """The same, with no way back to whoever made it."""
        return Shown(self.image.detach(), self.source)


class PairTask(Task):
    """Pictures made of pictures, learned from pairs: pix2pix, SRGAN, DeblurGAN, context encoders, and the same networks
    by content alone.

    Networks: ``generator``, and ``discriminator`` where the recipe has an adversarial loss.
    """

    name = "translate-pairs"
    recipe_type = PairRecipe
    learning_rate_options = "--generator-optimizer.learning-rate, --discriminator-optimizer.learning-rate"

    def __init__(self, recipe: PairRecipe) -> None:
        self.recipe, self.seed = recipe, recipe.seed
        data = recipe.data
        self.degradation = recipe.degrade.build(DEGRADATIONS)
        self.pairs = pairs_of(recipe, data.paths)
        self.training, self.held_out = split_pairs(self.pairs, data.held_out, recipe.seed)
        if recipe.batch > len(self.training):
            raise UserError(
                f"batch is {recipe.batch}, but there are {len(self.training)} pairs to learn from"
                f"{f' ({len(self.held_out)} are held out)' if len(self.held_out) else ''}; give --batch "
                f"{len(self.training)} or less, or more pairs"
            )
        self.crops = PairCrops(
            self.pairs, self.degradation, crop_px=data.crop_px, jitter_px=data.jitter_px, flip=data.flip,
            see_mask=recipe.see_mask, seed=recipe.seed,
        )  # fmt: skip
        self.order = ShuffledOrder(len(self.training), recipe.batch, recipe.seed)
        first = self.crops.one(int(self.training[0]), 0)
        self.inputs, self.outputs = len(first.source), len(first.target)
        self.networks = make_networks(recipe, self.inputs, self.outputs, self.pairs.scale, self.crops.crop_px[0])
        self._try(first)
        self.where = "validation" if len(self.held_out) else "training"
        self.score = ("", 1) if recipe.scores.keep_by == "none" else (f"{self.where}/psnr", 1)
        self.protocol = protocol_of(recipe)
        self.bars = bars_of(recipe, self.pairs.scale, (self.inputs, self.outputs))
        self.optimizers, self.state = {}, {}
        self.device = torch.device("cpu")
        self.rung: set[str] = set()

    def _try(self, pair: Pair) -> None:
        """Raise `UserError` where a network cannot take the crops, before anything is written. Nothing is computed."""
        with torch.device("meta"):
            generator, discriminator = self.networks["generator"], self.networks.get("discriminator")
            stride = generator.stride
        height, width = pair.source.shape[1:]
        if height % stride or width % stride:  # type: ignore[operator]
            raise UserError(
                f"the {self.recipe.generator.name} takes sides that are multiples of {stride}, and learns from sources "
                f"of {width} x {height} px; give another --data.crop-px, or --data.size-px, or fewer levels"
            )
        least = getattr(discriminator, "least_px", 1)
        if min(self.crops.crop_px) < least:
            raise UserError(
                f"the discriminator needs {least} px, and learns from {min(self.crops.crop_px)}; give a larger "
                "--data.crop-px or fewer --discriminator.layers"
            )
        rows, columns = self.crops.crop_px
        if discriminator is not None and hasattr(discriminator, "size_px") and rows != columns:
            raise UserError(
                f"the {self.recipe.discriminator.name} discriminator takes squares, and pictures are {columns} x "
                f"{rows} "
                "px; give --data.crop-px"
            )

    @classmethod
    def with_data(cls, recipe: PairRecipe, paths: Sequence[Path], options: None) -> PairRecipe:
        """The recipe with other folders (``--data``)."""
        if not paths:
            return recipe
        return dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, paths=tuple(paths)))

    @property
    def fingerprint(self) -> str:
        """A digest of the pictures."""
        return self.pairs.fingerprint

    @property
    def adversarial(self) -> bool:
        """Whether there is a discriminator."""
        return "discriminator" in self.networks

    def stages(self) -> tuple[Stage, ...]:
        """A warm-up by content alone, where the recipe has one, and the training."""
        recipe = self.recipe
        steps = recipe.steps_per_epoch or -(-len(self.training) // recipe.batch)
        warmup = (Stage("warmup", recipe.warmup_epochs, steps),) if recipe.warmup_epochs else ()
        return (*warmup, Stage("train", recipe.epochs, steps))

    def begin(self, stage: Stage, context: StageContext) -> None:
        """Bring the networks to the device, and make what moves them."""
        recipe, networks, fabric = self.recipe, self.networks, context.fabric
        self.stage, self.fabric, self.device = stage, fabric, fabric.device
        for network in networks.values():
            network.to(fabric.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.generator = set_up_network(fabric, networks["generator"])
        self.optimizers = {
            name: getattr(recipe, f"{name}_optimizer").build(OPTIMIZERS, network.parameters())
            for name, network in networks.items()
        }
        self.updaters = {name: Updater(fabric, optimizer) for name, optimizer in self.optimizers.items()}
        if self.adversarial:
            self.discriminator = set_up_network(fabric, networks["discriminator"])
        self.learning_rate_factor = recipe.schedule.build(SCHEDULES)
        self.draws = Draws(recipe.seed, fabric.device, fabric.global_rank)
        self.loss = Weighed(recipe.loss.build(LOSSES), recipe.discriminator_weight, recipe.adversarial)
        chosen = recipe.warmup_content if stage.name == "warmup" else recipe.content
        self.content = {each.name: (each.weight, _build(each)) for each in chosen}

    def batch(self, stage: Stage, number: int) -> Pair:
        """Crops of the pairs that batch ``number`` shows."""
        return self.crops.batch(self.training[self.order.indices(number)], number)

    def step(self, batches: Iterator[Any], index: int) -> dict[str, Tensor]:
        """So many updates of the discriminator, then one of the generator, all on one batch."""
        self.set_learning_rates(index)
        pair = self.on_device(next(batches))
        made = self.make(pair)
        if self.stage.name == "warmup" or not self.adversarial:
            terms = {name: term(Update(index, None, None, batch=(pair, made))) for name, term in self.terms().items()}
            total = torch.stack(list(terms.values())).sum()
            self.updaters["generator"].step(total)
            values = {"generator_loss": total.detach(), **{name: term.detach() for name, term in terms.items()}}
        else:
            real, fake = self.shown(pair.target, pair), self.shown(made, pair)
            steps = self.recipe.discriminator_steps
            for number in range(index * steps, (index + 1) * steps):
                update = Update(number, real, fake.detach())
                values = update_discriminator(
                    self.discriminate, self.updaters["discriminator"], self.loss, update, self.penalties()
                )
            values |= update_generator(
                self.discriminate, self.updaters["generator"], self.loss,
                Update(index, real, fake, batch=(pair, made)), self.terms(),
            )  # fmt: skip
        average_buffers(self.fabric, self.networks.values())
        return values

    def set_learning_rates(self, index: int) -> None:
        """Those of a step."""
        warms_up = self.stage.name == "warmup"  # as SRResNet did before SRGAN: at one rate
        factor = 1.0 if warms_up else self.learning_rate_factor(index / self.stage.steps, self.stage.epochs)
        for name, optimizer in self.optimizers.items():
            set_learning_rate(optimizer, factor)
            self.networks[name].train()

    def on_device(self, pair: Pair) -> Pair:
        """A batch where the networks are."""
        moved = (None if each is None else each.to(self.device, non_blocking=True) for each in pair)
        source, target, mask = moved
        assert source is not None and target is not None
        return Pair(source.contiguous(memory_format=torch.channels_last), target, mask)

    def make(self, pair: Pair) -> Tensor:
        """What the generator makes of the sources; only the middle, where it makes no more."""
        made: Tensor = self.generator(pair.source)
        return made

    def wanted(self, made: Tensor, pair: Pair) -> tuple[Tensor, Tensor | None]:
        """(Target, mask) where ``made`` lies: all, or the middle."""
        if made.shape[2:] == pair.target.shape[2:]:
            return pair.target, pair.mask
        return middle(pair.target), None if pair.mask is None else middle(pair.mask)

    def terms(self) -> dict[str, Term]:
        """The losses of content as terms of an update whose ``batch`` is (pair, made)."""

        def term_of(weight: float, content: Content) -> Term:
            def term(update: Update[Any]) -> Tensor:
                pair, made = update.batch
                return weight * content(made, *self.wanted(made, pair))

            return term

        return {name: term_of(weight, content) for name, (weight, content) in self.content.items()}

    def penalties(self) -> dict[str, Term]:
        """What is added to the discriminator's loss."""
        if not self.recipe.gradient_penalty:
            return {}
        network = self.networks["discriminator"]

        def penalty(update: Update[Any]) -> Tensor:
            at = self.draws.of("gradient", self.stage.index, update.number)
            real, fake = self.seen(update.real), self.seen(update.fake)
            return self.recipe.gradient_penalty * gradient_penalty(network, real, fake, at)

        return {"gradient_penalty": penalty}

    def shown(self, image: Tensor, pair: Pair) -> Shown:
        """What the discriminator is shown of true or made pictures: with a hole, what is known stays as it is."""
        if pair.mask is not None and image.shape[2:] == pair.target.shape[2:]:
            image = torch.where(pair.mask > 0.5, image, pair.target)
        if self.recipe.discriminator_sees == "hole" and image.shape[2:] == pair.target.shape[2:]:
            image = middle(image)
        if self.networks["generator"].takes_center and image.shape[2:] == pair.target.shape[2:]:
            image = middle(image)
        return Shown(image, pair.source)

    def seen(self, shown: Shown) -> Tensor:
        """(B, C, H, W): what goes into the discriminator."""
        return (
            torch.cat([shown.source, shown.image], dim=1) if self.recipe.discriminator_sees == "pair" else shown.image
        )

    def discriminate(self, shown: Shown) -> Tensor:
        """Logits of any shape."""
        logits: Tensor = self.discriminator(self.seen(shown))
        return logits

    def current_predictor(self) -> PictureTranslator:
        """What translates, around the network as it is now."""
        facts = self.facts()
        options = {name: value for name, value in facts["degrade"].items() if name != "name"}
        return make_translator(
            self.networks["generator"], inputs=self.inputs, outputs=self.outputs, scale=self.pairs.scale,
            colors=facts["colors"], source_colors=facts["source_colors"], degrade_name=facts["degrade"]["name"],
            degrade_options=options, see_mask=facts["see_mask"], picture_statistics=facts["picture_statistics"],
            dropout=facts["dropout"], device=self.device, frames=facts.get("frames", 0),
        )  # fmt: skip

    def scored(self) -> Tensor:
        """(n,) int64: the pairs that are scored: the held-out ones, or without such those that are learned from."""
        return self.held_out if len(self.held_out) else self.training

    def whole(self, index: int) -> Whole:
        """A pair as it is scored."""
        return whole_pair(self.pairs, index, self.degradation, self.seed)

    def looked_at(self) -> list[int]:
        """Some of the scored pairs, evenly, which are looked at while it learns."""
        scored = self.scored()
        count = min(len(scored), self.recipe.scores.pairs)
        return [int(scored[int(place)]) for place in torch.linspace(0, len(scored) - 1, count).long()]

    def evaluate(self) -> Mapping[str, float]:
        """PSNR and SSIM on some held-out pairs, and numbers of the alarms; says which begin to ring."""
        translator = self.current_predictor()
        pairs = [self.whole(index) for index in self.looked_at()]
        made = [self.translated(translator, pair) for pair in pairs]
        psnrs = [
            psnr(one, pair.target, self.protocol, counted_pixels(pair, self.protocol))
            for one, pair in zip(made, pairs, strict=True)
        ]
        scores = {f"{self.where}/psnr": float(np.mean(psnrs))}
        if self.protocol.region == "picture" and min(min(pair.target.shape[1:]) for pair in pairs) >= 24:
            ssims = [ssim(one, pair.target, self.protocol) for one, pair in zip(made, pairs, strict=True)]
            scores[f"{self.where}/ssim"] = float(np.mean(ssims))
        alarms = self.alarms(pairs, made)
        now = ringing(ALARMS, alarms)
        for name in now.keys() - self.rung:
            say(now[name])
        self.rung = set(now)
        return {**scores, **alarms}

    def translated(self, translator: PictureTranslator, pair: Whole) -> Tensor:
        """What is made of a pair's source, in one pass; dropout that is kept draws the same each time."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            return translator.translate(pair.source, pair.mask)

    def alarms(self, pairs: Sequence[Whole], made: Sequence[Tensor]) -> dict[str, float]:
        """The alarms' numbers of pairs and what was made of them."""
        found = alarms_of([pair.source for pair in pairs], [pair.target for pair in pairs], made)
        if self.adversarial and self.recipe.loss.name in ("non-saturating", "minimax", "hinge"):
            found["alarm/discriminator"] = self._told_apart()
        return found

    @torch.no_grad()
    def _told_apart(self) -> float:
        """Share of right answers of the discriminator on crops of scored pairs."""
        network = self.networks["discriminator"].eval()
        chosen = torch.tensor(self.looked_at()[: 2 * max(4, self.recipe.batch)])
        right = []
        for number, part in enumerate(chosen.split(8)):
            pair = self.on_device(self.crops.batch(part, number))
            self.networks["generator"].eval()
            made = self.networks["generator"](pair.source)
            for image, sign in ((pair.target, 1), (made, -1)):
                right.append((network(self.seen(self.shown(image, pair))).float().sign() == sign).float().mean())
        return float(torch.stack(right).mean())

    def told(self, scores: Mapping[str, float]) -> str:
        """PSNR with its protocol, and SSIM."""
        found = f"{self.where} PSNR {scores[f'{self.where}/psnr']:.2f} dB ({self.protocol.label()})"
        value = scores.get(f"{self.where}/ssim")
        return found if value is None else f"{found}, SSIM {value:.3f}"

    def closing_line(self, run: Run) -> str:
        """The PSNR of what it makes, and that of the best bar."""
        return closing_line(run)

    def picture(self) -> np.ndarray:
        """Some held-out pairs: given, made, true."""
        translator = self.current_predictor()
        pairs = [self.whole(index) for index in self.looked_at()[:SHOWN]]
        shown = [(pair, self.translated(translator, pair)) for pair in pairs]
        return before_and_after(shown, frames=self.recipe.data.frames is not None)

    def summary(self) -> str:
        """Pairs, steps and parameters in one line."""
        steps = sum(stage.total_steps for stage in self.stages())
        against = ""
        if self.adversarial:
            count = count_parameters(self.networks["discriminator"]) / 1e6
            against = f" against {self.recipe.discriminator.name} of {count:.2f} M"
        made = f", sources made by {self.recipe.degrade.name}" if self.degradation is not None else ""
        return (
            f"{self.pairs.summary()}{made}; {len(self.held_out)} held out, {steps} steps of {self.recipe.batch}, "
            f"{self.recipe.generator.name} of {count_parameters(self.networks['generator']) / 1e6:.2f} M "
            f"parameters{against}"
        )

    def facts(self) -> dict[str, Any]:
        """What translating needs to know of the trained network."""
        recipe = self.recipe
        made_gray = self.degradation is not None and self.degradation.channels(3) == 1
        return {
            "task": self.name,
            "generator": to_plain(recipe.generator),
            "inputs": self.inputs,
            "outputs": self.outputs,
            "scale": self.pairs.scale,
            "colors": recipe.data.colors,
            "source_colors": "gray"
            if made_gray
            else recipe.data.colors
            if self.degradation or recipe.data.frames
            else recipe.data.source_colors,
            "degrade": to_plain(recipe.degrade),
            "see_mask": recipe.see_mask,
            "picture_statistics": recipe.statistics == "picture",
            "dropout": recipe.dropout_in_use,
            **({"frames": recipe.data.frames} if recipe.data.frames else {}),
        }

    @cached_property
    def known(self) -> Known:
        """What bars may know of the training pairs."""
        places = self.training.tolist()
        sources = tuple(self.pairs.sources[place] for place in places) if self.pairs.sources else ()
        return known_of(sources, tuple(self.pairs.targets[place] for place in places))

    def scores_now(self) -> PairScores:
        """All scores of what it makes now, beside the bars."""
        translator = self.current_predictor()
        pairs = [self.whole(int(index)) for index in self.scored()]
        return measure(
            pairs, lambda source, mask: self.translated(translator, Whole(source, source, mask)), self.bars, self.known,
            self.protocol, on="held out" if len(self.held_out) else "pairs that it learned from; none were held out",
        )  # fmt: skip

    def finish(self, run: Run) -> None:
        """Scores, curves, card and report."""
        translator = self.current_predictor()
        pairs = [self.whole(index) for index in self.looked_at()]
        made = [self.translated(translator, pair) for pair in pairs]
        outcome = Outcome(
            recipe=self.recipe,
            data=self.pairs.summary(),
            learned=len(self.training),
            held_out=len(self.held_out),
            parameters=count_parameters(self.networks["generator"]),
            scored=self.scores_now(),
            alarms=self.alarms(pairs, made),
            shown=list(zip(pairs, made, strict=True))[:SHOWN],
            bars=self.bars,
            known=self.known,
        )
        finish_training(outcome, run)

    @classmethod
    def predictor(cls, run: Run, device: str = "auto") -> PictureTranslator:
        """What translates with a run's network."""
        return dataclasses.replace(load_translator(run, device), score=closing_line(run))


def middle(image: Tensor) -> Tensor:
    """The middle half of pictures (B, C, H, W), in both directions."""
    height, width = image.shape[2:]
    return image[:, :, height // 4 : height // 4 + height // 2, width // 4 : width // 4 + width // 2]


def _build(chosen: WeightedChoice) -> Content:
    content: Content = chosen.build(CONTENT)
    return content
