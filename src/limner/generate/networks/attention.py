"""Self-attention at one of a network's sizes."""

from typing import get_args

from torch import Tensor, nn

from limner.foundation.errors import UserError
from limner.nn.attention import SelfAttention, Version


class Attention(nn.Module):
    """Self-attention on the maps of one side length; maps of other sizes pass as they are.

    sides: side in pixels -> maps, of every stage that it may follow. side_px: the one to act on, 0 for none.

    Raises `UserError` for a side that no stage has.
    """

    def __init__(self, sides: dict[int, int], side_px: int, version: Version) -> None:
        super().__init__()
        if version not in get_args(Version):
            raise UserError(f"attention_version is '{version}'; choose one of {', '.join(get_args(Version))}")
        if side_px and side_px not in sides:
            known = ", ".join(map(str, sorted(sides)))
            raise UserError(f"attention is {side_px}, but no maps are {side_px} px wide; choose 0 (none), {known}")
        self.side_px = side_px
        self.layer = SelfAttention(sides[side_px], version) if side_px else None

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C, H, W). Gives the same shape."""
        return x if self.layer is None or x.shape[-1] != self.side_px else self.layer(x)
