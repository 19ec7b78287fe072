"""Every color transfer behind one signature: pictures, and the options of the method."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from limner.colors.classic import FITS
from limner.colors.spaces import lab_to_srgb, srgb_to_lab
from limner.foundation.errors import UserError
from limner.foundation.machine.threads import in_one_order
from limner.foundation.nearest import did_you_mean
from limner.photos.hidden import fill_hidden
from limner.recolor.methods.global_map import GlobalOptions
from limner.recolor.methods.histogram_analogy import NAME as ANALOGY
from limner.recolor.methods.histogram_analogy import AnalogyOptions
from limner.recolor.methods.pictures import Pictures
from limner.recolor.methods.recolored import Recolored
from limner.recolor.methods.sct import SctOptions
from limner.recolor.methods.superpixel import SuperpixelOptions

Options = SuperpixelOptions | SctOptions | GlobalOptions | AnalogyOptions
"""A method with all that decides what it does: ``transfer`` does it."""


METHODS: dict[str, Options] = {
    "superpixel": SuperpixelOptions(),
    "sct": SctOptions(),
    **{name: GlobalOptions(name, fit) for name, fit in FITS.items()},
    "idt-regrain": GlobalOptions("idt", FITS["idt"], smoothness=1.0),
    ANALOGY: AnalogyOptions(),
}
"""Every method by its name, with its usual options; `dataclasses.replace` gives others."""


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
    method: str | Options = "superpixel",
    *,
    strength: float = 1.0,
    keep_luminance: bool = False,
    target_mask: Tensor | None = None,
    target_seen: Tensor | None = None,
    reference_masks: Sequence[Tensor | None] = (),
    reference_weights: Sequence[float] = (),
) -> Recolored:
    """A picture in the colors of another, or of several.

    target: (3, H, W) float32, gamma-encoded, 0..1. references: one such, or several, of any sizes. method: a key of
    `METHODS`, or the options of one, such as ``SuperpixelOptions(palette=0.7)``. strength: 0 gives the target back, 1
    the whole transfer; between, a mix of the two. keep_luminance: take only the colors (a and b of CIELAB) of the
    result, the lightness of the target. target_mask: (H, W) float 0..1, where to change the target and by how much.
    target_seen: (H, W) bool, False where the target is transparent: what stands there changes nothing elsewhere, and
    stays. reference_masks: for each reference one of which pixels its colors may be taken from, or None.
    reference_weights: how much each reference counts beside the others, numbers above 0.

    >>> photo, look = torch.rand(3, 40, 50), torch.rand(3, 30, 30) ** 2
    >>> transfer_color(photo, look, "mkl").picture.shape
    torch.Size([3, 40, 50])

    Raises `UserError` for a method or a mask that cannot be.
    """
    options = method_options(method)
    looks = [references] if isinstance(references, Tensor) else references
    pictures = Pictures(target, looks, target_mask, target_seen, reference_masks, reference_weights)
    return transfer(pictures, options, Mix(strength, keep_luminance))


def method_options(method: str | Options) -> Options:
    """The usual options of the method of that name, or those that are given. Raises `UserError` for an unknown name."""
    if not isinstance(method, str):
        return method
    if method not in METHODS:
        raise UserError(f"no method is called {method!r}; {did_you_mean(method, METHODS)}")
    return METHODS[method]


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
    weights = pictures.reference_weights
    if weights and (len(weights) != len(masks) or not all(0 < weight < math.inf for weight in weights)):
        raise UserError(f"weights {list(weights)} for {len(masks)} references; give each a number above 0, or none any")
    checked = zip(
        [pictures.target, *pictures.references, pictures.target],
        [pictures.target_mask, *masks, pictures.target_seen],
        strict=True,
    )
    for picture, mask in checked:
        if mask is not None and mask.shape != picture.shape[1:]:
            sizes = [f"{shape[0]} x {shape[1]}" for shape in (mask.shape, picture.shape[1:])]
            raise UserError(f"a mask of {sizes[0]} pixels for a picture of {sizes[1]}; a mask has its picture's size")
