"""`limner detect`: pictures in; boxes and outlines out, as text, drawn, in COCO's form and as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from limner.datasets.pictures.decoding import decode
from limner.datasets.pictures.several import tell_several
from limner.detect.boxes.objects import Detections
from limner.detect.measures.drawing import draw_detections
from limner.detect.predicting.options import PLAIN, DetectOptions
from limner.detect.predicting.predictor import ObjectDetector, load_detector
from limner.foundation.files.writing import as_utf8, replacing
from limner.foundation.machine.workers.options import ALONE, WorkerOptions
from limner.foundation.machine.workers.spreading import PartlyFailedError, results_of
from limner.foundation.progress import say
from limner.learning.runs.answers import names_of_answers, pictures_given, refuse_other_files, write_answers
from limner.learning.runs.opening import open_run
from limner.learning.runs.run import Run
from limner.reporting.pictures import write_picture
from limner.reporting.tables import csv_cell, csv_table

TABLE, LIST, COUNTS = "detections.csv", "detections.json", "counts.csv"
DIGITS = 6
"""Of scores."""
Row = tuple[Path, tuple[int, int], Detections]


@dataclass(frozen=True)
class Detected:
    """What is in pictures. rows: each picture, its (width, height), and what was found. folder: what was written; None:
    nothing."""

    rows: tuple[Row, ...]
    class_names: tuple[str, ...]
    folder: Path | None = None

    def to_text(self) -> str:
        """A line for each picture: its path, and how many objects of each class."""
        lines = []
        for path, _, found in self.rows:
            counts = Counter(self.class_names[label] for label in found.labels.tolist())
            lines.append(f"{path}  " + (", ".join(f"{count} {name}" for name, count in counts.items()) or "nothing"))
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """COCO's form: ``images``, ``categories`` from 1, and ``annotations`` with ``bbox`` x, y, width, height, their
        ``score``, and where there are outlines ``segmentation`` as run lengths."""
        annotations: list[dict[str, Any]] = []
        for number, (_, _, found) in enumerate(self.rows, start=1):
            scores = found.scores.tolist()
            for place, (box, label) in enumerate(zip(found.boxes.tolist(), found.labels.tolist(), strict=True)):
                x0, y0, x1, y1 = (round(value, 2) for value in box)
                entry: dict[str, Any] = {
                    "id": len(annotations) + 1, "image_id": number, "category_id": label + 1, "iscrowd": 0,
                    "bbox": [x0, y0, round(x1 - x0, 2), round(y1 - y0, 2)], "area": round((x1 - x0) * (y1 - y0), 2),
                    "score": round(scores[place], DIGITS),
                }  # fmt: skip
                if found.masks is not None:
                    code = found.masks[place]
                    entry["segmentation"] = {"size": list(code["size"]), "counts": code["counts"].decode("ascii")}
                annotations.append(entry)
        return {
            "images": [
                {"id": number, "file_name": str(path), "width": size[0], "height": size[1]}
                for number, (path, size, _) in enumerate(self.rows, start=1)
            ],
            "categories": [{"id": place + 1, "name": name} for place, name in enumerate(self.class_names)],
            "annotations": annotations,
        }

    def counts_csv(self) -> str:
        """``path`` and a column for each class: how many were found, 0 included, with a row for each picture."""
        rows = []
        for path, _, found in self.rows:
            counts = Counter(found.labels.tolist())
            rows.append([str(path), *(str(counts[label]) for label in range(len(self.class_names)))])
        return csv_table(["path", *map(csv_cell, self.class_names)], rows)

    def to_csv(self) -> str:
        """``path,class,score,x0,y0,x1,y1`` with a row for each object."""
        rows: list[list[str]] = []
        for path, _, found in self.rows:
            for box, label, score in zip(
                found.boxes.tolist(), found.labels.tolist(), found.scores.tolist(), strict=True
            ):
                corners = [f"{value:.2f}" for value in box]
                rows.append([str(path), csv_cell(self.class_names[label]), f"{score:.{DIGITS}f}", *corners])
        return csv_table(["path", "class", "score", "x0", "y0", "x1", "y1"], rows)


def detect_pictures(
    run: str | Path | Run,
    pictures: str | Path | Sequence[str | Path],
    options: DetectOptions = PLAIN,
    *,
    out: str | Path | None = None,
    device: str = "auto",
    overwrite: bool = False,
    workers: WorkerOptions = ALONE,
) -> Detected:
    """Find objects in pictures with a trained run.

    pictures: files, and folders in which all are taken. out: a folder for each picture with its boxes, for
    ``detections.json`` in COCO's form, ``detections.csv`` and ``counts.csv``; whole or not there. overwrite: whether
    ``out`` may replace a folder that holds something else. workers: who works on many. Of several pictures those
    that fail are left out.

    Raises `UserError` for no run of this room, no pictures, a single one that cannot be read, and a folder in the way;
    where of several some fail `PartlyFailedError`, whose ``done`` is what else would have been given, alone in a list.
    """
    files = pictures_given(pictures)
    opened = run if isinstance(run, Run) else open_run(run, "detect")
    folder = None if out is None else Path(out)
    if folder is not None and not overwrite:
        refuse_other_files(
            folder, TABLE, LIST,
            lambda listed: [COUNTS, *_drawn(Path(each["file_name"]) for each in listed["images"])],
        )  # fmt: skip
    tell_several(files)
    detector = load_detector(opened, device)
    loading = partial(_loaded, opened.folder, device) if workers.spread else lambda: detector

    def look_through(drawn: Path | None) -> tuple[Detected, PartlyFailedError | None]:
        failed = None
        try:
            rows = results_of(
                partial(begin_detecting, loading, options, drawn), list(zip(files, _drawn(files), strict=True)),
                workers, title="detect", unit="pictures", names=[str(file) for file in files], device=device,
                try_all=True,
            )  # fmt: skip
        except PartlyFailedError as error:
            failed, rows = error, error.done
        return Detected(tuple(rows), detector.class_names, folder), failed

    if folder is None:
        done, failed = look_through(None)
    else:
        with replacing(folder) as temporary:
            temporary.mkdir()
            done, failed = look_through(temporary)
            if failed is not None and not done.rows:
                raise failed
            write_answers(temporary, TABLE, done.to_csv(), LIST, done.to_json())
            (temporary / COUNTS).write_bytes(as_utf8(done.counts_csv()))
        say(f"{folder / COUNTS}: how many of each class in each picture; {folder / TABLE}: each object")
    if failed is not None:
        raise failed.with_done([done] if done.rows else [])
    return done


def _loaded(run: Path, device: str) -> ObjectDetector:
    return load_detector(open_run(run, "detect"), device)


def begin_detecting(
    load: Callable[[], ObjectDetector], options: DetectOptions, folder: Path | None
) -> Callable[[tuple[Path, str]], Row]:
    """What looks through one picture: its path, and the name under which it is drawn in ``folder``."""
    detector = load()

    def work(item: tuple[Path, str]) -> Row:
        file, name = item
        image = decode(file, "rgb")
        found = _surest(detector.detect(image, options.min_score), options.most)
        if folder is not None:
            write_picture(folder / name, draw_detections(np.asarray(image), found, detector.class_names))
        return file, image.size, found

    return work


def _surest(found: Detections, most: int) -> Detections:
    masks = None if found.masks is None else list(found.masks)[:most]
    return Detections(found.boxes[:most], found.labels[:most], found.scores[:most], masks)


def _drawn(files: Iterable[Path]) -> list[str]:
    return names_of_answers(files, ".jpg")
