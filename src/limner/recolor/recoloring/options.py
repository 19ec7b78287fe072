"""What decides a color transfer: the options of `limner recolor`, by one set of names. Imports no torch."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from limner.foundation.errors import UserError

ALL_METHODS = "all"
PINNED = re.compile(r"\s*(\d+)\s*,\s*(\d+)\s*=\s*(\d+)\s*,\s*(\d+)(?:\s*@\s*(\d+))?\s*")
MATCHING_ONLY = (
    "features",
    "layers",
    "centering",
    "temperature",
    "perplexity",
    "palette",
    "diffusion",
    "contrast",
    "global_share",
    "soft_range",
    "fusion",
    "match",
)
"""Options that only the method `superpixel` knows."""
LIMITS: dict[str, tuple[Callable[[float], bool], str]] = {
    "strength": (lambda value: 0 <= value <= 1, "0 (nothing changes) to 1"),
    "temperature": (lambda value: 1e-6 <= value < math.inf, "above 0, such as 0.02"),
    "perplexity": (lambda value: 1 <= value < math.inf, "how many regions to look at, 1 or more"),
    "palette": (lambda value: 0 <= value <= 1, "0 (matched colors as they are) to 1 (the whole reference's)"),
    "diffusion": (lambda value: 0 <= value < math.inf, "0 (the paper's method) or more; 1 is usual"),
    "contrast": (lambda value: 0 <= value <= 2, "0 (the paper's method) to 2; 1 is usual"),
    "global_share": (lambda value: 0 <= value <= 1, "0 (regions alone) to 1 (all of the way of mkl)"),
    "soft_range": (lambda value: 0 <= value <= 0.5, "0 (colors beyond the range are cut off) to 0.5"),
    "superpixels": (lambda value: value >= 1, "1 or more"),
    "smoothness": (lambda value: 0 <= value < math.inf, "0 (none of the grain) or more; 1 is usual"),
    "feather_px": (lambda value: 0 <= value <= 10_000, "0 (hard edges) to 10000 pixels"),
}
"""Of the numbers: what each may be. NaN fits none."""


class Match(tuple[int, int, int, int, int]):
    """A point of the picture (row, column), one of a reference (row, column), and that reference's number from 0."""

    __slots__ = ()


def parse_match(text: str) -> Match:
    """The points of ``row,column=row,column``, with ``@2`` after them for the second reference.

    >>> parse_match("10,20=300,40"), parse_match("1,2=3,4@2")
    ((10, 20, 300, 40, 0), (1, 2, 3, 4, 1))

    Raises `UserError` for another form.
    """
    found = PINNED.fullmatch(text)
    if found is None or found[5] == "0":
        raise UserError(
            f"--match got '{text}'; needed: row,column=row,column, a point of the picture and one of the reference, "
            "such as 120,80=40,300 (and @2 after it for the second reference)"
        )
    return Match((*map(int, found.groups()[:4]), int(found[5] or 1) - 1))


def split_weight(word: str) -> tuple[str, float | None]:
    """``PLACE=NUMBER`` as (place, weight); (word, None) for a word without a number, and what is there under all of it.

    >>> split_weight("a.jpg=2"), split_weight("runs/a=b")
    (('a.jpg', 2.0), ('runs/a=b', None))

    Raises `UserError` for a weight that is no number above 0.
    """
    place, sign, number = word.rpartition("=")
    try:
        weight = float(number)
    except ValueError:
        return word, None
    if not sign or Path(word).exists():
        return word, None
    if not 0 < weight < math.inf:
        raise UserError(f"--like {word} has the weight {number}; needed: a number above 0, such as {place}=2")
    return place, weight


def _numbers(_: Any, tokens: Sequence[Any]) -> tuple[Match, ...]:
    return tuple(parse_match(token.value) for token in tokens)


def _names(_: Any, tokens: Sequence[Any]) -> tuple[str, ...]:
    return tuple(name.strip() for token in tokens for name in token.value.split(",") if name.strip())


@dataclass(frozen=True)
class RecolorOptions:
    """How colors are transferred. None: as the method has it."""

    method: Annotated[
        str | None,
        Parameter(
            help="superpixel, sct, reinhard, xiao, mkl, histogram, idt, idt-regrain, gamut, histogram-analogy (a "
            "network that learned: gentle, weaker than half of mkl); or all, on one sheet. Default: superpixel; mkl "
            "for scenes."
        ),
    ] = None
    strength: Annotated[float, Parameter(help="0: nothing changes, 1: the whole transfer.")] = 1.0
    keep_luminance: Annotated[bool, Parameter(negative=(), help="Change hue and chroma only, keep the lightness.")] = (
        False
    )
    mask: Annotated[
        Path | None, Parameter(help="Change only where this picture is white; or a folder of such, by name.")
    ] = None
    feather_px: Annotated[
        float | None, Parameter(help="Soften the mask's edges over so many pixels (default: as they are drawn).")
    ] = None
    like_mask: Annotated[
        tuple[Path, ...] | None,
        Parameter(
            negative=(), consume_multiple=True, help="Take colors only from where it is white; one for each reference."
        ),
    ] = None
    match: Annotated[
        tuple[Match, ...] | None,
        Parameter(
            help="Give the region around a point of the picture the colors around one of the reference: "
            "row,column=row,column; repeat for several.",
            converter=_numbers, n_tokens=1, negative=(),
        ),
    ] = None  # fmt: skip
    features: Annotated[
        str | None,
        Parameter(help="What regions are matched by: efficientnet-lite0 (default), vgg19 or lab-gradient."),
    ] = None
    layers: Annotated[
        tuple[str, ...] | None,
        Parameter(help="Layers of the features, by name.", converter=_names, n_tokens=1, negative=()),
    ] = None
    centering: Annotated[
        Literal["standard", "channel", "descriptor"] | None,
        Parameter(help="What of the features is compared (default: standard)."),
    ] = None
    temperature: Annotated[
        float | None, Parameter(help="Of the attention; small: one region each, large: a mean of many.")
    ] = None
    perplexity: Annotated[
        float | None, Parameter(help="Without a temperature: how many regions the median one looks at (default: 5).")
    ] = None
    palette: Annotated[
        float | None,
        Parameter(
            help="How far matched colors are spread to the whole reference's, 0 to 1 (default: 0.85; clips: 0.9)."
        ),
    ] = None
    diffusion: Annotated[
        float | None,
        Parameter(help="How strongly changes are made alike over what is alike (default: 1; 0: not, as in the paper)."),
    ] = None
    contrast: Annotated[
        float | None,
        Parameter(
            help="How much of the contrast that regions lose is given back: more if a result looks milky (default: 1; "
            "0: none, as in the paper)."
        ),
    ] = None
    global_share: Annotated[
        float | None,
        Parameter(
            help="How far the whole picture goes the way of mkl, from which regions then differ, 0 to 1 (default: 0.6; "
            "0: regions alone, as in the paper)."
        ),
    ] = None
    soft_range: Annotated[
        float | None,
        Parameter(
            help="So near black and white, colors beyond them are bent in, not cut off (default: 0.15; 0: cut off)."
        ),
    ] = None
    model: Annotated[
        str | None,
        Parameter(
            help="Of histogram-analogy: a run of recolor/histogram-analogy that takes the place of the bundled network."
        ),
    ] = None
    fusion: Annotated[
        Literal["changes", "colors"] | None,
        Parameter(help="Mix what regions change by (default), or their colors, as in the paper."),
    ] = None
    superpixels: Annotated[
        int | None, Parameter(help="Regions of each picture (default: 3 times the root of its pixels; sct: 300).")
    ] = None
    smoothness: Annotated[
        float | None, Parameter(help="How much of the picture's own grain is put back (default: 1; 0: none).")
    ] = None

    def __post_init__(self) -> None:
        for name, (fits, needed) in LIMITS.items():
            value = getattr(self, name)
            if value is not None and not fits(value):
                raise UserError(f"--{name.replace('_', '-')} is {value:g}; needed: {needed}")
        if self.feather_px is not None and self.mask is None:
            raise UserError("--feather-px softens the edges of a mask; give one by --mask, or leave it out")
        if self.temperature is not None and self.perplexity is not None:
            raise UserError("--temperature and --perplexity are two ways to say one thing; give one of them")

    def of_method(self, method: str) -> dict[str, Any]:
        """What was selected of the options of the method itself: fields of its dataclass in
        `limner.recolor.methods.methods.METHODS`; masks and matches apart.

        Raises `UserError` for a wish that the method cannot grant.
        """
        given = {name: getattr(self, name) for name in MATCHING_ONLY if getattr(self, name) is not None}
        if method != "superpixel" and given:
            raise UserError(
                f"--{next(iter(given))} is of the method superpixel, not of {method}; leave one of them out"
            )
        if self.superpixels is not None:
            if method not in ("superpixel", "sct"):
                raise UserError(f"--superpixels is of the methods superpixel and sct, not of {method}; leave it out")
            given["count"] = self.superpixels
        if self.smoothness is not None:
            if method not in ("superpixel", "sct", "idt-regrain"):
                raise UserError(f"--smoothness is of methods that regrain, which {method} does not; leave it out")
            given["smoothness"] = self.smoothness
        if self.model is not None:
            if method != "histogram-analogy":
                raise UserError(f"--model is of the method histogram-analogy, not of {method}; leave one of them out")
            given["model"] = self.model
        given.pop("match", None)
        return given

    def to_json(self) -> dict[str, Any]:
        """All that decides a result, for the record beside it; files by name."""
        return {
            name: [str(item) for item in value]
            if isinstance(value, tuple)
            else str(value)
            if isinstance(value, Path)
            else value
            for name, value in vars(self).items()
        }


PLAIN = RecolorOptions()
