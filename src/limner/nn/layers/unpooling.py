"""Unpooling: from a map back to the larger one that it was pooled from (Zeiler and Fergus 2014; Noh et al. 2015)."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import handle_torch_function, has_torch_function_unary


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
    if has_torch_function_unary(values):  # whoever replaces torch's functions may replace this one as well
        return handle_torch_function(unpool, (values,), values, switches)
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


class MaxPoolWithSwitches(nn.Module):
    """`max_pool_with_switches` as a layer: gives the pooled maps and their `Switches`."""

    def __init__(self, size: int = 2) -> None:
        super().__init__()
        self.size = size

    def forward(self, maps: Tensor) -> tuple[Tensor, Switches]:
        """maps: (B, C, H, W) floating. Gives (B, C, H', W') and where each maximum stood."""
        return max_pool_with_switches(maps, self.size)


class Unpool(nn.Module):
    """`unpool` as a layer, or with ``switches`` off `unpool_fixed`, cropped to the size that the switches name: each
    value in the upper left corner of its cell. size: of the cells."""

    def __init__(self, size: int = 2, switches: bool = True) -> None:
        super().__init__()
        self.size, self.switches = size, switches

    def forward(self, values: Tensor, switches: Switches) -> Tensor:
        """values: (B, C, H', W') floating. Gives (B, C, H, W) of the switches' size."""
        if self.switches:
            return unpool(values, switches)
        return unpool_fixed(values, self.size)[..., : switches.size[0], : switches.size[1]]
