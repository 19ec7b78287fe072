"""The command line: `limner VERB ...`, one verb per function of the API.

stdout carries the result or its path; progress and advice go to stderr. A user's mistake is one line and exit code 2.
The verbs stand in `limner.commands`, one file a room.
"""

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from cyclopts import CycloptsError

from limner.commands import generate, learning, recolor, segment  # noqa: F401  # each adds its verbs to the app
from limner.commands.app import app
from limner.commands.mistakes import explain
from limner.foundation.errors import UserError

__all__ = ["app", "main"]


def main(tokens: Sequence[str] | None = None) -> NoReturn:
    """Run the command line.

    Exits 0, 1 where `check` finds data that cannot be learned from, 2 on a user's mistake (``--debug`` shows where it
    was noticed), 130 or 143 when stopped by a signal.
    """
    given = list(sys.argv[1:] if tokens is None else tokens)
    debug = "--debug" in given
    given = [token for token in given if token != "--debug"]
    room = None
    try:
        application, room = learning.app_for(given)
        application(given, exit_on_error=False, print_error=False)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader (head, less) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at its end
        raise SystemExit(0) from None
    except (UserError, CycloptsError, OSError) as error:
        if debug:
            raise
        said = explain(error, given, room) if isinstance(error, CycloptsError) else _one_line(error)
        print(f"limner: {said}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("limner: stopped", file=sys.stderr)
        raise SystemExit(130) from None
    raise SystemExit(0)


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:  # permission denied, disk full
        return f"{error.filename or 'a file'}: {error.strerror}"
    return " ".join(str(error).split())
