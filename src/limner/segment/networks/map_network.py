"""What every network of this room shares: a picture of any size in, the logits of each pixel's class out."""

from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional

from limner.foundation.errors import UserError
from limner.nn.inspection.fields import receptive_fields


class MapNetwork(nn.Module):
    """A network that maps pictures of any height and width, though it works on multiples of its `stride`.

    A subclass sets ``channels``, has an ``encoder`` (all that may be pretrained, and what a stage of the decoder keeps
    still), a ``decoder`` (what learns then), and writes `logits`.
    """

    stride: ClassVar[int]
    channels: int
    encoder: nn.Module

    def forward(self, image: Tensor) -> Tensor:
        """The logits of each pixel's class.

        image: (B, channels, H, W) float, standardized per band; any H and W from 1 on. Gives (B, classes, H, W).
        A size that is no multiple of the stride is padded below and to the right with 0, which is the mean of
        standardized bands, and the answer is cropped to the picture.

        Raises `UserError` for another number of bands, a tensor that is not (B, channels, H, W), a picture without
        pixels, and for a training step in which a batch normalization would see a single value.
        """
        height, width = self._checked_size(image)
        below, right = -height % self.stride, -width % self.stride
        if below or right:
            image = functional.pad(image, (0, right, 0, below))
        if self.training and image[:, 0].numel() == self.stride**2:
            self._refuse_a_single_value()
        return self.logits(image)[..., :height, :width]

    def logits(self, image: Tensor) -> Tensor:
        """(B, channels, H, W) with H and W multiples of the stride -> (B, classes, H, W)."""
        raise NotImplementedError

    def receptive_field(self) -> int:
        """How many rows of pixels can change one pixel's logits; by gradients, unless a subclass knows better."""
        field = receptive_fields(self, [""], (self.channels, 256, 256))[""]
        return 0 if field is None else field.rows

    def _checked_size(self, image: Tensor) -> tuple[int, int]:
        if image.ndim != 4:
            raise UserError(
                f"the network got a tensor of shape {tuple(image.shape)}; it needs (B, {self.channels}, H, W)"
            )
        bands, height, width = image.shape[1:]
        if bands != self.channels:
            raise UserError(
                f"the network got {bands} bands; it was made for {self.channels}: give it those, or set channels"
            )
        if height < 1 or width < 1:
            raise UserError(f"the network got {height} x {width} pixels; it needs one or more in both directions")
        return height, width

    def _refuse_a_single_value(self) -> None:
        """A batch of one picture of one stride leaves one value a map at the bottom, which has no deviation."""
        if any(isinstance(module, nn.BatchNorm2d) for module in self.modules()):
            raise UserError(
                f"one crop of {self.stride} x {self.stride} pixels is too little for batch normalization to learn "
                "from: enlarge the batch or the crops"
            )
