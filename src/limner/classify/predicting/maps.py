"""Where in a picture a network sees a class: class activation, occlusion, and the box around it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor, nn
from torch.nn import functional

BOX_LEVEL = 0.2
"""Of the strongest activation: what is above it, and hangs together, is boxed (Zhou et al. 2016, section 3.2)."""
OCCLUDED = 64
"""Occluded pictures at once."""


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

    Grad-CAM (Selvaraju et al. 2017, eq. 1 and 2); for networks that end in a mean and one layer it is class activation
    (Zhou et al. 2016) but for a factor. All zero where nothing speaks for the class.

    network: in evaluation mode. image: (B, C, H, W) standardized. classes: (B,) int64.
    """
    place = last_maps(network, image)
    kept: list[Tensor] = []

    def keep(_: nn.Module, __: Any, output: Any) -> Any:
        if not _has_places(output):  # one module may be used several times
            return output
        kept.append(output)
        return output.clone()  # layers that write in place change the copy

    hook = place.register_forward_hook(keep)
    try:
        with torch.enable_grad():
            logits = network(image.detach().requires_grad_(True))
            score = logits.gather(1, classes[:, None]).sum()
            (slope,) = torch.autograd.grad(score, kept[-1])
    finally:
        hook.remove()
    maps = (slope.mean(dim=(2, 3), keepdim=True) * kept[-1].detach()).sum(dim=1).relu()  # (B, h, w)
    maps = functional.interpolate(maps[:, None].float(), size=image.shape[-2:], mode="bilinear")[:, 0]
    return maps / maps.amax(dim=(1, 2), keepdim=True).clamp(min=1e-12)


@torch.no_grad()
def occlusion(
    probabilities: Callable[[Tensor], Tensor], image: Tensor, classes: Tensor, *, window_px: int, stride_px: int
) -> Tensor:
    """(B, H, W) float32 in [0, 1]: how much the class's probability falls where a square is gray (Zeiler and Fergus
    2014), averaged over the squares that cover a pixel.

    probabilities: (n, C, H, W) standardized -> (n, classes). image: (B, C, H, W) standardized, in which 0 is gray.
    """
    height, width = image.shape[-2:]
    tops, lefts = (_starts(size, window_px, stride_px) for size in (height, width))
    squares = [(top, left) for top in tops for left in lefts]
    maps = []
    for picture, label in zip(image, classes.tolist(), strict=True):
        before = probabilities(picture[None])[0, label]
        fall, covered = torch.zeros(height, width), torch.zeros(height, width)
        for start in range(0, len(squares), OCCLUDED):
            part = squares[start : start + OCCLUDED]
            hidden = picture.repeat(len(part), 1, 1, 1)
            for number, (top, left) in enumerate(part):
                hidden[number, :, top : top + window_px, left : left + window_px] = 0
            falls = (before - probabilities(hidden)[:, label]).cpu()
            for (top, left), value in zip(part, falls.tolist(), strict=True):
                fall[top : top + window_px, left : left + window_px] += value
                covered[top : top + window_px, left : left + window_px] += 1
        shown = (fall / covered.clamp(min=1)).relu()
        maps.append(shown / shown.max().clamp(min=1e-12))
    return torch.stack(maps)


def _starts(size: int, window_px: int, stride_px: int) -> list[int]:
    """Where squares begin, so that the last one ends at the border."""
    last = max(0, size - window_px)
    return sorted({*range(0, last + 1, stride_px), last})


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
