"""A Ray cluster that does items: Ray finds room for them, and begins those of a worker or machine that died again."""

from __future__ import annotations

import os
from concurrent.futures import Future
from functools import partial
from types import TracebackType
from typing import Any, Self

from limner.foundation.errors import UserError
from limner.foundation.machine.workers.attempt import RETRIES, Answer, attempt

AT_ONCE = 1000
"""Items that wait with Ray at most; a cluster that grows by demand sees so many."""


class RayWorkers:
    """A cluster while the block lasts; one that was started for it ends with it.

    address: of the cluster; None: by RAY_ADDRESS, one on this machine, or a new one of this machine's cores. items: how
    many there will be: where they are fewer than the cores, each gets several. device: each has a GPU of its own where
    the cluster has any, unless that is ``cpu``. Raises `UserError` for a cluster that cannot be reached, and for cuda
    where it has no GPU.
    """

    def __init__(self, setting: bytes, items: int, address: str | None, device: str) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing calls the network unless asked
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # what Ray will do from its next version on
        os.environ.setdefault("RAY_task_oom_retries", str(RETRIES))  # of a cluster that is started here
        import ray

        self._ray, self._own = ray, not ray.is_initialized()
        self.workers, self.at_once = 1, AT_ONCE
        if self._own:
            try:
                ray.init(address=address, log_to_driver=False, logging_level="ERROR")
            except (ConnectionError, ValueError) as error:
                self._own = False
                where = address or os.environ.get("RAY_ADDRESS") or "this machine"
                raise UserError(
                    f"--workers ray: no cluster answers at {where} ({' '.join(str(error).split())[:200]}); start one "
                    "by 'ray start --head', or leave the address out"
                ) from None
        self._setting = ray.put(setting)
        try:
            self._task = ray.remote(**self._needs(items, device), max_retries=RETRIES)(attempt)
        except UserError:
            self.__exit__(None, None, None)
            raise
        self._waiting: set[Any] = set()

    def _needs(self, items: int, device: str) -> dict[str, float]:
        """What each item takes of a machine."""
        machines = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
        cores = [int(machine["CPU"]) for machine in machines if machine.get("CPU", 0) >= 1]
        each = max(1, min(min(cores, default=1), sum(cores) // max(1, items)))
        self.workers = max(1, sum(cores) // each)
        has_gpu = any(machine.get("GPU", 0) >= 1 for machine in machines)
        if device == "cuda" and not has_gpu:
            raise UserError("--device cuda: no machine of the Ray cluster has a GPU; leave it out for processors")
        return {"num_cpus": each, "num_gpus": 1 if has_gpu and device != "cpu" else 0}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._own:
            self._ray.shutdown()
        elif kind is not None:
            for reference in list(self._waiting):
                self._ray.cancel(reference, force=True)

    def submit(self, item: Any) -> Future[Answer[Any]]:
        """Have an item done; what it gives is an `Answer` in any case."""
        reference = self._task.remote(self._setting, item)
        self._waiting.add(reference)
        done: Future[Answer[Any]] = Future()
        reference.future().add_done_callback(partial(self._finish, reference, done))
        return done

    def _finish(self, reference: Any, done: Future[Answer[Any]], found: Future[Any]) -> None:
        self._waiting.discard(reference)
        try:
            answer = found.result()
        except BaseException as error:  # of Ray: the worker died too often, or has no limner
            words = " ".join(str(error).split())
            answer = Answer(error=f"its worker died {RETRIES + 1} times, or could not begin: {words[:300]}")
        done.set_result(answer)
