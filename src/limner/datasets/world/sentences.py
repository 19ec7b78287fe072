"""Sentences of the drawn world: a small grammar that tells a solid in words, and its reading back."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TypeVar, get_args

from limner.datasets.world.solids import Color, Motion, Place, Shape, Size, Solid, generator

SHAPE_WORDS: dict[Shape, tuple[str, ...]] = {
    "cube": ("cube",), "ball": ("ball", "sphere"), "cone": ("cone",), "cylinder": ("cylinder",),
    "ring": ("ring", "torus"),
}  # fmt: skip
SIZE_WORDS: dict[Size, tuple[str, ...]] = {"small": ("small", "little"), "large": ("large", "big")}
PLACE_WORDS: dict[Place, tuple[str, ...]] = {
    "left": ("at the left", "on the left"), "right": ("at the right", "on the right"), "top": ("at the top",),
    "bottom": ("at the bottom",), "middle": ("in the middle", "in the center"),
}  # fmt: skip
MOTION_WORDS: dict[Motion, tuple[str, ...]] = {
    "still": ("stays still",), "left": ("moves left", "moves to the left"),
    "right": ("moves right", "moves to the right"), "up": ("moves up",), "down": ("moves down",), "turns": ("turns",),
}  # fmt: skip
FORMS = (
    "a {size}{color} {shape} {place}", "there is a {size}{color} {shape} {place}",
    "{place} there is a {size}{color} {shape}", "one {size}{color} {shape} {place}",
)  # fmt: skip
MOVING_FORMS = ("a {size}{color} {shape} {place} {motion}", "{place} a {size}{color} {shape} {motion}")
LEFT_OUT = 0.15
"""How often a sentence says nothing of the size, and how often nothing of the place."""
Name = TypeVar("Name", bound=str)


@dataclass(frozen=True)
class Told:
    """What a sentence says of a solid, or what a reader sees; None: nothing."""

    shape: Shape | None = None
    color: Color | None = None
    size: Size | None = None
    place: Place | None = None
    motion: Motion | None = None

    def agreement(self, other: "Told") -> dict[str, bool]:
        """Of everything that this tells, by its name: whether the other tells the same."""
        told = {item.name: getattr(self, item.name) for item in fields(self)}
        return {name: getattr(other, name) == value for name, value in told.items() if value is not None}


def told_of(solid: Solid, *, moving: bool = False) -> Told:
    """Everything that could be told of a solid; of its motion only in a clip."""
    return Told(solid.shape, solid.color, solid.size, solid.place, solid.motion if moving else None)


def sentence_of(solid: Solid, seed: int, number: int, which: int = 0, *, moving: bool = False) -> str:
    """Sentence ``which`` (0, 1, ...) of solid ``number`` of a seed.

    Shape and color are always told; size and place most often, the motion where it moves.
    """
    draws = generator(seed, "sentence", number, which)

    def one_of(words: tuple[str, ...]) -> str:
        return words[draws.integers(len(words))]

    form = one_of(MOVING_FORMS if moving else FORMS)
    size = f"{one_of(SIZE_WORDS[solid.size])} " if draws.random() >= LEFT_OUT else ""
    place = one_of(PLACE_WORDS[solid.place]) if draws.random() >= LEFT_OUT else ""
    words = form.format(
        size=size, color=solid.color, shape=one_of(SHAPE_WORDS[solid.shape]), place=place,
        motion=one_of(MOTION_WORDS[solid.motion]),
    )  # fmt: skip
    return " ".join(words.split())


def words_of(sentence: str) -> list[str]:
    """The words of any sentence, in lower case, without signs."""
    return re.findall(r"[^\W_]+(?:['’][^\W_]+)?", sentence.lower())


def read_sentence(sentence: str) -> Told | None:
    """What a sentence of the drawn world says; None for one with words that the world does not have.

    >>> read_sentence("a large red cube at the left")
    Told(shape='cube', color='red', size='large', place='left', motion=None)
    >>> read_sentence("a photo of a dog") is None
    True
    """
    words = words_of(sentence)
    if not words or not set(words) <= VOCABULARY:
        return None
    before, after = words, []
    for verb in ("moves", "stays", "turns"):
        if verb in words:
            before, after = words[: words.index(verb)], words[words.index(verb) :]
    return Told(
        shape=_named(before, SHAPE_WORDS),
        color=next((color for color in get_args(Color) if color in before), None),
        size=_named(before, SIZE_WORDS),
        place=_named(before, {place: tuple(said.split()[-1] for said in each) for place, each in PLACE_WORDS.items()}),
        motion=_named(after[-1:], {motion: (said[0].split()[-1],) for motion, said in MOTION_WORDS.items()}),
    )


def _named(words: list[str], known: dict[Name, tuple[str, ...]]) -> Name | None:
    return next((name for name, said in known.items() if set(said) & set(words)), None)


def _all_words() -> Iterator[str]:
    yield from get_args(Color)
    for form in (*FORMS, *MOVING_FORMS):
        yield from re.sub(r"\{\w+\}", " ", form).split()
    tables: tuple[dict[str, tuple[str, ...]], ...] = (SHAPE_WORDS, SIZE_WORDS, PLACE_WORDS, MOTION_WORDS)  # type: ignore[assignment]
    for table in tables:
        for said in table.values():
            yield from (word for each in said for word in each.split())


VOCABULARY = frozenset(_all_words())
"""Every word that a sentence of the world may have."""
