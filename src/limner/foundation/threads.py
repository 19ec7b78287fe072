"""Compiled loops on all cores: a range cut into parts, each worked on by a thread."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

import torch

Result = TypeVar("Result")


def in_parts(work: Callable[[int, int], Result], length: int, parts_a_thread: int = 1) -> list[Result]:
    """``work(start, stop)`` over consecutive parts of ``range(length)``, as many at once as torch has threads.

    parts_a_thread: more than one where parts differ in work, so that no thread waits for another's. ``work`` must leave
    Python's lock (`limner.foundation.compiled`), or nothing runs at once.

    >>> in_parts(lambda start, stop: stop - start, 10) and sum(in_parts(lambda start, stop: stop - start, 10))
    10
    """
    threads = torch.get_num_threads()
    parts = max(1, min(length, threads * parts_a_thread))
    edges = [length * part // parts for part in range(parts + 1)]
    if parts == 1:
        return [work(0, length)]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda edge: work(*edge), pairwise(edges)))
