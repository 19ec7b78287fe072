"""Curves of a training that a page can draw while it grows: as SVG, quick, and in the page's own colors."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from limner.reporting.tables import SHARES, TITLES

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 560, 220, 52, 12, 12, 30
MOST_POINTS = 400
"""Of a line; more cannot be told apart."""
COLORS = 6
"""Lines of a panel that have a color of their own: the style sheet names them."""


class Panel(NamedTuple):
    """A family of curves. lines: by name, the points (step, value)."""

    title: str
    lines: Mapping[str, Sequence[tuple[float, float]]]


def panels(rows: Sequence[Mapping[str, str]]) -> list[Panel]:
    """The curves in the rows of ``metrics.csv``: losses, scores in percent, and each other number by itself; what has
    fewer than two points is no curve yet."""
    found: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        if name in ("step", "epoch", "stage") or name.startswith("alarm/"):
            continue
        quantity = name.rpartition("/")[2]
        share = quantity in SHARES
        family = (
            "loss" if "loss" in quantity else "score, %" if share else TITLES.get(quantity, quantity.replace("_", " "))
        )
        points = [
            (float(row["step"]), float(row[name]) * (100 if share else 1))
            for row in rows
            if row.get(name) and row["step"]
        ]
        if len(points) > 1:
            where, _, _ = name.rpartition("/")
            title = f"{where} {TITLES.get(quantity, quantity.replace('_', ' '))}".strip()
            found.setdefault(family, {})[title] = points
    order = {"loss": 0, "score, %": 1}
    return [Panel(*each) for each in sorted(found.items(), key=lambda each: order.get(each[0], 2))]


def draw(panel: Panel) -> str:
    """A panel as SVG, with a title for who cannot see it."""
    points = [point for line in panel.lines.values() for point in line]
    first, last = min(step for step, _ in points), max(step for step, _ in points)
    low, high = min(value for _, value in points), max(value for _, value in points)
    if high == low:
        low, high = low - 0.5, high + 0.5

    def x(step: float) -> float:
        return LEFT + (step - first) / max(last - first, 1e-9) * (WIDTH - LEFT - RIGHT)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    told = "; ".join(f"{name} {line[0][1]:.4g} to {line[-1][1]:.4g}" for name, line in panel.lines.items())
    parts = [
        f'<svg class="curves" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(panel.title)}: '
        f'{escape(told)}">'
    ]
    for part in range(5):
        value = low + (high - low) * part / 4
        parts.append(
            f'<line class="rule" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y(value):.1f}" y2="{y(value):.1f}"/>'
            f'<text x="{LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:.3g}</text>'
        )
    for step, anchor in ((first, "start"), (last, "end")):
        parts.append(f'<text x="{x(step):.1f}" y="{HEIGHT - 10}" text-anchor="{anchor}">step {step:,.0f}</text>')
    for number, line in enumerate(panel.lines.values()):
        every = -(-len(line) // MOST_POINTS)
        path = " ".join(f"{x(step):.1f},{y(value):.1f}" for step, value in [*line[::every], line[-1]])
        parts.append(f'<polyline class="line-{number % COLORS}" points="{path}"/>')
    return "".join([*parts, "</svg>"])


def block(rows: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """The curves as a part of a page; without any, what to wait for."""
    drawn = [{"title": panel.title, "svg": draw(panel), "names": list(panel.lines)} for panel in panels(rows)]
    return {"kind": "curves", "panels": drawn}
