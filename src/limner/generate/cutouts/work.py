"""Pictures through processes that read and cut, and through the detector in batches that no interruption changes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TypeVar

from limner.datasets.annotations.instances import LabeledPicture, Source
from limner.foundation.errors import UserError
from limner.foundation.machine.workers.options import WorkerOptions
from limner.foundation.machine.workers.spreading import spread
from limner.foundation.progress import Progress
from limner.foundation.signals import stop_on_signal
from limner.generate.cutouts.cutting import Done, Job, Prepared, canvas, cut_picture, finish, prepare
from limner.generate.cutouts.detector import Detector, Finding, class_for
from limner.generate.cutouts.journal import Journal

GROUP = 8
"""Pictures whose objects the detector sees in the same batches, whatever was done before: a batch's company can change
the last digit of a score, and so what is kept."""
AHEAD = 4
"""Pictures that each worker may be ahead of the detector; more would only fill the memory."""
Item = TypeVar("Item")
Result = TypeVar("Result")


def work_through(
    job: Job, source: Source, journal: Journal, detector: Detector | None, workers: WorkerOptions
) -> list[Done]:
    """Everything that became of the source's pictures, in their order; what the journal has is not done again.

    Stops after a group when asked by Ctrl-C or SIGTERM, with `SystemExit`.
    """
    pictures = source.pictures
    groups = [pictures[start : start + GROUP] for start in range(0, len(pictures), GROUP)]
    known = journal.read()
    left = [number for number in range(len(groups)) if number not in known]
    waiting = [picture for number in left for picture in groups[number]]
    before = len(pictures) - len(waiting)
    with (
        stop_on_signal() as stop,
        Progress(f"cutouts, {source.form}", len(pictures), "pictures", start=before) as progress,
    ):
        for number, done in zip(left, _groups_done(job, waiting, groups, left, detector, workers), strict=True):
            journal.add(number, done)
            known[number] = done
            progress.advance(len(done))
            if stop:
                raise SystemExit(stop.exit_code)
    return [done for number in range(len(groups)) for done in known[number]]


def _groups_done(
    job: Job,
    waiting: Sequence[LabeledPicture],
    groups: Sequence[Sequence[LabeledPicture]],
    left: Sequence[int],
    detector: Detector | None,
    workers: WorkerOptions,
) -> Iterator[list[Done]]:
    sizes = [len(groups[number]) for number in left]
    if detector is None:
        yield from _by_sizes(in_order(partial(cut_picture, job), waiting, workers), sizes)
    else:
        for prepared in _by_sizes(in_order(partial(prepare, job), waiting, workers), sizes):
            yield filtered(job, prepared, detector)


def filtered(job: Job, group: Sequence[Prepared], detector: Detector) -> list[Done]:
    """Ask the detector about all candidates of a group, and write those that it recognizes."""
    squares, corners, names = [], [], []
    for prepared in group:
        for row, instance, _ in prepared.candidates:
            assert prepared.pixels is not None  # there are candidates
            square, corner = canvas(prepared.pixels, instance, job.background)
            squares.append(square)
            corners.append(corner)
            names.append(class_for(job.options.detect_as or row.object, detector))
    findings = [_moved(one, corner) for one, corner in zip(detector.find(squares, names), corners, strict=True)]
    done = []
    for prepared in group:
        count = len(prepared.candidates)
        done.append(finish(job, prepared, findings[:count]))
        findings = findings[count:]
    return done


def _moved(finding: Finding | None, corner: tuple[int, int]) -> Finding | None:
    """The finding in pixels of the picture, of whose canvas the corner lies there."""
    if finding is None:
        return None
    (x, y), (x0, y0, x1, y1) = corner, finding.box
    return Finding(finding.score, (x0 + x, y0 + y, x1 + x, y1 + y))


def _by_sizes(results: Iterable[Result], sizes: Sequence[int]) -> Iterator[list[Result]]:
    iterator = iter(results)
    for size in sizes:
        yield [next(iterator) for _ in range(size)]


def in_order(function: Callable[[Item], Result], items: Sequence[Item], workers: WorkerOptions) -> Iterator[Result]:
    """``function`` of each item, in their order, by workers that are ahead a little; by this process with one worker.

    Processes take seconds to start: there is at most one for each `GROUP` of items. Raises `UserError` for an item that
    fails, and one whose worker died again and again.
    """
    if isinstance(workers.workers, int):
        workers = WorkerOptions(min(workers.workers, len(items) // GROUP) or 1)
    if workers.workers == 1:
        yield from map(function, items)
        return
    begin = partial(_itself, function)
    for _, answer in spread(begin, items, workers, device="cpu", in_order=True, ahead=AHEAD):
        if answer.error is not None:
            raise UserError(answer.error)
        yield answer.result  # type: ignore[misc]  # a result is there where no error is


def _itself(function: Callable[[Item], Result]) -> Callable[[Item], Result]:
    return function
