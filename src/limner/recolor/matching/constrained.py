"""The matching of superpixel color transfer: the nearest descriptors, none of the reference's used too often."""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from limner.foundation.errors import UserError


def match_constrained(target: Tensor, reference: Tensor, most_uses: int = 3) -> Tensor:
    """The reference superpixel of each target superpixel, (N_T,) int64, on the descriptors' device.

    Of all matchings that use no reference superpixel more than ``most_uses`` times (epsilon of Giraud, Ta and
    Papadakis, ICIP 2017), the one of the smallest sum of squared distances. The authors search for it by a PatchMatch
    with swaps; here it is the exact optimum, of an assignment in which each reference superpixel stands ``most_uses``
    times. Where they are too few to go round, N_T > most_uses N_R, each may be used ceil(N_T / N_R) times.

    target: (N_T, d), reference: (N_R, d), floating, finite. Takes 8 x N_T x N_R x most_uses bytes, and time that grows
    with the cube. Raises UserError where most_uses is below 1.
    """
    if most_uses < 1:
        raise UserError(f"got at most {most_uses} uses of a reference superpixel; at least 1 is needed: 3 is usual")
    uses = max(most_uses, -(-len(target) // len(reference)))
    distances = torch.cdist(target.double(), reference.double()).square()
    columns = linear_sum_assignment(np.repeat(distances.cpu().numpy(), uses, axis=1))[1]
    return torch.from_numpy(columns // uses).to(target.device)
