"""Pixels that nobody sees: where alpha is 0, a file has numbers that are no colors of the picture."""

from __future__ import annotations

import torch
from scipy import ndimage
from torch import Tensor


def fill_hidden(picture: Tensor, seen: Tensor) -> Tensor:
    """``picture`` with the color of the nearest pixel that is seen wherever none is.

    What looks at surroundings (superpixels, networks, regrain) then depends on what is seen alone, and finds no edge
    where the picture ends.

    picture: (C, H, W). seen: (H, W) bool, True somewhere. Gives the picture itself where all is seen.
    """
    if bool(seen.all()):
        return picture
    nearest = ndimage.distance_transform_edt(~seen.cpu().numpy(), return_distances=False, return_indices=True)
    rows, columns = torch.from_numpy(nearest).long().to(picture.device)
    return picture[:, rows, columns]
