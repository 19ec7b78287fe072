"""What `limner networks` prints of this room: every network with its exact parameters, nothing allocated."""

from typing import Any

import torch

from limner.classify.networks import NETWORKS
from limner.classify.networks.densenet import BLOCKS
from limner.classify.networks.resnet import UNITS
from limner.classify.networks.vgg import DEPTHS
from limner.foundation.errors import UserError
from limner.learning.networks import NetworkRow, NetworkSizes
from limner.nn.parameters import count_parameters
from limner.nn.pretrained import LITES

FORMS: dict[str, tuple[dict[str, Any], ...]] = {
    "vgg": tuple({"depth": depth} for depth in DEPTHS),
    "googlenet": ({"heads": True}, {"heads": False}),
    "resnet": tuple({"depth": depth} for depth in UNITS),
    "densenet": tuple({"depth": depth} for depth in BLOCKS),
    "efficientnet-lite": tuple({"size": size} for size in range(len(LITES))),
}
"""The forms of networks that have several."""


def list_networks(sizes: NetworkSizes) -> list[NetworkRow]:
    """Each network for so many bands and classes (1,000 where none are given), with its exact parameters.

    Raises `UserError` for less than one band or two classes.
    """
    channels, classes = sizes.channels, 1000 if sizes.classes is None else sizes.classes
    if channels < 1:
        raise UserError(f"channels is {channels}; needed: 1 band or more")
    if classes < 2:
        raise UserError(f"classes is {classes}; needed: 2 or more")
    rows = []
    with torch.device("meta"):
        for name, kind in NETWORKS.items():
            line = (kind.__doc__ or "").splitlines()[0]
            for options in FORMS.get(name, ({},)):
                network = kind(channels=channels, classes=classes, **options)
                shown = " ".join(f"{key} {str(value).lower()}" for key, value in options.items())
                rows.append(NetworkRow(name, shown, count_parameters(network), None, line))
    return rows
