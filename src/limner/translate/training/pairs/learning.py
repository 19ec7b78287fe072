"""How a network learns to make one picture of another from pairs: its networks, batches and steps."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from limner.adversarial.losses import LOSSES
from limner.adversarial.regularizers.gradient_penalties import gradient_penalty
from limner.adversarial.update import Term, Update, update_discriminator, update_generator
from limner.adversarial.updater import Updater, average_buffers, set_up_network
from limner.datasets.order import ShuffledOrder
from limner.foundation.draws import Draws
from limner.foundation.errors import UserError
from limner.learning.loop.optimizers import OPTIMIZERS, SCHEDULES, set_learning_rate
from limner.learning.loop.task import Stage, StageContext, Task
from limner.learning.recipes.recipe import WeightedChoice
from limner.translate.data.crops import Pair, PairCrops
from limner.translate.degrading.ways import DEGRADATIONS
from limner.translate.training.pairs.content import CONTENT, Content
from limner.translate.training.pairs.networks import make_networks
from limner.translate.training.pairs.reading import pairs_of, split_pairs
from limner.translate.training.pairs.recipe import PairRecipe
from limner.translate.training.weighed import Weighed


class Shown(NamedTuple):
    """What a discriminator is shown. image: true or made, (B, C, H, W) in [-1, 1]. source: what it belongs to."""

    image: Tensor
    source: Tensor

    def detach(self) -> "Shown":
        """The same, with no way back to whoever made it."""
        return Shown(self.image.detach(), self.source)


class PairLearning(Task):
    """The steps of learning from pairs, with or without a discriminator.

    Networks: ``generator``, and ``discriminator`` where the recipe has an adversarial loss.
    """

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
        self.optimizers, self.state = {}, {}
        self.device = torch.device("cpu")

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

    @property
    def adversarial(self) -> bool:
        """Whether there is a discriminator."""
        return "discriminator" in self.networks

    def stages(self) -> tuple[Stage, ...]:
        """A warm-up by content alone, where the recipe has one, and the training."""
        recipe = self.recipe
        steps = recipe.steps_per_epoch or -(-len(self.training) // (recipe.batch * recipe.loop.devices))
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


def middle(image: Tensor) -> Tensor:
    """The middle half of pictures (B, C, H, W), in both directions."""
    height, width = image.shape[2:]
    return image[:, :, height // 4 : height // 4 + height // 2, width // 4 : width // 4 + width // 2]


def _build(chosen: WeightedChoice) -> Content:
    content: Content = chosen.build(CONTENT)
    return content
