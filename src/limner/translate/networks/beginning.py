"""How a network's weights begin."""

from collections.abc import Callable

import torch
from torch import nn

from limner.adversarial.weights import initialize


def default(network: nn.Module, generator: torch.Generator) -> None:
    """As torch's layers begin, and the networks' own files say."""
    return


INITIALIZATIONS: dict[str, Callable[..., None]] = {"default": default, **initialize.INITIALIZATIONS}
