"""`limner classify`: pictures of any kind, their classes with the evidence, as text, JSON, CSV and pictures."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from limner.classify.predicting.options import PLAIN, ClassifyOptions
from limner.classify.predicting.overlay import overlay_evidence
from limner.classify.predicting.predictor import Answer, Evidence, PictureClassifier, load_classifier
from limner.datasets.pictures.several import tell_several
from limner.foundation.errors import UserError
from limner.foundation.files.writing import replacing
from limner.foundation.machine.workers.spreading import PartlyFailedError
from limner.foundation.progress import Progress, say
from limner.learning.runs.answers import names_of_answers, pictures_given, refuse_other_files, write_answers
from limner.learning.runs.opening import open_run
from limner.learning.runs.run import Run
from limner.reporting.pictures import captioned_rows, write_picture
from limner.reporting.tables import csv_cell, csv_table

BATCH = 16
TABLE, LIST = "classes.csv", "classes.json"
CELL_PX = 320


@dataclass(frozen=True)
class Classified:
    """What pictures show. rows: each picture with its answer. top: classes told of each. folder: what was written;
    None: nothing."""

    rows: tuple[tuple[Path, Answer], ...]
    top: int
    folder: Path | None = None

    def to_text(self) -> str:
        """A line for each picture: its path, and its classes with their probabilities."""
        return "\n".join(f"{path}  {', '.join(_told(answer, self.top))}" for path, answer in self.rows)

    def counted(self) -> str:
        """How many pictures show each class, the commonest first."""
        often = Counter(answer.names[0] for _, answer in self.rows).most_common()
        return f"{len(self.rows)} pictures: " + ", ".join(f"{name} {count}" for name, count in often)

    def to_json(self) -> dict[str, Any]:
        """For programs: of each picture its classes, the most probable first, and the box around the evidence."""
        return {
            "pictures": [
                {
                    "path": str(path),
                    "class": answer.names[0],
                    "probability": round(answer.probabilities[0], 6),
                    "classes": [
                        {"class": name, "probability": round(value, 6)}
                        for name, value in list(zip(answer.names, answer.probabilities, strict=True))[: self.top]
                    ],
                    "box": answer.box,
                }
                for path, answer in self.rows
            ],
            "folder": None if self.folder is None else str(self.folder),
        }

    def to_csv(self) -> str:
        """``path,class,probability,x0,y0,x1,y1`` with a row for each picture."""
        rows = [
            [str(path), csv_cell(answer.names[0]), f"{answer.probabilities[0]:.6f}", *(answer.box or ("",) * 4)]
            for path, answer in self.rows
        ]
        return csv_table(["path", "class", "probability", "x0", "y0", "x1", "y1"], rows)


def classify_pictures(
    run: str | Path | Run,
    pictures: str | Path | Sequence[str | Path],
    options: ClassifyOptions = PLAIN,
    *,
    out: str | Path | None = None,
    device: str = "auto",
    overwrite: bool = False,
) -> Classified:
    """Classify pictures with a trained run.

    pictures: files, and folders in which all are taken. out: a folder for a picture of each one's evidence, and for
    ``classes.csv`` and ``classes.json``; whole or not there. overwrite: whether ``out`` may replace a folder that holds
    something else. Of several pictures those that fail are left out.

    Raises `UserError` for no run of this room, no pictures, a single one that cannot be read, and a folder in the way;
    where of several some fail `PartlyFailedError`, whose ``done`` is what else would have been given, alone in a list.
    """
    files = pictures_given(pictures)
    opened = run if isinstance(run, Run) else open_run(run, "classify")
    folder = None if out is None else Path(out)
    if folder is not None and not overwrite:
        refuse_other_files(
            folder, TABLE, LIST, lambda listed: _drawn(Path(each["path"]) for each in listed["pictures"])
        )
    tell_several(files)
    classifier = load_classifier(opened, device)
    rows: list[tuple[Path, Answer]] = []
    failed: list[tuple[str, str]] = []
    with Progress("classify", len(files), "pictures") as progress:
        for start in range(0, len(files), BATCH):
            part = files[start : start + BATCH]
            try:
                rows += zip(part, classifier.predict_all(part, options.evidence), strict=True)
            except UserError:
                if len(files) == 1:
                    raise
                readable, broken = _one_by_one(classifier, part, options.evidence)
                rows, failed = rows + readable, failed + broken
            progress.advance(len(part))
    if failed and not rows:
        raise PartlyFailedError(failed, [])
    done = Classified(tuple(rows), options.top, folder)
    if folder is not None:
        with replacing(folder) as temporary:
            temporary.mkdir()
            for (_, answer), name in zip(rows, _drawn(path for path, _ in rows), strict=True):
                write_picture(temporary / name, draw_answer(answer, options.top))
            write_answers(temporary, TABLE, done.to_csv(), LIST, done.to_json())
    if failed:
        raise PartlyFailedError(failed, rows).with_done([done])
    return done


def _one_by_one(
    classifier: PictureClassifier, files: Sequence[Path], evidence: Evidence
) -> tuple[list[tuple[Path, Answer]], list[tuple[str, str]]]:
    """The answers for those that can be read, and the names of the others with what is wrong."""
    rows: list[tuple[Path, Answer]] = []
    failed: list[tuple[str, str]] = []
    for file in files:
        try:
            rows += zip([file], classifier.predict_all([file], evidence), strict=True)
        except UserError as error:
            say(f"{file}: {error}" if not str(error).startswith(str(file)) else str(error))
            failed.append((str(file), str(error)))
    return rows, failed


def draw_answer(answer: Answer, top: int) -> np.ndarray:
    """(H, W, 3) uint8: what the network was shown, the evidence for its first class over it, and its classes below."""
    heat = overlay_evidence(answer.shown, answer.evidence)
    return captioned_rows([[answer.shown, heat]], [["", "; ".join(_told(answer, top))]], cell_px=CELL_PX)


def _drawn(files: Iterable[Path]) -> list[str]:
    return names_of_answers(files, ".png")


def _told(answer: Answer, top: int) -> list[str]:
    pairs = list(zip(answer.names, answer.probabilities, strict=True))[:top]
    return [f"{name} {100 * value:.1f} %" for name, value in pairs]
