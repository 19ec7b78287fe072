"""What `limner networks` prints: every network with its sizes, nothing allocated."""

from collections.abc import Mapping
from typing import Any

import torch

from limner.foundation.errors import UserError
from limner.learning.networks import NetworkRow, NetworkSizes
from limner.nn.parameters import count_parameters
from limner.segment.networks import NETWORKS
from limner.segment.networks.dilated import CONTEXTS
from limner.segment.networks.fcn import OUTPUT_STRIDES
from limner.segment.networks.residual_unet import UNITS
from limner.segment.networks.unet import CONVOLUTIONS

FORMS: tuple[tuple[str, Mapping[str, int | str | bool]], ...] = (
    ("lite-unet", {}),
    *(("residual-unet", {"depth": depth}) for depth in UNITS),
    *(("unet", {"depth": depth}) for depth in CONVOLUTIONS),
    ("unet-valid", {}),
    *(("fcn", {"output_stride": stride}) for stride in OUTPUT_STRIDES),
    ("segnet", {"basic": False}),
    ("segnet", {"basic": True}),
    ("deconvnet", {}),
    *(("dilated", {"context": context}) for context in ("none", *CONTEXTS)),
)
"""Each network in the forms that papers name, with the options that make them."""


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
    rows = []
    with torch.device("meta"):
        for name, options in FORMS:
            kind: Any = NETWORKS[name]
            network = kind(channels=channels, classes=classes, **options)
            line = (kind.__doc__ or "").splitlines()[0]
            shown = " ".join(f"{key} {str(value).lower()}" for key, value in options.items())
            parameters = count_parameters(network)
            rows.append(NetworkRow(name, shown, parameters, network.receptive_field(), line))
    return rows
