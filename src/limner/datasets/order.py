"""Which items of a data set a batch holds: a pure function of the batch's number."""

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
