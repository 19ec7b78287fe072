"""What `limner evaluate` and `limner compare` take for translations, beside what they take for all. Imports no "
"torch."""

from dataclasses import dataclass
from typing import Annotated, Literal

from cyclopts import Parameter

from limner.foundation.errors import UserError


@dataclass(frozen=True)
class EvaluateOptions:
    """How translated pictures are compared with the true ones.

    channel: luma or all channels; None: as the run's recipe says. border_px: cut off all around; None likewise.
    """

    channel: Annotated[
        Literal["y", "rgb"] | None,
        Parameter(help="What PSNR and SSIM see: luma, or all channels (default: the run's)."),
    ] = None
    border_px: Annotated[
        int | None, Parameter(help="Pixels cut off all around before PSNR and SSIM (default: the run's).")
    ] = None

    def __post_init__(self) -> None:
        if self.border_px is not None and self.border_px < 0:
            raise UserError(f"--border-px is {self.border_px}; needed: 0 or more")
