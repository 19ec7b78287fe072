"""What the networks of this room take, checked at their door."""

import torch
from torch import Tensor

from limner.foundation.errors import UserError

SIZES_PX = (32, 64, 128, 256)
BOTTOM_PX = 4  # the side of the smallest maps: where generators begin, and where most discriminators end


def check_numbers(size_px: int, **counts: int) -> None:
    """Check what every network of this room is made with.

    size_px: the side of its square pictures. counts: whole numbers by the names of their arguments, such as ``width``
    and ``channels``, each 1 or more, but ``classes``, which may be 0.

    Raises `UserError` for a size that is not among `SIZES_PX`, and for a number that is too small.
    """
    if size_px not in SIZES_PX:
        raise UserError(f"size_px is {size_px}; the networks make pictures of {', '.join(map(str, SIZES_PX))} px")
    for name, count in counts.items():
        least = 0 if name == "classes" else 1
        if count < least:
            raise UserError(f"{name} is {count}; needed: {least} or more")


def check_condition(condition: str, known: tuple[str, ...], network: str) -> None:
    """Check how classes enter a network: ``condition`` is one of the ways that are ``known`` to it.

    network: what to call it, such as "generator". Raises `UserError` that names the ways for any other.
    """
    if condition not in known:
        raise UserError(f"condition of the {network} is '{condition}'; choose one of {', '.join(known)}")


def check_label(label: Tensor | None, classes: int, count: int, network: str) -> None:
    """Check the labels of a batch of ``count`` pictures: (count,) int64 class numbers, None for a network without
    ``classes``.

    Only what is known without reading the tensor, so that no step waits for the device. network: what to call it.
    Raises `UserError` where a label is missing, has no use, or is of another shape or type.
    """
    if label is None:
        if classes:
            raise UserError(f"the {network} was made for {classes} classes and got no label; give (B,) class numbers")
    elif not classes:
        raise UserError(f"the {network} was made without classes and got labels; leave them out, or set classes")
    elif label.shape != (count,) or label.dtype != torch.int64:
        raise UserError(
            f"the {network} got labels of shape {tuple(label.shape)} and type {label.dtype}; it needs ({count},) int64"
        )
