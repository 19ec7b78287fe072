"""Where the evidence for an answer lies in a picture: by covering parts of it, and by gradients."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.nn.inspection.spreading import evaluating
from limner.nn.looking.local import Changed, Known, changed_by

Answer = Callable[[Tensor], Tensor]
"""What a network gives, (B, ...), to one number a picture, (B,)."""


def class_answer(number: int, places: Tensor | None = None) -> Answer:
    """The logit of a class. Of maps (B, classes, H, W) its sum over ``places`` (H, W) bool, None: everywhere."""

    def answer(output: Tensor) -> Tensor:
        chosen = output[:, number]
        if chosen.dim() == 1:
            return chosen
        return (chosen if places is None else chosen * places).sum((1, 2))

    return answer


@torch.no_grad()
def occlusion(
    network: nn.Module, image: Tensor, answer: Answer, window: int, stride: int, covered: float = 0.0, batch: int = 16
) -> Tensor:
    """By how much the answer falls where a square of the picture is covered (Zeiler and Fergus 2014): (H, W) float32.

    Squares of ``window`` pixels are moved by ``stride``, the last ones cut off at the border, and painted ``covered``
    in all bands (0 is the mean of a standardized picture). A pixel's value is the mean over the squares that cover it,
    as captum's `Occlusion` gives. Squares are answered ``batch`` at once, and only what they change is computed.

    network: gives (B, classes) or (B, classes, H, W). image: (1, C, H, W), as the network takes it.
    """
    height, width = image.shape[2:]
    if not (0 < stride <= window <= min(height, width)):
        raise ValueError(
            f"window {window}, stride {stride} for {height} x {width}; needed: 0 < stride <= window <= edge"
        )
    image = image.contiguous(memory_format=torch.channels_last)  # twice as quick on a processor
    corners = [(row, column) for row in _starts(height, window, stride) for column in _starts(width, window, stride)]
    fall, times = image.new_zeros(height, width), image.new_zeros(height, width)
    with evaluating(network):
        usual = answer(network(image))[0]
        known = Known(network, image)
        for first in range(0, len(corners), batch):
            part = corners[first : first + batch]
            output = network(changed_by(known, window, part, covered))
            values = answer(output.whole() if isinstance(output, Changed) else output)
            for (row, column), value in zip(part, values, strict=True):
                fall[row : row + window, column : column + window] += usual - value
                times[row : row + window, column : column + window] += 1
    return (fall / times.clamp_min(1)).float()


def _starts(size: int, window: int, stride: int) -> list[int]:
    count = -(-(size - window) // stride) + 1
    return [number * stride for number in range(count)]


def grad_cam(network: nn.Module, layer: nn.Module, image: Tensor, answer: Answer) -> Tensor:
    """Which places of a layer speak for the answer (Selvaraju et al. 2017, eqs. 1 and 2): (B, h, w) float32.

    Its maps, each weighted by the mean of the answer's gradient over the map, summed; below 0 is evidence against it,
    which the paper leaves out. Of a layer that is used several times the last maps that have places count. image:
    (B, C, H, W). Raises `ValueError` for a layer that gives no maps of this picture,
    or none that the answer depends on.
    """
    kept: list[Tensor] = []

    def keep(_: nn.Module, __: Any, output: Any) -> Any:
        maps = output[0] if isinstance(output, tuple) else output
        if not isinstance(maps, Tensor) or maps.dim() != 4 or (kept and maps.shape[2] * maps.shape[3] == 1):
            return output
        kept.append(maps)
        # Layers that write in place change the copy.
        return (maps.clone(), *output[1:]) if isinstance(output, tuple) else maps.clone()

    hook = layer.register_forward_hook(keep)
    try:
        with evaluating(network), torch.enable_grad():
            value = answer(network(image.detach().requires_grad_())).sum()  # each picture's depends on itself alone
            if not kept:
                raise ValueError("the layer gives no maps of this picture; choose one before the pooling to one place")
            (slopes,) = torch.autograd.grad(value, kept[-1], allow_unused=True)
    finally:
        hook.remove()
    if slopes is None:
        raise ValueError("the answer does not depend on the layer's maps")
    return (slopes.mean((2, 3), keepdim=True) * kept[-1]).sum(1).detach().float()


def enlarge(maps: Tensor, height: int, width: int) -> Tensor:
    """(h, w) -> (height, width), bilinear."""
    return functional.interpolate(maps[None, None], (height, width), mode="bilinear", align_corners=False)[0, 0]
