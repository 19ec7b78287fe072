"""Results of color transfers to look at, each with its numbers: sheets of pictures, and the trade-off as a plot."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from torch import Tensor

from limner.foundation.files.writing import replacing
from limner.recolor.scoring.score import TransferScore
from limner.reporting.pictures import captioned_rows

if TYPE_CHECKING:
    from matplotlib.axes import Axes

OURS, OTHERS, FAINT = "#d55e00", "#0072b2", "#9a9a9a"
"""Of Okabe and Ito's colors, and a gray."""
LABEL_POINTS = 8
NAME_WIDTH = 12
COLUMNS = {
    "closed": ("closes", ".0%"),
    "ssim": ("SSIM", ".3f"),
    "blotches": ("blotches", ".2f"),
    "halos": ("halos", ".2f"),
    "opacity": ("opacity", ".0%"),
    "clipped": ("clipped", ".1%"),
}
"""Of a table for people: the score, its head, and how it is written."""


@dataclass(frozen=True)
class Transfers:
    """One target and reference, and what some methods made of them.

    target, reference: (3, H, W) float, gamma-encoded sRGB in [0, 1], shown clipped. results: name -> picture like the
    target. scores: of the same names; where one is missing, only the picture is shown.
    """

    target: Tensor
    reference: Tensor
    results: Mapping[str, Tensor]
    scores: Mapping[str, TransferScore]


class Cell(NamedTuple):
    """A picture, (3, H, W) float, with a line above and a line below it."""

    picture: Tensor
    head: str
    caption: str = ""


def numbers_line(score: TransferScore) -> str:
    """A result in a few words, to stand below its picture.

    >>> numbers_line(TransferScore(0.912, 0.9, 4.0, 0.634, 0.5, 1.0, 0.0, 0.0, blotches=1.24, halos=0.8, opacity=0.1))
    'closes 63%, SSIM 0.91, blotches 1.2'
    """
    return f"closes {100 * score.closed:.0f}%, SSIM {score.ssim:.2f}, blotches {score.blotches:.1f}"


def score_table(scores: Mapping[str, Mapping[str, float]]) -> list[str]:
    """The scores of one pair by method as lines of plain text, the nearest to the reference's colors first.

    scores: name -> the numbers of a `TransferScore` by name; a number that an older record lacks is a dash.
    """
    lines = [" ".join(["method".ljust(NAME_WIDTH), *(f"{head:>8}" for head, _ in COLUMNS.values())])]
    for name, score in sorted(scores.items(), key=lambda item: -item[1]["closed"]):
        cells = (format(score[key], form) if key in score else "-" for key, (_, form) in COLUMNS.items())
        lines.append(" ".join([name.ljust(NAME_WIDTH), *(f"{cell:>8}" for cell in cells)]))
    return lines


def method_sheet(transfers: Transfers, *, columns: int = 4, cell_px: int = 360, title: str = "") -> np.ndarray:
    """Target, reference and every result on one sheet, each with its name above and its numbers below.

    Gives (H, W, 3) uint8.
    """
    cells = [Cell(transfers.target, "target"), Cell(transfers.reference, "reference")]
    for name, picture in transfers.results.items():
        score = transfers.scores.get(name)
        cells.append(Cell(picture, name, numbers_line(score) if score else ""))
    return _sheet(cells, columns, cell_px, title)


def comparison_sheet(pairs: Sequence[Transfers], *, cell_px: int = 300, title: str = "") -> np.ndarray:
    """Rows of pairs, columns of methods, numbers below, as Figure 6 of Carrillo et al. 2021; (H, W, 3) uint8.

    pairs: the methods of the first are the columns; all must have them.
    """
    methods = list(pairs[0].results)
    rows = [[pair.target, pair.reference, *(pair.results[name] for name in methods)] for pair in pairs]
    return captioned_rows(
        [[_shown(picture) for picture in row] for row in rows],
        [["", "", *(numbers_line(pair.scores[name]) for name in methods)] for pair in pairs],
        heads=["target", "reference", *methods],
        cell_px=cell_px,
        title=title,
    )


def sweep_sheet(pair: Transfers, *, setting: str = "temperature", cell_px: int = 300, title: str = "") -> np.ndarray:
    """One method over the values of a setting, as Figure 4 of Carrillo et al. 2021 shows it; (H, W, 3) uint8.

    Two rows where there are more than four values, target and reference in front.

    pair: its results are named by the value, such as "0.02".
    """
    cells = [Cell(pair.target, "target"), Cell(pair.reference, "reference")]
    for value, picture in pair.results.items():
        cells.append(Cell(picture, f"{setting} {value}", numbers_line(pair.scores[value])))
    return _sheet(cells, len(cells) if len(cells) <= 6 else -(-len(cells) // 2), cell_px, title)


AGAINST = {
    "ssim": "SSIM of luminance with the target",
    "blotches": "blotches, Delta E (fewer is up)",
    "halos": "halos, Delta E (fewer is up)",
    "opacity": "opacity (less is up)",
}
"""What colors reached can be drawn against: fields of `TransferScore`, and what their axis says."""


def trade_off_plot(
    path: Path,
    scores: Mapping[str, Sequence[TransferScore]],
    *,
    against: str = "ssim",
    ours: Collection[str] = (),
    title: str = "",
) -> None:
    """Colors reached against structure kept: a point for each method, at its medians, with bars over the quartiles.

    Upper right is better, so faults grow downward. A row named "identity" is marked as what doing nothing gives.

    path: .png, .svg or .pdf. scores: name -> one score for each pair. against: a key of `AGAINST`. ours: names to draw
    filled, in another color.
    """
    from matplotlib.figure import Figure  # half a second, which sheets of pictures need not pay

    figure = Figure(figsize=(11, 7.5), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    points = {}
    for name, values in scores.items():
        closed, other = (np.array([getattr(score, field) for score in values]) for field in ("closed", against))
        (left, x, right), (low, y, high) = (np.percentile(column, (25, 50, 75)) for column in (closed, other))
        points[name] = (float(x), float(y))
        color = OURS if name in ours else "black" if name == "identity" else OTHERS
        axes.errorbar(x, y, [[y - low], [high - y]], [[x - left], [right - x]], color=color, alpha=0.3, lw=1)
        marker, size = ("*", 13) if name == "identity" else ("o", 7)
        filled = name in ours or name == "identity"
        face = color if filled else "white"
        axes.plot(x, y, marker, color=color, markersize=size, markerfacecolor=face, zorder=4 if filled else 3)
    pairs = max(map(len, scores.values()))
    axes.set_xlabel(
        f"share of the color distance to the reference that is closed (median and quartiles of {pairs} pairs)"
        if pairs > 1
        else "share of the color distance to the reference that is closed"
    )
    axes.set_ylabel(AGAINST[against])
    if against != "ssim":
        axes.invert_yaxis()
    axes.grid(color=FAINT, alpha=0.25)
    axes.axvline(0, color=FAINT, lw=1)
    axes.margins(0.08)
    axes.set_title(title)
    figure.draw_without_rendering()  # places are only known once the layout is
    _label(axes, points)
    with replacing(path) as temporary:
        figure.savefig(temporary)


def _label(axes: Axes, points: Mapping[str, tuple[float, float]]) -> None:
    """A name at each point, at the nearest place where it covers neither another name nor a point."""
    from matplotlib.transforms import Bbox

    dots_per_point = axes.figure.dpi / 72
    spots = axes.transData.transform(list(points.values()))
    taken = [Bbox.from_bounds(x - 5, y - 5, 10, 10) for x, y in spots]
    for (name, point), spot in zip(points.items(), spots, strict=True):
        measured = axes.text(0, 0, name, fontsize=LABEL_POINTS)
        size = measured.get_window_extent().size
        measured.remove()
        for offset in _offsets():
            x, y = spot + dots_per_point * np.array(offset) - size * np.array([offset[0] < 0, 0.5])
            box = Bbox.from_bounds(x, y, *size)
            inside = axes.bbox.containsx(box.x0) and axes.bbox.containsx(box.x1) and axes.bbox.containsy(box.y0)
            if inside and not box.count_overlaps(taken):
                break
        taken.append(box)
        axes.annotate(
            name,
            point,
            offset,
            textcoords="offset points",
            fontsize=LABEL_POINTS,
            ha="left" if offset[0] > 0 else "right",
            va="center",
            arrowprops={"arrowstyle": "-", "color": FAINT, "lw": 0.6, "shrinkA": 0, "shrinkB": 3},
        )


def _offsets() -> Iterator[tuple[float, float]]:
    """Places around a point, in typographic points, the nearest first; none on the bars."""
    for radius in (9, 16, 26, 40, 58, 80, 110):
        for angle in np.deg2rad((30, -30, 150, -150, 55, -55, 125, -125, 80, -80, 100, -100)):
            yield radius * float(np.cos(angle)), radius * float(np.sin(angle))


def _sheet(cells: Sequence[Cell], columns: int, cell_px: int, title: str) -> np.ndarray:
    """Cells in rows; the name of each stands above it, which leaves all of the line below to its numbers."""
    strips = []
    for start in range(0, len(cells), columns):
        row = cells[start : start + columns]
        heads = [cell.head for cell in row] + [""] * (columns - len(row))  # all strips are as wide as the first
        strips.append(
            captioned_rows(
                [[_shown(cell.picture) for cell in row]],
                [[cell.caption for cell in row]],
                heads=heads,
                cell_px=cell_px,
                title=title if start == 0 else "",
            )
        )
    return np.concatenate(strips)


def _shown(picture: Tensor) -> np.ndarray:
    """(H, W, 3) uint8 of (3, H, W) float, clipped."""
    return np.asarray((picture.detach().cpu().clip(0, 1) * 255).round().byte().permute(1, 2, 0))
