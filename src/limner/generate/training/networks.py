"""The networks that a recipe names, with the weights that they begin with."""

import copy

import torch
from torch import nn

from limner.adversarial.latents.steps import LearnedRate
from limner.adversarial.weights.initialize import INITIALIZATIONS
from limner.adversarial.weights.spectral import apply_spectral_norm
from limner.foundation.draws import Draws
from limner.foundation.errors import UserError
from limner.generate.networks import DISCRIMINATORS, GENERATORS
from limner.generate.networks.encoders import ENCODERS
from limner.generate.networks.pairs import PairDiscriminator
from limner.generate.training.recipe import GenerateRecipe
from limner.nn.attention import SelfAttention


def make_networks(recipe: GenerateRecipe, classes: int) -> dict[str, nn.Module]:
    """The networks, with the weights that they begin with: ``average`` is among them where the recipe averages."""
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
        add_encoder(recipe, networks)
        for name, network in networks.items():
            recipe.initialization.build(INITIALIZATIONS, network, draws.of(f"initialization of the {name}"))
            if recipe.spectral_norm in ("both", "attention", name):
                within = (SelfAttention,) if recipe.spectral_norm == "attention" else (nn.Module,)
                apply_spectral_norm(network, draws.of(f"singular vectors of the {name}"), within)
    if recipe.latent_optimization.step != "none" and recipe.latent_optimization.learned_rate:
        networks["latent_rate"] = LearnedRate(recipe.latent_optimization.rate)
    if recipe.average.name != "none":
        networks["average"] = copy.deepcopy(networks["generator"]).requires_grad_(False)
    return networks


def add_encoder(recipe: GenerateRecipe, networks: dict[str, nn.Module]) -> None:
    """Put the encoder beside the two networks, if the recipe has one; the discriminator then is one of pairs."""
    latent: int = networks["generator"].latent  # type: ignore[assignment]
    bounded = recipe.prior.name == "uniform"
    given = {"size_px": recipe.data.size_px, "channels": recipe.data.channels, "latent": latent, "bounded": bounded}
    encoder = recipe.encoder.build(ENCODERS, **given)
    if encoder is not None:
        networks["discriminator"] = PairDiscriminator(networks["discriminator"], latent)
        networks["encoder"] = encoder


def has_attention(network: nn.Module) -> bool:
    """Whether self-attention is among a network's layers."""
    return any(isinstance(layer, SelfAttention) for layer in network.modules())
