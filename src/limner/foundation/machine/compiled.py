"""Loops over pixels that are compiled on their first use and kept on the disk for the next start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

Kernel = TypeVar("Kernel", bound=Callable)


def compiled(kernel: Kernel) -> Kernel:
    """``kernel`` as machine code that leaves other threads running.

    Sums may be taken in another order than written, so that they use the whole width of the processor; NaN and
    infinity keep their meaning. Threads are the caller's: each call works on its own rows or superpixels.
    """
    sums = {"reassoc", "contract", "arcp", "nsz"}
    options: dict[str, Any] = {"nogil": True, "fastmath": sums, "error_model": "numpy"}
    try:
        return njit(cache=True, **options)(kernel)
    except RuntimeError:  # no folder of this machine may be written: compile anew at each start
        return njit(**options)(kernel)
