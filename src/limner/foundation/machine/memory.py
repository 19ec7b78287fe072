"""Memory: how much there is to take, and jobs that need more refused before they begin."""

import ctypes
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from limner.foundation.errors import UserError
from limner.foundation.machine.disk import size

GROUPS = (
    ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
    ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
)
"""Limit and use of a container's memory, by control groups of version 2 and 1."""

LARGE_BYTES = 1 << 20
KEPT_BYTES = 32 << 20
"""Arrays of so many bytes leave the process in any case: the most that glibc comes to by itself."""
MMAP_THRESHOLD, MMAP_MAX, TRIM_THRESHOLD = -3, -4, -1
"""Names of ``mallopt`` (<malloc.h>): from how many bytes on an array gets pages of its own, how many arrays may have
them, and how many free bytes end a heap before it is cut."""
BY_ITSELF = {MMAP_THRESHOLD: KEPT_BYTES, MMAP_MAX: 65536, TRIM_THRESHOLD: 2 * KEPT_BYTES}
"""What glibc comes to by itself where large arrays are taken and freed."""


@contextmanager
def freed_memory_goes_back() -> Iterator[None]:
    """Within it, arrays of a megabyte and more leave the process when they are freed.

    glibc begins so, and then keeps arrays of up to 32 MB for later, in a heap for each thread: where they are as
    wide as a scene and change hands between threads, that is nearly as much again as is in use. Afterwards it keeps
    them again. ``MALLOC_..._`` in the environment, and other C libraries, stay as they are.
    """
    _set_glibc({MMAP_THRESHOLD: LARGE_BYTES, TRIM_THRESHOLD: LARGE_BYTES // 8})
    try:
        yield
    finally:
        _set_glibc(BY_ITSELF)


@contextmanager
def freed_memory_is_kept() -> Iterator[None]:
    """Within it, freed memory stays with the process for the next array; afterwards all that is free goes back.

    A training takes and frees the same arrays in each step. Those above 32 MB leave the process by themselves, and the
    system clears their pages anew each time: 13 of 74 s of a processor for 20 steps of ``segment/demo``.
    ``MALLOC_..._`` in the environment, and other C libraries, stay as they are.
    """
    _set_glibc({MMAP_MAX: 0, TRIM_THRESHOLD: -1})
    try:
        yield
    finally:
        _set_glibc(BY_ITSELF)
        with suppress(AttributeError, OSError, TypeError):
            ctypes.CDLL(None).malloc_trim(0)


def _set_glibc(values: Mapping[int, int]) -> None:
    """Set what ``mallopt`` knows, unless the environment does."""
    if any(name.startswith("MALLOC_") for name in os.environ):
        return
    with suppress(AttributeError, OSError, TypeError):  # another C library, or Windows
        library = ctypes.CDLL(None)
        for name, value in values.items():
            library.mallopt(name, value)


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
