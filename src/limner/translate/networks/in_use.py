"""A generator as it translates."""

import copy

from torch import nn


def network_in_use(network: nn.Module, *, picture_statistics: bool, dropout: bool) -> nn.Module:
    """The generator as it translates: itself in evaluation mode, or a copy that uses a picture's own statistics in its
    batch normalizations, and keeps its dropout, as pix2pix' authors test theirs."""
    if not (picture_statistics or dropout):
        return network.eval()
    used = copy.deepcopy(network).eval()
    for layer in used.modules():
        if picture_statistics and isinstance(layer, nn.BatchNorm2d):
            layer.track_running_stats = False
            layer.running_mean = layer.running_var = layer.num_batches_tracked = None
        if dropout and isinstance(layer, nn.Dropout):
            layer.train()
    return used
