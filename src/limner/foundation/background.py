"""Work done in the background while the caller goes on."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from typing import Any


class BackgroundWriter:
    """Jobs done in order by one background thread while the caller goes on.

    `do` waits for the job before: one runs, none queues, so that memory stays bounded. An error in a job is raised
    by the next `do` or at the end of the ``with`` block.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._job: Future[None] | None = None

    def __enter__(self) -> "BackgroundWriter":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._wait()
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def do(self, job: Callable[..., None], *arguments: Any) -> None:
        """Wait for the job before, then start this one and return."""
        self._wait()
        self._job = self._pool.submit(copy_context().run, job, *arguments)  # rasterio keeps what it opens by there

    def _wait(self) -> None:
        if self._job is not None:
            self._job.result()


Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and of how much."""
