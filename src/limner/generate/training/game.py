"""The networks that a recipe names, and the game that it has them play."""

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from limner.adversarial.augment import AUGMENTATIONS
from limner.adversarial.augment.augmentation import Unchanged
from limner.adversarial.average import AVERAGES, update_average
from limner.adversarial.losses import LOSSES
from limner.adversarial.pool import Pool
from limner.adversarial.priors import draw
from limner.adversarial.step import Game, Player, Sample, Turn
from limner.adversarial.weights.initialize import INITIALIZATIONS
from limner.adversarial.weights.spectral import apply_spectral_norm
from limner.foundation.draws import Draws
from limner.foundation.errors import UserError
from limner.generate.networks import DISCRIMINATORS, GENERATORS
from limner.generate.training.penalized import discriminator_terms, generator_terms
from limner.generate.training.recipe import GenerateRecipe
from limner.nn.attention import SelfAttention

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def make_networks(recipe: GenerateRecipe, classes: int) -> dict[str, nn.Module]:
    """``generator``, ``discriminator`` and, where the recipe averages, ``average``,
    with the weights that they begin with.
    """
    given = {"size_px": recipe.data.size_px, "channels": recipe.data.channels, "classes": classes}
    draws = Draws(recipe.seed, torch.device("cpu"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)  # layers draw their own beginning, where the recipe's does not reach
        networks: dict[str, nn.Module] = {
            "generator": recipe.generator.build(GENERATORS, **given),
            "discriminator": recipe.discriminator.build(DISCRIMINATORS, **given),
        }
        if recipe.spectral_norm == "attention" and not any(map(has_attention, networks.values())):
            raise UserError(
                "spectral_norm is attention, but neither network has any; add --generator.attention 32, or choose "
                "another"
            )
        for name, network in networks.items():
            recipe.initialization.build(INITIALIZATIONS, network, draws.of(f"initialization of the {name}"))
            if recipe.spectral_norm in ("both", "attention", name):
                within = (SelfAttention,) if recipe.spectral_norm == "attention" else (nn.Module,)
                apply_spectral_norm(network, draws.of(f"singular vectors of the {name}"), within)
    if recipe.average.name != "none":
        networks["average"] = copy.deepcopy(networks["generator"]).requires_grad_(False)
    return networks


def has_attention(network: nn.Module) -> bool:
    """Whether self-attention is among a network's layers."""
    return any(isinstance(layer, SelfAttention) for layer in network.modules())


class Play:
    """What the rules of a `Game` need of a training: networks, pictures, draws and what changes from round to round.

    state: tensors that a checkpoint keeps, on the device.
    """

    def __init__(
        self,
        recipe: GenerateRecipe,
        networks: dict[str, nn.Module],
        optimizers: dict[str, torch.optim.Optimizer],
        pool: Pool,
        fabric: "Fabric",
    ) -> None:
        self.recipe, self.networks, self.pool, self.fabric = recipe, networks, pool, fabric
        self.state: dict[str, Tensor] = {}
        self.draws = Draws(recipe.seed, fabric.device)
        self.augmentation = recipe.augment.build(AUGMENTATIONS)
        self.state.update(self.augmentation.begin(fabric.device))
        self.decay = recipe.average.build(AVERAGES)
        self.latent_size: int = networks["generator"].latent  # type: ignore[assignment]
        self.game = Game(
            fabric=fabric,
            generator=Player(networks["generator"], optimizers["generator"], recipe.clip_gradients),
            discriminator=Player(networks["discriminator"], optimizers["discriminator"], recipe.clip_gradients),
            loss=recipe.loss.build(LOSSES),
            real=self.real,
            latent=self.latent,
            imagine=self.imagine,
            judge=self.judge,
            augment=self.augment,
            discriminator_terms=discriminator_terms(
                recipe.penalties, networks["discriminator"], self.judge, self.draws, self.state
            ),
            generator_terms=generator_terms(recipe.penalties, networks["generator"]),
            after=self.after,
            discriminator_steps=recipe.discriminator_steps,
            together=recipe.judge == "together",
            fresh=recipe.generator_batch == "own",
        )

    def real(self, indices: Tensor, number: int) -> Sample:
        """The pictures at ``indices``, some of them mirrored."""
        return self.pool.sample(indices.to(self.fabric.device, non_blocking=True), self.draws.of("flip", number))

    def latent(self, count: int, side: str, number: int) -> Tensor:
        """(count, latent) float32 from the recipe's prior."""
        return draw(self.recipe.prior, count, self.latent_size, self.draws.of(f"latent {side}", number))

    def imagine(self, latent: Tensor, label: Tensor | None) -> Sample:
        """The pictures of latents."""
        with self.fabric.autocast():
            return Sample(self.networks["generator"](latent, label), label)

    def judge(self, sample: Sample) -> Tensor:
        """(B,) float32 logits."""
        with self.fabric.autocast():
            logits: Tensor = self.networks["discriminator"](sample.image, sample.label)
        return logits.float()

    def augment(self, sample: Sample, side: str, number: int) -> Sample:
        """What the discriminator sees of a sample; each side has draws of its own."""
        if isinstance(self.augmentation, Unchanged):
            return sample
        generator = self.draws.of(f"augment {side}", number)
        return Sample(self.augmentation(sample.image, self.state["strength"], generator), sample.label)

    def after(self, index: int, turn: Turn) -> None:
        """The running average follows the generator, the augmentation's strength the discriminator."""
        shown = self.recipe.images_per_step
        if self.decay is not None:
            decay = self.decay((index + 1) * shown, shown)
            update_average(self.networks["average"], self.networks["generator"], decay)
        self.state.update(self.augmentation.follow(self.state, turn.real_logits.sign().mean(), index, shown))
