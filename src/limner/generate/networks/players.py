"""The two players of the adversarial game: what every generator and every discriminator of this room shares."""

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.foundation.errors import UserError
from limner.generate.networks.conditions import Projection, one_hot_maps
from limner.nn.attention import SelfAttention, Version
from limner.nn.receptive_field import receptive_field

SIZES_PX = (32, 64, 128, 256)
BOTTOM_PX = 4  # the side of the smallest maps: where generators begin, and where most discriminators end
GeneratorCondition = Literal["concatenate", "batch-norm"]
DiscriminatorCondition = Literal["concatenate", "projection"]


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
        _check(size_px, channels=channels, classes=classes, latent=latent, width=width)
        _check_condition(condition, get_args(GeneratorCondition), "generator")
        self.size_px, self.channels, self.classes, self.latent = size_px, channels, classes, latent
        self.norm_classes = classes if condition == "batch-norm" else 0
        self.inputs = latent + classes - self.norm_classes

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        """Pictures for latents.

        latent: (B, latent) float. label: (B,) int64 in 0 .. classes - 1; None without classes.
        Gives (B, channels, size_px, size_px) float32 in [-1, 1], under autocast too.

        Raises `UserError` for a latent of another length, a label that is missing, and one that has no use.
        """
        if latent.ndim != 2 or latent.shape[1] != self.latent:
            raise UserError(f"the generator got latents of shape {tuple(latent.shape)}; it needs (B, {self.latent})")
        _check_label(label, self.classes, len(latent), "generator")
        code = latent
        if label is not None and not self.norm_classes:
            code = torch.cat([latent, functional.one_hot(label, self.classes).to(latent.dtype)], dim=1)
        return self.paint(code, label).float().tanh()

    def paint(self, code: Tensor, label: Tensor | None) -> Tensor:
        """code: (B, inputs). Gives what tanh makes the picture of: (B, channels, size_px, size_px), any value."""
        raise NotImplementedError


class Discriminator(nn.Module):
    """Pictures in, one logit each out: above 0 means "real". There is no sigmoid; the losses have it.

    A subclass makes its layers for pictures of `inputs` channels, calls `condition_on` with the maps that its features
    have, and writes `features`, `judge` and `chain`.

    size_px, channels, classes, width: as for `Generator`.
    condition: how labels enter: ``concatenate`` appends them to the picture as one-hot maps, ``projection`` adds the
        product of a class embedding with the features to the logit. Without classes it means nothing.

    Raises `UserError` for a size, a number or a condition that is not among these.
    """

    def __init__(
        self, size_px: int, channels: int, classes: int, width: int, condition: DiscriminatorCondition
    ) -> None:
        super().__init__()
        _check(size_px, channels=channels, classes=classes, width=width)
        _check_condition(condition, get_args(DiscriminatorCondition), "discriminator")
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
        expected = (self.channels, self.size_px, self.size_px)
        if image_pm1.shape[1:] != expected:
            needed = ", ".join(map(str, expected))
            raise UserError(f"the discriminator got a tensor of shape {tuple(image_pm1.shape)}; it needs (B, {needed})")
        _check_label(label, self.classes, len(image_pm1), "discriminator")
        x = image_pm1
        if label is not None and not self.projects:
            x = torch.cat([x, one_hot_maps(label, self.classes, x)], dim=1)
        features = self.features(x)
        logits = self.judge(features)
        return logits if self.projection is None else logits + self.projection(features, label)

    def features(self, x: Tensor) -> Tensor:
        """x: (B, inputs, size_px, size_px). Gives (B, maps, h, w), what the logit is made from."""
        raise NotImplementedError

    def judge(self, features: Tensor) -> Tensor:
        """features: (B, maps, h, w). Gives logits (B,)."""
        raise NotImplementedError

    def chain(self) -> Sequence[nn.Module]:
        """The layers on the deepest path from picture to features, attention left out."""
        raise NotImplementedError

    def receptive_field(self) -> int:
        """How many pixels in a row can change one position of the features; attention, which sees all, left out."""
        return receptive_field(self.chain())


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


def _check(size_px: int, **counts: int) -> None:
    if size_px not in SIZES_PX:
        raise UserError(f"size_px is {size_px}; the networks make pictures of {', '.join(map(str, SIZES_PX))} px")
    for name, count in counts.items():
        least = 0 if name == "classes" else 1
        if count < least:
            raise UserError(f"{name} is {count}; needed: {least} or more")


def _check_condition(condition: str, known: tuple[str, ...], player: str) -> None:
    if condition not in known:
        raise UserError(f"condition of the {player} is '{condition}'; choose one of {', '.join(known)}")


def _check_label(label: Tensor | None, classes: int, count: int, player: str) -> None:
    """Only what is known without reading the tensor, so that no step waits for the device."""
    if label is None:
        if classes:
            raise UserError(f"the {player} was made for {classes} classes and got no label; give (B,) class numbers")
    elif not classes:
        raise UserError(f"the {player} was made without classes and got labels; leave them out, or set classes")
    elif label.shape != (count,) or label.dtype != torch.int64:
        raise UserError(
            f"the {player} got labels of shape {tuple(label.shape)} and type {label.dtype}; it needs ({count},) int64"
        )
