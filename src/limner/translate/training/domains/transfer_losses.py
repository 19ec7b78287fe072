"""DTN's losses (Taigman, Polyak and Wolf, ICLR 2017, eqs. 3 to 8), all 0-d float32.

Logits of the discriminator are (B, 3): made of a source, made of a target, true; or (B, 1), of true alone, where both
kinds of made pictures are one.
"""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss

MADE_OF_SOURCE, MADE_OF_TARGET, TRUE = 0, 1, 2
FLAT = 1e-8
"""Added below the root, whose slope at 0 would be infinite."""


def taken_for(logits: Tensor, kind: int) -> Tensor:
    """Mean -log D_kind: what it costs that pictures are not taken for that kind."""
    logits = logits.float()
    if logits.shape[1] == 1:
        logits, kind = torch.cat([torch.zeros_like(logits), logits], 1), int(kind == TRUE)
    return cross_entropy(logits, torch.full((len(logits),), kind, device=logits.device))


def discriminator_loss(of_source: Tensor, of_target: Tensor, true: Tensor) -> Tensor:
    """-log D1(G(s)) - log D2(G(t)) - log D3(t), each in the mean over its pictures."""
    return taken_for(of_source, MADE_OF_SOURCE) + taken_for(of_target, MADE_OF_TARGET) + taken_for(true, TRUE)


def generator_loss(of_source: Tensor, of_target: Tensor) -> Tensor:
    """-log D3(G(s)) - log D3(G(t))."""
    return taken_for(of_source, TRUE) + taken_for(of_target, TRUE)


def constancy(code: Tensor, code_of_made: Tensor) -> Tensor:
    """Mean squared difference of f(s) and f(G(s)), (B, code) each."""
    return mse_loss(code_of_made, code)


def identity(target: Tensor, made: Tensor) -> Tensor:
    """Mean squared difference of t and G(t), (B, C, h, w) each."""
    return mse_loss(made, target)


def total_variation(made: Tensor) -> Tensor:
    """The length of the gradient, summed over a picture's pixels, in the mean over pictures. made: (B, C, h, w)."""
    down = made[..., 1:, :-1] - made[..., :-1, :-1]
    right = made[..., :-1, 1:] - made[..., :-1, :-1]
    return (down.square() + right.square() + FLAT).sqrt().flatten(1).sum(1).mean()


def true_against_made(logits: Tensor) -> Tensor:
    """(B,): the logarithm of how much more likely true is than made; 0 means neither."""
    if logits.shape[1] == 1:
        return logits[:, 0]
    return logits[:, TRUE] - logits[:, :TRUE].logsumexp(1)
