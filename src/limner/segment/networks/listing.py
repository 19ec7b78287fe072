"""What `limner networks` prints: every network with its sizes, nothing allocated."""

from collections.abc import Mapping

from limner.learning.networks.listing import NetworkRow, NetworkSizes, list_forms
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
    return list_forms(NETWORKS, FORMS, sizes, classes=2, fewest="2 or more, background included")
