"""Styles of a trained StyleGAN2 at work: mixed, edited along directions that its weights name, found for a picture."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from limner.foundation.draws import Draws
from limner.foundation.errors import UserError
from limner.generate.making.predictor import BATCH, PictureGenerator
from limner.generate.networks.stylegan2.generator import StyledLayer, StyleGAN2Generator, ToPicture
from limner.nn.finite import finite

COARSE_PX = 8
"""Up to which side the first picture of a mixture gives the styles: these say what stands where."""
MEASURED = 1024
"""Styles by which a direction's standard deviation is measured."""


def styled_network(generator: PictureGenerator, option: str) -> StyleGAN2Generator:
    """The network of a generator that has styles. Raises `UserError` for another, which names ``option``."""
    if generator.styled is None:
        raise UserError(f"{option}: the run's generator has no styles; leave it out, or train generate/stylegan2-light")
    return generator.styled


def paint(generator: PictureGenerator, styles: Tensor) -> Tensor:
    """(n, channels, S, S) float32 in [0, 1] on the CPU: the pictures of styles (n, layers, style)."""
    network = styled_network(generator, "styles")
    parts = []
    for start in range(0, len(styles), BATCH):
        with torch.inference_mode():
            image_pm1 = network.synthesize(styles[start : start + BATCH].to(generator.device))
            parts.append(((finite(image_pm1, "the generator") + 1) / 2).clamp(0, 1).cpu())
    return torch.cat(parts)


def mixed(generator: PictureGenerator, numbers: Sequence[int], *, seed: int = 0) -> Tensor:
    """Style mixing (Karras et al. 2019, sec. 3.1) of every two of pictures k of a seed: (n + 1, n + 1, C, S, S).

    The first row and the first column are the pictures themselves, but for the corner, which is black. A picture within
    takes the styles up to `COARSE_PX` from its row, and those of all larger sides from its column.

    numbers: two or more. Values in [0, 1]. Raises `UserError` for a run without styles and for fewer pictures.
    """
    network = styled_network(generator, "--mix")
    if len(numbers) < 2:
        raise UserError(f"--mix {','.join(map(str, numbers))}: needed: two pictures or more, such as --mix 0,3")
    coarse = 2 * (COARSE_PX.bit_length() - 2) - 1  # one style at 4 px, two for every larger side
    with torch.inference_mode():
        latents = generator.latents(numbers, seed=seed).to(generator.device)
        labels = generator.labels(numbers, seed=seed)
        label = None if labels is None else labels.to(generator.device)
        styles = network.styles(latents, label, generator.truncation)
    rows = [torch.cat([one[:coarse].expand(len(styles), -1, -1), styles[:, coarse:]], dim=1) for one in styles]
    made = paint(generator, torch.cat([styles, *rows]))
    count = len(numbers)
    alone, cells = made[:count], made[count:].unflatten(0, (count, count))
    top = torch.cat([torch.zeros_like(alone[:1]), alone])
    return torch.cat([top[None], torch.cat([alone[:, None], cells], dim=1)])


def directions(network: StyleGAN2Generator) -> Tensor:
    """(style, style) float32: rows of length 1, along which styles change most of what the layers do, first the most.

    Closed-form factorization (Shen and Zhou, "Closed-Form Factorization of Latent Semantics in GANs", CVPR 2021): the
    eigenvectors of A^T A, where A stacks the weights by which all layers take their scales from a style. Each row's
    number of largest size is above 0, so that signs are the same everywhere.
    """
    layers = [each for each in network.modules() if isinstance(each, StyledLayer | ToPicture)]
    stacked = torch.cat([each.affine.weight.detach().double().cpu() for each in layers])
    stacked = stacked / stacked.norm(dim=1, keepdim=True)
    _, vectors = torch.linalg.eigh(stacked.T @ stacked)
    rows = vectors.T.flip(0)
    largest = rows.gather(1, rows.abs().argmax(1, keepdim=True))
    return (rows * largest.sign()).float()


def edited(generator: PictureGenerator, edits: Mapping[int, float]) -> PictureGenerator:
    """The same generator, whose styles are moved along `directions` by so many standard deviations.

    edits: by a direction's number, from 0. Raises `UserError` for a run without styles and for a direction that it does
    not have.
    """
    if not edits:
        return generator
    network = styled_network(generator, "--edit")
    for number in edits:
        if not 0 <= number < network.style:
            raise UserError(f"--edit {number}=...: there is no such direction; choose 0 to {network.style - 1}")
    found = directions(network)
    draws = Draws(0, torch.device("cpu")).of("directions")
    numbers = torch.randint(1 << 30, (MEASURED,), generator=draws).tolist()
    with torch.inference_mode():
        latents = generator.latents(numbers).to(generator.device)
        labels = generator.labels(numbers)
        styles = network.mapped(latents, None if labels is None else labels.to(generator.device)).cpu()
    moved = torch.zeros(network.style)
    for number, strength in edits.items():
        moved += strength * (styles @ found[number]).std() * found[number]
    return dataclasses.replace(generator, edit=moved)
