"""What a user may wish of cut-outs: the options of `limner cutouts`, by one set of names. Imports no torch."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from limner.foundation.errors import UserError
from limner.foundation.machine.workers.options import ADDRESS_HELP, check_workers

Crop = Literal["predicted", "mask", "none"]
Background = tuple[int, int, int] | Literal["transparent", "keep"]
GREEN = (51, 255, 51)
"""The background of the study that cut-outs are made for: a green that few objects have."""
LIMITS: dict[str, tuple[Callable[[float], bool], str]] = {
    "margin": (lambda value: 0 <= value < math.inf, "a share of the object's longer edge, such as 0.1"),
    "min_score": (lambda value: 0 <= value <= 1, "0 (whatever is found) to 1"),
    "min_width": (lambda value: value >= 1, "1 px or more"),
    "min_height": (lambda value: value >= 1, "1 px or more"),
    "min_area": (lambda value: value >= 1, "1 px or more"),
    "max_truncation": (lambda value: 0 <= value <= 1, "0 (may not touch the border) to 1 (no limit)"),
    "max_overlap": (lambda value: 0 <= value <= 1, "0 (nothing else in its box) to 1 (no limit)"),
}
"""Of the numbers: what each may be. NaN fits none."""
OF_THE_FILTER = ("min_score", "detect_as", "weights", "filter")


def parse_background(text: str) -> Background:
    """The background that ``#33ff33``, ``51,255,51``, a color's name in CSS, ``transparent`` or ``keep`` means.

    >>> parse_background("#33ff33"), parse_background("0, 0,255"), parse_background("keep")
    ((51, 255, 51), (0, 0, 255), 'keep')

    Raises `UserError` for anything else.
    """
    word = text.strip().lower()
    if word == "transparent":
        return "transparent"
    if word == "keep":
        return "keep"
    if re.fullmatch(r"#[0-9a-f]{6}", word):
        return int(word[1:3], 16), int(word[3:5], 16), int(word[5:7], 16)
    if found := re.fullmatch(r"(\d+)\s*,\s*(\d+)\s*,\s*(\d+)", word):
        red, green, blue = map(int, found.groups())
        if max(red, green, blue) <= 255:
            return red, green, blue
    from PIL import ImageColor  # the names; nothing else in this file needs pictures

    named = ImageColor.colormap.get(word)
    if isinstance(named, str):
        return parse_background(named)
    raise UserError(
        f"--background is '{text}'; needed: #rrggbb, red,green,blue of 0 to 255, the name of a color, transparent or "
        "keep"
    )


def _names(_: Any, tokens: Sequence[Any]) -> tuple[str, ...]:
    return tuple(name.strip() for token in tokens for name in token.value.split(",") if name.strip())


@dataclass(frozen=True)
class CutOutOptions:
    """Which objects become pictures, and how they are cut."""

    background: Annotated[
        str,
        Parameter(
            help="What stands outside the mask: #rrggbb, red,green,blue, a color's name, transparent (RGBA), or keep "
            "(the picture as it is)."
        ),
    ] = "51,255,51"
    crop: Annotated[
        Crop | None,
        Parameter(help="To the predicted box (default, with the filter), to the mask (default without), or none."),
    ] = None
    margin: Annotated[float, Parameter(help="Kept around that box, as a share of its longer edge.")] = 0.0
    min_score: Annotated[float, Parameter(help="How sure Mask R-CNN must be that it sees the object, 0 to 1.")] = 0.9
    no_filter: Annotated[bool, Parameter(negative=(), help="Keep what Mask R-CNN might not recognize.")] = False
    filter: Annotated[
        str | None, Parameter(help="A run of the room detect that judges in the place of COCO's Mask R-CNN.")
    ] = None
    detect_as: Annotated[
        str | None, Parameter(help="The class of COCO that Mask R-CNN is to find (default: the object's own name).")
    ] = None
    weights: Annotated[Path | None, Parameter(help="A file of Mask R-CNN's weights.")] = None
    min_width: Annotated[int, Parameter(help="Least width of an object, in px.")] = 32
    min_height: Annotated[int, Parameter(help="Least height of an object, in px.")] = 32
    min_area: Annotated[int, Parameter(help="Least number of pixels in a mask.")] = 1
    max_truncation: Annotated[
        float, Parameter(help="How much of one side of its box may lie on the picture's border, 0 to 1 (no limit).")
    ] = 1.0
    max_overlap: Annotated[
        float, Parameter(help="How much of its box other instances may cover, 0 to 1 (no limit).")
    ] = 1.0
    split: Annotated[
        tuple[str, ...] | None,
        Parameter(help="Only these parts of the data set, such as train.", converter=_names, n_tokens=1, negative=()),
    ] = None
    regions: Annotated[
        str | None,
        Parameter(help="Masks hold classes, not instances: cut out each connected region of this value or class."),
    ] = None
    upright_labels: Annotated[
        bool,
        Parameter(
            negative=(),
            help="Of pictures that their EXIF turns, labels count the upright picture's pixels (default: the pixels as "
            "stored, where their size does not tell).",
        ),
    ] = False
    workers: Annotated[
        int | str | None,
        Parameter(help="Processes that read and cut (default: one for each core), or a Ray cluster: ray."),
    ] = None
    ray_address: Annotated[str | None, Parameter(help=ADDRESS_HELP)] = None

    def __post_init__(self) -> None:
        for name, (fits, needed) in LIMITS.items():
            value = getattr(self, name)
            if value is not None and not fits(value):
                raise UserError(f"--{name.replace('_', '-')} is {value:g}; needed: {needed}")
        check_workers(self.workers, self.ray_address)
        parse_background(self.background)
        if self.crop not in (None, "predicted", "mask", "none"):
            raise UserError(f"--crop is '{self.crop}'; needed: predicted, mask or none")
        if self.crop == "none" and self.margin:
            raise UserError("--margin is around a crop, and --crop none keeps the whole picture; leave one of them out")
        if self.filter is not None and self.weights is not None:
            raise UserError("--weights are of COCO's Mask R-CNN, and --filter names a run with its own; drop one")
        if not self.no_filter:
            return
        if self.crop == "predicted":
            raise UserError(
                "--crop predicted is what the filter predicts, and --no-filter leaves it out; take --crop mask"
            )
        for name in OF_THE_FILTER:
            if getattr(self, name) != getattr(type(self), name):
                raise UserError(f"--{name.replace('_', '-')} is of the filter, and --no-filter leaves it out; drop one")

    @property
    def cropped_to(self) -> Crop:
        """The crop, decided."""
        return self.crop or ("mask" if self.no_filter else "predicted")

    def request(self) -> dict[str, Any]:
        """All that decides the result, for the record beside it; not how many processes work on it."""
        values = {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}
        for name in ("workers", "ray_address", "weights", "filter"):  # of weights and of a run, their digest counts
            del values[name]
        background = parse_background(self.background)
        values["background"] = list(background) if isinstance(background, tuple) else background
        return {**values, "crop": self.cropped_to}


PLAIN = CutOutOptions()
