"""What networks learn music from: phrases of so many bars, or bars behind the ones before."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from limner.generate.media.music.data.notes import PITCHES, REST, Piece
from limner.generate.media.music.networks.forms import MusicShape
from limner.generate.media.music.recipe import MusicRecipe


def shape_of(pieces: Sequence[Piece], recipe: MusicRecipe) -> MusicShape:
    """What networks make: the recipe's bars, of the pitches that pieces have."""
    heard = np.concatenate([piece.steps[piece.steps < PITCHES] for piece in pieces])
    return MusicShape(recipe.data.voices, recipe.bars, recipe.data.bar, int(heard.min()), int(heard.max()))


def windows_of(pieces: Sequence[Piece], shape: MusicShape, *, by_bars: bool) -> tuple[Tensor, Tensor]:
    """What is learned from: (N, voices, steps) int64 phrases, from each bar on, or with ``by_bars`` each bar behind the
    one before; and (N,) bool: whether there is none before."""
    bar, found, first = shape.bar, [], []
    for piece in pieces:
        steps = torch.from_numpy(piece.steps.astype(np.int64))
        if by_bars:
            steps = torch.cat([torch.full((len(steps), bar), REST), steps], 1)
        length = 2 * bar if by_bars else shape.steps
        for start in range(0, steps.shape[1] - length + 1, bar):
            window = steps[:, start : start + length]
            if (window[:, -bar:] < PITCHES).any() or not by_bars:
                found.append(window)
                first.append(start == 0)
    if not found:
        return torch.empty(0, shape.voices, 0, dtype=torch.int64), torch.empty(0, dtype=torch.bool)
    return torch.stack(found), torch.tensor(first)
