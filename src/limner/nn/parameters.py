"""How large a network is."""

from torch import nn


def count_parameters(network: nn.Module) -> int:
    """The numbers that a network may learn; buffers, such as the statistics of batch normalization, are not among them.

    >>> count_parameters(nn.Linear(3, 2))
    8
    """
    return sum(parameter.numel() for parameter in network.parameters())
