"""Memory: how much there is to take, and jobs that need more refused before they begin."""

import ctypes
import os
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path

from limner.foundation.errors import UserError
from limner.foundation.machine.disk import size

GROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)
"""Limit and use of a container's memory, by control groups of version 2 and 1."""

LARGE_BYTES = 1 << 20
GLIBC_MMAP_THRESHOLD = -3  # M_MMAP_THRESHOLD of <malloc.h>


@cache
def give_back_freed_memory() -> None:
    """Have arrays of a megabyte and more leave the process when they are freed.

    glibc begins so, and then keeps arrays of up to 32 MB for later, in a heap for each thread: where they are as
    wide as a scene and change hands between threads, that is nearly as much again as is in use.
    ``MALLOC_MMAP_THRESHOLD_`` in the environment, and other C libraries, stay as they are.
    """
    if "MALLOC_MMAP_THRESHOLD_" not in os.environ:
        with suppress(AttributeError, OSError, TypeError):  # another C library, or Windows
            ctypes.CDLL(None).mallopt(GLIBC_MMAP_THRESHOLD, LARGE_BYTES)


def free_memory() -> int:
    """Bytes that this process can still take: what the machine, its container and ``ulimit -v`` let it have."""
    import psutil

    free = [psutil.virtual_memory().available]
    for most, used in GROUPS:
        with suppress(OSError, ValueError):  # "max": no limit
            free.append(int(Path(most).read_text()) - int(Path(used).read_text()))
    if sys.platform != "win32":
        import resource

        limit, _ = resource.getrlimit(resource.RLIMIT_AS)
        if limit != resource.RLIM_INFINITY:
            free.append(limit - psutil.Process().memory_info().vms)
    return max(0, min(free))


def check_memory(needed: int, what: str, advice: str) -> None:
    """Raise `UserError` where a job needs more memory than there is.

    Most systems promise more memory than they have and end the process that takes it, without a word: so it is asked
    before.

    needed: bytes at the job's peak. what: the job, such as "a.png: 22000 x 22000 pixels". advice: what to do instead.
    """
    free = free_memory()
    if needed > free:
        raise UserError(f"{what} need about {size(needed)} of memory, {size(free)} are free; {advice}")
