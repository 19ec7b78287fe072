"""The networks that a recipe of attributes names, with the weights that they begin with."""

from typing import Any

import torch
from torch import nn

from limner.foundation.draws import Draws
from limner.translate.networks import ATTRIBUTE_DISCRIMINATORS, ATTRIBUTE_GENERATORS, PICTURE_READERS
from limner.translate.networks.beginning import INITIALIZATIONS
from limner.translate.training.attributes.recipe import AttributeRecipe

ADVERSARIES, READERS = ("generator", "discriminator"), ("latent_encoder", "attribute_encoder")


def make_networks(recipe: AttributeRecipe, channels: int, attributes: int) -> dict[str, nn.Module]:
    """`ADVERSARIES` and `READERS`. channels: of the pictures. attributes: how many."""
    common = {"size_px": recipe.data.size_px, "channels": channels}
    draws = Draws(recipe.seed, torch.device("cpu"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)  # layers draw their own beginning, where the recipe's does not reach
        generator: Any = recipe.generator.build(ATTRIBUTE_GENERATORS, **common, attributes=attributes)
        networks: dict[str, nn.Module] = {
            "generator": generator,
            "discriminator": recipe.discriminator.build(ATTRIBUTE_DISCRIMINATORS, **common, attributes=attributes),
            "latent_encoder": recipe.latent_encoder.build(PICTURE_READERS, **common, outputs=generator.latent),
            "attribute_encoder": recipe.attribute_encoder.build(PICTURE_READERS, **common, outputs=attributes),
        }
        for name in ADVERSARIES:
            recipe.initialization.build(INITIALIZATIONS, networks[name], draws.of(f"initialization of the {name}"))
    return networks
