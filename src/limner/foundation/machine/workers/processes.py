"""Processes on this machine that do items. One that dies is replaced, and its item begun again."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import queue
import signal
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from types import FrameType, TracebackType
from typing import Any, Self

from limner.foundation.machine.workers.attempt import RETRIES, Answer, attempt
from limner.foundation.machine.workers.options import THREAD_VARIABLES

END_S = 10.0
"""How long a process may clean up when it is asked to end."""


class Processes:
    """``count`` processes, of ``threads`` each. Use as a context manager: its end ends them, at once after an error."""

    def __init__(self, setting: bytes, count: int, threads: int) -> None:
        # Not forked from this process: it may hold threads of torch, and locks of theirs.
        self._context = multiprocessing.get_context("forkserver" if hasattr(os, "fork") else "spawn")
        self._setting, self._threads = setting, threads
        self._free: queue.SimpleQueue[_Seat] = queue.SimpleQueue()
        self._seats: set[_Seat] = set()
        self._ending = False
        self._pool = ThreadPoolExecutor(count)
        self.workers, self.at_once = count, 2 * count

    def __enter__(self) -> Self:
        for _ in range(self.workers):
            self._free.put(self._new_seat())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending = True
        for seat in list(self._seats):
            seat.ask_to_end()
        for seat in list(self._seats):
            seat.end()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def submit(self, item: Any) -> Future[Answer[Any]]:
        """Have an item done; what it gives is an `Answer` in any case."""
        return self._pool.submit(self._done, item)

    def _done(self, item: Any) -> Answer[Any]:
        seat = self._free.get()
        try:
            for _ in range(RETRIES + 1):
                try:
                    return seat.ask(item)
                except (EOFError, OSError):  # it died
                    if self._ending:
                        return Answer(error="was not begun again")
                    self._seats.discard(seat)
                    seat = self._new_seat()
            return Answer(
                error=f"its process died {RETRIES + 1} times; with little memory take fewer --workers; in a script, "
                'call this below if __name__ == "__main__"'
            )
        finally:
            self._free.put(seat)

    def _new_seat(self) -> _Seat:
        seat = _Seat(self._context, self._setting, self._threads)
        self._seats.add(seat)
        return seat


class _Seat:
    """A process and the line to it."""

    def __init__(self, context: BaseContext, setting: bytes, threads: int) -> None:
        self._line, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other, setting, threads), daemon=True)  # type: ignore[attr-defined]
        self._process.start()
        other.close()

    def ask(self, item: Any) -> Answer[Any]:
        self._line.send_bytes(pickle.dumps(item))  # torch would have send() lend its memory, which ends with a process
        return pickle.loads(self._line.recv_bytes())

    def ask_to_end(self) -> None:
        self._process.terminate()

    def end(self) -> None:
        self._process.join(END_S)
        self._process.kill()
        self._process.join()


def _serve(line: Connection, setting: bytes, threads: int) -> None:
    """The life of a process: items in, answers out."""
    _begin_life()
    os.environ.update({name: str(threads) for name in THREAD_VARIABLES})  # before torch is imported
    if "torch" in sys.modules:  # by the user's own script
        sys.modules["torch"].set_num_threads(threads)
    while True:
        try:
            item = pickle.loads(line.recv_bytes())
        except EOFError:
            return
        line.send_bytes(pickle.dumps(attempt(setting, item)))


def _begin_life() -> None:
    """Leave Ctrl-C to the parent; end with it, even when it is killed; clean up where it asks to end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _end_with(parent: multiprocessing.process.BaseProcess) -> None:
    parent.join()
    os._exit(1)
