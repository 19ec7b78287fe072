"""What `limner networks` prints of this room: every generator and discriminator with its sizes, nothing allocated."""

from typing import Any

from limner.generate.networks import DISCRIMINATORS, GENERATORS, SIZES_PX
from limner.learning.networks.listing import NetworkRow, NetworkSizes
from limner.nn.initialize import shapes_only
from limner.nn.parameters import count_parameters


def list_networks(sizes: NetworkSizes) -> list[NetworkRow]:
    """Each generator and discriminator at each size, with exact parameters at its default options.

    sizes: 1, 3 or 4 channels; no classes where none are given. The receptive field is that of one position of a
    discriminator's features (its logit sees the whole picture).

    Raises `UserError` for less than one channel or a negative number of classes.
    """
    channels, classes = sizes.channels, sizes.classes or 0
    rows = []
    with shapes_only():
        for role, entries in (("generator", GENERATORS), ("discriminator", DISCRIMINATORS)):
            for name, kind in entries.items():
                line = (kind.__doc__ or "").splitlines()[0]
                for size_px in SIZES_PX:
                    network: Any = kind(size_px=size_px, channels=channels, classes=classes)
                    parameters = count_parameters(network)
                    seen = network.receptive_field() if role == "discriminator" else None
                    rows.append(NetworkRow(name, f"{role} {size_px} px", parameters, seen, line))
    return rows
