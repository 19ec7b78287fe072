"""What every generator of this room shares: latents and labels in, pictures out."""

from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.foundation.errors import UserError
from limner.generate.networks.arguments import check_condition, check_label, check_numbers

GeneratorCondition = Literal["concatenate", "batch-norm"]


class Generator(nn.Module):
    """Latents in, pictures out.

    A subclass makes its layers for a latent of `inputs` numbers and batch normalizations of `norm_classes` classes,
    and writes `paint`.

    size_px: side of the pictures: 32, 64, 128 or 256.
    channels: 1 (gray), 3 (RGB) or 4 (RGBA).
    classes: 0 for pictures without labels.
    latent: numbers in a latent. width: what scales all maps; only checked here.
    condition: how labels enter: ``concatenate`` appends them to the latent as one-hot numbers, ``batch-norm`` gives
        each class gains and shifts of its own. Without classes it means nothing.

    Raises `UserError` for a size, a number or a condition that is not among these.
    """

    def __init__(
        self, size_px: int, channels: int, classes: int, latent: int, width: int, condition: GeneratorCondition
    ) -> None:
        super().__init__()
        check_numbers(size_px, channels=channels, classes=classes, latent=latent, width=width)
        check_condition(condition, get_args(GeneratorCondition), "generator")
        self.size_px, self.channels, self.classes, self.latent = size_px, channels, classes, latent
        self.norm_classes = classes if condition == "batch-norm" else 0
        self.inputs = latent + classes - self.norm_classes

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        """Pictures for latents.

        latent: (B, latent) float. label: (B,) int64 in 0 .. classes - 1; None without classes.
        Gives (B, channels, size_px, size_px) float32 in [-1, 1], under autocast too.

        Raises `UserError` for a latent of another length, a label that is missing, and one that has no use.
        """
        self.check(latent, label)
        code = latent
        if label is not None and not self.norm_classes:
            code = torch.cat([latent, functional.one_hot(label, self.classes).to(latent.dtype)], dim=1)
        return self.paint(code, label).float().tanh()

    def check(self, latent: Tensor, label: Tensor | None) -> None:
        """Raise `UserError` for what `forward` does not take."""
        if latent.ndim != 2 or latent.shape[1] != self.latent:
            raise UserError(f"the generator got latents of shape {tuple(latent.shape)}; it needs (B, {self.latent})")
        check_label(label, self.classes, len(latent), "generator")

    def paint(self, code: Tensor, label: Tensor | None) -> Tensor:
        """code: (B, inputs). Gives what tanh makes the picture of: (B, channels, size_px, size_px), any value."""
        raise NotImplementedError
