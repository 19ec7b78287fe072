"""What `limner networks` prints of this room: every network with its exact parameters, nothing allocated."""

from typing import Any

from limner.classify.networks import NETWORKS
from limner.classify.networks.densenet import BLOCKS
from limner.classify.networks.resnet import UNITS
from limner.classify.networks.vgg import DEPTHS
from limner.learning.networks.listing import NetworkRow, NetworkSizes, list_forms
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
    forms = [(name, options) for name in NETWORKS for options in FORMS.get(name, ({},))]
    return list_forms(NETWORKS, forms, sizes, classes=1000)
