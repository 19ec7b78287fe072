"""The scores of maps over several areas: exact counts of each with the protocol, as JSON and as a table.

Protocol of Ghassemi et al. 2018, section IV: pixel-wise over the whole scene, positive = class 1,
P = TP / (TP + FP), R = TP / (TP + FN), F1 = 2 P R / (P + R), accuracy = (TP + TN) / all; the "mean" is the plain
mean over the areas, not pooled.

This file imports no torch: `limner score` stays light.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from limner.foundation.errors import UserError
from limner.foundation.files.documents import as_record
from limner.foundation.files.schema import bounds
from limner.reporting.pictures import IGNORE
from limner.reporting.tables import markdown, markdown_row, percent
from limner.segment.labels.cautions import careful
from limner.segment.labels.forms import BINARY_NAMES
from limner.segment.measures.calibration import Calibration
from limner.segment.measures.counts import Counts, Scores, mean_scores
from limner.segment.measures.objects import NO_OBJECTS, Objects

FORMAT_VERSION = 1
AGAIN = "evaluate the run again"
OBJECT_COLUMNS = {
    "F1": "f1", "precision": "precision", "recall": "recall", "count error": "count_error", "area error": "area_error",
    "boundary F1": "boundary_f1",
}  # fmt: skip
COLUMNS = {"F1": "f1", "precision": "precision", "recall": "recall", "IoU": "iou", "accuracy": "accuracy"}


class Protocol(NamedTuple):
    """The protocol of an evaluation: which pixels were scored, and how the map was made."""

    pixels: str  # in words, such as "all labelled pixels"; equal words are needed to compare
    ignore: int = IGNORE  # the mask value that was left out
    threshold: float | str | None = (
        None  # probability from which a pixel is class 1, or how it was chosen, in words; None: the likeliest class
    )
    normalization: str | None = (
        None  # whose mean and deviation the pictures were brought to: "run", "scene" or "matched"
    )
    harmonization: str | None = None  # how they were brought to the colors of training areas first, in words
    answers: str | None = None  # how probabilities were made, in words; None: one network's plain answer


@dataclass(frozen=True)
class _Area:
    """What a file of an evaluation must say of an area."""

    counts: tuple[tuple[int, ...], ...] = field(metadata=bounds(maximum=IGNORE))
    unmapped: int = field(metadata=bounds(minimum=0))


@dataclass(frozen=True)
class _Written:
    """What a file of an evaluation must say."""

    areas: Mapping[str, _Area]
    protocol: Protocol
    classes: tuple[str, ...]
    cautions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evaluation:
    """The counts of every area with their protocol: what ``evaluation.json`` keeps and every table is made of."""

    areas: Mapping[str, Counts]
    protocol: Protocol
    class_names: tuple[str, ...] = BINARY_NAMES
    unmapped: Mapping[str, int] = field(default_factory=dict)  # labelled pixels an area's map says nothing about
    cautions: tuple[str, ...] = ()  # what may mislead in these scores; they stand first
    calibration: Calibration | None = None  # of the probabilities that the maps were made of, all areas together
    objects: Objects = NO_OBJECTS  # of maps of objects against the rest

    def __post_init__(self) -> None:
        if not self.areas:
            raise ValueError("an evaluation needs at least one area")
        if any(counts.classes != len(self.class_names) for counts in self.areas.values()):
            raise ValueError(f"{len(self.class_names)} class names, but the counts have other numbers of classes")

    def mean(self, number: int | None = None) -> Scores:
        """The plain mean over the areas of `Counts.scores`; an area where a score is undefined is left out."""
        return mean_scores(counts.scores(number) for counts in self.areas.values())

    @cached_property
    def pooled(self) -> Counts:
        """The counts of all areas together."""
        return sum(self.areas.values(), Counts.zero(len(self.class_names)))

    def constants(self) -> dict[str, "Evaluation"]:
        """What maps of one class only would score on the same pixels: "all background", "all object", ..."""
        return {
            f"all {name}": Evaluation(
                {area: counts.constant(number) for area, counts in self.areas.items()},
                self.protocol,
                self.class_names,
            )
            for number, name in enumerate(self.class_names)
        }

    def line(self) -> str:
        """The mean F1 beside those of maps of one class, in percent."""
        constants = ", ".join(f"{name} {percent(each.mean().f1)}" for name, each in self.constants().items())
        return f"F1 {percent(self.mean().f1)} %; without learning: {constants}"

    def to_json(self) -> dict[str, Any]:
        """What `from_json` reads: plain values. The scores are there to be read; only the counts are read back."""
        return {
            "format_version": FORMAT_VERSION,
            "task": "segment",
            "cautions": list(self.cautions),
            "protocol": self.protocol._asdict(),
            "classes": list(self.class_names),
            "areas": {
                name: {
                    "counts": counts.matrix.tolist(),
                    "unmapped": self.unmapped.get(name, 0),
                    "scores": counts.scores()._asdict(),
                }
                for name, counts in self.areas.items()
            },
            "mean": self.mean()._asdict(),
            "pooled": self.pooled.scores()._asdict(),
            "constants": {name: constant.mean()._asdict() for name, constant in self.constants().items()},
            **({} if self.calibration is None else {"calibration": self.calibration.to_json()}),
            **({"objects": self.objects.to_json()} if self.objects.areas else {}),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any], source: str = "evaluation.json") -> "Evaluation":
        """The evaluation that `to_json` gave. Raises `UserError`, naming ``source``, for anything else."""
        version = value.get("format_version") if isinstance(value, Mapping) else None
        if version != FORMAT_VERSION:
            raise UserError(
                f"{source}: format version {version!r}, this limner reads {FORMAT_VERSION}; evaluate the run again"
            )
        try:
            found = as_record(dict(value), _Written, f"{source}: not an evaluation", AGAIN)
            if strange := set(value["protocol"]) - set(Protocol._fields):
                raise ValueError(f"its protocol has {', '.join(map(str, strange))}, of which this limner knows nothing")
            areas = {name: Counts(np.array(area.counts)) for name, area in found.areas.items()}
            unmapped = {name: area.unmapped for name, area in found.areas.items()}
            measured = value.get("calibration")
            calibration = None if measured is None else Calibration.from_json(measured)
            objects = Objects.from_json(value["objects"]) if "objects" in value else NO_OBJECTS
            return cls(areas, found.protocol, found.classes, unmapped, found.cautions, calibration, objects)
        except UserError:
            raise
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise UserError(f"{source}: not an evaluation ({error}); {AGAIN}") from None

    def to_markdown(self) -> str:
        """A table of the areas, their mean and pool, and both constants on the same pixels; in percent.

        What may mislead in it stands first.
        """
        rows: list[tuple[str, int | None, Scores]] = [
            (name, counts.pixels, counts.scores()) for name, counts in self.areas.items()
        ]
        rows.append(("**mean over areas**", None, self.mean()))
        rows.append(("pooled", self.pooled.pixels, self.pooled.scores()))
        rows += [(f"{name} (mean)", None, constant.mean()) for name, constant in self.constants().items()]
        head = ["area", "pixels", *COLUMNS]
        lines = [markdown_row(head), markdown_row(["---"] + ["---:"] * (len(head) - 1))]
        for name, pixels, scores in rows:
            cells = [percent(getattr(scores, column)) for column in COLUMNS.values()]
            lines.append(markdown_row([name, "" if pixels is None else f"{pixels:,}", *cells]))
        if len(self.class_names) > 2:
            lines += ["", *self._class_rows()]
        if self.objects.areas:
            lines += ["", *self._object_rows()]
        return "\n".join([*map(markdown, careful(self.cautions)), *lines, "", *map(markdown, self._notes())]) + "\n"

    def _class_rows(self) -> list[str]:
        lines = [markdown_row(["class (pooled)", "share", *COLUMNS]), markdown_row(["---"] + ["---:"] * 6)]
        for number, name in enumerate(self.class_names):
            scores = self.pooled.scores(number)
            cells = [percent(getattr(scores, column)) for column in COLUMNS.values()]
            lines.append(markdown_row([name, percent(self.pooled.share(number)), *cells]))
        return lines

    def _object_rows(self) -> list[str]:
        head = ["objects", "true", "mapped", *OBJECT_COLUMNS]
        lines = [markdown_row(head), markdown_row(["---"] + ["---:"] * (len(head) - 1))]
        for name, scores in self.objects.areas.items():
            cells = [percent(getattr(scores, column)) for column in OBJECT_COLUMNS.values()]
            lines.append(markdown_row([name, f"{scores.true:,}", f"{scores.mapped:,}", *cells]))
        mean = self.objects.mean()
        cells = [percent(mean[column]) for column in OBJECT_COLUMNS.values()]
        return [*lines, markdown_row(["**mean over areas**", "", "", *cells])]

    def _notes(self) -> list[str]:
        which = f"of {self.class_names[1]}" if len(self.class_names) == 2 else "mean over the classes"
        notes = [f"In percent, {which}; {self.protocol.pixels}; {self.protocol.ignore} = ignore; undefined scores: -."]
        if (threshold := self.protocol.threshold) is not None:
            notes.append(f"Threshold: {threshold if isinstance(threshold, str) else f'{threshold:g}'}.")
        if self.protocol.normalization is not None:
            notes.append(f"Normalization: {self.protocol.normalization}.")
        if self.protocol.harmonization is not None:
            notes.append(f"Harmonized: {self.protocol.harmonization}.")
        if self.protocol.answers is not None:
            notes.append(f"Probabilities: {self.protocol.answers}.")
        if self.calibration is not None:
            notes.append(self.calibration.line())
        if self.objects.areas:
            notes.append(f"Objects: {self.objects.protocol}.")
        if missing := sum(self.unmapped.values()):
            notes.append(f"{missing:,} labelled pixels are in no score: the prediction says nothing there.")
        return notes
