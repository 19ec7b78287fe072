"""Freed memory leaves the process, or is kept for the next array, as a block asks for it."""

import os
import subprocess
import sys

import pytest

CODE = """
import ctypes, resource, sys
import psutil
from limner.foundation.machine import memory

library = ctypes.CDLL(None)
library.malloc.restype = ctypes.c_void_p
library.free.argtypes = (ctypes.c_void_p,)
library.memset.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t)
size, times = int(sys.argv[2]), 20

def cleared():
    "Pages that the system had to give for an array that is taken and freed again and again."
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        place = library.malloc(size)
        library.memset(place, 1, size)
        library.free(place)
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / (times * size / 4096)

def resident():
    return psutil.Process().memory_info().rss / size

before = cleared()
began = resident()
with getattr(memory, sys.argv[1])():
    within = cleared()
    held = resident() - began
print(before, within, cleared(), held, resident() - began)
"""


def measured(block: str, size: int) -> list[float]:
    """Shares of pages given anew before, within and after the block, and arrays that are held at its end and after."""
    settings = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    command = [sys.executable, "-c", CODE, block, str(size)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=settings)
    return [float(word) for word in done.stdout.split()]


def test_within_pages_are_cleared_each_time_and_afterwards_once() -> None:
    _, within, after, _, _ = measured("freed_memory_goes_back", 8 << 20)
    if within < 0.9:  # large pages are given at once, or another C library
        assert after <= within + 0.1
    else:
        assert after < 0.5


def test_large_arrays_are_kept_within_and_go_back_afterwards() -> None:
    before, within, after, held, left = measured("freed_memory_is_kept", 64 << 20)
    if before < 0.9:
        pytest.skip("this system gives large pages at once, or another C library keeps arrays of 64 MB by itself")
    assert within < 0.1  # cleared once for all twenty
    assert after > 0.9
    assert held > 0.9
    assert left < 0.1
