"""Every color transfer behind one signature: a target, references, masks, and what the method itself takes."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from limner.colors.classic import FITS
from limner.colors.color_map import ColorMap
from limner.colors.spaces import lab_to_srgb, srgb_to_lab
from limner.foundation.errors import UserError
from limner.foundation.stopwatch import Stopwatch
from limner.photos.hidden import fill_hidden
from limner.recolor.fusion.regrain import regrain
from limner.recolor.methods.recolored import Recolored
from limner.recolor.methods.sct import sct
from limner.recolor.methods.superpixel import superpixel

FITTED_PX = 2**17
"""Pixels of each side that a global map is fitted to: more change nothing that an eye or a score would see."""
HALF = 0.5

Method = Callable[..., Recolored]
"""``method(target, references, *, target_mask=None, target_seen=None, reference_masks=(), **options)``: pictures
(3, H, W) float32, masks (H, W) float 0..1 or None, target_seen (H, W) bool or None."""


def transfer_color(
    target: Tensor,
    references: Tensor | Sequence[Tensor],
    method: str = "superpixel",
    *,
    strength: float = 1.0,
    keep_luminance: bool = False,
    target_mask: Tensor | None = None,
    target_seen: Tensor | None = None,
    reference_masks: Sequence[Tensor | None] = (),
    **options: Any,
) -> Recolored:
    """A picture in the colors of another, or of several.

    target: (3, H, W) float32, gamma-encoded, 0..1. references: one such, or several, of any sizes. method: a key of
    `METHODS`. strength: 0 gives the target back, 1 the whole transfer; between, a mix of the two. keep_luminance: take
    only the colors (a and b of CIELAB) of the result, the lightness of the target. target_mask: (H, W) float 0..1,
    where to change the target and by how much. target_seen: (H, W) bool, False where the target is transparent: what
    stands there changes nothing elsewhere, and stays. reference_masks: for each reference one of which pixels its
    colors may be taken from, or None. options: the method's own.

    >>> photo, look = torch.rand(3, 40, 50), torch.rand(3, 30, 30) ** 2
    >>> transfer_color(photo, look, "mkl").picture.shape
    torch.Size([3, 40, 50])

    Raises `UserError` for a method, an option or a mask that cannot be.
    """
    if method not in METHODS:
        close = difflib.get_close_matches(method, METHODS, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise UserError(f"no method is called {method!r}{hint}; there are {', '.join(METHODS)}")
    if not 0 <= strength <= 1:
        raise UserError(f"strength is {strength:g}; needed: 0 (nothing changes) to 1")
    looks = [references] if isinstance(references, Tensor) else list(references)
    if not looks:
        raise UserError("no reference; give at least one picture whose colors to take")
    masks = list(reference_masks) or [None] * len(looks)
    _check_masks([target, *looks], [target_mask, *masks])
    if target_seen is None:
        done = METHODS[method](target, looks, target_mask=target_mask, reference_masks=masks, **options)
        return replace(done, picture=mixed(target, done.picture, strength, keep_luminance, target_mask))
    _check_masks([target], [target_seen])
    change = target_seen.to(target) if target_mask is None else target_mask * target_seen
    done = METHODS[method](
        fill_hidden(target, target_seen),
        looks,
        target_mask=change,
        target_seen=target_seen,
        reference_masks=masks,
        **options,
    )
    return replace(done, picture=mixed(target, done.picture, strength, keep_luminance, change))


def fit_colors(
    name: str,
    target: Tensor,
    references: Sequence[Tensor],
    *,
    target_mask: Tensor | None = None,
    reference_masks: Sequence[Tensor | None] = (),
    **options: Any,
) -> ColorMap:
    """The map of the global method ``name``, a key of `limner.colors.classic.FITS`, from the pixels that masks leave.

    Arguments as those of `transfer_color`.
    """
    masks = list(reference_masks) or [None] * len(references)
    share = max(1, FITTED_PX // len(references))
    looks = [_colors(picture, mask, share) for picture, mask in zip(references, masks, strict=True)]
    return FITS[name](_colors(target, target_mask, FITTED_PX), torch.cat(looks, dim=1), **options)


def _globally(
    name: str,
    target: Tensor,
    references: Sequence[Tensor],
    *,
    smoothness: float = 0.0,
    target_mask: Tensor | None = None,
    target_seen: Tensor | None = None,  # is in the mask, too
    reference_masks: Sequence[Tensor | None] = (),
    **options: Any,
) -> Recolored:
    """A global method on a whole picture, the target's fine structure put back where ``smoothness`` is above 0."""
    watch = Stopwatch(target.device)
    with watch.stage("fit"):
        color_map = fit_colors(
            name, target, references, target_mask=target_mask, reference_masks=reference_masks, **options
        )
    with watch.stage("apply"):
        picture = color_map(target.flatten(1)).view_as(target)
    if smoothness > 0:
        with watch.stage("regrain"):
            picture = regrain(target, picture, smoothness)
    return Recolored(picture, name, watch.seconds, color_map=color_map)


METHODS: dict[str, Method] = {
    "superpixel": superpixel,
    "sct": sct,
    **{name: partial(_globally, name) for name in FITS},
    "idt-regrain": partial(_globally, "idt", smoothness=1.0),
}


def counted(mask: Tensor) -> Tensor:
    """(H, W) bool: the pixels of which a mask leaves half, or if there are none anything."""
    half = mask >= HALF
    return half if bool(half.any()) else mask > 0


def _colors(picture: Tensor, mask: Tensor | None, most: int) -> Tensor:
    """(3, n) of the pixels that are `counted`; evenly thinned to ``most``."""
    colors = picture.flatten(1) if mask is None else picture[:, counted(mask)]
    if colors.shape[1] == 0:
        raise UserError(
            "a mask leaves no visible pixel; needed: some white in it, where the picture is not transparent"
        )
    return colors[:, :: -(-colors.shape[1] // most)]


def mixed(target: Tensor, result: Tensor, strength: float, keep_luminance: bool, mask: Tensor | None) -> Tensor:
    """The target on its way to a result: by ``strength`` 0..1, times a mask (H, W) of 0..1; all pictures (3, H, W).

    keep_luminance: with the target's own L of CIELAB, whatever the strength. Pixels that nothing changes stay bit for
    bit.
    """
    share = strength if mask is None else strength * mask
    picture = result if mask is None and strength == 1 else target + share * (result - target)
    if not keep_luminance:
        return picture
    colored = lab_to_srgb(torch.cat([srgb_to_lab(target)[:1], srgb_to_lab(picture)[1:]]))
    return torch.where((picture == target).all(0), target, colored)


def _check_masks(pictures: Sequence[Tensor], masks: Sequence[Tensor | None]) -> None:
    if len(pictures) != len(masks):
        raise UserError(f"{len(masks) - 1} masks for {len(pictures) - 1} references; give one for each, or none")
    for picture, mask in zip(pictures, masks, strict=True):
        if mask is not None and mask.shape != picture.shape[1:]:
            sizes = [f"{shape[0]} x {shape[1]}" for shape in (mask.shape, picture.shape[1:])]
            raise UserError(f"a mask of {sizes[0]} pixels for a picture of {sizes[1]}; a mask has its picture's size")
