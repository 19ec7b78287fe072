"""What a network of this room accepts: checked at its door, with advice."""

from torch import Tensor

from limner.errors import UserError


def check_image(image: Tensor, channels: int, stride: int) -> None:
    """Raise a `UserError` unless ``image`` is (B, channels, H, W) with H and W positive multiples of ``stride``."""
    if image.ndim != 4:
        raise UserError(f"the network got a tensor of shape {tuple(image.shape)}; it needs (B, {channels}, H, W)")
    bands, height, width = image.shape[1:]
    if bands != channels:
        raise UserError(f"the network got {bands} bands; it was made for {channels}: give it those, or set channels")
    padded_height, padded_width = (max(1, -(-size // stride)) * stride for size in (height, width))
    if (padded_height, padded_width) != (height, width):
        raise UserError(
            f"the network got {height} x {width} pixels; both must be multiples of {stride}: "
            f"pad to {padded_height} x {padded_width}"
        )
