"""How a command becomes a process: on Linux forked from one that has imported torch, so that it begins at once.

Importing torch and what comes with it takes seconds, as long as many a job. A process that does nothing else has it
ready (Python's forkserver); each job is forked from it, with memory, files and an end of its own. Elsewhere, where
forking is not safe with every library, a job is a fresh interpreter.
"""

import io
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

READY = ("limner", "numpy", "torch", "torchvision", "rasterio", "scipy", "skimage", "cyclopts")
"""What the process that jobs are forked from imports. It computes nothing, so it has no threads to lose."""
PROGRAM = (
    "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "runpy.run_module('limner', run_name='__main__', alter_sys=True)"
)
"""A shell that puts the studio into the background lets it, and what it starts, ignore Ctrl-C; jobs shall not."""


class Process(Protocol):
    """A command at work."""

    pid: int

    def wait(self) -> int:
        """Its exit code, below 0 the signal that ended it."""

    def interrupt(self) -> None:
        """Ctrl-C."""

    def kill(self) -> None:
        """End it at once."""


def can_fork() -> bool:
    """Whether jobs may be forked from a process that has imported all."""
    return sys.platform == "linux"


def get_ready() -> None:
    """Let the process that jobs are forked from begin to import, while nobody waits for it."""
    from multiprocessing.forkserver import ensure_running, set_forkserver_preload

    os.environ["MPLBACKEND"] = "Agg"
    set_forkserver_preload(list(READY))
    ensure_running()


def fork(words: Sequence[str], place: Path, environment: Mapping[str, str], out: Path, said: Path) -> Process:
    """A command begun in folder ``place``; stdout and stderr go to files. environment: what it gets besides ours."""
    return _Forked(words, place, environment, out, said)


def begin(words: Sequence[str], place: Path, environment: Mapping[str, str], out: Path, said: Path) -> Process:
    """As `fork`, as a fresh interpreter."""
    return _Fresh(words, place, environment, out, said)


class _Forked:
    def __init__(
        self, words: Sequence[str], place: Path, environment: Mapping[str, str], out: Path, said: Path
    ) -> None:
        context = multiprocessing.get_context("forkserver")
        arguments = (list(words), str(place), dict(environment), str(out), str(said))
        self._process = context.Process(target=_run, args=arguments)
        self._process.start()
        self.pid = self._process.pid or 0

    def wait(self) -> int:
        self._process.join()
        code = self._process.exitcode
        self._process.close()
        return 1 if code is None else code

    def interrupt(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGINT)

    def kill(self) -> None:
        with suppress(ProcessLookupError, ValueError):  # it may have ended meanwhile
            self._process.kill()


def _run(words: list[str], place: str, environment: dict[str, str], out: str, said: str) -> None:
    """In the new process."""
    os.setsid()  # Ctrl-C in the terminal is for the studio, which then asks its jobs to stop
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(place)
    os.environ.update(environment)
    for number, path in ((1, out), (2, said)):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        os.dup2(file, number)
        os.close(file)
    sys.stdout, sys.stderr = (_writer(number) for number in (1, 2))
    sys.argv = ["limner", *words]
    runpy.run_module("limner", run_name="__main__", alter_sys=True)


def _writer(number: int) -> io.TextIOWrapper:
    raw = open(number, "wb", buffering=0, closefd=False)  # noqa: SIM115  # open as long as the process is
    return io.TextIOWrapper(raw, encoding="utf-8", errors="backslashreplace", write_through=True)


class _Fresh:
    def __init__(
        self, words: Sequence[str], place: Path, environment: Mapping[str, str], out: Path, said: Path
    ) -> None:
        more: dict[str, Any] = {"start_new_session": True} if os.name == "posix" else {}
        surroundings = {**os.environ, "PYTHONUNBUFFERED": "1", "MPLBACKEND": "Agg", **environment}
        with out.open("wb") as to_out, said.open("wb") as to_said:
            self._process = subprocess.Popen(
                [sys.executable, "-c", PROGRAM, *words], cwd=place, env=surroundings, stdin=subprocess.DEVNULL,
                stdout=to_out, stderr=to_said, **more,
            )  # fmt: skip
        self.pid = self._process.pid

    def wait(self) -> int:
        return self._process.wait()

    def interrupt(self) -> None:
        with suppress(ProcessLookupError):
            if os.name == "posix":
                self._process.send_signal(signal.SIGINT)
            else:
                self._process.terminate()

    def kill(self) -> None:
        self._process.kill()
