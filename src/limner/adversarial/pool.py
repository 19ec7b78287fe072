"""The pictures that are learned from, on the device as bytes, and which of them a batch holds."""

import torch
from torch import Tensor

from limner.adversarial.step import Sample
from limner.foundation.draws import Draws


class Order:
    """Which pictures batch 0, 1, 2, ... hold: all of them in an order that each pass draws anew.

    A batch that begins near the end of a pass is filled up from the next one, so no picture is left out.

    count: pictures in all. batch: pictures in a batch, at most ``count``.
    """

    def __init__(self, count: int, batch: int, seed: int) -> None:
        if not 1 <= batch <= count:
            raise ValueError(f"batches of {batch} out of {count} pictures; needed: 1 to {count}")
        self.count, self.batch = count, batch
        self._draws = Draws(seed, torch.device("cpu"))

    def indices(self, number: int) -> Tensor:
        """(batch,) int64, the same whenever and wherever batch ``number`` is asked for."""
        first, last = number * self.batch, (number + 1) * self.batch - 1
        passes = range(first // self.count, last // self.count + 1)
        order = torch.cat([torch.randperm(self.count, generator=self._draws.of("order", each)) for each in passes])
        start = first - passes[0] * self.count
        return order[start : start + self.batch]


class Pool:
    """Pictures on the device in their own type, 1 byte a value: batches are gathered, mirrored and converted there.

    pictures: (N, C, S, S) uint8. labels: (N,) int64, or None. flip: mirror half of what is drawn.
    """

    def __init__(self, pictures: Tensor, labels: Tensor | None, *, flip: bool, device: torch.device | str) -> None:
        # Kept as (N, S, S, C), so that what is gathered is already in the order of channels_last.
        self.pixels = pictures.permute(0, 2, 3, 1).contiguous().to(device)
        self.labels = None if labels is None else labels.to(device)
        self.flip = flip

    def sample(self, indices: Tensor, generator: torch.Generator) -> Sample:
        """The pictures at ``indices``, (B,) int64 on the device: image (B, C, S, S) float32 in -1..1, in channels_last.

        generator: on the device, of the mirroring.
        """
        pixels = self.pixels.index_select(0, indices)
        if self.flip:
            chosen = torch.rand(len(indices), generator=generator, device=pixels.device) < 0.5
            pixels = torch.where(chosen[:, None, None, None], pixels.flip(2), pixels)
        image = pixels.float().mul_(2 / 255).sub_(1).permute(0, 3, 1, 2)
        return Sample(image, None if self.labels is None else self.labels.index_select(0, indices))
