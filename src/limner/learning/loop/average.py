"""A running average of a network's weights, which makes better pictures, or maps, than the network of any moment."""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from limner.foundation.errors import UserError

Decay = Callable[[int, int], float]
"""(images seen, images of a step) -> the share of the average that a step keeps, 0 to 1."""


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float, *, statistics: bool = False) -> None:
    """Move the parameters of ``average`` towards those of ``network``: a <- decay a + (1 - decay) w.

    Buffers (statistics of batch normalization, singular vectors of spectral normalization) are copied: they are
    averages themselves. Under spectral normalization the weights before it are averaged. decay 0 copies all.

    average: a deep copy of ``network`` as it once was, on the same device.
    statistics: move the means and deviations of batch normalization in the same way, where they are of all that was
    learned from and not of the last batches alone.
    """
    torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - decay)
    buffers = list(zip(average.buffers(), network.buffers(), strict=True))
    moved = [(old, new) for old, new in buffers if statistics and old.is_floating_point()]
    copied = [(old, new) for old, new in buffers if not (statistics and old.is_floating_point())]
    if moved:
        torch._foreach_lerp_([old for old, _ in moved], [new for _, new in moved], 1 - decay)
    if copied:
        torch._foreach_copy_([old for old, _ in copied], [new for _, new in copied])


@torch.inference_mode()
def settle_statistics(network: nn.Module, use: Callable[[], object]) -> None:
    """Give batch normalization the means and variances of what ``use`` sends through the network, in place.

    An average has copied them from the network that learns: they are those of other weights, and of the last batches
    alone. Here each layer normalizes by the batch at hand, as in training, and then has the mean over all batches, each
    of which counts as much ("standing statistics", Brock et al. 2019; Izmailov et al. 2018, sec. 3.2).

    network: in evaluation mode, and so it stays. use: sends batches through; not called where no layer has statistics.
    """
    layers = [each for each in network.modules() if isinstance(each, _BatchNorm) and each.track_running_stats]
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    try:
        for layer in layers:
            layer.reset_running_stats()
            layer.momentum = None  # the mean over all batches
            layer.train()
        use()
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
            layer.eval()


def decay_of(half_life_images: float, batch: int, images_seen: int, ramp: float | None = 0.05) -> float:
    """The decay with which weights count half as much ``half_life_images`` later: 0.5^(batch / half-life).

    The form of StyleGAN (Karras et al. 2019, the authors' code). At the start the half-life is no more than the share
    ``ramp`` of the images seen, so that the first weights are soon forgotten; None: no such limit.
    """
    if ramp is not None:
        half_life_images = min(half_life_images, ramp * images_seen)
    return 0.5 ** (batch / half_life_images) if half_life_images > 0 else 0.0


def none() -> None:
    """No average: the generator itself makes the pictures."""


def half_life(images: int = 10_000, ramp: float = 0.05) -> Decay:
    """`decay_of` with this half-life in images. ramp: its share of the images seen at the start; 0: no ramp.

    Karras et al. 2019 take 10,000 images for a batch of 32, and in proportion for others.
    """
    if images < 1 or ramp < 0:
        raise UserError(f"average half-life got images {images} and ramp {ramp:g}; needed: at least 1, and at least 0")
    return lambda images_seen, batch: decay_of(images, batch, images_seen, ramp or None)


def fixed(decay: float = 0.9999, start_images: int = 0) -> Decay:
    """The same decay at every step, after the generator was copied outright until ``start_images`` were seen.

    Brock et al. 2019: 0.9999, begun after 20,000 steps.
    """
    if not 0 <= decay < 1:
        raise UserError(f"average fixed got decay {decay:g}; needed: from 0 to below 1, such as 0.999")
    return lambda images_seen, batch: 0.0 if images_seen < start_images else decay


AVERAGES: dict[str, Callable[..., Decay | None]] = {"none": none, "half-life": half_life, "fixed": fixed}
