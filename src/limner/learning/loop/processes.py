"""Several processes that learn together: which of them this is, and how many torchrun has started.

This file imports no torch.
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace

from limner.foundation.errors import UserError
from limner.foundation.progress import without_progress
from limner.learning.loop.settings import LoopSettings


def started_by_torchrun() -> bool:
    """Whether torchrun has started this process, and all others of its training at the same time."""
    return "TORCHELASTIC_RUN_ID" in os.environ


def rank() -> int:
    """The number of this process among those of one training, from 0: the first writes and speaks for all."""
    return int(os.environ.get("RANK" if started_by_torchrun() else "LOCAL_RANK", "0"))


def machines() -> int:
    """On how many machines torchrun has started processes; 1 without it."""
    if not started_by_torchrun():
        return 1
    return int(os.environ["WORLD_SIZE"]) // int(os.environ["LOCAL_WORLD_SIZE"])


def with_processes(settings: LoopSettings) -> LoopSettings:
    """The settings with as many processes as torchrun has started, if it has.

    Raises `UserError` where they ask for another number of several.
    """
    if not started_by_torchrun():
        return settings
    started = int(os.environ["WORLD_SIZE"])
    if settings.devices not in (1, started):
        raise UserError(
            f"--loop.devices {settings.devices}: torchrun has started {started} processes; leave the setting out, or "
            "start as many"
        )
    return replace(settings, devices=started)


@contextmanager
def first_speaks_for_all() -> Iterator[None]:
    """Within it, only the first process of a training writes to stdout and stderr."""
    if rank() == 0:
        yield
        return
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()), without_progress():
        yield
