"""The command line: `limner VERB ...`, one verb per function of the API.

stdout carries the result or its path; progress and advice go to stderr. A user's mistake is one line and exit code 2.
The verbs stand in `limner.commands`, one file a room.
"""

import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from cyclopts import CycloptsError

from limner.commands import (  # noqa: F401  # each adds its verbs to the app
    classify,
    detect,
    drawing,
    exporting,
    generate,
    learning,
    looking,
    recolor,
    segment,
    studio,
    studying,
    translate,
)
from limner.commands.app import app
from limner.commands.mistakes import explain
from limner.foundation.errors import UserError
from limner.foundation.unexpected import expected_line, one_line
from limner.scenes.listed import STDIN

__all__ = ["app", "main"]


def main(tokens: Sequence[str] | None = None) -> NoReturn:
    """Run the command line.

    Exits 0, 1 where `check` finds data that cannot be learned from, 2 on a user's mistake or where a library or the
    machine gives up (``--debug`` shows where it was noticed), 130 or 143 when stopped by a signal.
    """
    given = list(sys.argv[1:] if tokens is None else tokens)
    debug = "--debug" in given
    given = ["/dev/stdin" if token == STDIN else token for token in given if token != "--debug"]  # - is no option
    room = None
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file's name need not be UTF-8: its bytes are printed as they are
        sys.stdout.reconfigure(errors="surrogateescape")
    try:
        application, room = learning.app_for(given)
        application(given, exit_on_error=False, print_error=False)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader (head, less) has seen enough
        _drop_stdout()
        raise SystemExit(0) from None
    except KeyboardInterrupt:
        print("limner: stopped", file=sys.stderr)
        raise SystemExit(130) from None
    except Exception as error:
        if debug:
            raise
        if isinstance(error, CycloptsError):
            said: str | None = explain(error, given, room)
        else:
            said = str(error) if isinstance(error, UserError) else expected_line(error)
        if said is None:
            raise
        print(f"limner: {one_line(said)}", file=sys.stderr)
        try:
            sys.stdout.flush()
        except OSError:  # what stdout goes to is full
            _drop_stdout()
        raise SystemExit(2) from None
    raise SystemExit(0)


def _drop_stdout() -> None:
    """Let nothing more be written to stdout, or Python complains when it flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
