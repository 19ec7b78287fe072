"""Scores of a detector: COCO's and VOC's average precisions, kinds of errors, the threshold to use."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from limner.detect.boxes.average_precision import VOC07, average_precision
from limner.detect.boxes.coco_scores import coco_scores
from limner.detect.boxes.error_kinds import count_errors, picture_errors
from limner.detect.boxes.matching import best_threshold, match_class, precision_recall
from limner.detect.boxes.objects import Detections, Objects
from limner.foundation.errors import UserError
from limner.foundation.files.schema import WrongValue, conform
from limner.reporting.tables import markdown_row, percent

FEW = 50
"""Objects below which scores are rough."""
KINDS = {
    "right": "right", "duplicate": "a second time", "class": "another class", "place": "not quite there",
    "background": "nothing there", "missed": "missed",
}  # fmt: skip
HEAD = ("class", "objects", "AP50, %", "AP, %")
LISTED = 40


@dataclass(frozen=True)
class Evaluation:
    """A detector's scores on some pictures, from 0 to 1; None where there is nothing to find.

    on: what the pictures are, in words. objects: to be found, by class. scores: ``ap50``, ``ap``, ``ap75``, ``small``,
    ``medium``, ``large``, ``recall`` (at IoU 0.5, by 100 a picture), ``voc07``, and with outlines ``mask_ap50`` and
    ``mask_ap``. by_class: (ap50, ap) of each class. trivial: AP50 of the commonest boxes of the training in every
    picture; None where unknown. threshold: the score with the best F1 at IoU 0.5, and f1, precision and recall there.
    kinds: how many detections from that score on are of each kind, and how many objects are missed. extras: what else
    was measured.
    """

    class_names: tuple[str, ...]
    on: str
    pictures: int
    objects: tuple[int, ...]
    scores: dict[str, float | None]
    by_class: tuple[tuple[float | None, float | None], ...]
    trivial: float | None
    threshold: dict[str, float] | None
    kinds: dict[str, int]
    seconds_a_picture: float | None = None
    extras: Mapping[str, Any] | None = None

    def score(self, name: str) -> float | None:
        """A score by its name."""
        return self.seconds_a_picture if name == "seconds" else self.scores.get(name)

    def cautions(self) -> list[str]:
        """What may mislead, in a line each; they stand first."""
        found, total = [], sum(self.objects)
        if total < FEW:
            found.append(f"only {total} objects: scores may change much with other pictures")
        if self.trivial is not None and (self.scores["ap50"] or 0.0) <= self.trivial:
            found.append("no better than the commonest boxes of the training in every picture")
        if pairs := (self.extras or {}).get("duplicates"):
            found.append(
                f"{len(pairs)} of these pictures are nearly among those that were learned from, such as {pairs[0][0]} "
                f"({pairs[0][1]})"
            )
        if missing := [name for name, count in zip(self.class_names, self.objects, strict=True) if not count]:
            found.append(f"no object of {len(missing)} classes ({', '.join(missing[:5])}): nothing is said of them")
        return found

    def line(self) -> str:
        """AP50 and AP beside what scores without learning, in words."""
        masks = self.scores.get("mask_ap50")
        more = "" if masks is None else f", of outlines AP50 {percent(masks)} %"
        trivial = "-" if self.trivial is None else f"AP50 {percent(self.trivial)} % (the commonest boxes)"
        return (
            f"AP50 {percent(self.scores['ap50'])} %, AP {percent(self.scores['ap'])} %{more} on {self.pictures:,} "
            f"pictures with {sum(self.objects):,} objects ({self.on}); without learning: {trivial}"
        )

    def class_rows(self) -> list[list[str]]:
        """A row for each class of `HEAD`, the least found first."""
        rows = sorted(
            zip(self.class_names, self.objects, self.by_class, strict=True),
            key=lambda row: (row[2][0] is None, row[2][0] or 0.0),
        )
        return [[name, f"{count:,}", percent(ap50), percent(ap)] for name, count, (ap50, ap) in rows[:LISTED]]

    def threshold_line(self) -> str:
        """The score to use, in words."""
        if self.threshold is None:
            return "Nothing right was found, so no score to show detections from can be told."
        kept = self.threshold
        return (
            f"Detections are best shown from a score of {kept['score']:.2f} on: of what is then shown "
            f"{kept['precision']:.0%} is right, and {kept['recall']:.0%} of the objects are found (F1 "
            f"{kept['f1']:.0%}); the score was chosen on these very pictures."
        ).replace("%", " %")

    def kinds_line(self) -> str:
        """What detections from that score on are, in words."""
        return ", ".join(f"{self.kinds.get(kind, 0):,} {words}" for kind, words in KINDS.items())

    def to_markdown(self) -> str:
        """The scores as people read them."""
        sizes = ", ".join(f"{name} {percent(self.scores.get(name))}" for name in ("small", "medium", "large"))
        table = "\n".join([markdown_row(HEAD), "| --- | ---: | ---: | ---: |", *map(markdown_row, self.class_rows())])
        lines = [f"Careful: {each}." for each in self.cautions()]
        lines += [f"{self.line()}.", f"AP by size, %: {sizes} (below 32^2, to 96^2, and more pixels). VOC07 AP: "
                  f"{percent(self.scores.get('voc07'))} %. Found at all, by 100 detections a picture: "
                  f"{percent(self.scores.get('recall'))} %."]  # fmt: skip
        lines += [self.threshold_line(), f"From there on: {self.kinds_line()}.", table]
        if self.seconds_a_picture is not None:
            lines.append(f"{self.seconds_a_picture:.2f} seconds a picture here.")
        return "\n\n".join(lines) + "\n"

    def to_json(self) -> dict[str, Any]:
        """Everything, for programs."""
        found = asdict(self)
        extras = found.pop("extras") or {}
        return {**found, **extras}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], where: str = "evaluation.json") -> Evaluation:
        """What `to_json` gave. Raises `UserError` for something else."""
        try:
            known = {name: value[name] for name in cls.__dataclass_fields__ if name in value and name != "extras"}
            found = conform(known, cls)
            if len({len(found.class_names), len(found.objects), len(found.by_class)}) > 1 or "ap50" not in found.scores:
                raise WrongValue("classes and scores do not match")
        except WrongValue as error:
            raise UserError(f"{where}: not an evaluation of a detector ({error}); run limner evaluate again") from None
        return cls(**{**vars(found), "extras": {"duplicates": value.get("duplicates") or []}})


def evaluate_detections(
    found: Sequence[Detections],
    truths: Sequence[Objects],
    class_names: Sequence[str],
    *,
    on: str,
    common: Sequence[Detections] | None = None,
    seconds_a_picture: float | None = None,
) -> Evaluation:
    """Score what was found in pictures, all of it, however unsure. common: what is said without learning."""
    classes = len(class_names)
    coco = coco_scores(found, truths, classes)
    matches = [match_class(found, truths, label) for label in range(classes)]
    best = best_threshold(precision_recall(*matches))
    least = 1.0 if best is None else best.score
    kinds = count_errors(
        [picture_errors(_above(each, least), truth) for each, truth in zip(found, truths, strict=True)]
    )
    voc = np.array([average_precision(each, VOC07) for each in matches])
    scores = {
        "ap50": coco.ap50, "ap": coco.ap, "ap75": coco.ap75, "small": coco.small, "medium": coco.medium,
        "large": coco.large, "recall": coco.recall_50,
        "voc07": float(np.nanmean(voc)) if not np.isnan(voc).all() else math.nan,
    }  # fmt: skip
    if all(each.masks is not None for each in found) and all(each.masks is not None for each in truths):
        masks = coco_scores(found, truths, classes, masks=True)
        scores |= {"mask_ap50": masks.ap50, "mask_ap": masks.ap}
    return Evaluation(
        class_names=tuple(class_names),
        on=on,
        pictures=len(truths),
        objects=tuple(each.total for each in matches),
        scores={name: _known(value) for name, value in scores.items()},
        by_class=tuple((_known(a), _known(b)) for a, b in zip(coco.by_class_50, coco.by_class, strict=True)),
        trivial=None if common is None else _known(coco_scores(common, truths, classes).ap50),
        threshold=None if best is None else best._asdict(),
        kinds=kinds,
        seconds_a_picture=seconds_a_picture,
    )


def _above(found: Detections, score: float) -> Detections:
    kept = found.scores.double() >= score
    return Detections(found.boxes[kept], found.labels[kept], found.scores[kept])


def _known(value: float) -> float | None:
    return None if math.isnan(value) else float(value)
