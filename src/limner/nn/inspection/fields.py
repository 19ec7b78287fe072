"""Receptive fields by gradients: how much of a picture one place of any layer can see, in networks of any shape."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from limner.nn.inspection.spreading import one_channel, spreading
from limner.nn.receptive_field import Interval

HEIGHTS = (256, 512, 1024, 2048, 4096)
"""Of the pictures that are tried one after the other, until a field lies within. They are narrow, which is quick: rows
are counted, and zeros beside a picture hide none."""
WIDTHS = (128, 512)
"""The second for networks that take nothing so narrow, as those of unpadded convolutions."""


class Field(NamedTuple):
    """What one place of a layer's output sees. rows: of the picture, of neighboring places that see unequally many (as
    behind an upsampling) the most. stride: rows of the picture from one place to the next."""

    rows: int
    stride: float


def receptive_fields(
    network: nn.Module, layers: Iterable[str], size: tuple[int, int, int], largest: int = HEIGHTS[-1]
) -> dict[str, Field | None]:
    """How many rows of a picture one place of each layer's output can see: exact for branches, residuals, dilation and
    skips alike, for it is the extent of a gradient (`limner.nn.inspection.spreading`).

    None where a layer sees the whole picture however large it is (behind a global pooling), more than ``largest`` rows,
    or has no places.

    network: on any device, ``meta`` included; it is not changed. layers: names as in ``named_modules``. size: (C, H, W)
    of the pictures that it takes.

    >>> receptive_fields(nn.Sequential(nn.Conv2d(1, 1, 3), nn.MaxPool2d(2), nn.Conv2d(1, 1, 3)), ["2"], (1, 32, 32))
    {'2': Field(rows=8, stride=2.0)}
    """
    waiting = list(layers)
    found: dict[str, Field | None] = {}
    nearly: dict[str, Field] = {}
    heights: dict[str, int] = {}
    sizes = [size[1:], *((height, WIDTHS[0]) for height in HEIGHTS if height <= largest)]
    for height, width in sizes:
        if not waiting:
            break
        with _outputs(network, waiting, (size[0], height, width)) as made:
            missing = [name for name in waiting if name not in made.maps]
            if missing and width == WIDTHS[0]:
                sizes.append((height, WIDTHS[1]))
            for name, output in made.maps.items():
                if heights.get(name) == output.shape[2] and height != size[1]:
                    found[name] = None  # as many places whatever the picture's size: it pools to a grid
                    continue
                field = _field(made.picture, output, round(made.coarsest[name] * output.shape[2] / height))
                if field is not None and field.stride:
                    found[name] = field
                elif field is not None:  # one place is within the picture, the next one not: a larger picture tells
                    nearly[name] = Field(field.rows, height / output.shape[2])
            heights = {name: output.shape[2] for name, output in made.maps.items()}
        waiting = [name for name in waiting if name not in found]
    return {name: found.get(name) for name in layers}


def field_of_place(
    network: nn.Module, layer: str, size: tuple[int, int, int], place: tuple[int, int]
) -> tuple[Interval, Interval]:
    """The rows and columns of a picture (C, H, W) that one place (row, column) of a layer's output sees; only what lies
    within the picture. Raises `ValueError` where the layer gives no maps at this size."""
    with _outputs(network, [layer], size) as made:
        if layer not in made.maps:
            raise ValueError(f"{layer} gives no maps for a picture of {size[1]} x {size[2]}")
        seen = _seen(made.picture, one_channel(made.maps[layer])[..., place[0], place[1]])
        return _extent(seen.any(1)), _extent(seen.any(0))


@dataclass(frozen=True)
class _Made:
    """What a picture (1, C, H, W) becomes: maps (1, C', H', W') by the names of the layers that gave them, in the order
    of their calls, and beside each by how much the picture was reduced at most on the way."""

    picture: Tensor
    maps: dict[str, Tensor]
    coarsest: dict[str, float]


@contextmanager
def _outputs(network: nn.Module, layers: Iterable[str], size: tuple[int, int, int]) -> Iterator[_Made]:
    """What the named layers make of a picture; those behind one that cannot take this size are left out."""
    generator = torch.Generator("cpu").manual_seed(0)
    picture = torch.rand(1, *size, generator=generator, dtype=torch.float64, device="cpu").add_(0.5).requires_grad_()
    made = _Made(picture, {}, {})
    wanted = set(layers)
    reduced = [1.0]

    def keep(name: str) -> Any:
        def hook(_: nn.Module, __: Any, output: Any) -> None:
            if not (isinstance(output, Tensor) and output.dim() == 4 and output.requires_grad and output.numel()):
                return
            reduced.append(max(reduced[-1], size[1] / output.shape[2]))
            if name in wanted and name not in made.maps:
                made.maps[name], made.coarsest[name] = output, reduced[-1]

        return hook

    hooks = [module.register_forward_hook(keep(name)) for name, module in network.named_modules()]
    try:
        # Whatever a network says of a size that it does not take: what came before is there.
        with torch.enable_grad(), torch.device("cpu"), spreading(network) as call, suppress(Exception):
            call(picture)
        yield made
    finally:
        for hook in hooks:
            hook.remove()


def _field(picture: Tensor, output: Tensor, period: int) -> Field | None:
    """What ``period`` neighboring places in the middle see; None where one of them sees to the border, or nothing. Its
    stride is 0 where the next place beside them does."""
    one, period = one_channel(output), max(1, period)
    height, column = output.shape[2], output.shape[3] // 2
    first = max(0, height // 2 - period // 2)
    seen: list[Interval] = []
    for row in range(first, min(height, first + period + 1)):
        rows = _extent(_seen(picture, one[:, :, row, column]).any(1))
        if rows.size == 0 or rows.first == 0 or rows.last == picture.shape[2] - 1:
            if len(seen) == period and rows.size:
                break  # only the stride is missing
            return None
        seen.append(rows)
    if len(seen) <= period:
        return Field(max(rows.size for rows in seen), 0)
    return Field(max(rows.size for rows in seen[:period]), (seen[-1].first - seen[0].first) / period)


def _seen(picture: Tensor, values: Tensor) -> Tensor:
    """(H, W) bool: where the picture changes these values."""
    (gradient,) = torch.autograd.grad(values.sum(), picture, retain_graph=True, allow_unused=True)
    if gradient is None:
        return torch.zeros(picture.shape[2:], dtype=torch.bool, device="cpu")
    return (gradient[0] != 0).any(0)


def _extent(seen: Tensor) -> Interval:
    places = [place for place, one in enumerate(seen.tolist()) if one]
    return Interval(places[0], places[-1]) if places else Interval(0, -1)
