"""What `limner networks` prints of this room: every generator and discriminator with its sizes, nothing allocated."""

from typing import Any, NamedTuple

import torch

from limner.generate.networks import DISCRIMINATORS, GENERATORS, SIZES_PX


class NetworkRow(NamedTuple):
    """One network at one size. A generator, which sees no picture, has no receptive field."""

    name: str
    options: str
    parameters: int
    receptive_field_px: int | None
    line: str


def list_networks(channels: int = 3, classes: int = 0) -> list[NetworkRow]:
    """Each generator and discriminator at each size, with exact parameters at its default options.

    channels: 1, 3 or 4. classes: 0 for none. The receptive field is that of one position of a discriminator's features
    (its logit sees the whole picture).

    Raises `UserError` for less than one channel or a negative number of classes.
    """
    rows = []
    with torch.device("meta"):
        for player, entries in (("generator", GENERATORS), ("discriminator", DISCRIMINATORS)):
            for name, kind in entries.items():
                line = (kind.__doc__ or "").splitlines()[0]
                for size_px in SIZES_PX:
                    network: Any = kind(size_px=size_px, channels=channels, classes=classes)
                    parameters = sum(parameter.numel() for parameter in network.parameters())
                    seen = network.receptive_field() if player == "discriminator" else None
                    rows.append(NetworkRow(name, f"{player} {size_px} px", parameters, seen, line))
    return rows
