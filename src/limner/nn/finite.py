"""What a network answers is numbers, or it is told: NaN is below every threshold, and would pass for background."""

from __future__ import annotations

import torch
from torch import Tensor

from limner.foundation.errors import UserError


def finite(answers: Tensor, source: object) -> Tensor:
    """``answers`` of any shape, as they are. Raises `UserError`, naming ``source``, where one is NaN or infinite.

    So answer networks whose weights are whole numbers and yet none that a training leaves (variances below 0, numbers
    that overflow), and any network on pixels beyond every measurement.
    """
    if not torch.isfinite(answers).all():
        raise UserError(
            f"{source}: answers with NaN or infinity; either its weights are damaged (train again, or choose another "
            "run), or the picture holds numbers beyond any measurement (tag them as nodata)"
        )
    return answers
