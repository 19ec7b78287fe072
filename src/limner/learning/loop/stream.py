"""Batches read ahead in the background, in order, from any starting number."""

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Any, Self


class Stream(Iterator[Any]):
    """``draw(start)``, ``draw(start + 1)``, ... computed by a background thread while the network works.

    ``position`` is the number of the next batch that `next` gives: with a pure ``draw`` it is all that going on needs.
    Use as a context manager, so that the thread ends with the block. An error in ``draw`` is raised by `next`; after
    it, and after the block, nothing more comes.

    >>> with Stream(lambda number: number * number, start=3) as squares:
    ...     next(squares), next(squares), squares.position
    (9, 16, 5)
    """

    def __init__(self, draw: Callable[[int], Any], start: int = 0, ahead: int = 2) -> None:
        self.position = start
        self._draw = draw
        self._ready: queue.Queue[tuple[Any, Exception | None]] = queue.Queue(maxsize=ahead)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(start,), name="limner-stream", daemon=True)
        self._thread.start()

    def _work(self, number: int) -> None:
        while not self._closing.is_set():
            failure: Exception | None = None
            item = None
            try:
                item = self._draw(number)
            except Exception as error:
                failure = error  # handed to the reader, who raises it
            self._put(item, failure)
            if failure is not None:
                return
            number += 1

    def _put(self, item: Any, failure: Exception | None) -> None:
        while not self._closing.is_set():
            try:
                self._ready.put((item, failure), timeout=0.1)
                return
            except queue.Full:
                continue

    def __next__(self) -> Any:
        if self._closing.is_set():
            raise StopIteration  # nobody draws any more: waiting would never end
        item, failure = self._ready.get()
        if failure is not None:
            self._closing.set()
            raise failure
        self.position += 1
        return item

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._thread.join()
