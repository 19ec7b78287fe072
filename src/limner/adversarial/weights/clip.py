"""Gradients shortened before a step."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def clip_gradients(parameters: Iterable[nn.Parameter], largest_norm: float) -> Tensor:
    """Scale all gradients together so that their L2 norm is at most ``largest_norm`` (Pascanu et al., ICML 2013).

    Call it between backward and the optimizer's step; after the step it does nothing. Waits for no device: gradients
    that are not finite stay so, and the losses tell. Returns the norm as it was, 0-d.
    """
    return torch.nn.utils.clip_grad_norm_(parameters, largest_norm, error_if_nonfinite=False)
