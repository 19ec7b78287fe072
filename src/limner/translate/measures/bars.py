"""What does as well without learning: the bars that a translation must clear, computed beside it.

Each takes the source and the mask of a pair and gives a picture of the target's size, or None where it means nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from skimage.filters import gaussian
from skimage.restoration import inpaint_biharmonic, wiener
from skimage.restoration import richardson_lucy as deconvolved
from torch import Tensor

from limner.translate.degrading.blurs import Defocus, MotionBlur
from limner.translate.degrading.degradation import Degradation
from limner.translate.degrading.holes import filled
from limner.translate.degrading.sizes import Kernel, resized

WIENER_BALANCE = 0.01
ITERATIONS = 15
"""Of Richardson and Lucy: more sharpen noise."""
UNSHARP_STD, UNSHARP_AMOUNT = 1.5, 1.0
CANDIDATES = 2000
"""Training pictures that are searched for the nearest at most."""
SMALL_PX = 32


@dataclass(frozen=True)
class Known:
    """What bars may know of the training: at most `CANDIDATES` pairs, where all have one size.

    sources, targets: (n, C, H, W) uint8, or None. color: (C,) in [0, 1], the targets' mean color.
    """

    color: Tensor
    sources: Tensor | None = None
    targets: Tensor | None = None
    _small: dict[str, Tensor] = field(default_factory=dict)

    def mean(self) -> Tensor:
        """(C, H, W) in [0, 1]: the mean of the targets, which are there."""
        assert self.targets is not None
        if "mean" not in self._small:
            self._small["mean"] = self.targets.float().mean(0) / 255
        return self._small["mean"]


Bar = Callable[[Tensor, Tensor | None, Known], Tensor | None]
"""(source01 (C, h, w), mask (1, h, w) or None, what is known of the training) -> (C, H, W) in [0, 1], or None."""


def bars_for(degradation: Degradation | None, scale: int, channels: tuple[int, int]) -> dict[str, Bar]:
    """The bars of a task by their names, the first the one that is told first. channels: of source and target."""
    if scale > 1:
        return {kernel: _enlarged(kernel, scale) for kernel in ("bicubic", "lanczos", "nearest")}
    name = type(degradation).__name__
    if name == "Hole":
        return {"mean of the rest": mean_fill, "biharmonic": biharmonic, "nearest context": nearest_context}
    if isinstance(degradation, MotionBlur | Defocus):
        return {"untouched": untouched, "unsharp": unsharp, "wiener, one kernel": wiener_of(degradation)}
    found: dict[str, Bar] = {}
    if channels[0] == channels[1]:
        found["untouched"] = untouched
    elif channels[0] == 1:
        found["untouched"] = gray_as_color(channels[1])
    return {**found, "mean picture": mean_picture, "nearest source": nearest_source}


def untouched(source01: Tensor, mask: Tensor | None, known: Known) -> Tensor:
    """The source itself."""
    return source01


def mirrored_mean(source01: Tensor, mask: Tensor | None, known: Known) -> Tensor:
    """The mean of the source and its mirror image: what evens out the light on what is symmetric."""
    return (source01 + source01.flip(2)) / 2


def gray_as_color(channels: int) -> Bar:
    """Gray, as often as there are channels."""
    return lambda source01, mask, known: source01.expand(channels, -1, -1)


def _enlarged(kernel: Kernel, scale: int) -> Bar:
    return lambda source01, mask, known: resized(source01, source01.shape[1] * scale, source01.shape[2] * scale, kernel)


def mean_fill(source01: Tensor, mask: Tensor | None, known: Known) -> Tensor:
    """The hole in the mean color of what is around it."""
    assert mask is not None
    return filled(source01, mask, "rest")


def biharmonic(source01: Tensor, mask: Tensor | None, known: Known) -> Tensor:
    """The hole as the smoothest surface over it (Damelin and Hoang 2018), by scikit-image."""
    assert mask is not None
    made = inpaint_biharmonic(source01.double().numpy(), mask[0].numpy() > 0.5, channel_axis=0)
    return torch.from_numpy(made).float().clamp(0, 1)


def nearest_context(source01: Tensor, mask: Tensor | None, known: Known) -> Tensor | None:
    """The hole from the training picture that is most like what is around it."""
    if known.targets is None or mask is None or known.targets.shape[1:] != source01.shape:
        return None
    outside = mask[0] < 0.5
    wanted = (source01 * 255).round()[:, outside]
    rows = known.targets[:, :, outside]
    distances = torch.stack([(each.float() - wanted).square().mean() for each in rows])
    best = known.targets[int(distances.argmin())].float() / 255
    return torch.where(mask > 0.5, best, source01)


def nearest_source(source01: Tensor, mask: Tensor | None, known: Known) -> Tensor | None:
    """The target of the training pair whose source is most like this one, both seen at 32 px."""
    if known.sources is None or known.targets is None or known.sources.shape[2:] != source01.shape[1:]:
        return None
    if "sources" not in known._small:
        known._small["sources"] = torch.stack([_small(each.float() / 255) for each in known.sources])
    distances = (known._small["sources"] - _small(source01)).square().mean((1, 2, 3))
    return known.targets[int(distances.argmin())].float() / 255


def mean_picture(source01: Tensor, mask: Tensor | None, known: Known) -> Tensor:
    """The mean of all training targets, or where they have several sizes, their mean color."""
    if known.targets is not None and known.targets.shape[2:] == source01.shape[1:]:
        return known.mean()
    return known.color[:, None, None].expand(-1, *source01.shape[1:])


def unsharp(source01: Tensor, mask: Tensor | None, known: Known) -> Tensor:
    """Unsharp masking: as much of what a Gaussian of 1.5 px takes away is added."""
    soft = gaussian(source01.double().numpy(), UNSHARP_STD, channel_axis=0, mode="reflect")
    return (source01 + UNSHARP_AMOUNT * (source01 - torch.from_numpy(soft).float())).clamp(0, 1)


def wiener_of(degradation: MotionBlur | Defocus) -> Bar:
    """Wiener deconvolution by one kernel for all, the mean of those that the degradation draws, by scikit-image."""
    kernels = [degradation.kernel(torch.Generator().manual_seed(number)).numpy() for number in range(64)]
    side = max(len(each) for each in kernels)
    padded = [np.pad(each, (side - len(each)) // 2) for each in kernels]
    kernel = np.mean(padded, axis=0)

    def sharpen(source01: Tensor, mask: Tensor | None, known: Known) -> Tensor:
        reach = len(kernel)
        rows = []
        for band in source01.double().numpy():
            wide = np.pad(band, reach, mode="reflect" if min(band.shape) > reach else "edge")
            rows.append(wiener(wide, kernel, WIENER_BALANCE, clip=False)[reach:-reach, reach:-reach])
        return torch.from_numpy(np.stack(rows)).float().clamp(0, 1)

    return sharpen


def richardson_lucy(source01: Tensor, kernel: Tensor) -> Tensor:
    """(C, h, w): a blurred picture deconvolved by the very kernel (k, k) that it was blurred by, by scikit-image.

    Richardson 1972, Lucy 1974, `ITERATIONS` steps. What it knows nobody knows of a photo.
    """
    reach = len(kernel)
    turned = np.ascontiguousarray(kernel.double().numpy()[::-1, ::-1])  # ours is correlated, theirs convolved
    rows = []
    for band in source01.double().numpy():
        wide = np.pad(band, reach, mode="reflect" if min(band.shape) > reach else "edge")
        rows.append(deconvolved(wide, turned, num_iter=ITERATIONS)[reach:-reach, reach:-reach])
    return torch.from_numpy(np.stack(rows)).float().clamp(0, 1)


def known_of(sources: tuple[Tensor, ...], targets: tuple[Tensor, ...]) -> Known:
    """What bars may know of training pairs, each (C, H, W) uint8 or float32 in [0, 1]."""
    color = torch.stack([_as_float(each).mean((1, 2)) for each in targets[:CANDIDATES]]).mean(0)

    def stacked(pictures: tuple[Tensor, ...]) -> Tensor | None:
        kept = pictures[:CANDIDATES]
        if not kept or len({each.shape for each in kept}) > 1:
            return None
        return torch.stack([each if each.dtype == torch.uint8 else (each * 255).round().byte() for each in kept])

    return Known(color, stacked(sources), stacked(targets))


def all_bars(bars: Mapping[str, Bar], source01: Tensor, mask: Tensor | None, known: Known) -> dict[str, Tensor]:
    """What every bar makes of a source, without those that mean nothing here."""
    made = {name: bar(source01, mask, known) for name, bar in bars.items()}
    return {name: picture for name, picture in made.items() if picture is not None}


def _as_float(picture: Tensor) -> Tensor:
    return picture.float() / 255 if picture.dtype == torch.uint8 else picture


def _small(picture01: Tensor) -> Tensor:
    return resized(picture01, SMALL_PX, SMALL_PX, "area")
