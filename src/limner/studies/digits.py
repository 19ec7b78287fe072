"""The experiments' data: scikit-learn's digits, parted anew by each seed; and how small networks learn them."""

import math
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.classify.data.digits import find_digits

HELD_OUT = 500
"""Of 1,797 digits."""
BATCH = 64


class Side(NamedTuple):
    """Pictures (n, 1, S, S) float32 in 0..1 and their classes (n,) int64."""

    pictures: Tensor
    labels: Tensor


@cache
def _all(size_px: int, margin_px: int) -> Side:
    found = find_digits()
    small = torch.stack([torch.from_numpy(np.array(found.opener(number, "gray", 8))) for number in range(len(found))])
    inner = size_px - 2 * margin_px
    large = functional.interpolate(small[:, None].float() / 255, (inner, inner), mode="bilinear", align_corners=False)
    return Side(functional.pad(large, [margin_px] * 4), torch.from_numpy(found.labels))


def digits(seed: int, size_px: int = 16, margin_px: int = 0) -> tuple[Side, Side]:
    """What is learned from (1,297) and what is held out (500), drawn by the seed; enlarged bilinearly from 8 px.

    margin_px: empty ground around.
    """
    everything = _all(size_px, margin_px)
    order = torch.randperm(len(everything.labels), generator=torch.Generator().manual_seed(seed))
    held_out, training = order[:HELD_OUT], order[HELD_OUT:]
    return (
        Side(everything.pictures[training], everything.labels[training]),
        Side(everything.pictures[held_out], everything.labels[held_out]),
    )


def moved(pictures: Tensor, right_px: int, down_px: int = 0) -> Tensor:
    """Pictures moved by whole pixels; what leaves is gone, what comes in is empty."""
    rolled = torch.roll(pictures, (down_px, right_px), (2, 3))
    if right_px:
        columns = slice(0, right_px) if right_px > 0 else slice(right_px, None)
        rolled[..., columns] = 0
    if down_px:
        rows = slice(0, down_px) if down_px > 0 else slice(down_px, None)
        rolled[..., rows, :] = 0
    return rolled


def build(make: Callable[[], nn.Module], seed: int) -> nn.Module:
    """A network whose first weights depend on the seed only; torch's global generator stays as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def learn(
    network: nn.Module,
    side: Side,
    steps: int,
    seed: int,
    *,
    rate: float = 1e-2,
    weight_decay: float = 0.0,
    sgd: bool = False,
    batch: int = BATCH,
) -> float:
    """Adam (or momentum 0.9) with a cosine schedule on cross-entropy; gives the last tenth's mean loss.

    Labels (n,) or, for maps, (n, H, W). Batches are drawn by the seed, each epoch in a new order.
    """
    optimizer: torch.optim.Optimizer = (
        torch.optim.SGD(network.parameters(), rate, momentum=0.9, weight_decay=weight_decay)
        if sgd
        else torch.optim.AdamW(network.parameters(), rate, weight_decay=weight_decay)
    )
    generator = torch.Generator().manual_seed(seed)
    order = torch.empty(0, dtype=torch.int64)
    losses = []
    network.train()
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        torch.manual_seed(seed)  # dropout draws from it
        for step in range(steps):
            if len(order) < batch:
                order = torch.cat([order, torch.randperm(len(side.labels), generator=generator)])
            chosen, order = order[:batch], order[batch:]
            for group in optimizer.param_groups:
                group["lr"] = rate * 0.5 * (1 + math.cos(math.pi * step / steps))
            loss = functional.cross_entropy(network(side.pictures[chosen]), side.labels[chosen])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
    network.eval()
    last = losses[-max(1, len(losses) // 10) :]
    return sum(last) / len(last)


@torch.no_grad()
def answers(network: nn.Module, pictures: Tensor) -> Tensor:
    """What a network gives for pictures, in parts that fit into memory."""
    return torch.cat([network.eval()(part) for part in pictures.split(250)])


def percent_right(network: nn.Module, side: Side) -> float:
    """Accuracy in percent."""
    return 100 * float((answers(network, side.pictures).argmax(1) == side.labels).float().mean())
