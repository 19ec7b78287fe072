"""Which items of a data set are held out, and which a batch holds: pure functions of the seed and of its number."""

import torch
from torch import Tensor

from limner.foundation.draws import Draws


class ShuffledOrder:
    """What batch 0, 1, 2, ... hold: all items in an order that each pass draws anew.

    A batch that begins near the end of a pass is filled up from the next one, so no item is left out.

    count: items in all. batch: items in a batch, at most ``count``.
    """

    def __init__(self, count: int, batch: int, seed: int) -> None:
        if not 1 <= batch <= count:
            raise ValueError(f"batches of {batch} out of {count} items; needed: 1 to {count}")
        self.count, self.batch = count, batch
        self._draws = Draws(seed, torch.device("cpu"))

    def indices(self, number: int) -> Tensor:
        """(batch,) int64, the same whenever and wherever batch ``number`` is asked for."""
        first, last = number * self.batch, (number + 1) * self.batch - 1
        passes = range(first // self.count, last // self.count + 1)
        order = torch.cat([torch.randperm(self.count, generator=self._draws.of("order", each)) for each in passes])
        start = first - passes[0] * self.count
        return order[start : start + self.batch]


def draw_held_out(count: int, wanted: float, seed: int) -> tuple[Tensor, Tensor]:
    """(Items to learn from, held-out ones), each (n,) int64 in rising order, whatever the items are.

    wanted: a share below 1, or how many.
    """
    order = torch.randperm(count, generator=Draws(seed, torch.device("cpu")).of("held out"))
    kept = round(wanted * count) if wanted < 1 else int(wanted)
    return order[kept:].sort().values, order[:kept].sort().values
