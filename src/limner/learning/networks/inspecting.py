"""The verb `inspect`: what a network is made of, what it costs, and how much of a picture it sees."""

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from limner.foundation.errors import UserError
from limner.learning.networks.known import find_network
from limner.nn.inspection.inspection import Inspection

SIDE = 224
"""Height and width of the pictures where nobody says, as ImageNet's networks take them."""


def inspect(
    network: str | Path | nn.Module,
    size: str | Sequence[int] | None = None,
    *,
    classes: int | None = None,
    overrides: Sequence[str] = (),
) -> Inspection:
    """A network's layers, stages, parameters, multiply-adds and receptive fields; nothing is computed or loaded but
    sizes.

    network: a module, or what `limner.learning.networks.known.find_network` knows. size: (C, H, W) of a picture, or
    text such as ``3x224x224``; without C, as many bands as the network has; None: 224 x 224, or what the network says
    of itself as ``input_size``. classes, overrides: of a network of a room.

    >>> from limner.learning.networks.inspecting import inspect
    >>> inspect("unet", "3x256x256").parameters
    31031810

    Raises `UserError` for a network that is not there, or does not take pictures of this size.
    """
    given = parse_size(size) if isinstance(size, str) else tuple(size or ())
    if isinstance(network, nn.Module):
        module, title, channels = network, "", None
    else:
        wanted = {"channels": given[0]} if len(given) == 3 else {}
        known = find_network(network, classes=classes, overrides=overrides, sizes_only=True, **wanted)
        module, title, channels = known.network, known.title, known.channels
    return Inspection(module, whole_size(module, given, channels), title)


def parse_size(text: str) -> tuple[int, ...]:
    """``3x224x224`` or ``224x224``. Raises `UserError` for anything else."""
    parts = text.lower().split("x")
    if len(parts) not in (2, 3) or not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise UserError(f"--input is '{text}'; needed: bands x height x width, such as 3x224x224")
    return tuple(map(int, parts))


def whole_size(network: nn.Module, given: Sequence[int], channels: int | None) -> tuple[int, int, int]:
    """(C, H, W) of pictures for a network, of what was given and what it says of itself."""
    own = tuple(getattr(network, "input_size", ()) or ())
    if len(given) == 3:
        bands, height, width = given
    elif len(own) == 3 and not given:
        bands, height, width = own
    else:
        height, width = given or (SIDE, SIDE)
        bands = channels or _bands(network)
    return bands, height, width


def _bands(network: nn.Module) -> int:
    """What the first convolution reads, or 3."""
    first = next((module for module in network.modules() if isinstance(module, nn.Conv2d)), None)
    return 3 if first is None else first.in_channels
