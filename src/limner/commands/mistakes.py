"""What the command line says where it cannot take the words: what it got, what it needs, and an example, in a line."""

from collections.abc import Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from cyclopts import (
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    RepeatArgumentError,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
)

from limner.commands.app import app
from limner.commands.examples import EXAMPLES
from limner.commands.rooms import HELP, rooms_that_have, words_in
from limner.foundation.errors import UserError
from limner.foundation.files.suffixes import RASTERS, ends_with
from limner.foundation.nearest import did_you_mean

KINDS: dict[Any, tuple[str, str]] = {int: ("a whole number", "4"), float: ("a number", "0.5")}
"""How a type is called, and an example of it."""


def explain(error: CycloptsError, tokens: Sequence[str], room: str | None) -> str:
    """The line for a mistake in ``tokens``. room: the one that they name, if they do."""
    verb = tokens[0] if tokens else ""
    if isinstance(error, UnknownCommandError):
        return f"no verb '{verb}'; {did_you_mean(verb, [name for name in app if not name.startswith('-')])}"
    if isinstance(error, UnknownOptionError):
        return _unknown_option(error, verb, room)
    if isinstance(error, MissingArgumentError):
        return _forgotten_run(verb, tokens) or f"{_missing(error)}; for example: {EXAMPLES[verb][0]}"
    if isinstance(error, RepeatArgumentError):
        return f"{error.token.keyword} is given twice; keep one"
    if isinstance(error, UnusedCliTokensError) and error.unused_tokens:
        return f"limner {verb} takes no word '{error.unused_tokens[0]}'; for example: {EXAMPLES[verb][0]}"
    if isinstance(error, CoercionError):
        line = _wrong_value(error)
        return line if line.startswith("-") else f"{line}; for example: {EXAMPLES[verb][0]}"
    return " ".join(str(error).split())


def _unknown_option(error: UnknownOptionError, verb: Any, room: str | None) -> str:
    option = (error.token.keyword or error.token.value).partition("=")[0]
    where = "" if room is None else f" in the room {room}"
    if having := rooms_that_have(verb, option):
        return f"{option} is no option of limner {verb}{where}; rooms that have it: {', '.join(having)}"
    known = [name for one in error.argument_collection if one.show for name in one.names if name.startswith("-")]
    near = did_you_mean(option, known)
    hint = near if near.startswith("did") else f"limner {verb} --help lists them"
    return f"limner {verb} has no option {option}{where}; {hint}"


def _forgotten_run(verb: str, tokens: Sequence[str]) -> str | None:
    """What to say where a scene stands in the run's place; None where it does not."""
    word = next(iter(words_in(tokens[1:], {*HELP, "--json", "--overwrite", "--each"})), "")
    if verb not in ("segment", "refine") or not ends_with(Path(word), RASTERS):
        return None
    return f"{word} is a scene; name a run first: limner {verb} buildings {word}"


def _missing(error: MissingArgumentError) -> str:
    argument = error.argument
    assert argument is not None
    what = (argument.parameter.help or "").partition(" (default")[0].rstrip(".")
    if error.keyword is not None or (argument.tokens and argument.tokens[-1].keyword is not None):
        return f"{error.keyword or argument.tokens[-1].keyword} needs a value: {what}"
    by_place = argument.field_info.is_positional
    name = argument.name.lstrip("-").upper().replace("-", "_") if by_place else argument.name
    return f"{name} is missing: {what}"


def _wrong_value(error: CoercionError) -> str:
    cause = error.__cause__
    if isinstance(cause, UserError):  # of a converter of ours, which says it all
        return str(cause)
    token, argument = error.token, error.argument
    if token is None or error.target_type is None or argument is None:
        return " ".join(str(error).split())
    name = token.keyword or argument.name.lstrip("-").upper()
    needed, usual = _needed(error.target_type)
    default = argument.field_info.default
    shown = default if isinstance(default, int | float | str) else usual
    example = f", such as {name} {shown}" if shown and name.startswith("--") else ""
    return f"{name} is '{token.value}'; needed: {needed}{example}"


def _needed(kind: Any) -> tuple[str, str]:
    """What a type takes, in words, and an example of it.

    >>> _needed(float | Literal["auto"])
    ('a number or auto', '0.5')
    """
    if get_origin(kind) is Literal:
        choices = [str(choice) for choice in get_args(kind)]
        return " or ".join([", ".join(choices[:-1])] * (len(choices) > 1) + choices[-1:]), choices[0]
    if get_origin(kind) in (Union, UnionType):
        each = [_needed(one) for one in get_args(kind) if one is not NoneType]
        return " or ".join(words for words, _ in each), each[0][1]
    return KINDS.get(kind, (getattr(kind, "__name__", "another value"), ""))
