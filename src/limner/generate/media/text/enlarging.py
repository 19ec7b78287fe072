"""Second generators: they enlarge a picture that was made of a sentence, and read the sentence again.

``times``: how often an edge of theirs is the edge of what they are given.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional

from limner.foundation.errors import UserError
from limner.generate.media.text.gan_cls import BOTTOM_PX, SLOPE, Bottleneck, beside
from limner.generate.media.text.stackgan import ConditioningAugmentation, enlarged

SIZE_PX = 256
NEARLY_ONE = 0.999
"""Values of a picture are held so near to 1 before tanh is undone."""


def refuse_size(size_px: int) -> None:
    """Raise `UserError` for pictures that are not of `SIZE_PX`."""
    if size_px != SIZE_PX:
        raise UserError(
            f"stackgan's second stage is as published, for {SIZE_PX} px, and data.size_px is {size_px}; use light"
        )


class StackGanEnlarger(nn.Module):
    """StackGAN's second stage, by the authors' code: 64 px down to 16, there beside the augmented code, up to 256.

    Zhang et al. 2017, sec. 3.4. Convolutions have no biases. width: maps at 64 px. text: numbers of the augmented code.
    """

    times: ClassVar[int] = 4

    def __init__(self, size_px: int, channels: int, code: int, *, width: int = 128, text: int = 128) -> None:
        super().__init__()
        refuse_size(size_px)
        self.augment = ConditioningAugmentation(code, text)
        most = 4 * width
        self.look = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.ReLU(),
            nn.Conv2d(width, 2 * width, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * width), nn.ReLU(),
            nn.Conv2d(2 * width, most, 4, 2, 1, bias=False), nn.BatchNorm2d(most), nn.ReLU(),
        )  # fmt: skip
        self.join = nn.Sequential(
            nn.Conv2d(most + text, most, 3, padding=1, bias=False), nn.BatchNorm2d(most), nn.ReLU()
        )
        self.refine = nn.Sequential(*(_Residual(most) for _ in range(4)))
        maps = (most, 2 * width, width, width // 2, width // 4)
        self.up = nn.Sequential(*_up(maps), nn.Conv2d(maps[-1], channels, 3, padding=1, bias=False))

    def forward(self, image_pm1: Tensor, code: Tensor) -> Tensor:
        """image_pm1: (B, channels, 64, 64) in [-1, 1]. code: (B, code). Gives (B, channels, 256, 256) in [-1, 1]."""
        seen = self.join(beside(self.look(image_pm1), self.augment(code)))
        picture: Tensor = self.up(self.refine(seen))
        return picture.float().tanh()


def _up(maps: Sequence[int]) -> Iterator[nn.Module]:
    """Twice the edge from each number of maps to the next."""
    for before, after in pairwise(maps):
        yield from (*enlarged(before, after), nn.ReLU())


class _Residual(nn.Module):
    """Two normalized 3 x 3 convolutions beside what comes in, and ReLU over the sum."""

    def __init__(self, maps: int) -> None:
        super().__init__()
        self.inside = nn.Sequential(
            nn.Conv2d(maps, maps, 3, padding=1, bias=False), nn.BatchNorm2d(maps), nn.ReLU(),
            nn.Conv2d(maps, maps, 3, padding=1, bias=False), nn.BatchNorm2d(maps),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """(B, maps, h, w) -> the same shape."""
        return functional.relu(x + self.inside(x))


class StackGanSecondDiscriminator(nn.Module):
    """The second stage's discriminator, by the authors' code: 256 px down to 4 x 4, where the sentence stands beside.

    width: maps at 128 px. text: numbers that the code becomes.
    """

    def __init__(self, size_px: int, channels: int, code: int, *, width: int = 64, text: int = 128) -> None:
        super().__init__()
        refuse_size(size_px)
        act = nn.LeakyReLU(SLOPE)
        layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1, bias=False), act]
        maps = width
        while maps < 32 * width:  # down to 4 x 4
            layers += [nn.Conv2d(maps, 2 * maps, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * maps), act]
            maps *= 2
        for fewer in (16 * width, 8 * width):
            layers += [nn.Conv2d(maps, fewer, 1, bias=False), nn.BatchNorm2d(fewer), act]
            maps = fewer
        self.look = nn.Sequential(*layers[:-1])
        self.refine = Bottleneck(maps, 2 * width, act, bias=False)
        self.text = nn.Sequential(nn.Linear(code, text), act)
        self.verdict = nn.Sequential(
            nn.Conv2d(maps + text, maps, 1, bias=False), nn.BatchNorm2d(maps), act,
            nn.Conv2d(maps, 1, BOTTOM_PX, bias=False),
        )  # fmt: skip

    def forward(self, image_pm1: Tensor, code: Tensor) -> Tensor:
        """image_pm1: (B, channels, 256, 256) in [-1, 1]. code: (B, code). Gives logits (B,)."""
        seen = self.refine(self.look(image_pm1))
        logits: Tensor = self.verdict(beside(seen, self.text(code))).flatten()
        return logits


class LightEnlarger(nn.Module):
    """Twice the edge for two cores: what it makes of picture and code corrects the picture enlarged.

    It begins near tanh of that: as Mathieu et al. 2016 add to a guess. width: maps at the small size. text: numbers
    that the code becomes.
    """

    times: ClassVar[int] = 2

    def __init__(self, size_px: int, channels: int, code: int, *, width: int = 32, text: int = 64) -> None:
        super().__init__()
        self.text = nn.Linear(code, text)
        self.look = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1), nn.LeakyReLU(SLOPE),
            nn.Conv2d(width, 2 * width, 4, 2, 1), nn.LeakyReLU(SLOPE),
            nn.Conv2d(2 * width, 4 * width, 4, 2, 1), nn.LeakyReLU(SLOPE),
        )  # fmt: skip
        self.join = nn.Sequential(
            nn.Conv2d(4 * width + text, 4 * width, 1, bias=False), nn.BatchNorm2d(4 * width), nn.ReLU()
        )
        self.refine = nn.Sequential(_Residual(4 * width), _Residual(4 * width))
        maps = (4 * width, 2 * width, width, width // 2)
        self.up = nn.Sequential(*_up(maps), nn.Conv2d(maps[-1], channels, 3, padding=1))

    def forward(self, image_pm1: Tensor, code: Tensor) -> Tensor:
        """image_pm1: (B, channels, H, W) in [-1, 1]. code: (B, code). Gives (B, channels, 2 H, 2 W) in [-1, 1]."""
        text = functional.leaky_relu(self.text(code), SLOPE)
        change = self.up(self.refine(self.join(beside(self.look(image_pm1), text)))).float()
        whole = functional.interpolate(image_pm1.float(), scale_factor=2.0, mode="bilinear", align_corners=False)
        return (change + whole.clamp(-NEARLY_ONE, NEARLY_ONE).atanh()).tanh()


class Stacked(nn.Module):
    """A first generator and what enlarges its pictures, as one: latents and codes to pictures of ``size_px``.

    second: None where it has not learned yet: pictures are interpolated.
    """

    def __init__(self, first: nn.Module, second: nn.Module | None, size_px: int) -> None:
        super().__init__()
        self.first, self.second, self.size_px = first, second, size_px
        self.latent: int = first.latent  # type: ignore[assignment]

    def forward(self, latent: Tensor, code: Tensor) -> Tensor:
        """latent: (B, latent). code: (B, code). Gives (B, channels, size_px, size_px) in [-1, 1]."""
        small: Tensor = self.first(latent, code)
        if self.second is not None:
            large: Tensor = self.second(small, code)
            return large
        return functional.interpolate(small, self.size_px, mode="bilinear", align_corners=False)


def none(size_px: int, channels: int, code: int) -> None:
    """No second generator: the first one makes pictures of the size that is wanted."""


TEXT_ENLARGERS: dict[str, Callable[..., Any]] = {
    "none": none, "light": LightEnlarger, "stackgan": StackGanEnlarger,
}  # fmt: skip
