"""Work on all cores whose result does not depend on how many there are.

Sums of floats depend on their order. torch cuts its own by the number of threads, so here work is cut into parts that
do not know it, each done by one thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import pairwise
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")
SUMMED_PARTS = 16
"""Into how many parts a range is cut whose results are added up, on any number of threads."""
_all_threads: ContextVar[int | None] = ContextVar("all threads", default=None)


def threads() -> int:
    """How many may work at once: torch's, also where `in_one_order` lets torch itself use one."""
    return _all_threads.get() or torch.get_num_threads()


@contextmanager
def in_one_order() -> Iterator[None]:
    """torch's own operations by one thread within the block, so that no sum in them depends on the number of threads.

    `in_parts` and `in_turn` still use all. Not around a ``yield``: what the caller does would be slow too.
    """
    before = torch.get_num_threads()
    token = _all_threads.set(threads())
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        _all_threads.reset(token)


def in_parts(
    work: Callable[[int, int], Result], length: int, parts_a_thread: int = 1, *, parts: int | None = None
) -> list[Result]:
    """``work(start, stop)`` over consecutive parts of ``range(length)``, as many at once as torch has threads.

    parts_a_thread: more than one where parts differ in work, so that no thread waits for another's. parts: exactly so
    many, where results are added up (`SUMMED_PARTS`). ``work`` must leave Python's lock
    (`limner.foundation.machine.compiled`), or nothing runs at once; what torch does in it is done by one thread.

    >>> in_parts(lambda start, stop: stop - start, 10) and sum(in_parts(lambda start, stop: stop - start, 10))
    10
    """
    count = max(1, min(length, threads() * parts_a_thread if parts is None else parts))
    edges = [length * part // count for part in range(count + 1)]
    if count == 1:
        return [work(0, length)]
    return list(in_turn(lambda edge: work(*edge), list(pairwise(edges)), ahead=count))


def in_turn(work: Callable[[Item], Result], items: Iterable[Item], *, ahead: int | None = None) -> Iterator[Result]:
    """``work(item)`` of each item, in their order: several at once, each by one thread.

    ahead: how many are done or begun before they are asked for; by default as many as there are threads.
    """
    count = threads()
    before = torch.get_num_threads()
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(count, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > (count if ahead is None else ahead):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            torch.set_num_threads(before)  # threads to come take it from whoever set it last
