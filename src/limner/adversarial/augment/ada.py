"""Adaptive discriminator augmentation (Karras et al., "Training Generative Adversarial Networks with Limited
Data", 2020a).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from limner.adversarial.augment.augmentation import Augmentation
from limner.adversarial.augment.colors import draw_colors, recolor
from limner.adversarial.augment.geometry import draw_geometry, transform
from limner.foundation.errors import UserError


@dataclass(frozen=True)
class AdaptiveAugmentation(Augmentation):
    """Geometry and color, each transform with probability p, the strength, which follows how sure the discriminator is.

    The paper's pipeline ``bgc`` in its order. All geometry is one matrix a picture and one bilinear look-up, where the
    paper enlarges twofold and filters with wavelets around it: ours softens pictures that are turned or moved by
    fractions of pixels a little, the real as well as the generated ones.

    target: the r_t = E[sign D(real)] that p is steered to. kimg: thousands of pictures in which p could rise from 0 to
    1 (the paper: 500; 100 when a training goes on from another). every: steps between two changes of p.
    """

    target: float = 0.6
    kimg: float = 500.0
    every: int = 4

    def __post_init__(self) -> None:
        if not (-1 < self.target < 1 and self.kimg > 0 and self.every >= 1):
            raise UserError(
                f"augment ada got target {self.target:g}, kimg {self.kimg:g}, every {self.every}; "
                "needed: a target between -1 and 1, kimg above 0, every at least 1"
            )

    def begin(self, device: torch.device) -> dict[str, Tensor]:
        """``strength`` 0, and ``real_signs``: the sum of r_t since its last change."""
        return {name: torch.zeros((), device=device) for name in ("strength", "real_signs")}

    def __call__(self, image: Tensor, strength: Tensor, generator: torch.Generator) -> Tensor:
        """See `Augmentation`; with strength 0, ``image``."""
        count, _, height, width = image.shape
        # In half precision, places would be off by parts of a pixel.
        precise = torch.promote_types(image.dtype, torch.float32)
        with torch.autocast(image.device.type, enabled=False):
            geometry = draw_geometry(count, height, width, strength, generator).to(precise)
            colors = draw_colors(count, strength, generator).to(precise)
            return recolor(transform(image.to(precise), geometry), colors).to(image.dtype)

    def follow(self, state: Mapping[str, Tensor], real_sign: Tensor, number: int, batch: int) -> dict[str, Tensor]:
        """See `Augmentation`: every ``every`` steps p rises or falls by a step, and never leaves [0, 1]."""
        signs = state["real_signs"] + real_sign.detach().float()
        if (number + 1) % self.every:
            return {"strength": state["strength"], "real_signs": signs}
        step = adapted(state["strength"], signs / self.every, batch * self.every, self.target, self.kimg)
        return {"strength": step, "real_signs": torch.zeros_like(signs)}


def adapted(strength: Tensor, real_sign: Tensor, images: int, target: float, kimg: float) -> Tensor:
    """p after ``images`` pictures of which r_t was ``real_sign``: p + sign(r_t - target) images / (1000 kimg),
    in [0, 1].
    """
    return (strength + (real_sign - target).sign() * (images / (1000 * kimg))).clamp(0, 1)
