"""Work for workers of other processes, which import it by name: toys that double, fail, speak, and are killed."""

import os
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from limner.foundation.errors import UserError
from limner.foundation.machine.disk import DiskFullError
from limner.foundation.progress import Progress


def doubling(folder: Path, killed: int = -1, deaths: int = 1) -> Callable[[int], int]:
    """Doubles numbers, and notes the process in ``begun``. killed: at this number it dies ``deaths`` times."""
    with (folder / "begun").open("a") as file:
        file.write(f"{os.getpid()}\n")

    def work(number: int) -> int:
        marks = len(list(folder.glob("death-*")))
        if number == killed and marks < deaths:
            (folder / f"death-{marks}").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if number == 13:
            raise UserError("13.jpg: is no picture")
        if number == 14:
            raise KeyError("fourteen")
        if number == 15:
            raise DiskFullError(folder)
        print(f"Careful: {number}", file=sys.stderr)
        with Progress("inside", 1) as progress:
            progress.advance()
        return 2 * number

    return work


def refusing() -> Callable[[int], int]:
    """Cannot begin."""
    raise UserError("runs/none: no such run")


def telling_threads() -> Callable[[int], tuple[str, int]]:
    """What a worker may use: OMP_NUM_THREADS, and how many threads of Python it has."""
    return lambda _: (os.environ["OMP_NUM_THREADS"], threading.active_count())
