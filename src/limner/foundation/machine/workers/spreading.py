"""Many items by one function: here one after the other, or spread over processes or a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, TypeVar

from limner.foundation.errors import UserError
from limner.foundation.machine.cores import allowed_cores
from limner.foundation.machine.workers.attempt import Answer, Begin, packed, tried
from limner.foundation.machine.workers.on_ray import RayWorkers
from limner.foundation.machine.workers.options import ALONE, RAY, WorkerOptions, threads_wanted
from limner.foundation.machine.workers.processes import Processes
from limner.foundation.progress import Progress, say

Item = TypeVar("Item")
Result = TypeVar("Result")


class PartlyFailedError(UserError):
    """Some of many items failed, and the others were done. failed: names and errors. done: results of the others, in
    their order."""

    def __init__(self, failed: Sequence[tuple[str, str]], done: Sequence[Any]) -> None:
        name, error = failed[0]
        told = error if error.startswith(name) else f"{name}: {error}"
        super().__init__(f"{len(failed)} of {len(failed) + len(done)} failed; the first: {told}")
        self.failed, self.done = list(failed), list(done)

    def with_done(self, done: Sequence[Any]) -> PartlyFailedError:
        """The same, with other results."""
        self.done = list(done)
        return self


def spread(
    begin: Begin[Item, Result], items: Sequence[Item], workers: WorkerOptions = ALONE, *, device: str = "auto",
    in_order: bool = False, ahead: int | None = None,
) -> Iterator[tuple[int, Answer[Result]]]:  # fmt: skip
    """The number of each item and what became of it, as soon as it is done.

    begin: makes the function that does one item, once a worker; the same serves one file and many. Of a worker that
    died its item is begun again. What workers say comes out on stderr when their item is done. in_order: give them in
    the items' order. ahead: items that each process may be ahead of the one that is given next, where results are
    large.

    Raises `UserError` where an item finds the disk full, and as ``begin`` does where this process works alone.
    """
    if not workers.spread:
        work = begin()
        for number, item in enumerate(items):
            yield number, tried(work, item)
        return
    if not items:
        return
    with _workers(begin, len(items), workers, device) as pool:
        results: dict[Future[Answer[Any]], int] = {}
        ready: dict[int, Answer[Result]] = {}
        begun = given = 0
        while given < len(items):
            most = len(items) if ahead is None else given + ahead * pool.workers
            while begun < min(most, len(items)) and len(results) < pool.at_once:
                results[pool.submit(items[begun])] = begun
                begun += 1
            if results:
                done, _ = wait(results, return_when=FIRST_COMPLETED)
                for future in done:
                    ready[results.pop(future)] = future.result()
            for number in sorted(ready):
                if in_order and number != given:
                    break
                answer = ready.pop(number)
                for line in answer.said:
                    say(line)
                if answer.stops_all:
                    raise UserError(str(answer.error))
                yield number, answer
                given += 1


def results_of(
    begin: Begin[Item, Result], items: Sequence[Item], workers: WorkerOptions = ALONE, *, title: str,
    unit: str = "files", names: Sequence[str], device: str = "auto", tell: Callable[[Result], None] | None = None,
    try_all: bool = False,
) -> list[Result]:  # fmt: skip
    """The results of all items, in their order, with progress.

    Alone, the first error ends it, unless several shall be tried all (``try_all``); then, and by workers, the rest is
    done and `PartlyFailedError` is raised, which has what was done. What failed is said in a line each, at once or with
    ``try_all`` at the end. names: of the items. tell: called with each result when it is there.
    """
    if not workers.spread and not (try_all and len(items) > 1):
        work, alone = begin(), []
        with Progress(title, len(items), unit) as progress:
            for item in items:
                alone.append(work(item))
                if tell is not None:
                    tell(alone[-1])
                progress.advance()
        return alone
    found: dict[int, Result] = {}
    failed: dict[int, str] = {}
    with Progress(title, len(items), unit) as progress:
        for number, answer in spread(begin, items, workers, device=device):
            if answer.error is None:
                found[number] = answer.result  # type: ignore[assignment]
                if tell is not None:
                    tell(found[number])
            else:
                failed[number] = answer.error
                if not try_all:
                    _say_failed(names[number], answer.error)
            progress.advance()
    if try_all:
        for number in sorted(failed):
            _say_failed(names[number], failed[number])
    done = [found[number] for number in sorted(found)]
    if failed:
        raise PartlyFailedError([(names[number], failed[number]) for number in sorted(failed)], done)
    return done


def _say_failed(name: str, error: str) -> None:
    told = error.removeprefix(f"{name}: ")
    say(f"{name}: failed: {told}")


def _workers(begin: Begin[Any, Any], items: int, workers: WorkerOptions, device: str) -> Processes | RayWorkers:
    if workers.workers == RAY:
        return RayWorkers(packed(begin), items, workers.ray_address, device)
    count = min(int(workers.workers or 1), items)
    return Processes(packed(begin), count, threads_wanted(max(1, allowed_cores() // count)))
