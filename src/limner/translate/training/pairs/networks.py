"""The networks that a recipe names, with the weights that they begin with."""

import torch
from torch import nn

from limner.foundation.draws import Draws
from limner.foundation.errors import UserError
from limner.translate.networks import DISCRIMINATORS, GENERATORS
from limner.translate.networks.beginning import INITIALIZATIONS
from limner.translate.networks.translator import Translator
from limner.translate.training.pairs.recipe import PairRecipe


def make_networks(recipe: PairRecipe, inputs: int, outputs: int, scale: int, size_px: int) -> dict[str, nn.Module]:
    """``generator``, and ``discriminator`` where the recipe has an adversarial loss.

    inputs: channels of a source, its mask among them. size_px: side of the targets that are learned from.
    """
    draws = Draws(recipe.seed, torch.device("cpu"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)  # layers draw their own beginning, where the recipe's does not reach
        generator: Translator = recipe.generator.build(GENERATORS, inputs=inputs, outputs=outputs, scale=scale)
        networks: dict[str, nn.Module] = {"generator": generator}
        if generator.takes_center and recipe.degrade.name != "hole":
            raise UserError(
                f"the {recipe.generator.name} paints the middle of pictures with holes, and degrade is "
                f"{recipe.degrade.name}; set degrade: hole, or take another generator"
            )
        if recipe.adversarial:
            seen = (inputs if recipe.discriminator_sees == "pair" else 0) + outputs
            side = size_px // 2 if recipe.discriminator_sees == "hole" or generator.takes_center else size_px
            if recipe.discriminator_sees == "pair" and (scale != 1 or generator.takes_center):
                raise UserError(
                    "discriminator_sees is pair, but source and target have different sizes here; take target"
                )
            networks["discriminator"] = recipe.discriminator.build(DISCRIMINATORS, channels=seen, size_px=side)
        for name, network in networks.items():
            recipe.initialization.build(INITIALIZATIONS, network, draws.of(f"initialization of the {name}"))
    return networks
