"""A walk from picture to picture through the space of latents, as a GIF or a video."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import torch
from torch import Tensor

from limner.datasets.pictures.gif_writing import write_gif
from limner.datasets.pictures.quantized import as_rgb, quantized
from limner.foundation.errors import UserError
from limner.foundation.files.suffixes import WRITTEN_VIDEOS, ends_with
from limner.foundation.files.writing import replacing
from limner.generate.making.predictor import PictureGenerator
from limner.video.video_writing import write_video

SUFFIXES = (".gif", *WRITTEN_VIDEOS)
RATE = 25
"""Frames a second; a GIF counts in hundredths of a second, of which a frame takes four."""
SHOWN_PX = 256
"""Smaller pictures are enlarged by a whole factor, to about this size."""
PARALLEL = 1e-3
"""Radians: arccos tells no smaller angle from none in float32."""


def slerp(start: Tensor, end: Tensor, share: Tensor) -> Tensor:
    """Points on the arc from one vector to another: sin((1 - t) w) / sin(w) a + sin(t w) / sin(w) b, w their angle.

    Latents of many normal numbers all lie near one sphere; a straight line between two passes far inside it, where a
    generator has learned nothing (White 2016, "Sampling generative networks"). Parallel vectors are joined by a line.

    start, end: (d,) float. share: (n,) from 0 to 1. Returns (n, d).
    """
    cosine = (start @ end / (start.norm() * end.norm()).clamp(min=1e-12)).clamp(-1, 1)
    angle = torch.arccos(cosine)
    if not PARALLEL < float(angle) < torch.pi - PARALLEL:
        return lerp(start, end, share)
    weights = torch.sin(torch.stack([1 - share, share]) * angle) / torch.sin(angle)
    return weights[0, :, None] * start + weights[1, :, None] * end


def lerp(start: Tensor, end: Tensor, share: Tensor) -> Tensor:
    """Points on the line from one vector to another; shapes as of `slerp`."""
    return start + share[:, None] * (end - start)


def closed_path(stops: Tensor, frames: int, *, round_way: bool) -> Tensor:
    """(m, d): from each stop to the next and from the last to the first, the same number of steps each.

    m is the nearest multiple of the number of stops to ``frames``, at least one frame a stop.

    stops: (k, d) float, k at least 2. round_way: on arcs (`slerp`), or straight.
    """
    steps = max(1, round(frames / len(stops)))
    share = torch.arange(steps, dtype=stops.dtype) / steps
    between = slerp if round_way else lerp
    return torch.cat([between(stop, stops[(k + 1) % len(stops)], share) for k, stop in enumerate(stops)])


def write_walk(
    path: Path, generator: PictureGenerator, stops: Tensor, labels: Tensor | None = None, *, seconds: float
) -> int:
    """Write a closed walk through latents, `RATE` frames a second, whole or not at all; gives its number of frames.

    On arcs, or along lines where the prior is uniform, whose cube has no shell. With classes, a frame has that of the
    nearest stop: between classes there is nothing to walk on.

    path: .gif, .mp4, .mov or .mkv. stops: (k, latent) float, k at least 2. labels: (k,) int64.

    Raises `UserError` for another suffix.
    """
    check_suffix(path)
    latents = closed_path(stops, round(seconds * RATE), round_way=generator.prior.name != "uniform")
    steps = len(latents) // len(stops)
    nearest = torch.arange(len(latents)).add(steps // 2).div(steps, rounding_mode="floor") % len(stops)
    frames = _frames(generator, latents, None if labels is None else labels[nearest])
    if path.suffix.lower() == ".gif":
        with replacing(path) as temporary:
            write_gif(temporary, (frame.permute(1, 2, 0).numpy() for frame in frames), 1 / RATE)
    else:
        write_video(path, (frame.float() / 255 for frame in frames), Fraction(RATE))
    return len(latents)


def check_suffix(path: Path) -> None:
    """Raise `UserError` for a name that no walk is written under."""
    if not ends_with(path, SUFFIXES):
        raise UserError(f"--interpolate {path}: walks are written as {', '.join(SUFFIXES)}; give a name that ends so")


def _frames(generator: PictureGenerator, latents: Tensor, labels: Tensor | None) -> Iterator[Tensor]:
    """(3, H, W) uint8 each, enlarged."""
    factor = max(1, SHOWN_PX // generator.size_px)
    for start in range(0, len(latents), 64):
        part = slice(start, start + 64)
        pictures = as_rgb(quantized(generator.decode(latents[part], None if labels is None else labels[part])))
        yield from pictures.repeat_interleave(factor, dim=2).repeat_interleave(factor, dim=3)
