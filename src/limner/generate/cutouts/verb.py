"""What ``limner cutouts SOURCE --object car`` does: objects of annotated pictures, each a picture to learn from."""

from __future__ import annotations

import hashlib
import os
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from limner.datasets.annotations.instances import Source
from limner.datasets.annotations.sources import read_source
from limner.datasets.annotations.sources.wanted import Wanted, counted
from limner.foundation.errors import UserError
from limner.foundation.files.dependencies import digests
from limner.foundation.files.writing import alone_in, write_json
from limner.foundation.machine.cores import allowed_cores
from limner.foundation.machine.workers.options import WorkerOptions
from limner.foundation.progress import say
from limner.generate.cutouts.cutting import Done, Job, lost_row
from limner.generate.cutouts.detector import Detector, class_for
from limner.generate.cutouts.journal import MANIFEST, SHEET, SUMMARY, Journal, is_folder_name
from limner.generate.cutouts.options import PLAIN, CutOutOptions
from limner.generate.cutouts.rows import UNREADABLE, Row, manifest_order, read_manifest, write_manifest
from limner.generate.cutouts.sheet import draw_sheet
from limner.generate.cutouts.work import work_through
from limner.reporting.pictures import write_picture

NOTES_SHOWN = 5


@dataclass(frozen=True)
class CutOuts:
    """What was cut out. folder: holds a folder of pictures for each object, manifest, summary and sheet. rows: of the
    manifest, in its order. before: all of it was there already."""

    folder: Path
    objects: tuple[str, ...]
    form: str
    pictures: int
    rows: tuple[Row, ...]
    before: bool = False

    @property
    def files(self) -> list[Path]:
        """The cut-outs, in the manifest's order."""
        return [self.folder / row.file for row in self.rows if row.file]

    @property
    def rejected(self) -> dict[str, int]:
        """Reason -> how many instances, the commonest first."""
        reasons = Counter(row.reason.partition(":")[0] for row in self.rows if row.reason)
        return dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0])))

    def to_text(self) -> str:
        """One line for people."""
        told = ", ".join(f"{count:,} {reason}" for reason, count in self.rejected.items())
        instances = len(self.rows) - self.rejected.get(UNREADABLE, 0)
        what = f"{' and '.join(self.objects)}: {len(self.files):,} of {instances:,} instances cut out"
        again = "; were there already" if self.before else ""
        return f"{what}, from {counted(self.pictures)} ({self.form})" + (f"; not: {told}" if told else "") + again

    def to_json(self) -> dict[str, Any]:
        """The numbers of ``summary.json``, and the folder."""
        return {
            "folder": str(self.folder),
            "objects": list(self.objects),
            "form": self.form,
            "pictures": self.pictures,
            "instances": len(self.rows) - self.rejected.get(UNREADABLE, 0),
            "kept": len(self.files),
            "rejected": self.rejected,
        }


def cut_out(
    source: str | Path,
    object: str | Sequence[str],
    out: str | Path = "cutouts",
    options: CutOutOptions = PLAIN,
    *,
    detector: Detector | None = None,
    device: str = "auto",
    download: bool = False,
    overwrite: bool = False,
) -> CutOuts:
    """Cut each instance of an object out of a data set: a PNG file each in ``out/<object>``, and what became of all.
    Several objects stand in ``out/classes/<object>``, from which a conditional recipe learns them as classes.

    The same call again goes on where it was stopped, or finds its work done. Another source or other options are
    refused in that folder, or with ``overwrite`` replace what was cut there.

    object: one name or several of the data set's classes. detector: in the place of Mask R-CNN. device: where that
    runs. download: fetch its weights.

    Raises `UserError` for a source of no known form, an object that it does not have, labels that cannot be right,
    weights that are not there, and where no instance is found.
    """
    path, folder = Path(source), Path(out)
    objects = (object,) if isinstance(object, str) else tuple(dict.fromkeys(object))
    if not objects or not all(objects):
        raise UserError("--object is empty; needed: what is to be cut out, such as car")
    _check_names(objects)
    found = read_source(path, Wanted(objects, options.regions), options.split)
    if not found.pictures:
        lost = [one for one in found.lost if one.name in objects]
        why = f": {len(lost):,} left out, the first because of {lost[0].reason}" if lost else ""
        raise UserError(
            f"{path} ({found.form}): {' or '.join(objects)} is in none of its pictures{why}; nothing to cut out"
        )
    found = replace(found, notes=(*found.notes, *_spelled_alike(objects, found.names)))
    judge = None if options.no_filter else _judge(objects, options, detector, device, download)
    job = Job(objects, options, folder)
    request = _request(found, job, judge)
    Journal.check(folder, request, overwrite=overwrite)  # nothing is written, not even a lock
    with alone_in(folder):
        journal = Journal(folder, request, overwrite=overwrite)
        if journal.finished and (before := _done_before(job, found)) is not None:
            return before
        try:
            done = work_through(
                job, found, journal, judge, WorkerOptions(options.workers or allowed_cores(), options.ray_address)
            )
            made = _conclude(job, found, done, path)
        except UserError:
            journal.abandon()
            raise
        journal.close()
    return made


def _spelled_alike(objects: Sequence[str], names: Sequence[str]) -> list[str]:
    """A line for each class of the data that differs from one of the objects in capital letters alone."""
    return [
        f"has a class '{name}' beside '{object}', which is not cut out; add --object {shlex.quote(name)} to take both"
        for object in objects
        for name in names
        if name not in objects and name.casefold() == object.casefold()
    ]


def _judge(
    objects: Sequence[str], options: CutOutOptions, detector: Detector | None, device: str, download: bool
) -> Detector:
    """Who decides what is kept: the given detector, or Mask R-CNN.

    Raises `UserError` for objects that it does not know.
    """
    judge = detector
    if judge is None and options.filter is not None:
        from limner.generate.cutouts.run_filter import RunFilter

        return RunFilter.opened(options.filter, [options.detect_as or name for name in objects], device)
    if judge is None:
        from limner.foundation.machine.device import choose_device
        from limner.generate.cutouts.mask_rcnn import MaskRcnn  # torchvision takes seconds, which --no-filter saves

        judge = MaskRcnn.pretrained(options.weights, download=download, device=choose_device(device))
    for name in objects:
        class_for(options.detect_as or name, judge)
    return judge


def _check_names(objects: Sequence[str]) -> None:
    for name in objects:
        if not is_folder_name(name):
            raise UserError(f"--object '{name}' cannot name a folder; its pictures stand in one")


def _request(source: Source, job: Job, detector: Detector | None) -> dict[str, Any]:
    """All that decides the result; files by their names and contents."""
    files = [*source.shared, *(file for picture in source.pictures for file in (picture.path, *picture.labels))]
    contents = dict(zip(files, digests(files), strict=True))
    digest = hashlib.sha256(" ".join(contents[file] for file in source.shared).encode())
    for picture in source.pictures:
        told = [picture.name, *(contents[file] for file in (picture.path, *picture.labels))]
        digest.update(os.fsencode(f"\n{' '.join(told)}"))
    return {
        "objects": list(job.objects),
        "form": source.form,
        "source": digest.hexdigest()[:16],
        "detector": None if detector is None else detector.digest,
        **job.options.request(),
    }


def _done_before(job: Job, source: Source) -> CutOuts | None:
    """What the same command made, if all of it is still there."""
    try:
        rows = read_manifest(job.out / MANIFEST)
    except (OSError, ValueError):
        return None
    made = CutOuts(job.out, job.objects, source.form, len(source.pictures), tuple(rows), before=True)
    return made if all(path.is_file() for path in made.files) else None


def _conclude(job: Job, source: Source, done: Sequence[Done], path: Path) -> CutOuts:
    lost = [lost_row(one) for one in source.lost if one.name in job.objects]
    rows = sorted((*lost, *(row for one in done for row in one.rows)), key=manifest_order)
    unreadable = [row for row in rows if row.reason.startswith(UNREADABLE)]
    if len(unreadable) == len(rows):
        if unreadable:
            raise UserError(
                f"{unreadable[0].reason.partition(': ')[2]} (of {counted(len(unreadable))}, none can be read)"
            )
        raise UserError(
            f"{path} ({source.form}): {' or '.join(job.objects)} is in none of its pictures; nothing to cut out"
        )
    made = CutOuts(job.out, job.objects, source.form, len(source.pictures), tuple(rows))
    notes = Counter(note for one in done for note in sorted(set(one.notes)))
    for line in (*source.notes, *_warnings(unreadable, notes)):
        say(f"limner: {path}: {line}")
    write_picture(job.out / SHEET, draw_sheet(job.out, rows, source.pictures, made.to_text()))
    told = {key: value for key, value in made.to_json().items() if key != "folder"}
    write_json(
        job.out / SUMMARY, {**told, "notes": list(source.notes), "notes_of_pictures": dict(sorted(notes.items()))}
    )
    write_manifest(job.out / MANIFEST, rows)
    return made


def _warnings(unreadable: Sequence[Row], notes: Counter[str]) -> list[str]:
    told = []
    if unreadable:
        told.append(f"{counted(len(unreadable))} left out; the first: {unreadable[0].reason.partition(': ')[2]}")
    told += (f"{counted(count)}: {note}" for note, count in notes.most_common(NOTES_SHOWN))
    if len(notes) > NOTES_SHOWN:
        told.append(f"{len(notes) - NOTES_SHOWN} notes more in {SUMMARY}")
    return told
