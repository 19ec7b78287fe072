"""What `limner networks` prints: every network with its sizes, nothing allocated."""

from typing import Any

import torch

from limner.foundation.errors import UserError
from limner.learning.networks import NetworkRow, NetworkSizes
from limner.nn.parameters import count_parameters
from limner.segment.networks import NETWORKS
from limner.segment.networks.residual_unet import UNITS
from limner.segment.networks.unet import CONVOLUTIONS


def list_networks(sizes: NetworkSizes) -> list[NetworkRow]:
    """Each network for so many bands and classes (2 where none are given), with its exact parameters and theoretical
    receptive field.

    Raises `UserError` for less than one band or two classes.
    """
    channels, classes = sizes.channels, 2 if sizes.classes is None else sizes.classes
    if channels < 1:
        raise UserError(f"channels is {channels}; needed: 1 band or more")
    if classes < 2:
        raise UserError(f"classes is {classes}; needed: 2 or more, background included")
    forms: list[tuple[str, dict[str, int]]] = [("lite-unet", {})]
    forms += [("residual-unet", {"depth": depth}) for depth in UNITS]
    forms += [("unet", {"depth": depth}) for depth in CONVOLUTIONS]
    rows = []
    with torch.device("meta"):
        for name, options in forms:
            kind: Any = NETWORKS[name]
            network = kind(channels=channels, classes=classes, **options)
            line = (kind.__doc__ or "").splitlines()[0]
            shown = " ".join(f"{key} {value}" for key, value in options.items())
            parameters = count_parameters(network)
            rows.append(NetworkRow(name, shown, parameters, network.receptive_field(), line))
    return rows
