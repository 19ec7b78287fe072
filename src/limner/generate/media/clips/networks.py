"""The networks of VGAN: a moving foreground over a background that stands still, and a discriminator of clips.

Vondrick, Pirsiavash and Torralba, "Generating Videos with Scene Dynamics", NeurIPS 2016. Layers, conditions and losses
by the authors' code, which has no licence: facts alone are taken from it.
"""

from collections.abc import Callable
from itertools import pairwise
from math import log
from typing import NamedTuple

from torch import Tensor, nn

from limner.foundation.errors import UserError
from limner.generate.media.clips.sizes import SIZES_PX

BOTTOM, SLOPE = 4, 0.2
CLIP_GIVEN = ("size_px",)


class Streams(NamedTuple):
    """What a clip is made of. clip, moving: (B, 3, T, S, S) in [-1, 1]. mask: (B, 1, T, S, S) in [0, 1], background:
    (B, 3, 1, S, S) in [-1, 1]; None with one stream."""

    clip: Tensor
    moving: Tensor
    mask: Tensor | None = None
    background: Tensor | None = None


def stage_maps(size_px: int, width: int) -> list[int]:
    """Maps from 4 px up to half of the size: 512, 256, 128 and 64 at 64 px and width 64."""
    if size_px not in SIZES_PX:
        raise UserError(f"data.size_px is {size_px}; it must be one of {', '.join(map(str, SIZES_PX))}")
    stages = (size_px // BOTTOM).bit_length() - 1
    return [width * 2**stage for stage in reversed(range(stages))]


def _grown(maps: list[int], kind: type[nn.Module], norm: type[nn.Module]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for before, after in pairwise(maps):
        layers += [kind(before, after, 4, 2, 1), norm(after), nn.ReLU(inplace=True)]
    return layers


class ClipGenerator(nn.Module):
    """clip = mask * moving + (1 - mask) * background: what moves by 3-D transposed convolutions, the rest by 2-D ones.

    Latents become 2 x 4 x 4 places of 512 maps at 64 px; each layer of 4 x 4 x 4 with stride 2 doubles frames and sides
    and halves the maps, with batch normalization and ReLU; at half of the size two heads make colors (tanh) and mask
    (sigmoid). The background is a picture by the same plan in two dimensions, for all frames. With ``still``, clips go
    on from a given first frame: 4 x 4 convolutions of it, each halving the sides, stand in place of the latent, and a
    transposed convolution of 2 x 1 x 1 begins the time.

    size_px: 16, 32, 64 or 128; half as many frames. latent: numbers in a latent. width: maps at half of the size, 64 in
    the paper, 128 with stills. streams: 2, or 1: the moving one alone, as the paper's bar has it. still: whether a
    first frame is given; latents then mean nothing. moves: how much of a clip the moving stream is before anything is
    learned, 0.5 in the paper: of less, the background stands still from the beginning.
    """

    def __init__(
        self,
        size_px: int,
        *,
        latent: int = 100,
        width: int = 64,
        streams: int = 2,
        still: bool = False,
        moves: float = 0.5,
    ) -> None:
        super().__init__()
        if not 0 < moves < 1:
            raise UserError(f"generator.moves is {moves:g}; needed: a share above 0 and below 1")
        if streams not in (1, 2):
            raise UserError(f"generator.streams is {streams}; it must be 1 or 2")
        self.size_px, self.latent, self.still, self.offset = size_px, latent, still, log(moves / (1 - moves))
        maps = stage_maps(size_px, width)
        first: nn.Module
        if still:
            down: list[nn.Module] = [nn.Conv2d(3, maps[-1], 4, 2, 1), nn.LeakyReLU(SLOPE, inplace=True)]
            for before, after in pairwise(reversed(maps)):
                down += [nn.Conv2d(before, after, 4, 2, 1), nn.BatchNorm2d(after), nn.LeakyReLU(SLOPE, inplace=True)]
            self.encode = nn.Sequential(*down)
            first = nn.ConvTranspose3d(maps[0], maps[0], (2, 1, 1))
        else:
            first = nn.ConvTranspose3d(latent, maps[0], (2, BOTTOM, BOTTOM))
        self.move = nn.Sequential(
            first, nn.BatchNorm3d(maps[0]), nn.ReLU(inplace=True), *_grown(maps, nn.ConvTranspose3d, nn.BatchNorm3d)
        )
        self.colors = nn.ConvTranspose3d(maps[-1], 3, 4, 2, 1)
        self.mask = nn.ConvTranspose3d(maps[-1], 1, 4, 2, 1) if streams == 2 else None
        if streams == 2:
            begin: list[nn.Module] = []
            if not still:
                begin = [nn.ConvTranspose2d(latent, maps[0], BOTTOM), nn.BatchNorm2d(maps[0]), nn.ReLU(inplace=True)]
            grown = _grown(maps, nn.ConvTranspose2d, nn.BatchNorm2d)
            self.stand = nn.Sequential(*begin, *grown, nn.ConvTranspose2d(maps[-1], 3, 4, 2, 1))

    def forward(self, latent: Tensor, still: Tensor | None = None) -> Streams:
        """latent: (B, latent). still: (B, 3, S, S) in [-1, 1], of a network that is given one."""
        if self.still:
            assert still is not None  # the task gives one
            code = self.encode(still)  # (B, maps, 4, 4)
        else:
            code = latent[:, :, None, None]
        x = self.move(code[:, :, None])
        moving = self.colors(x).float().tanh()
        if self.mask is None:
            return Streams(moving, moving)
        mask = (self.mask(x).float() + self.offset).sigmoid()
        background = self.stand(code).float().tanh()[:, :, None]
        return Streams(mask * moving + (1 - mask) * background, moving, mask, background)


class ClipDiscriminator(nn.Module):
    """Clips in, logits out: 3-D convolutions of 4 x 4 x 4 with stride 2, with leaky ReLU 0.2.

    Batch normalization stands behind all of them but the first. width: maps at half of the size. logits: 2 as the
    authors have it, of which the difference is the logit (softmax of two is the logistic function of it), or 1.
    batch_norm: whether there is any.
    """

    def __init__(self, size_px: int, *, width: int = 64, logits: int = 2, batch_norm: bool = True) -> None:
        super().__init__()
        if logits not in (1, 2):
            raise UserError(f"discriminator.logits is {logits}; it must be 1 or 2")
        maps = [3, *reversed(stage_maps(size_px, width))]
        layers: list[nn.Module] = []
        for before, after in pairwise(maps):
            layers.append(nn.Conv3d(before, after, 4, 2, 1))
            if before > 3 and batch_norm:
                layers.append(nn.BatchNorm3d(after, eps=1e-3))
            layers.append(nn.LeakyReLU(SLOPE))
        self.look = nn.Sequential(*layers)
        self.verdict = nn.Conv3d(maps[-1], logits, (2, BOTTOM, BOTTOM))

    def forward(self, clip: Tensor, still: Tensor | None = None) -> Tensor:
        """clip: (B, 3, T, S, S) in [-1, 1]. Gives logits (B,). A still is not looked at, as in the authors' code."""
        said = self.verdict(self.look(clip)).flatten(1)
        return said[:, 0] if said.shape[1] == 1 else said[:, 1] - said[:, 0]


def shown(clip: Tensor) -> Tensor:
    """(B, 3, T, S, S) in [-1, 1] as frames in order, (B, T, 3, S, S) in [0, 1]."""
    return ((clip.transpose(1, 2) + 1) / 2).clamp(0, 1)


CLIP_GENERATORS: dict[str, Callable[..., nn.Module]] = {"vgan": ClipGenerator}
CLIP_DISCRIMINATORS: dict[str, Callable[..., nn.Module]] = {"vgan": ClipDiscriminator}
