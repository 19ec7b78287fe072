"""How options are written on a command line: the groups of a verb's help, lists with commas, and places with names.

Options stand in the dataclasses of the rooms, which Python callers use too; this is what they share. Imports only
cyclopts.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cyclopts import Group

INPUT, METHOD, OUTPUT = (Group(name, sort_key=number) for number, name in enumerate(("Input", "Method", "Output")))
"""What a verb works on, how it does, and what it leaves."""


def split_names(text: str) -> tuple[str, ...]:
    """Names written with commas.

    >>> split_names("land, road")
    ('land', 'road')
    """
    return tuple(part.strip() for part in text.split(",") if part.strip())


def split_name(word: str) -> tuple[str, str]:
    """``NAME=place`` as (name, place); a word without a name, and what is there under the whole word, as ("", word).

    >>> split_name("ours=runs/a=b"), split_name("runs/a")
    (('ours', 'runs/a=b'), ('', 'runs/a'))
    """
    name, sign, place = word.partition("=")
    return (name, place) if sign and not Path(word).exists() else ("", word)


def _split(_: Any, tokens: Sequence[Any]) -> tuple[str, ...]:
    return split_names(",".join(token.value for token in tokens))


GIVEN_BY_COMMAS: dict[str, Any] = {"converter": _split, "n_tokens": 1, "negative": ()}
"""For `cyclopts.Parameter`: a list in one word."""
