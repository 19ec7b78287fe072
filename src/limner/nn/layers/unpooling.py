"""Unpooling: from a map back to the larger one that it was pooled from (Zeiler and Fergus 2014; Noh et al. 2015)."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


class Switches(NamedTuple):
    """Where each maximum stood.

    places: (B, C, H', W') int64, numbered by rows within a map. size: (H, W) of the maps.
    """

    places: Tensor
    size: tuple[int, int]


def max_pool_with_switches(maps: Tensor, size: int = 2) -> tuple[Tensor, Switches]:
    """The largest of each ``size`` x ``size`` cell, and where it stood.

    maps: (B, C, H, W) floating. Cells at the lower and right border may be smaller: H and W need not be multiples of
    ``size``. Gives (B, C, H', W'), with H' = H / size rounded up, and its `Switches`.
    """
    pooled, places = functional.max_pool2d(maps, size, ceil_mode=True, return_indices=True)
    return pooled, Switches(places, (maps.shape[2], maps.shape[3]))


def unpool(values: Tensor, switches: Switches) -> Tensor:
    """Each value at the place that its switch names, zeros elsewhere: (B, C, H, W) of the switches' size.

    values: (B, C, H', W') floating. Raises `ValueError` for another shape than the switches'.
    """
    if values.shape != switches.places.shape:
        raise ValueError(f"values of shape {tuple(values.shape)} for switches of {tuple(switches.places.shape)}")
    height, width = switches.size
    flat = values.new_zeros(*values.shape[:2], height * width)
    flat = flat.scatter(2, switches.places.flatten(2), values.flatten(2))
    return flat.unflatten(2, (height, width))


def unpool_fixed(values: Tensor, size: int = 2) -> Tensor:
    """Each value in the upper left corner of its cell, zeros elsewhere: (B, C, H size, W size).

    What is left of unpooling without switches (Dosovitskiy et al. 2015). values: (B, C, H, W) floating.
    """
    corner = values.new_zeros(size, size)
    corner[0, 0] = 1
    return torch.kron(values, corner)
