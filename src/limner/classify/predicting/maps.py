"""Where in a picture a network sees a class: class activation, occlusion, and the box around it."""

from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor, nn
from torch.nn import functional

from limner.nn.looking.evidence import grad_cam, occlusion

BOX_LEVEL = 0.2
"""Of the strongest activation: what is above it, and hangs together, is boxed (Zhou et al. 2016, section 3.2)."""


def last_maps(network: nn.Module, image: Tensor) -> nn.Module:
    """The last module whose output still has places: (B, maps, h, w) with more than one. ``image`` is shown to it.

    Raises `ValueError` for a network that has none.
    """
    found: list[nn.Module] = []

    def look(module: nn.Module, _: Any, output: Any) -> None:
        if _has_places(output):
            found.append(module)

    hooks = [module.register_forward_hook(look) for module in network.modules() if module is not network]
    try:
        with torch.no_grad():
            network(image[:1])
    finally:
        for hook in hooks:
            hook.remove()
    if not found:
        raise ValueError(f"{type(network).__name__} keeps no places; class activation needs maps")
    return found[-1]


def _has_places(output: Any) -> bool:
    return isinstance(output, Tensor) and output.ndim == 4 and output.shape[2] * output.shape[3] > 1


def class_activation(network: nn.Module, image: Tensor, classes: Tensor) -> Tensor:
    """(B, H, W) float32 in [0, 1]: where the last maps speak for each picture's class, enlarged bilinearly.

    Grad-CAM of the last layer that has places (`limner.nn.looking.evidence.grad_cam`), evidence against the class left
    out; for networks that end in a mean and one layer it is class activation (Zhou et al. 2016) but for a factor. All
    zero where nothing speaks for the class.

    network: in evaluation mode. image: (B, C, H, W) standardized. classes: (B,) int64.
    """

    def answer(logits: Tensor) -> Tensor:
        return logits.gather(1, classes[:, None])[:, 0]

    maps = grad_cam(network, last_maps(network, image), image, answer).relu()  # (B, h, w)
    maps = functional.interpolate(maps[:, None], size=image.shape[-2:], mode="bilinear")[:, 0]
    return _to_one(maps)


def covered_evidence(
    network: nn.Module, image: Tensor, classes: Tensor, *, window_px: int, stride_px: int, batch: int = 2
) -> Tensor:
    """(B, H, W) float32 in [0, 1] on the CPU: how much the class's probability falls where a square is gray, by
    `limner.nn.looking.evidence.occlusion`; where it rises, 0.

    image: (B, C, H, W) standardized, in which 0 is gray.
    """
    maps = []
    for picture, number in zip(image.split(1), classes.tolist(), strict=True):

        def probability(logits: Tensor, number: int = number) -> Tensor:
            return logits.float().softmax(dim=1)[:, number]

        maps.append(occlusion(network, picture, probability, window_px, stride_px, batch=batch).relu())
    return _to_one(torch.stack(maps)).cpu()


def _to_one(maps: Tensor) -> Tensor:
    """Maps whose strongest value is 1; empty ones stay so."""
    return maps / maps.amax(dim=(1, 2), keepdim=True).clamp(min=1e-12)


def box_of(evidence: np.ndarray, level: float = BOX_LEVEL) -> tuple[int, int, int, int] | None:
    """(x0, y0, x1, y1) in pixels, the ends not included: around the largest part that hangs together of what is above
    ``level`` of the strongest. None where nothing is.

    evidence: (H, W) float, 0 or more.
    """
    most = float(evidence.max(initial=0))
    if most <= 0:
        return None
    parts, count = ndimage.label(evidence >= level * most)
    sizes = np.bincount(parts.ravel())[1:]
    rows, columns = ndimage.find_objects(parts)[int(sizes.argmax())] if count else (slice(0, 0), slice(0, 0))
    return int(columns.start), int(rows.start), int(columns.stop), int(rows.stop)
