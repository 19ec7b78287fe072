"""Every color transfer behind one signature: pictures, and the options of the method."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from limner.colors.classic import FITS
from limner.colors.spaces import lab_to_srgb, srgb_to_lab
from limner.foundation.errors import UserError
from limner.foundation.nearest import did_you_mean
from limner.foundation.threads import in_one_order
from limner.photos.hidden import fill_hidden
from limner.recolor.methods.global_map import GlobalOptions
from limner.recolor.methods.pictures import Pictures
from limner.recolor.methods.recolored import Recolored
from limner.recolor.methods.sct import SctOptions
from limner.recolor.methods.superpixel import SuperpixelOptions

Options = SuperpixelOptions | SctOptions | GlobalOptions
"""A method with all that decides what it does: ``transfer`` does it."""


def _global_options(name: str, smoothness: float = 0.0, **settings: Any) -> GlobalOptions:
    """settings: of the fit."""
    fit = FITS[name]
    known = [*inspect.signature(fit).parameters][2:]  # behind both clouds of colors
    _check_settings(name, settings, [*known, "smoothness"])
    return GlobalOptions(name, partial(fit, **settings) if settings else fit, smoothness)


METHODS: dict[str, Callable[..., Options]] = {
    "superpixel": SuperpixelOptions,
    "sct": SctOptions,
    **{name: partial(_global_options, name) for name in FITS},
    "idt-regrain": partial(_global_options, "idt", smoothness=1.0),
}
"""What makes the options of each method from settings by their names."""


@dataclass(frozen=True)
class Mix:
    """How much of a transfer is taken. strength: 0 gives the target back, 1 the whole transfer; between, a mix of the
    two. keep_luminance: take only the colors (a and b of CIELAB) of the result, the lightness of the target.

    Raises `UserError` for a strength beyond 0 to 1.
    """

    strength: float = 1.0
    keep_luminance: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.strength <= 1:
            raise UserError(f"strength is {self.strength:g}; needed: 0 (nothing changes) to 1")

    def of(self, target: Tensor, result: Tensor, mask: Tensor | None = None) -> Tensor:
        """The target on its way to a result: by the strength, times a mask (H, W) of 0..1; all pictures (3, H, W).

        Pixels that nothing changes stay bit for bit.
        """
        share = self.strength if mask is None else self.strength * mask
        picture = result if mask is None and self.strength == 1 else target + share * (result - target)
        if not self.keep_luminance:
            return picture
        colored = lab_to_srgb(torch.cat([srgb_to_lab(target)[:1], srgb_to_lab(picture)[1:]]))
        return torch.where((picture == target).all(0), target, colored)


WHOLE = Mix()


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
    **settings: Any,
) -> Recolored:
    """A picture in the colors of another, or of several.

    target: (3, H, W) float32, gamma-encoded, 0..1. references: one such, or several, of any sizes. method: a key of
    `METHODS`. strength: 0 gives the target back, 1 the whole transfer; between, a mix of the two. keep_luminance: take
    only the colors (a and b of CIELAB) of the result, the lightness of the target. target_mask: (H, W) float 0..1,
    where to change the target and by how much. target_seen: (H, W) bool, False where the target is transparent: what
    stands there changes nothing elsewhere, and stays. reference_masks: for each reference one of which pixels its
    colors may be taken from, or None. settings: the method's own: the fields of `SuperpixelOptions` or `SctOptions`, or
    what the fit of a global method takes.

    >>> photo, look = torch.rand(3, 40, 50), torch.rand(3, 30, 30) ** 2
    >>> transfer_color(photo, look, "mkl").picture.shape
    torch.Size([3, 40, 50])

    Raises `UserError` for a method, an option or a mask that cannot be.
    """
    options = options_of(method, settings)
    looks = [references] if isinstance(references, Tensor) else references
    pictures = Pictures(target, looks, target_mask, target_seen, reference_masks)
    return transfer(pictures, options, Mix(strength, keep_luminance))


def options_of(method: str, settings: dict[str, Any]) -> Options:
    """The options of a method from settings by their names. Raises `UserError` for an unknown one of either."""
    if method not in METHODS:
        raise UserError(f"no method is called {method!r}; {did_you_mean(method, METHODS)}")
    make = METHODS[method]
    if isinstance(make, type):
        _check_settings(method, settings, [item.name for item in fields(make)])
    return make(**settings)


def _check_settings(method: str, given: dict[str, Any], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            raise UserError(f"{name} is no option of the method {method}; {did_you_mean(name, known)}")


def transfer(pictures: Pictures, options: Options, mix: Mix = WHOLE) -> Recolored:
    """`transfer_color`, of pictures and options that are made."""
    if not pictures.references:
        raise UserError("no reference; give at least one picture whose colors to take")
    _check_masks(pictures)
    target, seen, change = pictures.target, pictures.target_seen, pictures.target_mask
    if seen is not None:
        change = seen.to(target) if change is None else change * seen
        pictures = replace(pictures, target=fill_hidden(target, seen), target_mask=change)
    with in_one_order():
        done = options.transfer(pictures)
    return replace(done, picture=mix.of(target, done.picture, change))


def _check_masks(pictures: Pictures) -> None:
    masks = list(pictures.reference_masks or [None] * len(pictures.references))
    if len(pictures.references) != len(masks):
        raise UserError(f"{len(masks)} masks for {len(pictures.references)} references; give one for each, or none")
    checked = zip(
        [pictures.target, *pictures.references, pictures.target],
        [pictures.target_mask, *masks, pictures.target_seen],
        strict=True,
    )
    for picture, mask in checked:
        if mask is not None and mask.shape != picture.shape[1:]:
            sizes = [f"{shape[0]} x {shape[1]}" for shape in (mask.shape, picture.shape[1:])]
            raise UserError(f"a mask of {sizes[0]} pixels for a picture of {sizes[1]}; a mask has its picture's size")
