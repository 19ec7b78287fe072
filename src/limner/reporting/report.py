"""A report in one HTML file: text, tables, commands and pictures, with nothing to load from elsewhere."""

import base64
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, Template
from PIL import Image

from limner.foundation.errors import UserError
from limner.foundation.files.writing import replacing, write_text
from limner.foundation.version import __version__
from limner.reporting.outlines import outlines
from limner.reporting.pictures import class_colors, resized
from limner.reporting.tables import SHARES, Share, percent

LONGEST_PX = 1600  # a picture larger than this only makes the page heavy
FEW_COLORS = 256  # a picture of no more colors (a mask, a chart) stays sharp and small as PNG
MOST_REGIONS = 16
"""That pictures are shown in, together."""
SCORES = "score, %"
"""How the panel of scores is headed."""
TYPES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}


@dataclass
class Section:
    """A part of the report with its heading. blocks: what it shows, each a dict that the template knows by "kind"."""

    title: str
    number: int
    blocks: list[dict[str, Any]] = field(default_factory=list)


class Report:
    """A page that grows from top to bottom: `section`, then text, tables, pictures and commands, then `write`.

    Every text is shown as it is (HTML in it is escaped). Methods give the report back, so calls can be chained.

    >>> report = Report("Banepa").section("Scores").table(["area", "F1"], [["west", 0.81]])
    >>> "<td>west</td>" in report.to_html()
    True
    """

    def __init__(self, title: str, subtitle: str = "") -> None:
        self.title = title
        self.subtitle = subtitle
        self.sections: list[Section] = [Section("", 0)]
        self._figures = 0
        self._tables = 0
        self._interactive = False

    def section(self, title: str) -> "Report":
        """Begin a section; the table of contents lists it."""
        self.sections.append(Section(title, len(self.sections)))
        return self

    def text(self, text: str) -> "Report":
        """Add text; an empty line parts paragraphs."""
        return self._add("text", paragraphs=[part.strip() for part in text.split("\n\n") if part.strip()])

    def facts(self, facts: Mapping[str, object]) -> "Report":
        """Add a few named values, such as F1 0.81 and pixels 4 Mpx, as tiles that catch the eye."""
        return self._add("facts", facts=[(name, _cell(value)) for name, value in facts.items()])

    def table(
        self,
        header: Sequence[str],
        rows: Iterable[Sequence[object]],
        caption: str = "",
        best: Mapping[str, str] | Sequence[str] = (),
    ) -> "Report":
        """Add a table. Numbers stand right; floats show three digits after the point, a `Share` percent, None a dash.

        best: columns whose best value is set in bold: names (the highest is best) or {name: "highest" or "lowest"}.
        """
        rows = [list(row) for row in rows]
        if any(len(row) != len(header) for row in rows):
            raise ValueError(f"rows of {sorted({len(row) for row in rows})} cells under a header of {len(header)}")
        wanted = dict(best) if isinstance(best, Mapping) else dict.fromkeys(best, "highest")
        if unknown := set(wanted) - set(header):
            raise ValueError(f"no column {sorted(unknown)}; there are {list(header)}")
        marked = {name: _best_rows([row[header.index(name)] for row in rows], way) for name, way in wanted.items()}
        numeric = [all(_is_number(row[column]) or row[column] is None for row in rows) for column in range(len(header))]
        body = [
            [(_cell(value), numeric[place], number in marked.get(header[place], ())) for place, value in enumerate(row)]
            for number, row in enumerate(rows)
        ]
        self._tables += 1
        heads = list(zip(header, numeric, strict=True))
        return self._add("table", heads=heads, rows=body, caption=caption, number=self._tables)

    def picture(self, picture: Path | str | np.ndarray, caption: str = "") -> "Report":
        """Add a picture: a file, or (H, W, 3) or (H, W) uint8."""
        return self.pictures([(picture, "")], caption)

    def pictures(self, pictures: Sequence[tuple[Path | str | np.ndarray, str]], caption: str = "") -> "Report":
        """Add pictures side by side, each with a short label below, and one caption for all."""
        self._figures += 1
        shown = [(_data_url(picture), label) for picture, label in pictures]
        return self._add("pictures", pictures=shown, caption=caption, number=self._figures)

    def comparison(
        self,
        before: np.ndarray,
        after: np.ndarray,
        caption: str = "",
        names: tuple[str, str] = ("before", "after"),
    ) -> "Report":
        """Add two pictures of one size, one over the other, with a divider that is moved by mouse, touch or arrow keys.

        before, after: (H, W, 3) uint8. names: what stands on them.
        """
        if before.shape != after.shape:
            raise ValueError(f"pictures of {before.shape} and {after.shape}; needed: one size, to lie on each other")
        self._figures += 1
        self._interactive = True
        urls = {"before": _data_url(before), "after": _data_url(after)}
        return self._add("comparison", **urls, names=names, caption=caption, number=self._figures)

    def regions(
        self,
        pictures: Sequence[tuple[np.ndarray, np.ndarray, str]],
        regions: Sequence[tuple[str, Sequence[str]]],
        caption: str = "",
    ) -> "Report":
        """Add pictures whose regions belong together: one that is pointed at shines in all of them, the rest goes dark.

        pictures: each with its (h, w) map of region numbers, which may be smaller and is -1 where there is none, and a
        label. regions: for each number a line and its CSS colors; they stand below as keys, for who has no mouse.
        """
        if len(regions) > MOST_REGIONS:
            raise ValueError(f"{len(regions)} regions; a page tells at most {MOST_REGIONS} apart")
        self._figures += 1
        self._interactive = True
        shown = [
            (_data_url(picture), label, numbers.shape[::-1], outlines(numbers, len(regions)))
            for picture, numbers, label in pictures
        ]
        return self._add("regions", pictures=shown, regions=regions, caption=caption, number=self._figures)

    def command(self, lines: Sequence[str] | str) -> "Report":
        """Add commands as they are typed in a terminal."""
        return self._add("command", lines=[lines] if isinstance(lines, str) else list(lines))

    def to_html(self) -> str:
        """The whole page."""
        return _template().render(
            title=self.title, subtitle=self.subtitle, sections=self.sections, contents=self.sections[1:],
            version=__version__, interactive=self._interactive, most_regions=MOST_REGIONS,
        )  # fmt: skip

    def write(self, path: Path) -> Path:
        """Write the page to ``path`` (.html), whole or not at all, and give the path back."""
        if path.suffix.lower() not in (".html", ".htm"):
            raise UserError(f"{path}: a report is a web page; give a name that ends in .html")
        write_text(path, self.to_html())
        return path

    def _add(self, kind: str, **block: Any) -> "Report":
        self.sections[-1].blocks.append({"kind": kind, **block})
        return self


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("report_template.html")


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, np.number)) and not isinstance(value, bool)


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return "–"
    if isinstance(value, Share):
        return f"{percent(value)} %"
    if isinstance(value, (float, np.floating)):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, (int, np.integer)) and not isinstance(value, bool) else str(value)


def _best_rows(values: Sequence[object], way: str) -> set[int]:
    """The rows with the best value, as printed; all of them on a tie."""
    numbers: dict[int, Any] = {n: value for n, value in enumerate(values) if _is_number(value) and value == value}
    if not numbers:
        return set()
    best = (max if way == "highest" else min)(numbers.values())
    return {number for number, value in numbers.items() if _cell(value) == _cell(best)}


def _data_url(picture: Path | str | np.ndarray) -> str:
    if isinstance(picture, np.ndarray):
        content, kind = _encoded(resized(picture, LONGEST_PX))
    else:
        path = Path(picture)
        try:
            with Image.open(path) as opened:
                small = max(opened.size) <= LONGEST_PX and path.suffix.lower() in TYPES
                content, kind = (
                    (path.read_bytes(), TYPES[path.suffix.lower()])
                    if small
                    else _encoded(resized(np.asarray(opened.convert("RGB")), LONGEST_PX))
                )
        except OSError as error:
            raise UserError(f"{path}: not a picture that can be read ({error}); reports show PNG and JPEG") from None
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _encoded(picture: np.ndarray) -> tuple[bytes, str]:
    """The picture as PNG where it has few colors, else as JPEG; with its media type."""
    image = Image.fromarray(picture).convert("RGB")
    buffer = io.BytesIO()
    if image.getcolors(FEW_COLORS) is not None:
        image.save(buffer, "PNG", optimize=True)
        return buffer.getvalue(), "image/png"
    image.save(buffer, "JPEG", quality=88)
    return buffer.getvalue(), "image/jpeg"


def draw_curves(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draw the rows of ``metrics.csv`` over the steps: one panel for losses, one for scores, one for each other number.

    rows: ``step``, ``epoch``, ``stage``, and numbers named ``train/loss``, ``validation/f1``, ...; strings or numbers,
    empty (or absent) where not measured. Training is drawn pale, validation strong with dots. path: .png, .svg or .pdf.
    Raises `UserError` when nothing was measured.
    """
    from matplotlib.figure import Figure

    panels = _panels(rows)
    if not panels:
        raise UserError("no curve to draw: metrics.csv holds no number yet; train for a few steps first")
    figure = Figure(figsize=(6.4, 2.6 * len(panels)), layout="constrained")  # letters stay legible on a phone
    every = figure.subplots(len(panels), squeeze=False)[:, 0]
    for axes, (family, names) in zip(every, panels.items(), strict=True):
        quantities = list(dict.fromkeys(_quantity(name) for name in names))
        for name in names:
            steps, values = zip(*_points(rows, name), strict=True)
            if family == SCORES:
                values = tuple(100 * value for value in values)
            training = name.startswith("train/")
            style = {"linewidth": 1, "alpha": 0.55} if training else {"linewidth": 2, "marker": "o", "markersize": 4}
            color = _curve_color(quantities.index(_quantity(name)))
            axes.plot(steps, values, label=name.replace("/", " "), color=color, **style)
        axes.set_ylabel(family)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(framealpha=0.8, edgecolor="none")
        for step, _ in _stage_starts(rows):
            axes.axvline(step, color="gray", linestyle=":", linewidth=1)
    for step, stage in _stage_starts(rows):  # aslant, for some stages take no steps and begin close together
        every[0].annotate(
            stage, (step, 1.01), xycoords=("data", "axes fraction"), rotation=60, va="bottom", color="gray"
        )
    axes.set_xlabel("step")
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=120)


def has_curve(rows: Iterable[Mapping[str, Any]]) -> bool:
    """Whether any number in the rows of ``metrics.csv`` was measured twice: a point alone is no curve."""
    rows = list(rows)
    return any(len(_points(rows, name)) > 1 for names in _panels(rows).values() for name in names)


def _quantity(name: str) -> str:
    return name.rpartition("/")[2]


def _panels(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[str]]:
    """The names that were measured, by the panel they are drawn in."""
    panels: dict[str, list[str]] = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        if name in ("step", "epoch", "stage") or not _points(rows, name):
            continue
        quantity = _quantity(name)
        if name.startswith("alarm/"):
            family = "alarm"
        elif "loss" in quantity or "entropy" in quantity:
            family = "loss"
        elif any(quantity.startswith(score) or quantity.endswith(score) for score in SHARES):
            family = SCORES
        else:
            family = quantity.replace("_", " ")
        panels.setdefault(family, []).append(name)
    return dict(sorted(panels.items(), key=lambda panel: {"loss": 0, SCORES: 1}.get(panel[0], 2)))


def _points(rows: Sequence[Mapping[str, Any]], name: str) -> list[tuple[float, float]]:
    """(step, value) wherever ``name`` was measured."""
    return [(float(row["step"]), float(row[name])) for row in rows if row.get(name) not in (None, "")]


def _stage_starts(rows: Sequence[Mapping[str, Any]]) -> list[tuple[float, str]]:
    """Where each stage begins, if there are several."""
    starts = {row["stage"]: float(row["step"]) for row in reversed(rows) if row.get("stage")}
    return sorted((step, stage) for stage, step in starts.items()) if len(starts) > 1 else []


def _curve_color(number: int) -> tuple[float, float, float]:
    palette = class_colors(9) / 255
    red, green, blue = palette[[5, 6, 3, 1, 7, 2, 8][number % 7]]
    return float(red), float(green), float(blue)
