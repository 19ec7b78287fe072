"""Proposals of selective search, as the networks that are given their regions take them."""

from __future__ import annotations

from torch import Tensor

from limner.detect.proposals.selective_search import MODES, SearchSettings, selective_search
from limner.foundation.errors import UserError
from limner.foundation.nearest import did_you_mean


class Search:
    """Where to look in a picture: the boxes of a selective search, not on what a detector reads, but at a width of its
    own.

    mode: ``fast`` as published, ``single``, or ``quality``. width_px: that pictures are searched at; the published 500
    takes four times as long as 250. smallest_px: the least side of a box, in the picture. most: at most so many.

    Raises `UserError` for another mode, and numbers below 1.
    """

    def __init__(self, mode: str, width_px: int, smallest_px: int, most: int) -> None:
        if mode not in MODES:
            raise UserError(f"search is {mode!r}; {did_you_mean(mode, tuple(MODES))}")
        for name, number in (("search_px", width_px), ("smallest_px", smallest_px), ("proposals", most)):
            if number < 1:
                raise UserError(f"{name} is {number}; needed: 1 or more")
        self.mode, self.width_px, self.smallest_px, self.most = mode, width_px, smallest_px, most

    def __call__(self, image01: Tensor) -> Tensor:
        """(n, 4) float32 boxes that may hold an object, on the CPU. image01: (3, H, W)."""
        smallest = max(1, round(self.smallest_px * self.width_px / image01.shape[2]))
        settings = SearchSettings(self.mode, self.width_px, smallest, self.most)
        return selective_search(image01.detach().float().cpu(), settings)
