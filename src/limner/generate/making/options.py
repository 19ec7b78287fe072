"""What decides which pictures are generated: the options of `limner generate`, by one set of names.

Imports no torch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from limner.foundation.errors import UserError

By = Literal["auto", "encoder", "optimization"]
PICTURES = 64
STOPS = 8


def _names(_: Any, tokens: Sequence[Any]) -> tuple[str, ...]:
    return tuple(name.strip() for token in tokens for name in token.value.split(",") if name.strip())


def _numbers(_: Any, tokens: Sequence[Any]) -> tuple[int, ...]:
    given = _names(_, tokens)
    if not all(name.isdecimal() for name in given):
        raise UserError(f"--mix {','.join(given)}: needed: numbers of pictures, such as 0,3")
    return tuple(int(name) for name in given)


@dataclass(frozen=True)
class GenerateOptions:
    """Which pictures are made, and as what they are written."""

    n: Annotated[
        int | None,
        Parameter(
            name="-n",
            help=(
                f"How many pictures (default: {PICTURES}); with --interpolate, how many a walk visits (default: "
                f"{STOPS})."
            ),
        ),
    ] = None
    seed: Annotated[int, Parameter(help="Of the latents: other seeds, other pictures.")] = 0
    truncation: Annotated[
        float | None,
        Parameter(
            help="Draw numbers of a latent again that are larger; of a run with styles, keep this share of each "
            "style's difference from the mean style (default: as the run has it)."
        ),
    ] = None
    classes: Annotated[
        tuple[str, ...] | None,
        Parameter(
            help="Classes to make, by name, which the pictures get in turn (default: as often as in training).",
            converter=_names, n_tokens=1, negative=(),
        ),
    ] = None  # fmt: skip
    text: Annotated[
        tuple[str, ...] | None,
        Parameter(
            help="A sentence to make pictures of, of a run that learned with sentences; repeat it for several, which "
            "the pictures get in turn.",
            negative=(),
        ),
    ] = None
    mix: Annotated[
        tuple[int, ...] | None,
        Parameter(
            help="Write a sheet of these pictures of the seed mixed, such as 0,3,5, instead: form of the row, the "
            "rest of the column; of a run with styles.",
            converter=_numbers, n_tokens=1, negative=(),
        ),
    ] = None  # fmt: skip
    edit: Annotated[
        tuple[str, ...] | None,
        Parameter(
            help="DIRECTION=STRENGTH, such as 0=2: move all pictures along a direction, 0 the strongest, by so many "
            "standard deviations; repeat it for several; of a run with styles.",
            negative=(),
        ),
    ] = None
    no_grid: Annotated[bool, Parameter(negative=(), help="Do not write the pictures in one, too.")] = False
    no_files: Annotated[bool, Parameter(negative=(), help="Do not write a file for each picture.")] = False
    interpolate: Annotated[
        Path | None, Parameter(help="Write a walk from picture to picture instead: a name in .gif or .mp4.")
    ] = None
    seconds: Annotated[float, Parameter(help="Of the walk.")] = 12.0
    latent_steps: Annotated[
        int | None,
        Parameter(
            help="Steps of latent optimization before a picture is made (default: as the run has it); of a run that "
            "learned with it."
        ),
    ] = None
    like: Annotated[
        Path | None,
        Parameter(help="Find the latent whose picture is most like this one, and write both side by side instead."),
    ] = None
    by: Annotated[
        By, Parameter(help="How --like finds it: by the run's encoder (auto: where it has one), or by optimization.")
    ] = "auto"

    def __post_init__(self) -> None:
        if self.n is not None and self.n < 1:
            raise UserError(f"-n is {self.n}; needed: one picture or more")
        if self.interpolate is not None and self.count < 2:
            raise UserError(f"--interpolate with -n {self.n}: a walk needs two pictures or more to go between")
        if self.latent_steps is not None and self.latent_steps < 0:
            raise UserError(f"--latent-steps is {self.latent_steps}; needed: 0 or more")
        if self.like is not None and self.interpolate is not None:
            raise UserError("--like and --interpolate write one thing each; give one of them")
        others = [name for name in ("like", "interpolate", "mix") if getattr(self, name) is not None]
        if self.mix is not None and len(others) > 1:
            raise UserError(f"--mix and --{others[0]} write one thing each; give one of them")
        if self.mix is not None and len(self.mix) < 2:
            raise UserError(f"--mix {','.join(map(str, self.mix))}: needed: two pictures or more, such as --mix 0,3")
        if self.edits and self.like is not None:
            raise UserError("--edit moves pictures that the run makes; leave --like out")
        if self.by != "auto" and self.like is None:
            raise UserError(f"--by {self.by} says how --like finds a latent; give --like PICTURE, too")
        if self.seed < 0:
            raise UserError(f"--seed is {self.seed}; needed: 0 or more")
        if self.truncation is not None and not 0 < self.truncation < math.inf:
            raise UserError(f"--truncation is {self.truncation:g}; needed: above 0, such as 1")
        if not 0 < self.seconds < math.inf:
            raise UserError(f"--seconds is {self.seconds:g}; needed: above 0")
        if self.no_grid and self.no_files and self.interpolate is None:
            raise UserError("--no-grid and --no-files leave nothing to write; leave one of them out")

    @property
    def count(self) -> int:
        """How many pictures are made, or visited by a walk."""
        if self.n is not None:
            return self.n
        return PICTURES if self.interpolate is None else STOPS

    @property
    def edits(self) -> dict[int, float]:
        """Strengths by the numbers of directions. Raises `UserError` for what says no such thing."""
        found = {}
        for given in self.edit or ():
            number, _, strength = given.partition("=")
            try:
                found[int(number)] = float(strength)
            except ValueError:
                raise UserError(
                    f"--edit {given}: needed: the number of a direction and a strength, such as 0=2"
                ) from None
            if not math.isfinite(found[int(number)]):
                raise UserError(f"--edit {given}: needed: a finite strength, such as 0=2")
        return found

    def request(self) -> dict[str, Any]:
        """All that decides what picture k of a seed looks like, for the record beside the pictures; but for the run."""
        asked: dict[str, Any] = {"truncation": self.truncation, "classes": list(self.classes or ())}
        if self.text:
            asked["text"] = list(self.text)
        if self.edit:
            asked["edit"] = {str(number): strength for number, strength in sorted(self.edits.items())}
        return asked if self.latent_steps is None else {**asked, "latent_steps": self.latent_steps}


PLAIN = GenerateOptions()
