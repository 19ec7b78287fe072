"""DTN (Taigman, Polyak and Wolf, ICLR 2017): pictures of a source that has classes into those of a target."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from limner.adversarial.updater import average_buffers
from limner.foundation.draws import Draws
from limner.learning.loop.task import Stage, StageContext
from limner.learning.recipes.recipe import to_plain
from limner.translate.data.domains import DomainSet
from limner.translate.data.labeled import SOURCE, TARGET, read_labeled
from limner.translate.measures.domain_measure import Edit
from limner.translate.measures.domain_result import DomainScores
from limner.translate.measures.transfer_measure import measure_transfer, transfer_edit
from limner.translate.networks import CODE_GENERATORS, EXTRACTORS, TRANSFER_DISCRIMINATORS
from limner.translate.networks.beginning import INITIALIZATIONS
from limner.translate.networks.dtn import DTNExtractor, Transfer
from limner.translate.training.domains import transfer_losses as losses
from limner.translate.training.domains.alarms import told_apart
from limner.translate.training.domains.recipe import TransferRecipe
from limner.translate.training.domains.task import DomainTask, evenly
from limner.translate.translating.domains import TRANSFER

EXTRACTOR = "extractor"
"""The stage in which f learns the source's classes."""


class Shown(NamedTuple):
    """Pictures of a source and of a target, (B, C, h, w) in [-1, 1], and the classes of the first, (B,) int64."""

    source: Tensor
    target: Tensor
    label: Tensor


class TransferTask(DomainTask):
    """Networks: ``extractor``, f, with ``head``, which tells the source's classes by it; ``generator``, g; and
    ``discriminator``.

    In a first stage f learns with its head to classify sources. In the second it is frozen, and a step is one update of
    the discriminator and one of g on the same pictures.
    """

    name = TRANSFER
    recipe_type = TransferRecipe
    recipe: TransferRecipe
    learning_rate_options = f"--extractor-optimizer.learning-rate, {DomainTask.learning_rate_options}"
    restores = False
    into = (TARGET,)

    def read(self) -> DomainSet:
        """See `DomainTask`."""
        data = self.recipe.data
        self.labeled = read_labeled(data.paths, data.domains, colors=data.colors, size_px=data.size_px)
        return self.labeled.domains

    @property
    def fingerprint(self) -> str:
        """A digest of the pictures and their classes."""
        return self.labeled.fingerprint

    def make_networks(self) -> dict[str, nn.Module]:
        """See `DomainTask`."""
        recipe, channels, size_px = self.recipe, self.channels, self.crops.crop_px[0]
        draws = Draws(recipe.seed, torch.device("cpu"))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            extractor: DTNExtractor = recipe.extractor.build(EXTRACTORS, channels=channels, size_px=size_px)
            networks: dict[str, nn.Module] = {
                "extractor": extractor,
                "head": nn.Linear(extractor.code, len(self.labeled.classes)),
                "generator": recipe.generator.build(
                    CODE_GENERATORS, code=extractor.code, outputs=channels, size_px=size_px
                ),
                "discriminator": recipe.discriminator.build(
                    TRANSFER_DISCRIMINATORS, channels=channels, size_px=size_px
                ),
            }
            for name, network in networks.items():
                recipe.initialization.build(INITIALIZATIONS, network, draws.of(f"initialization of the {name}"))
        return networks

    def network_to(self, domain: int) -> nn.Module:
        """See `DomainTask`."""
        networks: Any = self.networks
        return Transfer(networks["extractor"], networks["generator"], self.channels)

    def stages(self) -> tuple[Stage, ...]:
        """f by itself, then g with the discriminator."""
        (train,) = super().stages()
        return (Stage(EXTRACTOR, self.recipe.extractor_epochs, train.steps), train)

    def begin(self, stage: Stage, context: StageContext) -> None:
        """Bring the networks to the device, and make what moves those of the stage."""
        first = {"extractor": ("extractor", "head")}
        second = {"generator": ("generator",), "discriminator": ("discriminator",)}
        self.begin_moving(stage, context, first if stage.name == EXTRACTOR else second)
        self.orders_of = self.orders()

    def batch(self, stage: Stage, number: int) -> Shown:
        """Crops of both domains' pictures, which have nothing to do with each other."""
        places = [of[order.indices(number)] for of, order in zip(self.learned_of, self.orders_of, strict=True)]
        source, target = (self.crops.batch(each, number, f"crop {domain}") for domain, each in enumerate(places))
        return Shown(source, target, self.labeled.labels[places[SOURCE]])

    def step(self, batches: Iterator[Any], index: int) -> dict[str, Tensor]:
        """The classifier of sources; or the discriminator, then g."""
        self.begin_step(index)
        shown = Shown(*(each.to(self.device, non_blocking=True) for each in next(batches)))
        values = self.classify(shown) if self.stage.name == EXTRACTOR else self.transfer(shown)
        average_buffers(self.fabric, self.networks.values())
        return values

    def classify(self, shown: Shown) -> dict[str, Tensor]:
        """One step of f and its head."""
        loss = cross_entropy(self.call["head"](self.call["extractor"](shown.source)), shown.label)
        self.updaters["extractor"].step(loss)
        return {"class_loss": loss.detach()}

    def transfer(self, shown: Shown) -> dict[str, Tensor]:
        """One step of the discriminator, which sees each kind by itself, and one of g, which makes both kinds in one
        pass: what its batch normalization keeps for later is of both."""
        code_of, discriminate = self.call["extractor"], self.call["discriminator"]
        self.networks["extractor"].eval()
        with torch.no_grad():
            codes = code_of(torch.cat([shown.source, shown.target]))
        made = self.call["generator"](codes)
        kinds = made.chunk(2)
        told = [discriminate(each) for each in (*made.detach().chunk(2), shown.target)]
        discriminator = losses.discriminator_loss(*told)
        self.updaters["discriminator"].step(discriminator)
        terms = self.terms(shown, codes.chunk(2)[0], *kinds)
        adversarial = losses.generator_loss(*(discriminate(each) for each in kinds))
        total = torch.stack([adversarial, *terms.values()]).sum()
        self.updaters["generator"].step(total)
        found = {"discriminator_loss": discriminator, "generator_loss": total, **terms}
        return {name: value.detach() for name, value in found.items()}

    def terms(self, shown: Shown, code: Tensor, of_source: Tensor, of_target: Tensor) -> dict[str, Tensor]:
        """What is added to g's adversarial loss, weighed. code: of the sources; of_source, of_target: what was made."""
        recipe, terms = self.recipe, {}
        if recipe.constancy:
            terms["constancy"] = recipe.constancy * losses.constancy(code, self.call["extractor"](of_source))
        if recipe.identity:
            terms["identity"] = recipe.identity * losses.identity(shown.target, of_target)
        if recipe.total_variation:
            made = torch.cat([of_source, of_target])
            terms["total_variation"] = recipe.total_variation * losses.total_variation(made)
        return terms

    def edits(self, most: int | None = None, *, back: bool = False) -> list[Edit]:
        """Held-out sources made into targets, or without such learned ones. most: of each domain."""
        every = self.held_out if len(self.held_out) else self.training
        of_each = (self.domains.of(domain, every).tolist() for domain in (SOURCE, TARGET))
        chosen = torch.tensor([place for places in of_each for place in evenly(places, most)])
        return [transfer_edit(self.labeled, chosen, self.translator().to(None).translate)]

    def scored(self, edits: Sequence[Edit], on: str) -> DomainScores:
        """See `DomainTask`."""
        return measure_transfer(edits[0], self.labeled, self.training, on=on)

    def evaluate(self) -> Mapping[str, float]:
        """While f learns, the share of held-out sources whose class it tells; then as `DomainTask`."""
        if self.stage.name != EXTRACTOR:
            return super().evaluate()
        places = self.domains.of(SOURCE, self.held_out if len(self.held_out) else self.training)
        return {f"{self.where}/accuracy": self.share_told(places)}

    @torch.no_grad()
    def share_told(self, places: Tensor) -> float:
        """Of these pictures of the source, (n,) int64, the share whose class f and its head tell."""
        extractor, head = (self.networks[name].eval() for name in ("extractor", "head"))
        right = 0
        for some in places.split(256):
            pictures = self.middles_of([self.domains.picture(place) for place in some.tolist()])
            right += int((head(extractor(pictures)).argmax(1).cpu() == self.labeled.labels[some]).sum())
        return right / len(places)

    def told(self, scores: Mapping[str, float]) -> str:
        """The share of classes that f tells, or the KID."""
        accuracy = scores.get(f"{self.where}/accuracy")
        return super().told(scores) if accuracy is None else f"{self.where} accuracy {100 * accuracy:.1f} %"

    @torch.no_grad()
    def discriminators_right(self, domain: int, true: Tensor, made: Tensor) -> float:
        """See `DomainTask`."""
        network = self.networks["discriminator"].eval()
        real, fake = (losses.true_against_made(network(each)) for each in (true, made))
        return told_apart(real, fake, 0.0)

    def facts(self) -> dict[str, Any]:
        """What translating needs to know of the trained networks."""
        return {**super().facts(), "extractor": to_plain(self.recipe.extractor), "size_px": self.crops.crop_px[0]}
