"""What several trainings say of each of several arms: means with intervals over seeds, and paired differences.

An *arm* is what is compared: a recipe, or a condition of an experiment. Each is tried with the same seeds. What two
arms share at one seed (the data held out, the order of pictures) makes them alike, so their difference at each seed is
surer than the difference of their means: it is taken seed by seed, and its interval is that of these differences.
"""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from limner.foundation.files.writing import replacing
from limner.reporting.tables import csv_cell, markdown, markdown_row, tex, tex_comments, write_table


class Measure(NamedTuple):
    """A column: what was measured, how it is headed and printed, and which value is good."""

    name: str
    better: Literal["higher", "lower", "zero", "none"] = "higher"
    digits: int = 2
    unit: str = ""

    @property
    def head(self) -> str:
        """Above the column."""
        return f"{self.name}, {self.unit}" if self.unit else self.name


PANELS_A_ROW = 4
Scores = Mapping[str, float | None]
"""Of one training, by the names of `Measure`."""


class Estimate(NamedTuple):
    """A mean over seeds and its 95 % interval by Student's t: how much another choice of seeds may move it.

    Without a second seed there is no interval (None). It says nothing of other pictures than those scored on.
    """

    mean: float
    low: float | None
    high: float | None

    @property
    def half(self) -> float | None:
        """Half the interval's width."""
        return None if self.low is None else self.mean - self.low

    @property
    def surely(self) -> int:
        """1 or -1 where the whole interval lies above or below 0, else 0."""
        if self.low is None or self.high is None:
            return 0
        return int(self.low > 0) - int(self.high < 0)


def estimate(values: Sequence[float]) -> Estimate:
    """The mean of values and its interval.

    >>> estimate([1.0, 2.0, 3.0])
    Estimate(mean=2.0, low=-0.4841377117195369, high=4.484137711719537)
    """
    from scipy.stats import t

    mean = float(np.mean(values))
    if len(values) < 2:
        return Estimate(mean, None, None)
    half = float(t.ppf(0.975, len(values) - 1)) * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return Estimate(mean, mean - half, mean + half)


@dataclass(frozen=True)
class SeedTable:
    """Arms by measures, each with a value for every seed.

    results: of each arm, the scores of each seed, in order of ``seeds``. notes: what to know; the first may warn.
    """

    measures: tuple[Measure, ...]
    seeds: tuple[int, ...]
    results: Mapping[str, tuple[Scores, ...]]
    notes: tuple[str, ...] = ()

    @property
    def arms(self) -> tuple[str, ...]:
        """What is compared; the first one is what the others differ from."""
        return tuple(self.results)

    def values(self, arm: str, measure: Measure) -> list[float] | None:
        """A value for each seed; None where one is missing."""
        found = [scores.get(measure.name) for scores in self.results[arm]]
        return None if any(value is None for value in found) else [float(value) for value in found if value is not None]

    def mean(self, arm: str, measure: Measure) -> Estimate | None:
        """The mean over seeds."""
        values = self.values(arm, measure)
        return None if values is None else estimate(values)

    def difference(self, arm: str, measure: Measure, other: str | None = None) -> Estimate | None:
        """What an arm has more than another (the first one), seed by seed."""
        ours, theirs = self.values(arm, measure), self.values(other or self.arms[0], measure)
        if ours is None or theirs is None:
            return None
        return estimate([one - two for one, two in zip(ours, theirs, strict=True)])

    def header(self) -> list[str]:
        """ "", and the measures."""
        return ["", *(measure.head for measure in self.measures)]

    def body(self, bold: str = "{}", plus_minus: str = " ± ") -> list[list[str]]:
        """A row for each arm: means and half intervals; by ``bold`` what is best of a column beyond doubt."""
        best = {measure: self._best(measure) for measure in self.measures}
        rows = []
        for arm in self.arms:
            cells = []
            for measure in self.measures:
                cell = _printed(self.mean(arm, measure), measure, plus_minus)
                cells.append(bold.format(cell) if arm == best[measure] else cell)
            rows.append([arm, *cells])
        return rows

    def gains(self) -> list[list[str]]:
        """A row for each arm but the first: its paired differences from that, with a star where the interval leaves
        out 0."""
        rows = []
        for arm in self.arms[1:]:
            cells = []
            for measure in self.measures:
                found = self.difference(arm, measure)
                if found is None:
                    cells.append("-")
                    continue
                text = f"{found.mean:+.{measure.digits}f}"
                if found.low is not None:
                    text += f" ({found.low:+.{measure.digits}f} to {found.high:+.{measure.digits}f})"
                cells.append(text + (" *" if found.surely else ""))
            rows.append([f"{arm} less {self.arms[0]}", *cells])
        return rows

    def _best(self, measure: Measure) -> str | None:
        """The arm that is better than each other one beyond doubt: seed by seed, the interval leaves out 0."""
        for arm in self.arms:
            if len(self.arms) > 1 and all(self._beats(arm, other, measure) for other in self.arms if other != arm):
                return arm
        return None

    def _beats(self, arm: str, other: str, measure: Measure) -> bool:
        ours, theirs = self.values(arm, measure), self.values(other, measure)
        if ours is None or theirs is None or measure.better == "none":
            return False
        if measure.better == "zero":
            ours, theirs = [-abs(value) for value in ours], [-abs(value) for value in theirs]
        gain = estimate([one - two for one, two in zip(ours, theirs, strict=True)])
        return gain.surely == (-1 if measure.better == "lower" else 1)

    def said(self) -> list[str]:
        """The notes, and what the numbers are."""
        many = len(self.seeds)
        if many < 2:
            return [
                "Careful: one seed says nothing of how much a training varies; give --seeds 3 or more.",
                *self.notes,
            ]
        few = "Careful: of two seeds intervals are so wide that they tell little; give --seeds 3 or more."
        lines = [
            *([few] if many == 2 else []),
            *self.notes,
            f"Mean ± half of the 95 % interval by Student's t over {many} seeds: how far other seeds may move it, not "
            "other pictures.",
        ]
        if len(self.arms) > 1:
            lines.append(
                f"Differences are from {self.arms[0]}, seed by seed, with the interval of these; * where it leaves "
                "out 0."
            )
        return lines

    def to_markdown(self) -> str:
        """Two Markdown tables, means and paired differences, and the notes; a warning stands first."""
        header = self.header()
        rule = ["---"] + ["---:"] * len(self.measures)
        first, *rest = self.said()
        head = [markdown(first), ""] if first.startswith("Careful") else []
        lines = [*head, *map(markdown_row, [header, rule, *self.body("**{}**")])]
        if self.arms[1:]:
            lines += ["", *map(markdown_row, [header, rule, *self.gains()])]
        return "\n".join([*lines, "", *map(markdown, rest if head else [first, *rest])]) + "\n"

    def to_csv(self) -> str:
        """A row for each arm and measure: values of the seeds, mean and interval, difference and its interval;
        unrounded."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        told = ["mean", "low", "high", "difference", "difference_low", "difference_high"]
        writer.writerow(["arm", "measure", *(f"seed_{seed}" for seed in self.seeds), *told])
        for arm in self.arms:
            for measure in self.measures:
                values: Sequence[float | None] = self.values(arm, measure) or [None] * len(self.seeds)
                mean = self.mean(arm, measure) or (None,) * 3
                gain = self.difference(arm, measure) if arm != self.arms[0] else None
                cells = [csv_cell(arm), csv_cell(measure.head)]
                writer.writerow([*cells, *values, *mean, *(gain or (None,) * 3)])
        return text.getvalue()

    def to_tex(self) -> str:
        """A LaTeX tabular for the package booktabs: means, a line, paired differences; the notes are comments."""
        header = [tex(cell) for cell in self.header()]
        rows = [[tex(row[0]), *row[1:]] for row in self.body(r"\textbf{{{}}}", r" $\pm$ ")]
        gains = [[tex(row[0]), *row[1:]] for row in self.gains()]
        middle: list[str] = []
        for group in filter(None, (rows, gains)):
            middle += [r"\midrule", *(" & ".join(row) + r" \\" for row in group)]
        lines = [
            *tex_comments(self.said()),
            rf"\begin{{tabular}}{{l{'r' * len(self.measures)}}}",
            r"\toprule",
            " & ".join(header) + r" \\",
            *middle,
            r"\bottomrule",
            r"\end{tabular}",
        ]  # fmt: skip
        return "\n".join(lines) + "\n"

    def to_json(self) -> dict[str, Any]:
        """Every value by arm and measure, with mean, interval and paired difference; seeds and notes."""
        arms: dict[str, Any] = {}
        for arm in self.arms:
            arms[arm] = {}
            for measure in self.measures:
                mean = self.mean(arm, measure)
                gain = self.difference(arm, measure) if arm != self.arms[0] else None
                arms[arm][measure.head] = {
                    "values": self.values(arm, measure),
                    **({} if mean is None else mean._asdict()),
                    **({} if gain is None else {"difference": gain._asdict()}),
                }
        return {"seeds": list(self.seeds), "arms": arms, "notes": self.said()}

    def write(self, path: Path) -> None:
        """Write the table as ``.md``, ``.csv`` or ``.tex``, by the suffix."""
        write_table(path, {".md": self.to_markdown, ".csv": self.to_csv, ".tex": self.to_tex})

    def write_all(self, folder: Path) -> list[Path]:
        """Write ``table.md``, ``table.csv``, ``table.tex`` and ``figure.png`` into a folder."""
        paths = [folder / f"table{suffix}" for suffix in (".md", ".csv", ".tex")]
        for path in paths:
            self.write(path)
        figure = folder / "figure.png"
        draw_intervals(self, figure)
        return [*paths, figure]


def draw_intervals(table: SeedTable, path: Path) -> None:
    """A panel for each measure, four in a row: a dot for each seed, a bar for mean and interval, arms from above.

    An axis shows where the dots lie and as much again: an interval of few seeds may run out of its panel.
    """
    from matplotlib.figure import Figure

    places, wide = range(len(table.arms)), min(PANELS_A_ROW, len(table.measures))
    rows = -(-len(table.measures) // wide)
    figure = Figure(figsize=(2.2 + 2.6 * wide, rows * (1.2 + 0.32 * len(places))), layout="constrained")
    panels = figure.subplots(rows, wide, squeeze=False)
    for axes in panels.flat[len(table.measures) :]:
        axes.set_visible(False)
    for axes, measure in zip(panels.flat, table.measures, strict=False):
        dots: list[float] = []
        for place, arm in enumerate(table.arms):
            values, mean = table.values(arm, measure), table.mean(arm, measure)
            if values is None or mean is None:
                continue
            dots += values
            axes.plot(values, [place] * len(values), "o", color="0.65", markersize=4, zorder=1)
            axes.errorbar(mean.mean, place, xerr=mean.half, fmt="D", color="C0", capsize=4, markersize=5, zorder=2)
        if dots and max(dots) > min(dots):
            room = max(dots) - min(dots)
            axes.set_xlim(min(dots) - room / 2, max(dots) + room / 2)
        axes.set_yticks(places, table.arms if axes in panels[:, 0] else [""] * len(places))
        axes.set_ylim(len(places) - 0.5, -0.5)
        axes.set_xlabel(measure.head)
        axes.grid(axis="x", alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110)


def _printed(found: Estimate | None, measure: Measure, plus_minus: str) -> str:
    if found is None:
        return "-"
    half = "" if found.half is None else f"{plus_minus}{found.half:.{measure.digits}f}"
    return f"{found.mean:.{measure.digits}f}{half}"
