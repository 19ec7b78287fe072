"""A frame of a clip made of the pixels of other frames, each frame moved by a motion of its own."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.foundation.errors import UserError
from limner.translate.networks.light_residual import PlainBlock
from limner.translate.networks.translator import Translator, only_same_size

NUMBERS = 3
"""Told of each given frame at each pixel: how far along x and y, and its weight."""


class VoxelFlow(Translator):
    """A light voxel flow: every given frame is moved by a motion of its own, and all are blended by weights.

    After Liu et al., "Video Frame Synthesis using Deep Voxel Flow", ICCV 2017, which moves both frames by one motion
    and its opposite; see docs/translate/between-frames.md. At pixel p, with the frames x_i:

        y(p) = sum_i w_i(p) x_i(p + v_i(p)),    v_i = most_px tanh(a_i),    w = softmax(b)

    a and b come from residual blocks on squares of squeeze x squeeze pixels. The last convolution begins at zero, so
    an untrained network gives the mean of the frames. No normalization: tiles fit together exactly. 332,496 parameters
    for two frames of three channels.

    inputs: channels of all given frames together: two frames or more of ``outputs`` channels. blocks: residual blocks.
    width: channels. squeeze: 1, 2, 4 or 8. most_px: the longest motion along each axis.

    Raises `UserError` for other numbers.
    """

    def __init__(
        self, inputs: int, outputs: int, scale: int = 1, *, blocks: int = 6, width: int = 48, squeeze: int = 4,
        most_px: int = 16,
    ) -> None:  # fmt: skip
        super().__init__(inputs, outputs, scale)
        only_same_size(scale, "voxel-flow")
        if min(blocks, width, most_px) < 1 or squeeze not in (1, 2, 4, 8):
            raise UserError(
                f"voxel-flow got blocks {blocks}, width {width}, most_px {most_px}, squeeze {squeeze}; needed: 1 or "
                "more, and 1, 2, 4 or 8 for squeeze"
            )
        self.frames = inputs // outputs
        if self.frames < 2 or inputs % outputs:
            raise UserError(
                f"voxel-flow makes a frame of two others or more, and got {inputs} channels for frames of {outputs}; "
                "give --data.frames 2 or more, or another generator"
            )
        self.most_px, self.stride, self.squeeze = most_px, squeeze, squeeze
        self.reach_px = max((2 * blocks + 3) * squeeze, most_px + 1)  # a fetched pixel lies between two others
        self.first = nn.Conv2d(inputs * squeeze**2, width, 3, padding=1)
        self.blocks = nn.Sequential(*(PlainBlock(width) for _ in range(blocks)))
        self.last = nn.Conv2d(width, self.frames * NUMBERS * squeeze**2, 3, padding=1)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def translate(self, image_pm1: Tensor) -> Tensor:
        """See `Translator.forward`."""
        motions_px, weights = self.told(image_pm1)
        frames = image_pm1.float().unflatten(1, (self.frames, self.outputs))
        moved = fetched(frames.flatten(0, 1), motions_px.flatten(0, 1)).unflatten(0, (-1, self.frames))
        return (weights * moved).sum(1)

    def told(self, image_pm1: Tensor) -> tuple[Tensor, Tensor]:
        """Motions (B, frames, 2, H, W) in pixels, x then y, and weights (B, frames, 1, H, W) that sum to 1, float32."""
        x = self.first(functional.pixel_unshuffle(image_pm1, self.squeeze))
        x = x + self.blocks(x)
        numbers = functional.pixel_shuffle(self.last(x), self.squeeze).float().unflatten(1, (self.frames, NUMBERS))
        return self.most_px * torch.tanh(numbers[:, :, :2]), numbers[:, :, 2:].softmax(1)


def fetched(image: Tensor, motion_px: Tensor) -> Tensor:
    """(B, C, H, W): at each pixel p what the image has at p + motion, bilinear; beyond the border is the border.

    image: (B, C, H, W) float32. motion_px: (B, 2, H, W) float32, x then y.
    """
    height, width = image.shape[2:]
    columns = torch.arange(width, device=image.device) + motion_px[:, 0]
    rows = torch.arange(height, device=image.device)[:, None] + motion_px[:, 1]
    places = torch.stack([(2 * columns + 1) / width - 1, (2 * rows + 1) / height - 1], dim=-1)
    return functional.grid_sample(image, places, mode="bilinear", padding_mode="border", align_corners=False)
