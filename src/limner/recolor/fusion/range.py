"""Colors beyond what a file's numbers hold, bent in rather than cut off: cut off, many colors become one flat paint.

Ours, not in the paper.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from limner.foundation.machine.compiled import compiled
from limner.foundation.machine.threads import in_parts

SAMPLED_PX = 1 << 17
LEFT_OUT = 0.002
"""The share of a channel's numbers, at either end, that is cut off all the same: few shall not decide for all."""


def bend_into_range(picture: Tensor, knee: float) -> Tensor:
    """The picture, each of its channels bent by a smooth curve near an end of 0..1 that it would leave.

    With l the least number of a channel (but for `LEFT_OUT` of them), where l is below 0, each number v below the knee
    k becomes

        k - f(k - v),     f(d) = d / (1 + d (D - k) / (k D)),     D = k - l

    f begins with slope 1 and takes D to k, so l becomes 0, and what was told apart stays so. Likewise near 1. A channel
    that leaves neither end stays as it is. One curve for all of a picture makes no transition that was not there.

    picture: (3, H, W) float32; it is written to. knee: 0 to 0.5; 0 gives the picture back.
    """
    for channel in picture if knee > 0 else ():
        values = channel.cpu().contiguous().view(-1).numpy()
        drawn = np.sort(values[:: max(1, len(values) // SAMPLED_PX)])
        cut = int(len(drawn) * LEFT_OUT)
        ends = np.float32(min(drawn[cut], 0)), np.float32(max(drawn[-1 - cut], 1))
        if ends == (0, 1):
            continue

        def work(
            start: int, stop: int, values: np.ndarray = values, ends: tuple[np.float32, np.float32] = ends
        ) -> None:
            _bend(values, np.float32(knee), ends[0], ends[1], start, stop)

        in_parts(work, len(values))
        channel.copy_(torch.from_numpy(values).view(channel.shape))
    return picture


@compiled
def _bend(values: np.ndarray, knee: np.float32, low: np.float32, high: np.float32, start: int, stop: int) -> None:
    """Bend the numbers ``start`` to ``stop`` of a channel whose least is ``low`` (at most 0), its largest ``high``."""
    one = np.float32(1)
    below, above = knee - low, high - (one - knee)
    bent_below, bent_above = (below - knee) / (knee * below), (above - knee) / (knee * above)  # 0 where it keeps to it
    for place in range(start, stop):
        value = values[place]
        if value < knee:
            apart = knee - value
            values[place] = knee - apart / (one + apart * bent_below)
        elif value > one - knee:
            apart = value - (one - knee)
            values[place] = one - knee + apart / (one + apart * bent_above)
