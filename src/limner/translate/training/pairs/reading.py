"""What a recipe of pairs reads and by what it is scored: one answer for its training and for `limner evaluate`."""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from limner.translate.data.clips import find_clips, hold_out_clips, read_clips
from limner.translate.data.pairs import PairSet, check_colored, find_pairs, hold_out, read_pairs
from limner.translate.degrading.ways import DEGRADATIONS
from limner.translate.measures.bars import Bar, bars_for, mirrored_mean
from limner.translate.measures.color_bars import color_bars
from limner.translate.measures.frame_bars import frame_bars
from limner.translate.measures.similarity import Channel, Protocol, Region
from limner.translate.training.pairs.recipe import PairRecipe


def pairs_of(recipe: PairRecipe, paths: Sequence[Path]) -> PairSet:
    """The pairs in these folders as a recipe reads them. Raises `UserError` as reading does."""
    data, degradation = recipe.data, recipe.degrade.build(DEGRADATIONS)
    if data.frames is not None:
        return read_clips(
            find_clips(paths), frames=data.frames, colors=data.colors, size_px=data.size_px, frame=data.frame
        )
    files = find_pairs(paths, source=data.source, target=data.target, joined=data.joined, made=degradation is not None)
    pairs = read_pairs(
        files, colors=data.colors, source_colors=data.source_colors, joined=data.joined, size_px=data.size_px,
        scale=1 if degradation is None else degradation.scale,
    )  # fmt: skip
    if recipe.degrade.name == "gray" and pairs.target_channels == 3:
        check_colored(pairs, paths)
    return pairs


def split_pairs(pairs: PairSet, wanted: float, seed: int) -> tuple[Tensor, Tensor]:
    """(Pairs to learn from, held-out ones), each (n,) int64: whole clips of such, else those that look alike stay
    together. wanted: a share below 1, or how many. Raises `UserError` where so many cannot be held out."""
    return hold_out_clips(pairs.clips, wanted, seed) if pairs.clips else hold_out(pairs, wanted, seed)


def bars_of(recipe: PairRecipe, scale: int, channels: tuple[int, int]) -> dict[str, Bar]:
    """The bars beside a recipe's network. channels: of source and target."""
    if recipe.data.frames is not None:
        return frame_bars(recipe.data.frames, channels[1], recipe.data.frame)
    if recipe.degrade.name == "gray" and channels == (1, 3):
        return color_bars()
    found = bars_for(recipe.degrade.build(DEGRADATIONS), scale, channels)
    if any(each.name == "symmetry" for each in recipe.content) and scale == 1 and channels[0] == channels[1]:
        found["mirror and mean"] = mirrored_mean
    return found


def protocol_of(recipe: PairRecipe, channel: Channel | None = None, border_px: int | None = None) -> Protocol:
    """How its pictures are compared: in the hole, where something moves, or all over. channel, border_px: others than
    the recipe's."""
    region: Region = "hole" if recipe.degrade.name == "hole" else "picture"
    if recipe.data.frames is not None:
        region = "between" if recipe.data.frame == "between" else "moving"
    return Protocol(
        channel or recipe.scores.channel,
        recipe.scores.border_px if border_px is None else border_px,
        region,
    )
