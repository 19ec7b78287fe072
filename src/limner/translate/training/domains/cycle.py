"""CycleGAN (Zhu, Park, Isola and Efros, ICCV 2017): two domains into each other, without pairs."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from limner.adversarial.losses import LOSSES, AdversarialLoss, LeastSquares
from limner.adversarial.pool import FakePool
from limner.adversarial.update import Term, Update, update_discriminator, update_generator
from limner.adversarial.updater import average_buffers
from limner.foundation.draws import Draws
from limner.foundation.errors import UserError
from limner.learning.loop.task import Stage, StageContext
from limner.translate.networks import DISCRIMINATORS, GENERATORS
from limner.translate.networks.beginning import INITIALIZATIONS
from limner.translate.training.domains.alarms import told_apart
from limner.translate.training.domains.recipe import UnpairedRecipe
from limner.translate.training.domains.task import DomainTask
from limner.translate.training.weighed import Weighed
from limner.translate.translating.domains import INTO, UNPAIRED

TELLING = ("discriminator_first", "discriminator_second")


class Both(NamedTuple):
    """A picture of each domain, (B, C, h, w) in [-1, 1]; of made ones, ``first`` was made of a picture of the
    second."""

    first: Tensor
    second: Tensor


class CycleTask(DomainTask):
    """Networks: ``into_first`` and ``into_second``, which make pictures of each domain, and for each domain a
    discriminator of its pictures.

    A step is the authors': both generators first, by one optimizer, then both discriminators by one, shown pictures
    from a pool of earlier ones. What the pool keeps is in ``state``.
    """

    name = UNPAIRED
    recipe_type = UnpairedRecipe
    recipe: UnpairedRecipe

    def make_networks(self) -> dict[str, nn.Module]:
        """See `DomainTask`."""
        recipe, channels = self.recipe, self.channels
        if len(self.domains.domains) != 2:
            raise UserError(
                f"{len(self.domains.domains)} domains: {', '.join(self.domains.domains)}; this recipe translates "
                "between two; choose them by --data.domains"
            )
        draws = Draws(recipe.seed, torch.device("cpu"))
        networks: dict[str, nn.Module] = {}
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            for name in INTO:
                networks[name] = recipe.generator.build(GENERATORS, inputs=channels, outputs=channels, scale=1)
            for name in TELLING:
                networks[name] = recipe.discriminator.build(
                    DISCRIMINATORS, channels=channels, size_px=self.crops.crop_px[0]
                )
            for name, network in networks.items():
                recipe.initialization.build(INITIALIZATIONS, network, draws.of(f"initialization of the {name}"))
        if getattr(networks[INTO[0]], "takes_center", False):
            raise UserError(f"the {recipe.generator.name} paints the middle of a picture alone; take resnet or unet")
        return networks

    def network_to(self, domain: int) -> nn.Module:
        """See `DomainTask`."""
        return self.networks[INTO[domain]]

    def begin(self, stage: Stage, context: StageContext) -> None:
        """Bring the networks to the device, and make what moves them: an optimizer of both generators, one of both
        discriminators."""
        recipe = self.recipe
        self.begin_moving(stage, context, {"generator": INTO, "discriminator": TELLING})
        self.draws = Draws(recipe.seed, torch.device("cpu"), self.fabric.global_rank)
        self.loss: AdversarialLoss = Weighed(recipe.loss.build(LOSSES), 1.0, recipe.adversarial)
        self.pool = FakePool(recipe.pool) if recipe.pool else None
        self.orders_of = self.orders()
        self.state = {}

    def batch(self, stage: Stage, number: int) -> Both:
        """Crops of both domains' pictures, which have nothing to do with each other."""
        first, second = (
            self.crops.batch(places[order.indices(number)], number, f"crop {domain}")
            for domain, (places, order) in enumerate(zip(self.learned_of, self.orders_of, strict=True))
        )
        return Both(first, second)

    def step(self, batches: Iterator[Any], index: int) -> dict[str, Tensor]:
        """Both generators, then both discriminators."""
        self.begin_step(index)
        real = Both(
            *(
                each.to(self.device, non_blocking=True).contiguous(memory_format=torch.channels_last)
                for each in next(batches)
            )
        )
        fake = Both(first=self.call["into_first"](real.second), second=self.call["into_second"](real.first))
        values = update_generator(
            self.discriminate, self.updaters["generator"], self.loss, Update(index, real, fake), self.terms()
        )
        shown: Any = Both(fake.first.detach(), fake.second.detach())
        if self.pool is not None:
            at = self.draws.of("pool", self.stage.index, index)
            shown, self.state["pool"] = self.pool.exchange(self.state.get("pool"), shown, at)
        values |= update_discriminator(
            self.discriminate, self.updaters["discriminator"], self.loss, Update(index, real, shown)
        )
        average_buffers(self.fabric, self.networks.values())
        return values

    def discriminate(self, pictures: Both) -> tuple[Tensor, Tensor]:
        """Logits of each domain's discriminator on the pictures that are, or shall look like, its domain's."""
        first, second = (self.call[name](each) for name, each in zip(TELLING, pictures, strict=True))
        return first, second

    def terms(self) -> dict[str, Term]:
        """What is added to the generators' loss."""
        terms: dict[str, Term] = {}
        if self.recipe.cycle:
            terms["cycle"] = self.cycle
        if self.recipe.identity:
            terms["identity"] = self.identity
        return terms

    def cycle(self, update: Update[Both]) -> Tensor:
        """|F(G(a)) - a| + |G(F(b)) - b| with its weight, eq. 2."""
        first, second = self.call["into_first"](update.fake.second), self.call["into_second"](update.fake.first)
        return self.recipe.cycle * (l1_loss(first, update.real.first) + l1_loss(second, update.real.second))

    def identity(self, update: Update[Both]) -> Tensor:
        """|F(a) - a| + |G(b) - b| with its weight, sec. 5.2."""
        first, second = self.call["into_first"](update.real.first), self.call["into_second"](update.real.second)
        return self.recipe.identity * (l1_loss(first, update.real.first) + l1_loss(second, update.real.second))

    @torch.no_grad()
    def discriminators_right(self, domain: int, true: Tensor, made: Tensor) -> float:
        """See `DomainTask`."""
        network = self.networks[TELLING[domain]].eval()
        boundary = 0.5 if isinstance(self.loss.loss, LeastSquares) else 0.0  # type: ignore[attr-defined]
        return told_apart(network(true), network(made), boundary)
