"""What `limner check` found in a data set, as values, as JSON and as text to read.

This file imports no torch: `limner check` answers quickly.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from limner.foundation.progress import counted
from limner.segment.labels.cautions import careful

LISTED = 10  # lines of each kind that a report shows; all are in its JSON
HEAD = ("area", "pictures", "size", "values", "ground", "labels", "labelled", "classes", "nodata", "held out")


@dataclass(frozen=True)
class AreaReport:
    """What an area holds.

    labels: "masks" or "polygons". height, width, ground_m: (least, most) over its chips; ground_m None without any
    georeference. low, high: each band's least and greatest valid value. class_share: of the labelled pixels; labelled,
    nodata: shares of all pixels. held_out: share of the labelled pixels that training would hold out.
    """

    name: str
    chips: int
    labels: str
    height: tuple[int, int]
    width: tuple[int, int]
    low: tuple[float, ...]
    high: tuple[float, ...]
    class_share: dict[str, float]
    labelled: float
    nodata: float
    georeferenced: int
    ground_m: tuple[float, float] | None
    held_out: float


@dataclass(frozen=True)
class CheckReport:
    """What `check` found. problems stop a training; leaks make its scores worthless; warnings may be intended.

    cautions: what may mislead in what was read; they stand first.
    next_command: empty where a path is nowhere.
    form: how masks are read, in words. draft: a ``classes.yaml`` to begin with, where masks have unexplained colors.
    """

    areas: tuple[AreaReport, ...]
    channels: int
    dtype: str
    class_names: tuple[str, ...]
    form: str
    problems: tuple[str, ...]
    leaks: tuple[str, ...]
    warnings: tuple[str, ...]
    next_command: str
    sheet: str | None
    draft: str = ""
    cautions: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether training would start on this data."""
        return bool(self.areas) and not self.problems

    def to_json(self) -> dict[str, Any]:
        """Everything, as JSON holds it."""
        return {**asdict(self), "usable": self.usable}

    def to_markdown(self) -> list[str]:
        """Lines for a report: a table of the areas, then what was found, then the next command."""
        lines = [*careful(self.cautions), *(self._reading() if self.areas else [])]
        for title, found in (("Problems", self.problems), ("Leaks", self.leaks), ("Warnings", self.warnings)):
            if found:
                lines += [f"**{title}**", "", *(f"- {line}" for line in found[:LISTED])]
                lines += [f"- and {len(found) - LISTED} more"] if len(found) > LISTED else []
                lines += [""]
        if self.draft:
            lines += ["**A classes.yaml to begin with**", "", "```yaml", *self.draft.splitlines(), "```", ""]
        lines += [f"Contact sheet: {self.sheet}", ""] if self.sheet else []
        return [*lines, f"Next: `{self.next_command}`"] if self.next_command else lines

    def to_text(self) -> str:
        """The same for a terminal."""
        lines = [line for line in self.to_markdown() if not line.startswith("```")]
        return "\n".join(lines).replace("**", "").replace("`", "")

    def _reading(self) -> list[str]:
        areas, pictures = counted(len(self.areas), "area"), counted(sum(area.chips for area in self.areas), "picture")
        return [
            f"{areas}, {pictures} of {counted(self.channels, 'band')} of {self.dtype}.",
            f"Labels are read as {self.form}; classes: {', '.join(self.class_names)}.",
            "",
            *_table(HEAD, [_row(area, self.class_names) for area in self.areas]),
            "",
        ]


def _row(area: AreaReport, class_names: Sequence[str]) -> tuple[str, ...]:
    """An area's line of the table."""
    low, high = min(area.low, default=0), max(area.high, default=0)
    return (
        area.name,
        str(area.chips),
        f"{_span(area.height)} x {_span(area.width)}",
        f"{low:g} to {high:g}" if area.low else "none",
        f"{_span(tuple(float(f'{meters:.2g}') for meters in area.ground_m))} m"
        if area.ground_m
        else "not georeferenced",
        area.labels,
        f"{area.labelled:.1%}",
        ", ".join(f"{name} {area.class_share[name]:.1%}" for name in class_names),
        f"{area.nodata:.1%}",
        f"{area.held_out:.1%}",
    )


def _span(ends: Sequence[float]) -> str:
    return f"{ends[0]:g}" if ends[0] == ends[-1] else f"{ends[0]:g}-{ends[-1]:g}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table, padded to be read as it stands."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (head, *rows)]
    rule = " | ".join("-" * width for width in widths)
    return [f"| {line} |" for line in (lines[0], rule, *lines[1:])]
