"""`limner detect`: pictures in; boxes and outlines out, as text, drawn, in COCO's form and as a table."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from limner.datasets.pictures.decoding import decode
from limner.datasets.pictures.listing import picture_files
from limner.datasets.pictures.several import tell_several
from limner.detect.boxes.objects import Detections
from limner.detect.measures.drawing import draw_detections
from limner.detect.predicting.options import PLAIN, DetectOptions
from limner.detect.predicting.predictor import load_detector
from limner.foundation.errors import UserError
from limner.foundation.files.writing import as_paths, as_utf8, replacing
from limner.foundation.progress import Progress
from limner.learning.runs.opening import open_run
from limner.learning.runs.run import Run
from limner.reporting.pictures import write_picture
from limner.reporting.tables import csv_cell

TABLE, LIST = "detections.csv", "detections.json"
DIGITS = 6
"""Of scores."""


@dataclass(frozen=True)
class Detected:
    """What is in pictures. rows: each picture, its (width, height), and what was found. folder: what was written; None:
    nothing."""

    rows: tuple[tuple[Path, tuple[int, int], Detections], ...]
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

    def to_csv(self) -> str:
        """``path,class,score,x0,y0,x1,y1`` with a row for each object."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["path", "class", "score", "x0", "y0", "x1", "y1"])
        for path, _, found in self.rows:
            for box, label, score in zip(
                found.boxes.tolist(), found.labels.tolist(), found.scores.tolist(), strict=True
            ):
                corners = [f"{value:.2f}" for value in box]
                writer.writerow(
                    [csv_cell(str(path)), csv_cell(self.class_names[label]), f"{score:.{DIGITS}f}", *corners]
                )
        return text.getvalue()


def detect_pictures(
    run: str | Path | Run,
    pictures: str | Path | Sequence[str | Path],
    options: DetectOptions = PLAIN,
    *,
    out: str | Path | None = None,
    device: str = "auto",
    overwrite: bool = False,
) -> Detected:
    """Find objects in pictures with a trained run.

    pictures: files, and folders in which all are taken. out: a folder for each picture with its boxes, for
    ``detections.json`` in COCO's form and ``detections.csv``; whole or not there. overwrite: whether ``out`` may
    replace a folder that holds something else.

    Raises `UserError` for no run of this room, no pictures, one that cannot be read, and a folder in the way.
    """
    files = list({file.resolve(): file for path in as_paths(pictures) for file in _files(path)}.values())
    if not files:
        raise UserError("no picture is given; name files or folders of pictures")
    opened = run if isinstance(run, Run) else open_run(run, "detect")
    folder = None if out is None else Path(out)
    if folder is not None and not overwrite:
        _refuse_others(folder)
    tell_several(files)
    detector = load_detector(opened, device)
    if folder is None:
        rows = _looked_through(files, detector, options, None)
        return Detected(tuple(rows), detector.class_names)
    with replacing(folder) as temporary:
        temporary.mkdir()
        done = Detected(tuple(_looked_through(files, detector, options, temporary)), detector.class_names, folder)
        (temporary / TABLE).write_bytes(as_utf8(done.to_csv()))
        (temporary / LIST).write_bytes(as_utf8(json.dumps(done.to_json(), indent=1, ensure_ascii=False) + "\n"))
    return done


def _looked_through(
    files: Sequence[Path], detector: Any, options: DetectOptions, folder: Path | None
) -> list[tuple[Path, tuple[int, int], Detections]]:
    rows = []
    with Progress("detect", len(files), "pictures") as progress:
        for file, name in zip(files, drawn_names(files), strict=True):
            image = decode(file, "rgb")
            found = _surest(detector.detect(image, options.min_score), options.most)
            rows.append((file, image.size, found))
            if folder is not None:
                write_picture(folder / name, draw_detections(np.asarray(image), found, detector.class_names))
            progress.advance()
    return rows


def _surest(found: Detections, most: int) -> Detections:
    masks = None if found.masks is None else list(found.masks)[:most]
    return Detections(found.boxes[:most], found.labels[:most], found.scores[:most], masks)


def drawn_names(files: Sequence[Path]) -> list[str]:
    """A JPEG's name for each file, no two alike.

    >>> drawn_names([Path("a/1.jpg"), Path("b/1.png"), Path("c/2.jpg")])
    ['1.jpg', '1-2.jpg', '2.jpg']
    """
    given: dict[str, int] = {}
    names = []
    for file in files:
        stem = file.stem
        while stem.casefold() in given:
            given[stem.casefold()] += 1
            stem = f"{stem}-{given[stem.casefold()]}"
        given[stem.casefold()] = 1
        names.append(f"{stem}.jpg")
    return names


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return picture_files(path)
    if not path.exists():
        raise UserError(f"{path}: no such file or folder; needed: pictures, or folders of them")
    return [path]


def _refuse_others(folder: Path) -> None:
    """Raise `UserError` where a folder holds what no earlier call has written."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise UserError(f"--out {folder}: is a file; needed: a folder")
    held = {path.name for path in folder.iterdir()}
    try:
        earlier = json.loads((folder / LIST).read_text(encoding="utf-8"))
        own = {TABLE, LIST, *drawn_names([Path(each["file_name"]) for each in earlier["images"]])}
    except (OSError, ValueError, KeyError, TypeError):
        own = set()
    if not held <= own:
        raise UserError(f"--out {folder}: holds other files; choose another folder or add --overwrite")
