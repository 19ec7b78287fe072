"""StarGAN (Choi, Choi, Kim, Ha, Kim and Choo, CVPR 2018): one generator for all domains, which it is told."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, l1_loss, one_hot

from limner.adversarial.losses import LOSSES
from limner.adversarial.regularizers.gradient_penalties import gradient_penalty
from limner.adversarial.update import Term, Update, update_discriminator, update_generator
from limner.adversarial.updater import average_buffers
from limner.datasets.order import ShuffledOrder
from limner.foundation.draws import Draws
from limner.foundation.errors import UserError
from limner.learning.loop.task import Stage, StageContext
from limner.translate.networks import CLASS_DISCRIMINATORS, TOLD_GENERATORS
from limner.translate.networks.beginning import INITIALIZATIONS
from limner.translate.networks.stargan import Told, with_maps
from limner.translate.training.domains.alarms import told_apart
from limner.translate.training.domains.recipe import StarRecipe
from limner.translate.training.domains.task import DomainTask
from limner.translate.translating.domains import SEVERAL


class Labeled(NamedTuple):
    """Pictures, (B, C, h, w) in [-1, 1], with the domains that they are of and that they shall be made into, (B,)
    int64."""

    image: Tensor
    label: Tensor
    target: Tensor


class StarTask(DomainTask):
    """Networks: ``generator``, which is told a domain by constant maps, and ``discriminator``, which tells domains too.

    A step is several updates of the discriminator, each on a batch of its own, and one of the generator on the last.
    """

    name = SEVERAL
    recipe_type = StarRecipe
    recipe: StarRecipe
    batch_of_each = False

    def make_networks(self) -> dict[str, nn.Module]:
        """See `DomainTask`."""
        recipe, count = self.recipe, len(self.domains.domains)
        if recipe.batch > len(self.training):
            raise UserError(f"batch is {recipe.batch}, but there are {len(self.training)} pictures to learn from")
        draws = Draws(recipe.seed, torch.device("cpu"))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            networks: dict[str, nn.Module] = {
                "generator": recipe.generator.build(
                    TOLD_GENERATORS, inputs=self.channels + count, outputs=self.channels, scale=1
                ),
                "discriminator": recipe.discriminator.build(
                    CLASS_DISCRIMINATORS, channels=self.channels, size_px=self.crops.crop_px[0], classes=count
                ),
            }
            for name, network in networks.items():
                recipe.initialization.build(INITIALIZATIONS, network, draws.of(f"initialization of the {name}"))
        return networks

    def network_to(self, domain: int) -> nn.Module:
        """See `DomainTask`."""
        generator: Any = self.networks["generator"]
        count = len(self.domains.domains)
        return Told(generator, one_hot(torch.tensor(domain), count)).to(next(generator.parameters()).device)

    def begin(self, stage: Stage, context: StageContext) -> None:
        """Bring the networks to the device, and make what moves them."""
        recipe = self.recipe
        self.begin_moving(stage, context, {name: [name] for name in self.networks})
        self.draws = Draws(recipe.seed, self.device, self.fabric.global_rank)
        self.loss = recipe.loss.build(LOSSES)
        self.order = ShuffledOrder(len(self.training), recipe.batch, recipe.seed)

    def batch(self, stage: Stage, number: int) -> Labeled:
        """Crops of pictures of all domains; what they shall be made into are their domains in another order."""
        places = self.training[self.order.indices(number)]
        label = self.domains.labels[places]
        generator = Draws(self.seed, torch.device("cpu")).of("targets", number)
        target = label[torch.randperm(len(label), generator=generator)]
        return Labeled(self.crops.batch(places, number), label, target)

    def step(self, batches: Iterator[Any], index: int) -> dict[str, Tensor]:
        """The discriminator's updates, then the generator's."""
        self.begin_step(index)
        steps = self.recipe.discriminator_steps
        for number in range(index * steps, (index + 1) * steps):
            batch = Labeled(*(each.to(self.device, non_blocking=True) for each in next(batches)))
            with torch.no_grad():
                fake = self.translated(batch.image, batch.target)
            values = update_discriminator(
                self.call["discriminator"], self.updaters["discriminator"], self.loss,
                Update(number, batch.image, fake, batch=batch), self.discriminator_terms(),
            )  # fmt: skip
        fake = self.translated(batch.image, batch.target)
        values |= update_generator(
            self.call["discriminator"], self.updaters["generator"], self.loss,
            Update(index, batch.image, fake, batch=batch), self.generator_terms(),
        )  # fmt: skip
        average_buffers(self.fabric, self.networks.values())
        return values

    def translated(self, image: Tensor, label: Tensor) -> Tensor:
        """Pictures made into the domains ``label``, (B,) int64."""
        made: Tensor = self.call["generator"](with_maps(image, one_hot(label, len(self.domains.domains))))
        return made

    def discriminator_terms(self) -> dict[str, Term]:
        """What is added to the discriminator's loss: the classes of true pictures (eq. 2), the gradient penalty."""
        recipe, network = self.recipe, self.networks["discriminator"]

        def penalty(update: Update[Any]) -> Tensor:
            at = self.draws.of("gradient", update.number)
            return recipe.gradient_penalty * gradient_penalty(
                lambda image: network(image).logits, update.real, update.fake, at
            )

        def classes(update: Update[Any]) -> Tensor:
            return recipe.class_loss * cross_entropy(update.real_output.classes, update.batch.label)

        return {"real_class": classes, **({"gradient_penalty": penalty} if recipe.gradient_penalty else {})}

    def generator_terms(self) -> dict[str, Term]:
        """What is added to the generator's loss: the classes of made pictures (eq. 3), and what comes back (eq. 4)."""
        recipe = self.recipe

        def classes(update: Update[Any]) -> Tensor:
            return recipe.class_loss * cross_entropy(update.fake_output.classes, update.batch.target)

        def cycle(update: Update[Any]) -> Tensor:
            return recipe.cycle * l1_loss(self.translated(update.fake, update.batch.label), update.batch.image)

        return {"fake_class": classes, **({"cycle": cycle} if recipe.cycle else {})}

    @torch.no_grad()
    def discriminators_right(self, domain: int, true: Tensor, made: Tensor) -> float:
        """See `DomainTask`. A critic's logits have no zero, so the best boundary for these pictures is taken."""
        network = self.networks["discriminator"].eval()
        real, fake = (network(each).logits.mean((1, 2, 3)) for each in (true, made))
        if self.recipe.loss.name != "wasserstein":
            return told_apart(real, fake, 0.5 if self.recipe.loss.name == "least-squares" else 0.0)
        return max(told_apart(real, fake, float(each) - 1e-6) for each in real)
