"""``limner generate RUN --like PICTURE``: the latent whose picture is most like a given one, and how like it is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from limner.datasets.pictures.decoding import decode
from limner.datasets.pictures.fitting import fitted
from limner.datasets.pictures.several import tell_several
from limner.foundation.errors import UserError
from limner.generate.making.options import By
from limner.generate.making.predictor import PictureGenerator
from limner.generate.making.styles import paint, styled_network
from limner.generate.networks.stylegan2.generator import StyleGAN2Generator

CANDIDATES = 256
"""Pictures of the prior that are looked at first; the nearest ones are where the search begins."""
STARTS = 4
STEPS = 200
RATE = 0.05
COARSENESS = (1, 2, 4)
"""Sides of the squares whose mean colors are compared: the latent is first led by large ones, where a car stands."""


@dataclass(frozen=True)
class Likeness:
    """What was found.

    latent: (1, latent) float32; of a run with styles, the style (1, style). given, found: (1, C, S, S) float32 in 0..1.
    error: the root mean square of their difference, in gray levels of 255. chance: that of the nearest of `CANDIDATES`
    pictures of the prior: what no search at all would have found.
    """

    latent: Tensor
    given: Tensor
    found: Tensor
    error: float
    chance: float
    by: str

    def sentence(self) -> str:
        """The error beside what it is to be compared with."""
        return (
            f"by {self.by}: differs by {self.error:.1f} of 255 gray levels (root mean square); the nearest of "
            f"{CANDIDATES} pictures made at random by {self.chance:.1f}"
        )


def find_like(generator: PictureGenerator, picture: Path, by: By, *, seed: int = 0) -> Likeness:
    """The latent of ``picture``, by the run's encoder or by optimization.

    ``auto`` takes the encoder where there is one. Optimization begins at the pictures of the prior nearest to the given
    one, and at the encoder's where there is one, and goes down the squared difference of pixels and of their means over
    squares of 2 and 4 px by Adam; latents stay where the prior draws them.

    Raises `UserError` for a run with classes, for a picture that cannot be read, and for an encoder that is not there.
    """
    if generator.class_names:
        raise UserError("--like: the run has classes, and whose latent it would be is not known; leave --like out")
    if by == "encoder" and generator.encoder is None:
        generator.encode(torch.empty(0))  # says what is missing
    given = read_like(generator, picture)
    if generator.styled is not None:
        return find_style(generator, given, seed=seed)
    latents = generator.latents(range(CANDIDATES), seed=seed)
    differences = difference(generator.decode(latents, as_they_are=True), given)
    chance = float(differences.min())
    starts = latents[differences.argsort()[:STARTS]]
    if generator.encoder is not None and by != "optimization":
        latent, how = generator.encode(given), "encoder"
    else:
        if generator.encoder is not None:
            starts = torch.cat([generator.encode(given), starts])
        latent, how = optimize(generator, starts, given), "optimization"
    found = generator.decode(latent, as_they_are=True)
    return Likeness(latent, given, found, float(difference(found, given)), chance, how)


def find_style(generator: PictureGenerator, given: Tensor, *, seed: int = 0) -> Likeness:
    """The style w of ``given``, (1, C, S, S) float32 in 0..1, by optimization (Karras et al. 2020, sec. 5): one style
    for all layers, from the mean style and from those of the nearest pictures of the prior; the noise stays as it is.
    """
    network = styled_network(generator, "--like")
    with torch.inference_mode():
        styles = network.mapped(generator.latents(range(CANDIDATES), seed=seed).to(generator.device))
    styles = styles.clone()  # out of inference mode, so that a search may begin there
    differences = difference(paint(generator, _for_all_layers(network, styles)), given)
    nearest = styles[differences.argsort()[: STARTS - 1].to(styles.device)]
    starts = torch.cat([network.mean_style[None], nearest])

    def make(style: Tensor) -> Tensor:
        return network.synthesize(_for_all_layers(network, style))

    ends = search(generator, make, starts, given)
    candidates = torch.cat([ends, starts])
    found = paint(generator, _for_all_layers(network, candidates))
    best = int(difference(found, given).argmin())
    error = float(difference(found[[best]], given))
    return Likeness(
        candidates[[best]].cpu(), given, found[[best]], error, float(differences.min()), "optimization of a style"
    )


def _for_all_layers(network: StyleGAN2Generator, style: Tensor) -> Tensor:
    return style[:, None].expand(-1, network.layers, -1)


def read_like(generator: PictureGenerator, picture: Path) -> Tensor:
    """(1, C, S, S) float32 in 0..1: a picture as the run would learn from it."""
    if not picture.is_file():
        raise UserError(f"--like {picture}: no such file; give a picture")
    tell_several([picture])
    image = fitted(decode(picture, generator.colors), generator.size_px, generator.fit)
    pixels = torch.from_numpy(np.array(image)).float() / 255
    return (pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1))[None]


def digest_of(image01: Tensor) -> str:
    """The first 16 hexadecimal digits of a SHA-256 over a picture's numbers."""
    return hashlib.sha256(image01.numpy().tobytes()).hexdigest()[:16]


def difference(image01: Tensor, given: Tensor) -> Tensor:
    """(n,): the root mean square difference of each picture from the given one, in gray levels of 255."""
    return 255 * (image01 - given).square().mean((1, 2, 3)).sqrt()


def optimize(generator: PictureGenerator, starts: Tensor, given: Tensor) -> Tensor:
    """(1, latent): the best of where the search from each of ``starts`` (k, latent) ends."""
    prior = generator.prior.name
    ends = search(generator, lambda latent: generator.network(keep_to_prior(latent, prior)), starts, given)
    latents = keep_to_prior(ends, prior).cpu()
    candidates = torch.cat([latents, starts])  # never worse than where it began
    return candidates[[int(difference(generator.decode(candidates, as_they_are=True), given).argmin())]]


def search(generator: PictureGenerator, make: Callable[[Tensor], Tensor], starts: Tensor, given: Tensor) -> Tensor:
    """(k, d) on the generator's device: where Adam leads ``starts`` (k, d), of which ``make`` makes pictures in -1..1,
    down the squared difference from ``given``, (1, C, S, S) in 0..1, at several coarsenesses."""
    wanted = (given * 2 - 1).to(generator.device)
    learned = starts.to(generator.device).clone().requires_grad_()
    mover = torch.optim.Adam([learned], lr=RATE)
    kept = [parameter.requires_grad for parameter in generator.network.parameters()]
    generator.network.requires_grad_(False)
    try:
        for number in range(STEPS):
            mover.param_groups[0]["lr"] = RATE * (1 - number / STEPS)
            mover.zero_grad(set_to_none=True)
            made = make(learned)
            apart = [_pooled(made, side) - _pooled(wanted, side) for side in COARSENESS]
            torch.stack([each.square().mean((1, 2, 3)) for each in apart]).sum().backward()
            mover.step()
    finally:
        for parameter, learns in zip(generator.network.parameters(), kept, strict=True):
            parameter.requires_grad_(learns)
    return learned.detach()


def keep_to_prior(latent: Tensor, prior: str) -> Tensor:
    """Latents where a prior draws them: in its cube, on its sphere, or of normal numbers no longer than it draws."""
    if prior == "uniform":
        return latent.clamp(-1, 1)
    if prior == "sphere":
        return functional.normalize(latent, dim=1)
    usual = latent.shape[1] ** 0.5  # the length of latents of normal numbers, give or take 0.7
    return latent * (usual / latent.norm(dim=1, keepdim=True).clamp(min=usual))


def _pooled(image: Tensor, side: int) -> Tensor:
    return functional.avg_pool2d(image, side) if side > 1 else image
