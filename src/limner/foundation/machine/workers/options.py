"""Who works on many files: this process, several, or a Ray cluster. Imports nothing heavy."""

import os
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Annotated, Any

from cyclopts import Parameter

from limner.foundation.command_line import METHOD
from limner.foundation.errors import UserError

RAY = "ray"
WORKERS_HELP = "Spread the files over so many processes, or over a Ray cluster: ray."
ADDRESS_HELP = (
    "With --workers ray: the cluster's address (default: $RAY_ADDRESS, else a cluster that runs on this machine, else "
    "one of this machine's cores for this command)."
)


@dataclass(frozen=True)
class WorkerOptions:
    """Who works on many files. workers: a number of processes, or ``ray``; None: this process, one file after the
    other. ray_address: of the cluster."""

    workers: Annotated[int | str | None, Parameter(help=WORKERS_HELP, group=METHOD)] = None
    ray_address: Annotated[str | None, Parameter(help=ADDRESS_HELP, group=METHOD)] = None

    def __post_init__(self) -> None:
        check_workers(self.workers, self.ray_address)

    @property
    def spread(self) -> bool:
        """Whether others than this process work."""
        return self.workers is not None


def check_workers(workers: Any, ray_address: str | None) -> None:
    """Raise `UserError` for what cannot work, and where Ray is wanted and not installed."""
    if workers is not None and workers != RAY and (not isinstance(workers, int) or workers < 1):
        raise UserError(f"--workers is {workers}; needed: 1 or more processes, or ray")
    if ray_address is not None and workers != RAY:
        raise UserError(f"--ray-address {ray_address}: is for --workers ray; add that, or leave it out")
    if workers == RAY and find_spec("ray") is None:
        raise UserError("--workers ray: Ray is not installed; pip install 'limner[ray]'")


ALONE = WorkerOptions()
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def threads_wanted(threads: int) -> int:
    """Threads of a worker: as many as given, or fewer where the environment already says so."""
    limits = [os.environ.get(name, "") for name in THREAD_VARIABLES]
    return min([threads, *(int(limit) for limit in limits if limit.isdigit() and int(limit) > 0)])
