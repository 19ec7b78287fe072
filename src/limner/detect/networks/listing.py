"""What `limner networks` prints of this room: every detector with its exact parameters, nothing allocated."""

from limner.detect.networks import NETWORKS
from limner.learning.networks.listing import NetworkRow, NetworkSizes, list_forms


def list_networks(sizes: NetworkSizes) -> list[NetworkRow]:
    """Each detector for so many classes (20 where none are given). Raises `UserError` for less than two, and for other
    than 3 channels."""
    return list_forms(NETWORKS, [(name, {}) for name in NETWORKS], sizes, classes=20)
