"""Optimizers and learning-rate schedules by the names that recipes use.

A schedule is a pure function of the step's number, so that going on needs no scheduler state. The optimizers are
torch's fused ones: on two cores a step over a few hundred small tensors is several times quicker.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch.optim import Optimizer

from limner.foundation.errors import UserError
from limner.learning.recipes.recipe import Choice

Schedule = Callable[[float, float], float]
"""(epochs done, epochs in all) -> the factor that multiplies the learning rate."""


def sgd(
    parameters: Iterable[Any],
    learning_rate: float = 0.005,
    momentum: float = 0.9,
    weight_decay: float = 1e-4,
    nesterov: bool = False,
) -> Optimizer:
    """Stochastic gradient descent with momentum, or Nesterov's, and L2 on all weights (Ghassemi et al. 2018: 0.005 and
    0.9)."""
    return torch.optim.SGD(
        parameters, lr=learning_rate, momentum=momentum, weight_decay=weight_decay, nesterov=nesterov, fused=True
    )


def adam(
    parameters: Iterable[Any],
    learning_rate: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    weight_decay: float = 0.0,
) -> Optimizer:
    """Adam (Kingma and Ba 2015); weight decay as L2."""
    return torch.optim.Adam(parameters, lr=learning_rate, betas=(beta1, beta2), weight_decay=weight_decay, fused=True)


def adamw(
    parameters: Iterable[Any],
    learning_rate: float = 1e-3,
    beta1: float = 0.9,
    beta2: float = 0.999,
    weight_decay: float = 0.01,
) -> Optimizer:
    """AdamW: Adam with decoupled weight decay (Loshchilov and Hutter 2019)."""
    return torch.optim.AdamW(parameters, lr=learning_rate, betas=(beta1, beta2), weight_decay=weight_decay, fused=True)


def rmsprop(
    parameters: Iterable[Any], learning_rate: float = 5e-5, smoothing: float = 0.99, weight_decay: float = 0.0
) -> Optimizer:
    """RMSProp (Tieleman and Hinton 2012), which the first Wasserstein GAN needs (Arjovsky et al. 2017: 5e-5)."""
    # torch has no fused one; foreach is its next best.
    return torch.optim.RMSprop(parameters, lr=learning_rate, alpha=smoothing, weight_decay=weight_decay, foreach=True)


def try_optimizer(chosen: Choice) -> None:
    """Raise `UserError` for options that an optimizer cannot take, before a training has begun."""
    try:
        chosen.build(OPTIMIZERS, [torch.nn.Parameter(torch.zeros(1))])
    except ValueError as error:
        raise UserError(f"optimizer {chosen.name} cannot be made: {str(error)[:1].lower()}{str(error)[1:]}") from None


def constant() -> Schedule:
    """The learning rate stays."""
    return lambda epoch, epochs: 1.0


def cosine(warmup: float = 0.05, final: float = 0.01) -> Schedule:
    """Linear warm-up over a share of the training, then half a cosine down to ``final`` times the learning rate."""
    if not 0 <= warmup < 1 or final < 0:
        raise UserError(f"cosine got warmup {warmup}, final {final}; needed: a share from 0 to below 1, and 0 or more")

    def factor(epoch: float, epochs: float) -> float:
        progress = epoch / epochs
        if progress < warmup:
            return 0.05 + 0.95 * progress / warmup
        progress = min(1.0, (progress - warmup) / (1 - warmup))
        return final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress))

    return factor


def staircase(every_epochs: float = 30.0, divide_by: float = 5.0, first_epochs: float | None = None) -> Schedule:
    """Divide the learning rate by ``divide_by`` every so many epochs (Ghassemi et al. 2018: by 5 every 30), for the
    first time after ``first_epochs``, where that is another number (Redmon et al. 2016: by 10 after 75, then every
    30)."""
    if every_epochs <= 0 or divide_by <= 0:
        raise UserError(f"staircase got every_epochs {every_epochs}, divide_by {divide_by}; both must be above 0")
    if first_epochs is not None and first_epochs <= 0:
        raise UserError(f"staircase got first_epochs {first_epochs}; needed: more than 0, or null for every_epochs")
    later = 0.0 if first_epochs is None else first_epochs - every_epochs
    return lambda epoch, epochs: divide_by ** -max(0, math.floor((epoch - later) / every_epochs + 1e-9))


def linear(start: float = 0.0, final: float = 0.0) -> Schedule:
    """The learning rate stays for the share ``start`` of the training,
    then falls in a straight line to ``final`` times it.
    """
    if not 0 <= start < 1 or final < 0:
        raise UserError(f"linear got start {start}, final {final}; needed: a share from 0 to below 1, and 0 or more")
    return lambda epoch, epochs: 1 - (1 - final) * max(0.0, (epoch / epochs - start) / (1 - start))


OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {"sgd": sgd, "adam": adam, "adamw": adamw, "rmsprop": rmsprop}
SCHEDULES: dict[str, Callable[..., Schedule]] = {
    "constant": constant, "cosine": cosine, "staircase": staircase, "linear": linear,
}  # fmt: skip


def set_learning_rate(optimizer: Optimizer, factor: float) -> None:
    """Set every group's learning rate to ``factor`` times the one it was made with."""
    for group in optimizer.param_groups:
        group.setdefault("initial_lr", group["lr"])
        group["lr"] = group["initial_lr"] * factor
