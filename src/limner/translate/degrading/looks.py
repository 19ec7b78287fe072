"""Pictures that lack color, detail or light."""

import io

import numpy as np
import torch
from PIL import Image
from skimage.feature import canny
from torch import Tensor

from limner.colors.luma import LUMA
from limner.foundation.errors import UserError
from limner.translate.degrading.degradation import Degradation, Degraded, add_noise, between, check_range
from limner.translate.degrading.sizes import in_levels


def luma(picture01: Tensor) -> Tensor:
    """(1, H, W) of (C, H, W): the luma of three channels, else their mean."""
    if len(picture01) == 3:
        return (picture01 * picture01.new_tensor(LUMA)[:, None, None]).sum(0, keepdim=True)
    return picture01.mean(0, keepdim=True)


class Noise(Degradation):
    """White noise, cut off at black and white, in 8 bits. least, most: between which its standard deviation is drawn,
    in levels of 255."""

    line = "with white noise"

    def __init__(self, least: float = 10.0, most: float = 40.0) -> None:
        check_range("noise", least, most, 0, 255)
        self.least, self.most = least, most

    def __call__(self, picture01: Tensor, generator: torch.Generator) -> Degraded:
        """See `Degradation`."""
        levels = between(self.least, self.most, generator)
        return Degraded(in_levels(add_noise(picture01, levels, generator)))


class Jpeg(Degradation):
    """Compressed as JPEG. least, most: between which its quality is drawn, 1 to 95. Pictures of one or three "
    "channels."""

    line = "compressed as JPEG"

    def __init__(self, least: int = 10, most: int = 40) -> None:
        check_range("quality", least, most, 1, 95)
        self.least, self.most = least, most

    def __call__(self, picture01: Tensor, generator: torch.Generator) -> Degraded:
        """See `Degradation`. Raises `UserError` for other channels."""
        if len(picture01) not in (1, 3):
            raise UserError(f"JPEG holds pictures of 1 or 3 channels; these have {len(picture01)}")
        quality = round(between(self.least, self.most, generator))
        pixels = (picture01 * 255).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
        file = io.BytesIO()
        Image.fromarray(pixels[..., 0] if len(picture01) == 1 else pixels).save(file, "JPEG", quality=quality)
        file.seek(0)
        read = np.asarray(Image.open(file), dtype=np.float32) / 255
        return Degraded(torch.from_numpy(np.ascontiguousarray(np.atleast_3d(read).transpose(2, 0, 1))))


class Gray(Degradation):
    """Its luma alone."""

    line = "gray"

    def channels(self, of: int) -> int:
        """One."""
        return 1

    def __call__(self, picture01: Tensor, generator: torch.Generator) -> Degraded:
        """See `Degradation`."""
        return Degraded(in_levels(luma(picture01)))


class Edges(Degradation):
    """Its edges, white on black, by Canny's detector. blur: standard deviation of its Gaussian, in pixels."""

    line = "its edges"

    def __init__(self, blur: float = 1.0) -> None:
        check_range("blur", blur, blur, 0.1, 20)
        self.blur = blur
        self.margin_px = int(4 * blur) + 2

    def channels(self, of: int) -> int:
        """One."""
        return 1

    def __call__(self, picture01: Tensor, generator: torch.Generator) -> Degraded:
        """See `Degradation`."""
        found = canny(luma(picture01)[0].numpy().astype(np.float64), self.blur)
        return Degraded(torch.from_numpy(found.astype(np.float32))[None])


class Night(Degradation):
    """Day made night by a fixed curve: darker, bluer, with a little noise, in 8 bits. A known answer for systems that
    learn without pairs.

    exposure: what is left of the light. noise: standard deviation, in levels of 255.
    """

    line = "dark and blue, as at night"

    def __init__(self, exposure: float = 0.35, noise: float = 3.0) -> None:
        check_range("exposure", exposure, exposure, 0.01, 1)
        check_range("noise", noise, noise, 0, 255)
        self.exposure, self.noise = exposure, noise

    def __call__(self, picture01: Tensor, generator: torch.Generator) -> Degraded:
        """See `Degradation`."""
        tint = picture01.new_tensor((0.7, 0.85, 1.15)) if len(picture01) == 3 else picture01.new_ones(len(picture01))
        dark = (picture01**1.4 * self.exposure * tint[:, None, None]).clamp(0, 1)
        return Degraded(in_levels(add_noise(dark, self.noise, generator)))
