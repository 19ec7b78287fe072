"""What superpixel color transfer did, to be looked at: superpixels, attention, matched regions and stages,
and a table.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from limner.foundation.errors import UserError
from limner.foundation.files.writing import make_folder, replacing
from limner.recolor.fusion.fuse import PUBLISHED, Fusion, Kernel
from limner.recolor.matching.attention import Matching, row_perplexity
from limner.recolor.methods.recolored import Recolored
from limner.recolor.superpixels.drawing import Drawing, as_shown, heat_colors
from limner.recolor.superpixels.pooling import Regions
from limner.reporting.pictures import captioned_rows, class_colors, legend, write_picture

PAGE_PX, CELL_PX = 1600, 420
"""Longest edge of a picture of its own, and of one among others."""
MARKED = 6
"""Superpixels whose attention is shown."""
REGIONS = 10
"""Of the references together, in the picture of matched regions."""
SPREAD = 0.3
"""How much the height or width of a picture weighs beside black to white, where superpixels are grouped."""
ROUNDS = 20
COLUMNS = 4
TABLE = (
    "superpixel", "row", "column", "pixels", "red", "green", "blue",
    "best", "reference", "best_row", "best_column", "share", "perplexity", "new_red", "new_green", "new_blue",
)  # fmt: skip


@dataclass(frozen=True)
class Matches:
    """What one pass over the attention tells of the N superpixels of the target.

    best: (N,) int64, the reference superpixel looked at most; share: (N,) of the attention that it gets. perplexity:
    (N,), how many are looked at. colors: (N, 3), the mean of the reference's that they look at. regions: (N,) int64,
    the region of the references that they look at most.
    """

    best: Tensor
    share: Tensor
    perplexity: Tensor
    colors: Tensor
    regions: Tensor


def explain(
    folder: Path,
    target: Tensor,
    references: Sequence[Tensor],
    done: Recolored,
    *,
    kernel: Kernel = PUBLISHED,
) -> list[Path]:
    """Write into ``folder`` what the method `superpixel` did; gives the files.

    ``superpixels.png`` and ``reference-superpixels-K.png``: the pictures with the borders of their superpixels.
    ``attention.png``: for a few superpixels of the target, of colors far from each other, what each looks at.
    ``matches.png``: the references cut into regions, and the target in the colors of the regions that it looks at.
    ``stages.png``: from the target's superpixels over their matched colors to the result.
    ``matches.csv``: a line for each superpixel of the target; see `table`.

    target, references: (3, H, W) float32, what was given to the method. done: what it gave. kernel: as the method
    was given it. Raises `UserError` for the result of a method without attention.
    """
    if done.matching is None or done.fusion is None:
        raise UserError(
            f"--explain shows what the method superpixel looks at; {done.method} has no attention: leave --explain out"
        )
    matching = on_cpu(done.matching)
    target, references = target.cpu(), [picture.cpu() for picture in references]
    groups = group_references(matching)
    matches = find_matches(matching, groups)
    fusion = replace(done.fusion, regions=matching.target_regions, colors=done.fusion.colors.cpu())

    pairs = [(target, matching.target_labels), *zip(references, matching.reference_labels, strict=True)]
    names = ["superpixels.png", *(f"reference-superpixels-{number}.png" for number in range(1, len(pairs)))]
    drawn = {name: Drawing.at_size(*pair, PAGE_PX).bordered() for name, pair in zip(names, pairs, strict=True)}
    cells = [Drawing.at_size(*pair, CELL_PX) for pair in pairs]
    drawn["attention.png"] = draw_attention(matching, cells)
    drawn["matches.png"] = draw_regions(cells, matches.regions.numpy(), groups.numpy())
    drawn["stages.png"] = _draw_stages(cells, fusion, matches.colors, kernel, done.picture)
    make_folder(folder)
    for name, picture in drawn.items():
        write_picture(folder / name, picture)
    _write_table(folder / "matches.csv", table(matching, matches, fusion.colors))
    return [folder / name for name in (*drawn, "matches.csv")]


def find_matches(matching: Matching, groups: Tensor) -> Matches:
    """What the target's superpixels look at. groups: (N_R,) int64, the region of each reference superpixel."""
    in_group = torch.nn.functional.one_hot(groups).to(matching.references)
    colors = matching.reference_regions.colors
    found = []
    for _, weights in matching.blocks():
        share, best = weights.max(1)
        found.append((best, share, row_perplexity(weights), weights @ colors, (weights @ in_group).argmax(1)))
    return Matches(*(torch.cat(column) for column in zip(*found, strict=True)))


def table(matching: Matching, matches: Matches, colors: Tensor) -> list[tuple[float, ...]]:
    """A row of numbers for each superpixel of the target, in the order of `TABLE`.

    Its number, the row and column of its center in pixels, its pixels and mean color; the superpixel that it looks at
    most, by its number through all references, of which reference (from 1) and where; the share of its attention
    that this one gets; its perplexity; and its new color, (N, 3) ``colors``. Colors in [0, 1], not clipped.
    """
    own, looks = matching.target_regions, matching.reference_regions
    which = torch.searchsorted(_ends(matching), matches.best, right=True)
    shapes = [labels.shape for labels in (matching.target_labels, *matching.reference_labels)]
    own_size, sizes = torch.tensor(matching.sizes or shapes).tensor_split([1])
    columns = (
        torch.arange(len(own.count))[:, None], own.positions * own_size,
        own.count[:, None], own.colors,
        matches.best[:, None], which[:, None] + 1, looks.positions[matches.best] * sizes[which],
        matches.share[:, None], matches.perplexity[:, None], colors,
    )  # fmt: skip
    return list(zip(*(part for column in columns for part in column.T.tolist()), strict=True))


def choose(regions: Regions, most: int = MARKED) -> list[int]:
    """At most ``most`` superpixels that stand for a picture, by their numbers.

    Superpixels are grouped by color and place; of each group it is the one nearest to the middle, and plain: one across
    an edge stands for nothing.
    """
    points = torch.cat([regions.colors, SPREAD * regions.positions], dim=1)
    groups = group(points, most)
    spread = regions.covariance.diagonal(dim1=1, dim2=2)[:, 2:].sum(1)
    chosen = []
    for number in range(int(groups.max()) + 1):
        members = (groups == number).nonzero()[:, 0]
        apart = (points[members] - points[members].mean(0)).square().sum(1)
        chosen.append(int(members[(apart + spread[members]).argmin()]))
    return sorted(chosen)


def group(points: Tensor, most: int) -> Tensor:
    """(N,) int64: which of at most ``most`` groups each of ``points``, (N, d), belongs to; none is empty.

    k-means without chance: it begins with points as far from each other as they can be.
    """
    centers = points[torch.cdist(points, points.mean(0, keepdim=True)).argmin()][None]
    while len(centers) < most:
        distance, farthest = torch.cdist(points, centers).amin(1).max(0)
        if distance == 0:
            break
        centers = torch.cat([centers, points[farthest][None]])
    for _ in range(ROUNDS):
        nearest = torch.cdist(points, centers).argmin(1)
        centers = torch.stack([points[nearest == number].mean(0) for number in nearest.unique().tolist()])
    return torch.cdist(points, centers).argmin(1).unique(return_inverse=True)[1]


def draw_attention(matching: Matching, cells: Sequence[Drawing]) -> np.ndarray:
    """Some superpixels of the target, each beside its row of the attention over the references; (H, W, 3) uint8.

    cells: the target and the references.
    """
    chosen = choose(matching.target_regions)
    weights = matching.attention(torch.tensor(chosen))
    perplexity = row_perplexity(weights).tolist()
    pictures, captions = [], []
    for name, (number, row) in enumerate(zip(chosen, weights.numpy(), strict=True), start=1):
        pictures.append(cells[0].marked(number, str(name)))
        pictures += [replace(cell, picture=cell.heat(row)).marked(int(row.argmax())) for cell in cells[1:]]
        told = f"{name}: looks at {perplexity[name - 1]:.1f}, at one for {row.max():.0%}"
        captions += [f"{name}: superpixel {number}", told, *[""] * (len(cells) - 2)]
    columns = len(cells) * max(1, COLUMNS // len(cells))
    sheet = captioned_rows(_rows(pictures, columns), _rows(captions, columns), cell_px=CELL_PX)
    steps = {"1/16 of the largest share in its row": 1 / 16, "1/4": 1 / 4, "the largest (ringed)": 1.0}
    colors = heat_colors(np.array(list(steps.values()))).astype(int).tolist()
    return np.concatenate([sheet, legend(dict(zip(steps, colors, strict=True)), sheet.shape[1])])


def draw_regions(cells: Sequence[Drawing], regions: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """The references in regions, and each superpixel of the target in the color of the one it looks at; (H, W, 3)
    uint8.

    cells: the target and the references. regions: (N_T,), groups: (N_R,), numbers of regions.
    """
    colors = class_colors(int(groups.max()) + 2)[1:]  # without the black of a background
    plain = [cell.picture for cell in cells]
    painted = [cells[0].painted(regions, colors), *(cell.painted(groups, colors) for cell in cells[1:])]
    heads = ["target: what it looks at", *_numbered("reference", len(cells) - 1)]
    return captioned_rows([plain, painted], heads=heads, cell_px=CELL_PX)


def _draw_stages(
    cells: Sequence[Drawing], fusion: Fusion, matched: Tensor, kernel: Kernel, result: Tensor
) -> np.ndarray:
    """All stages, the fusion done again at the size of the cell."""
    target = cells[0]
    picture = torch.from_numpy(target.picture).permute(2, 0, 1).float() / 255
    fused = fusion(picture, kernel, labels=torch.from_numpy(target.labels).to(torch.int32)).picture
    stages = {
        "target": target.picture,
        **dict(zip(_numbered("reference", len(cells) - 1), (cell.picture for cell in cells[1:]), strict=True)),
        "superpixels: mean colors": target.flat(fusion.regions.colors),
        "colors that they look at": target.flat(matched),
        **({} if torch.equal(matched, fusion.colors) else {"made even and spread": target.flat(fusion.colors)}),
        "fused: before the regrain": as_shown(fused),
        "result": as_shown(result),
    }
    return captioned_rows(_rows(list(stages.values()), COLUMNS), _rows(list(stages), COLUMNS), cell_px=CELL_PX)


def group_references(matching: Matching) -> Tensor:
    """(N_R,) int64: which of at most `REGIONS` regions, of like color and place, each reference superpixel is in."""
    return group(_places_and_colors(matching), REGIONS)


def _places_and_colors(matching: Matching) -> Tensor:
    """(N_R, 6) of the references' superpixels: which reference, where, what color; alike where they are one region."""
    regions = matching.reference_regions
    numbers = torch.arange(len(regions.count))
    which = torch.searchsorted(_ends(matching), numbers, right=True).float()
    return torch.cat([2 * which[:, None], SPREAD * regions.positions, regions.colors], dim=1)


def _ends(matching: Matching) -> Tensor:
    """(K,) int64: the number after the last superpixel of each reference."""
    return torch.stack([labels.max() + 1 for labels in matching.reference_labels]).long()


def _numbered(name: str, count: int) -> list[str]:
    return [name] if count == 1 else [f"{name} {number}" for number in range(1, count + 1)]


def _rows(items: Sequence[Any], columns: int) -> list[Sequence[Any]]:
    return [items[start : start + columns] for start in range(0, len(items), columns)]


def _write_table(path: Path, rows: Sequence[Sequence[float]]) -> None:
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(TABLE)
        writer.writerows([f"{value:.4f}" if isinstance(value, float) else value for value in row] for row in rows)


def on_cpu(matching: Matching) -> Matching:
    """The same, to be drawn."""

    def moved(regions: Regions) -> Regions:
        return Regions(regions.count.cpu(), regions.mean.cpu(), regions.covariance.cpu())

    return replace(
        matching,
        target=matching.target.cpu(),
        references=matching.references.cpu(),
        target_labels=matching.target_labels.cpu(),
        reference_labels=[labels.cpu() for labels in matching.reference_labels],
        target_regions=moved(matching.target_regions),
        reference_regions=moved(matching.reference_regions),
        shares=None if matching.shares is None else matching.shares.cpu(),
    )
