"""Samples and what networks say of them: a tensor, nothing, or a tuple of such, whatever the room makes of it."""

from collections.abc import Callable
from typing import Any

from torch import Tensor


def map_tensors(function: Callable[..., Tensor], sample: Any, *others: Any) -> Any:
    """``function`` of each tensor in ``sample`` and of those in the same places of ``others``, in a like tuple.

    >>> from collections import namedtuple
    >>> import torch
    >>> Pair = namedtuple("Pair", ["picture", "label"])
    >>> map_tensors(torch.neg, Pair(torch.ones(2), None))
    Pair(picture=tensor([-1., -1.]), label=None)
    """
    if sample is None:
        return None
    if isinstance(sample, Tensor):
        return function(sample, *others)
    parts = [map_tensors(function, *each) for each in zip(sample, *others, strict=True)]
    remake = getattr(type(sample), "_make", type(sample))  # of a named tuple, or a plain one
    return remake(parts)
