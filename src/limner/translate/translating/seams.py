"""How far a translation owes its answer to its tiles: beside one pass, or tiles of another size."""

from torch import Tensor

from limner.translate.translating.predictor import PictureTranslator

WHOLE_PX = 1_000_000
"""Pixels of a picture that one pass may see."""


def measure_seams(translator: PictureTranslator, source01: Tensor, mask: Tensor | None, tile_px: int) -> float:
    """The largest difference, in [0, 1], of two answers: by tiles, and in one pass over the picture (its middle where
    that is too large). 0.004 is a level of 255.

    source01: (C, h, w) in [0, 1].
    """
    height, width = source01.shape[1:]
    edge = int(WHOLE_PX**0.5)
    top, left = max(0, (height - edge) // 2), max(0, (width - edge) // 2)
    part = source01[:, top : top + edge, left : left + edge]
    hole = None if mask is None else mask[:, top : top + edge, left : left + edge]
    by_tiles, whole = (translator.translate(part, hole, tile_px=each) for each in (tile_px, None))
    return float((by_tiles - whole).abs().max())
