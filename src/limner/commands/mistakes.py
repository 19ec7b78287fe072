"""What the command line says where words are not understood: one plain line."""

from collections.abc import Sequence
from typing import Any

from cyclopts import CycloptsError, UnknownOptionError

from limner.commands.rooms import rooms_that_have


def explain(error: CycloptsError, tokens: Sequence[str], room: str | None) -> str:
    """The line for a mistake in ``tokens``. room: the one that they name, if they do."""
    verb: Any = tokens[0] if tokens else ""
    if isinstance(error, UnknownOptionError):
        option = (error.token.keyword or error.token.value).partition("=")[0]
        having = rooms_that_have(verb, option)
        if having:
            where = "" if room is None else f" in the room {room}"
            return f"{option} is no option of limner {verb}{where}; rooms that have it: {', '.join(having)}"
    return " ".join(str(error).split())
