"""The pictures that a recipe names, and which of them are held out."""

import torch
from torch import Tensor

from limner.datasets.pictures.duplicates import split_held_out
from limner.datasets.pictures.read import PictureSet, read_pictures
from limner.generate.training.recipe import GenerateRecipe


def load_pictures(recipe: GenerateRecipe) -> PictureSet:
    """The recipe's pictures in memory. Raises `UserError` as `limner.datasets.pictures.read.read_pictures` does."""
    data = recipe.data
    return read_pictures(data.paths, size_px=data.size_px, colors=data.colors, classes=data.classes, fit=data.fit)


def split_pictures(recipe: GenerateRecipe, pictures: PictureSet) -> tuple[Tensor, Tensor]:
    """(Pictures to learn from, held-out ones), each (n,) int64: the same whenever the recipe is asked."""
    return split_held_out(pictures, recipe.data.held_out, recipe.seed)


def unseen_pictures(recipe: GenerateRecipe) -> torch.Tensor:
    """(n, C, S, S) uint8: the pictures that a training on this recipe holds out; where it holds none out,
    all of them.
    """
    pictures = load_pictures(recipe)
    training, held_out = split_pictures(recipe, pictures)
    return pictures.pictures[held_out if len(held_out) else training]
