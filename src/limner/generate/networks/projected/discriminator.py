"""Pictures told apart by features of a frozen network (Sauer et al., "Projected GANs Converge Faster", 2021)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from limner.foundation.errors import UserError
from limner.generate.networks.attention import Attention
from limner.generate.networks.conditions import one_hot_maps
from limner.generate.networks.dcgan import SLOPE
from limner.generate.networks.discriminator import Discriminator, DiscriminatorCondition
from limner.generate.networks.projected.backbone import MAPS, STRIDES, FrozenLite0
from limner.generate.networks.projected.mixing import Mixing
from limner.nn.attention import Version

END_PX = 4
"""The side of the largest maps that a head gives logits of."""
HEAD_MAPS = 128
"""Maps of a head before its logits, and the most that it has anywhere."""


class ProjectedDiscriminator(Discriminator):
    """Small heads over features of a frozen EfficientNet-Lite0, mixed at random (Sauer et al. 2021).

    Pictures go through a network that was trained on ImageNet and stays as it is; its features at four sizes are mixed
    by fixed random convolutions (`Mixing`), and at each size a head of its own, of strided 4 x 4 convolutions down to
    4 x 4, gives a logit for every place. It learns the heads alone, and so it learns quickly, and from few pictures.
    Losses average over all logits, so a size counts by its places.

    Gives logits (B, n) where other discriminators give (B,).

    size_px, channels, classes: see `Discriminator`. Gray pictures are seen as RGB; of RGBA, the colors and alpha, as a
    gray picture, are seen apart.
    width: maps of the largest features after mixing, doubled at each smaller size.
    input_px: the side to which pictures are brought, bilinearly, before they are seen; 0: as they are. A larger one
        sees finer things and takes longer.
    stages: how many of the four sizes there are heads for, from the largest.
    attention, attention_version: as for the generator, on mixed features of that side.
    condition: ``projection`` or ``concatenate``, at every place; see `Discriminator`.
    """

    open_features = False

    def __init__(
        self,
        size_px: int,
        channels: int,
        classes: int,
        *,
        width: int = 32,
        input_px: int = 0,
        stages: int = 4,
        attention: int = 0,
        attention_version: Version = "official",
        condition: DiscriminatorCondition = "projection",
    ) -> None:
        super().__init__(size_px, channels, classes, width, condition)
        if not 1 <= stages <= len(STRIDES):
            raise UserError(f"stages is {stages}; the frozen network has {len(STRIDES)}: give 1 to {len(STRIDES)}")
        if input_px and input_px < STRIDES[-1]:
            raise UserError(f"input_px is {input_px}; needed: 0 (as the pictures are), or {STRIDES[-1]} or more")
        self.input_px = input_px or size_px
        self.mixing = Mixing(tuple(maps * (2 if channels == 4 else 1) for maps in MAPS[:stages]), width)
        sides = [-(-self.input_px // stride) for stride in STRIDES[:stages]]
        self.attend = Attention(dict(zip(sides, self.mixing.maps, strict=True)), attention, attention_version)
        self.heads = nn.ModuleList(
            Head(maps + (0 if self.projects else classes), side, classes if self.projects else 0)
            for maps, side in zip(self.mixing.maps, sides, strict=True)
        )
        # Not among its modules: it is neither trained, initialized, normalized nor kept.
        self._frozen = (FrozenLite0(stages),)

    def _apply(self, *arguments: Any, **options: Any) -> Any:
        """Moves the frozen network along."""
        for each in self._frozen:
            each._apply(*arguments, **options)
        return super()._apply(*arguments, **options)

    def forward(self, image_pm1: Tensor, label: Tensor | None = None) -> Tensor:
        """See `Discriminator`; logits (B, n)."""
        self.check(image_pm1, label)
        logits = []
        for features, head in zip(self.mixing(self.look(image_pm1)), self.heads, strict=True):
            x = self.attend(features)
            if label is not None and not self.projects:
                x = torch.cat([x, one_hot_maps(label, self.classes, x)], dim=1)
            logits.append(head(x, label).flatten(1))
        return torch.cat(logits, dim=1)

    def look(self, image_pm1: Tensor) -> list[Tensor]:
        """(B, channels, S, S) -> what the frozen network sees, from large maps to small."""
        if self.input_px != self.size_px:
            image_pm1 = functional.interpolate(image_pm1, size=(self.input_px, self.input_px), mode="bilinear")
        colors, alpha = image_pm1[:, :3], image_pm1[:, 3:]
        seen = self._frozen[0](colors.expand(-1, 3, -1, -1))
        if not alpha.shape[1]:
            return seen
        of_alpha = self._frozen[0](alpha.expand(-1, 3, -1, -1))
        return [torch.cat(pair, dim=1) for pair in zip(seen, of_alpha, strict=True)]

    def chain(self) -> Sequence[nn.Module]:
        """The layers on the deepest path from picture to features."""
        return [self._frozen[0]]


class Head(nn.Module):
    """Strided 4 x 4 convolutions down to 4 x 4, a 3 x 3 one, and a logit for every place.

    inputs: maps that come in, of the side ``side_px``. classes: of a projection at every place; 0 for none.
    """

    def __init__(self, inputs: int, side_px: int, classes: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        maps = inputs
        while side_px > END_PX:
            after = min(2 * maps, HEAD_MAPS)
            layers += [nn.Conv2d(maps, after, 4, 2, 1), nn.LeakyReLU(SLOPE, inplace=True)]
            maps, side_px = after, side_px // 2
        layers += [nn.Conv2d(maps, HEAD_MAPS, 3, padding=1), nn.LeakyReLU(SLOPE, inplace=True)]
        self.layers = nn.Sequential(*layers)
        self.verdict = nn.Conv2d(HEAD_MAPS, 1, 1)
        self.embedding = nn.Embedding(classes, HEAD_MAPS) if classes else None
        if self.embedding is not None:
            nn.init.xavier_uniform_(self.embedding.weight)

    def forward(self, x: Tensor, label: Tensor | None) -> Tensor:
        """x: (B, inputs, side, side). label: (B,) int64, read only by a projection. Gives logits (B, 1, h, w)."""
        x = self.layers(x)
        logits = self.verdict(x)
        if self.embedding is not None:
            logits = logits + (self.embedding(label)[:, :, None, None] * x).sum(1, keepdim=True)
        return logits
