"""A page for one result, offline in one file: before and after under a slider, matched regions to point at, numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from limner.recolor.methods.recolored import Recolored
from limner.recolor.scoring.explain import find_matches, group_references, on_cpu
from limner.recolor.superpixels.drawing import Drawing, as_shown
from limner.reporting.pictures import resized
from limner.reporting.report import LONGEST_PX, Report

REGION_PX = 360
"""Longest edge of the maps of regions: fine enough for the eye, small enough for a page."""
SCORES = {
    "closed": ("color distance closed", "{:.0%}"),
    "ssim": ("SSIM with the target", "{:.3f}"),
    "blotches": ("blotches, Delta E", "{:.2f}"),
    "halos": ("halos, Delta E", "{:.2f}"),
    "opacity": ("opacity", "{:.1%}"),
    "clipped": ("pixels clipped", "{:.1%}"),
}
"""Of a result's numbers: what the page calls them, and how they are written."""
MEANING = (
    "Color distance closed: the share of the distance to the reference's colors that is gone. SSIM: what is kept of "
    "the target's structure, 1 is all. Blotches and halos: how far smooth surfaces come apart, anywhere and beside "
    "edges, 0 is best. Opacity: the contrast within regions that is missing. They compare methods on one pair of "
    "pictures, and see no meaning: look at the picture."
)
MATCHED = (
    "Point at a region, or at its key, to see it in all pictures: a region of the target is what looks most at that "
    "region of the reference. The squares are its mean color before and after. Regions of the reference are made of "
    "like color and place; a superpixel looks at several, so its new color is a mean."
)
UNMATCHED = "{} looks at no regions: it is one map of colors for all of the picture."


def result_page(
    title: str,
    target: Tensor,
    references: Sequence[tuple[str, Tensor]],
    done: Recolored,
    picture: Tensor,
    numbers: Mapping[str, Any],
    options: Mapping[str, object],
) -> Report:
    """The page of one result.

    target, references (with their names) and ``picture``, that of ``done``: (3, H, W) float, gamma-encoded sRGB, shown
    clipped. numbers: of the record, of which `SCORES` are shown. options: what was asked for, by name.
    """
    names = [name for name, _ in references]
    report = Report(title, f"In the colors of {' and '.join(names)}" if names else "By a look-up table")
    report.facts({told: form.format(numbers[key]) for key, (told, form) in SCORES.items() if key in numbers})
    report.section("Before and after").comparison(
        resized(as_shown(target), LONGEST_PX),
        resized(as_shown(picture), LONGEST_PX),
        "Drag, or move the divider by the arrow keys.",
    )
    if done.matching is not None:
        _add_regions(report, target, references, done)
    elif references:
        shown = [(resized(as_shown(picture), LONGEST_PX), name) for name, picture in references]
        report.section("Where the colors come from").pictures(shown, UNMATCHED.format(done.method))
    rows = [(name.replace("_", " "), str(value)) for name, value in {"method": done.method, **options}.items()]
    report.section("How it was made").table(("option", "value"), rows, "What was asked for; the rest is as usual.")
    if any(key in numbers for key in SCORES):
        report.text(MEANING + (f" Measured against {names[0]} alone." if len(names) > 1 else ""))
    return report


def _add_regions(report: Report, target: Tensor, references: Sequence[tuple[str, Tensor]], done: Recolored) -> None:
    """Which region of the references each superpixel of the target looks at most."""
    assert done.matching is not None and done.fusion is not None  # asked by the only caller; both come together
    matching = on_cpu(done.matching)
    groups = group_references(matching)
    regions = find_matches(matching, groups).regions
    pixels = matching.target_regions.count.double()
    before, after = matching.target_regions.colors.double(), done.fusion.colors.cpu().double()
    order, told = _largest_first(regions, int(groups.max()) + 1, pixels, before, after)
    pictures = []
    for (name, picture), labels, numbers in zip(
        [("target", target), *references],
        [matching.target_labels, *matching.reference_labels],
        [regions, *[groups] * len(references)],
        strict=True,
    ):
        drawing = Drawing.at_size(picture, labels, REGION_PX)
        renumbered = order[numbers].numpy()
        shown = np.where(drawing.labels < 0, -1, renumbered[drawing.labels])
        pictures.append((resized(as_shown(picture), LONGEST_PX), shown, name))
    report.section("Where the colors come from").regions(pictures, told, MATCHED)


def _largest_first(
    regions: Tensor, count: int, pixels: Tensor, before: Tensor, after: Tensor
) -> tuple[Tensor, list[tuple[str, list[str]]]]:
    """New numbers of the regions, those most looked at first; and of each its share of the target and its colors."""
    totals = torch.zeros(count, dtype=torch.float64).index_add_(0, regions, pixels)
    ranked = totals.argsort(descending=True, stable=True)
    order = torch.empty_like(ranked)
    order[ranked] = torch.arange(count)
    told: list[tuple[str, list[str]]] = []
    for number in ranked.tolist():
        members = regions == number
        if not members.any():
            told.append(("nothing of the picture looks here most", []))
            continue
        weights = (pixels * members / totals[number])[:, None]
        colors = [_css((weights * side).sum(0)) for side in (before, after)]
        told.append((f"{float(totals[number] / pixels.sum()):.0%} of the picture", colors))
    return order, told


def _css(color: Tensor) -> str:
    red, green, blue = (color.clamp(0, 1) * 255).round().int().tolist()
    return f"rgb({red} {green} {blue})"
