"""Scores of a classifier: counted exactly, with intervals, calibration, and what scores without learning."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

import numpy as np
from torch import Tensor

from limner.foundation.errors import UserError
from limner.foundation.files.schema import conform
from limner.reporting.tables import markdown_row, percent

BINS = 10
"""Of confidence, each a tenth wide, for the calibration (Guo et al. 2017 use 15 for sets of thousands)."""
LISTED = 40
"""Classes that a table shows; all are in the JSON."""
CONFUSIONS = 10


class _Told(TypedDict):
    """What `Evaluation.to_json` gives, as far as it is read again."""

    class_names: list[str]
    confusion: list[list[int]]
    bins: list[list[float]]
    top5: int | None
    learned: list[int] | None
    loss: float
    on: str


@dataclass(frozen=True)
class ClassScore:
    """One class. pictures: of it. recall: share of them that was found, with its 95 % interval; precision: share of
    what was called so that is; None where nothing was."""

    name: str
    pictures: int
    recall: float | None
    interval: tuple[float, float] | None
    precision: float | None
    f1: float | None


@dataclass(frozen=True)
class Evaluation:
    """A classifier's scores on some pictures.

    confusion: (classes, classes) int64, rows what is true, columns what was said. top5: pictures whose class is among
    the five most probable; None below six classes. loss: mean cross-entropy. bins: (BINS, 3) pictures, their summed
    confidence, and how many are right. on: what the pictures are, in words. learned: pictures of each class in the
    training, for the trivial answer; None where unknown. extras: what else was measured, by name.
    """

    class_names: tuple[str, ...]
    confusion: np.ndarray
    top5: int | None
    loss: float
    bins: np.ndarray
    on: str
    learned: tuple[int, ...] | None = None
    extras: Mapping[str, Any] | None = None

    @property
    def pictures(self) -> int:
        """How many were scored."""
        return int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """Share that is right."""
        return float(np.trace(self.confusion) / max(1, self.pictures))

    @property
    def top5_accuracy(self) -> float | None:
        """Share whose class is among the five most probable."""
        return None if self.top5 is None else self.top5 / max(1, self.pictures)

    @property
    def trivial(self) -> tuple[str, float]:
        """The class that was learned most often (or is most frequent here), and the accuracy of saying always that."""
        counts = np.array(self.learned) if self.learned is not None else self.confusion.sum(axis=1)
        most = int(counts.argmax())
        return self.class_names[most], float(self.confusion[most].sum() / max(1, self.pictures))

    @property
    def calibration_error(self) -> float:
        """The mean distance of confidence and accuracy over the bins, by pictures (ECE)."""
        count, confidence, right = self.bins.T
        return float(np.abs(confidence - right).sum() / max(1.0, count.sum()))

    @property
    def mean_recall(self) -> float:
        """The mean over the classes that are there: every class counts alike."""
        found = [each.recall for each in self.classes() if each.recall is not None]
        return float(np.mean(found)) if found else 0.0

    def classes(self) -> list[ClassScore]:
        """The score of each class."""
        return [self._class(number) for number in range(len(self.class_names))]

    def _class(self, number: int) -> ClassScore:
        right = int(self.confusion[number, number])
        pictures, said = int(self.confusion[number].sum()), int(self.confusion[:, number].sum())
        recall, precision = (right / total if total else None for total in (pictures, said))
        f1 = 2 * right / (pictures + said) if pictures + said else None
        interval = wilson(right, pictures) if pictures else None
        return ClassScore(self.class_names[number], pictures, recall, interval, precision, f1)

    def confusions(self) -> list[tuple[str, str, int]]:
        """(true class, what was said, how often), the most frequent first."""
        wrong = self.confusion - np.diag(np.diag(self.confusion))
        places = np.argsort(-wrong, axis=None, kind="stable")
        pairs = [divmod(int(place), len(self.class_names)) for place in places[: CONFUSIONS * 4]]
        return [
            (self.class_names[true], self.class_names[said], int(wrong[true, said]))
            for true, said in pairs
            if wrong[true, said]
        ]

    def cautions(self) -> list[str]:
        """What may mislead, in a line each; they stand first."""
        name, trivial = self.trivial
        low, high = wilson(round(self.accuracy * self.pictures), self.pictures)
        found = []
        if self.pictures < 100:
            found.append(f"only {self.pictures} pictures: the accuracy may lie anywhere from {low:.0%} to {high:.0%}")
        if self.accuracy <= trivial:
            found.append(f"no better than always saying '{name}'")
        if duplicates := (self.extras or {}).get("duplicates"):
            found.append(
                f"{len(duplicates)} of these pictures are also among those that were learned from, such as "
                f"{duplicates[0][0]} ({duplicates[0][1]})"
            )
        if missing := [each.name for each in self.classes() if not each.pictures]:
            found.append(f"no picture of {len(missing)} classes ({', '.join(missing[:5])}): nothing is said of them")
        return found

    def line(self) -> str:
        """Accuracy beside that of the trivial answer, in words."""
        name, trivial = self.trivial
        more = "" if self.top5_accuracy is None else f", top-5 {self.top5_accuracy:.1%}".replace("%", " %")
        return (
            f"accuracy {100 * self.accuracy:.1f} %{more} on {self.pictures:,} pictures ({self.on}); "
            f"without learning: {100 * trivial:.1f} % (always '{name}')"
        )

    def to_json(self) -> dict[str, Any]:
        """Everything, for programs: shares from 0 to 1."""
        low, high = wilson(round(self.accuracy * self.pictures), self.pictures)
        return {
            "on": self.on,
            "pictures": self.pictures,
            "accuracy": self.accuracy,
            "accuracy_interval": [low, high],
            "top5_accuracy": self.top5_accuracy,
            "mean_recall": self.mean_recall,
            "loss": self.loss,
            "calibration_error": self.calibration_error,
            "trivial": dict(zip(("class", "accuracy"), self.trivial, strict=True)),
            "classes": {each.name: _numbers(each) for each in self.classes()},
            "class_names": list(self.class_names),
            "confusion": self.confusion.tolist(),
            "top5": self.top5,
            "bins": self.bins.tolist(),
            "learned": self.learned,
            "cautions": self.cautions(),
            **({} if self.extras is None else dict(self.extras)),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any], source: str = "evaluation") -> "Evaluation":
        """What `to_json` gave. Raises `UserError` for anything else."""
        try:
            told = conform(value, _Told)
            names = tuple(told["class_names"])
            confusion = np.array(told["confusion"], np.int64).reshape(len(names), len(names))
            bins = np.array(told["bins"], float).reshape(-1, 3)
            if (confusion < 0).any() or not confusion.any():
                raise ValueError
            learned = told["learned"]
            return cls(
                names, confusion, told["top5"], float(told["loss"]), bins, told["on"],
                None if learned is None else tuple(learned),
            )  # fmt: skip
        except (ValueError, OverflowError):
            raise UserError(f"{source}: not an evaluation of a classifier; run limner evaluate again") from None

    def to_markdown(self) -> str:
        """Scores, classes and confusions for people, in percent."""
        lines = [f"Careful: {caution}." for caution in self.cautions()]
        lines += [self.line() + ".", ""] if not lines else ["", self.line() + ".", ""]
        low, high = wilson(round(self.accuracy * self.pictures), self.pictures)
        rows = [("accuracy, %", f"{percent(self.accuracy)} ({percent(low)} to {percent(high)})")]
        if self.top5_accuracy is not None:
            rows.append(("top-5 accuracy, %", percent(self.top5_accuracy)))
        rows += [
            ("mean recall of the classes, %", percent(self.mean_recall)),
            ("calibration error, %", percent(self.calibration_error)),
            ("cross-entropy", f"{self.loss:.4f}"),
        ]
        lines += [markdown_row(("score", "value (95 % interval)")), "| --- | ---: |", *map(markdown_row, rows), ""]
        lines += [markdown_row(CLASS_HEAD), "| --- | ---: | ---: | ---: | ---: | ---: |"]
        lines += [markdown_row(row) for row in self.class_rows()]
        if confusions := self.confusions()[:CONFUSIONS]:
            lines += ["", markdown_row(("true", "said", "pictures")), "| --- | --- | ---: |"]
            lines += [markdown_row((true, said, str(count))) for true, said, count in confusions]
        return "\n".join([*lines, *self._extra_lines()]) + "\n"

    def _extra_lines(self) -> list[str]:
        """What else was measured: robustness, and how many labels are suspect."""
        lines = []
        for change, pairs in ((self.extras or {}).get("robustness") or {}).items():
            amounts = [f"{amount:g}°" if change == "rotation" else f"{100 * amount:g} %" for amount, _ in pairs]
            lines += ["", markdown_row((f"{change} by" if change != "contrast" else "contrast of", *amounts))]
            lines += ["| --- |" + " ---: |" * len(pairs)]
            lines += [markdown_row(("accuracy, %", *(percent(accuracy) for _, accuracy in pairs)))]
        if (suspects := (self.extras or {}).get("suspects")) is not None:
            told = f", the first {suspects[0][0]}: {suspects[0][1]}, or {suspects[0][2]}?" if suspects else "."
            lines += ["", f"{len(suspects)} labels are suspect{told}"]
        return lines

    def class_rows(self) -> list[tuple[str, ...]]:
        """A row for each class as tables print it, the worst found first; `LISTED` at most."""
        found = sorted(self.classes(), key=lambda each: (each.recall is None, each.recall or 0.0))
        return [
            (
                each.name, f"{each.pictures:,}", percent(each.recall),
                " to ".join(percent(end) for end in each.interval or ()), percent(each.precision), percent(each.f1),
            )
            for each in found[:LISTED]
        ]  # fmt: skip


CLASS_HEAD = ("class", "pictures", "recall, %", "95 % interval", "precision, %", "F1, %")


def evaluate_logits(
    logits: Tensor, labels: Tensor, class_names: Sequence[str], *, on: str, learned: Sequence[int] | None = None
) -> Evaluation:
    """The scores of (n, classes) float32 logits against (n,) int64 classes, both on the CPU; n at least 1."""
    count = len(class_names)
    probabilities = logits.double().softmax(dim=1)
    confidence, said = probabilities.max(dim=1)
    right = (said == labels).numpy()
    confusion = np.bincount((labels * count + said).numpy(), minlength=count**2).reshape(count, count)
    place = np.minimum((confidence.numpy() * BINS).astype(int), BINS - 1)
    columns = (None, confidence.numpy(), right.astype(float))
    bins = np.stack([np.bincount(place, weights, BINS) for weights in columns], axis=1)
    top5 = None
    if count > 5:
        top5 = int((logits.topk(5, dim=1).indices == labels[:, None]).any(dim=1).sum())
    loss = -float(logits.double().log_softmax(dim=1).gather(1, labels[:, None]).mean())
    return Evaluation(
        tuple(class_names), confusion, top5, loss, bins, on, None if learned is None else tuple(map(int, learned))
    )


def wilson(hits: int, count: int, z: float = 1.959964) -> tuple[float, float]:
    """The 95 % interval of a share that was found ``hits`` times of ``count`` (Wilson 1927); it stays within 0 and 1.

    >>> [round(end, 3) for end in wilson(9, 10)]
    [0.596, 0.982]
    """
    if not count:
        return 0.0, 1.0
    share = hits / count
    middle = share + z * z / (2 * count)
    reach = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    total = 1 + z * z / count
    return max(0.0, (middle - reach) / total), min(1.0, (middle + reach) / total)


def _numbers(score: ClassScore) -> dict[str, Any]:
    return {name: value for name, value in vars(score).items() if name != "name"}
