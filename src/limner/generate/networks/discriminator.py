"""What every discriminator of this room shares: pictures and labels in, logits out."""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from limner.foundation.errors import UserError
from limner.generate.networks.arguments import check_condition, check_label, check_numbers
from limner.generate.networks.conditions import Projection, one_hot_maps
from limner.nn.receptive_field import receptive_field

DiscriminatorCondition = Literal["concatenate", "projection"]


class Discriminator(nn.Module):
    """Pictures in, one logit each out: above 0 means "real". There is no sigmoid; the losses have it.

    A subclass makes its layers for pictures of `inputs` channels, calls `condition_on` with the maps that its features
    have, and writes `features`, `logits` and `chain`.

    size_px, channels, classes, width: as for `Generator`.
    condition: how labels enter: ``concatenate`` appends them to the picture as one-hot maps, ``projection`` adds the
        product of a class embedding with the features to the logit. Without classes it means nothing.

    Raises `UserError` for a size, a number or a condition that is not among these.
    """

    open_features = True
    """Whether `features` are there for others to look at."""

    def __init__(
        self, size_px: int, channels: int, classes: int, width: int, condition: DiscriminatorCondition
    ) -> None:
        super().__init__()
        check_numbers(size_px, channels=channels, classes=classes, width=width)
        check_condition(condition, get_args(DiscriminatorCondition), "discriminator")
        self.size_px, self.channels, self.classes = size_px, channels, classes
        self.projects = classes > 0 and condition == "projection"
        self.inputs = channels if self.projects else channels + classes

    def condition_on(self, maps: int) -> None:
        """Make the class embedding, if labels enter by projection, for features of so many maps."""
        self.projection = Projection(self.classes, maps) if self.projects else None

    def forward(self, image_pm1: Tensor, label: Tensor | None = None) -> Tensor:
        """How real the pictures look, and how much like their class.

        image_pm1: (B, channels, size_px, size_px) float in [-1, 1]. label: (B,) int64 in 0 .. classes - 1; None
        without classes. Gives logits (B,).

        Raises `UserError` for pictures of another shape, a label that is missing, and one that has no use.
        """
        return self.see(image_pm1, label)[1]

    def see(self, image_pm1: Tensor, label: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """(features (B, maps, h, w), logits (B,)) of what `forward` takes; raises what that raises."""
        self.check(image_pm1, label)
        x = image_pm1
        if label is not None and not self.projects:
            x = torch.cat([x, one_hot_maps(label, self.classes, x)], dim=1)
        features = self.features(x)
        logits = self.logits(features)
        return features, logits if self.projection is None else logits + self.projection(features, label)

    def check(self, image_pm1: Tensor, label: Tensor | None) -> None:
        """Raise `UserError` for what `forward` does not take."""
        expected = (self.channels, self.size_px, self.size_px)
        if image_pm1.shape[1:] != expected:
            needed = ", ".join(map(str, expected))
            raise UserError(f"the discriminator got a tensor of shape {tuple(image_pm1.shape)}; it needs (B, {needed})")
        check_label(label, self.classes, len(image_pm1), "discriminator")

    def features(self, x: Tensor) -> Tensor:
        """x: (B, inputs, size_px, size_px). Gives (B, maps, h, w), what the logit is made from."""
        raise NotImplementedError

    def logits(self, features: Tensor) -> Tensor:
        """features: (B, maps, h, w). Gives logits (B,)."""
        raise NotImplementedError

    def chain(self) -> Sequence[nn.Module]:
        """The layers on the deepest path from picture to features, attention left out."""
        raise NotImplementedError

    def receptive_field(self) -> int:
        """How many pixels in a row can change one position of the features; attention, which sees all, left out."""
        return receptive_field(self.chain())
