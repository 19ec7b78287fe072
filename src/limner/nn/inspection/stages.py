"""Stages: the stretches of a network between two changes of resolution, found in the order of its calls."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import nn

TO_GRID = (nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)


@dataclass(frozen=True)
class Stage:
    """A stretch of layers of one resolution, named after the module whose output ends it.

    channels: of that output. stride: pixels of the picture from one of its places to the next, along the rows.
    receptive_field: rows that one place sees, None: the whole picture.
    """

    name: str
    channels: int
    stride: float
    receptive_field: int | None


def find_stages(network: nn.Module, outputs: Mapping[str, tuple[int, ...]]) -> list[str]:
    """The names of the modules that end a stage.

    A stage's end is the last of its outputs that belongs to none of the blocks in which the resolution changes (the
    first convolution of a residual block that halves at its second one is still the old size, and no end of a stage).

    outputs: every module's name -> shape (C, H, W) of its output, in the order in which they ended, as
    `limner.nn.inspection.layers.call_layers` notes; what pools to a grid ends none.
    """
    modules = dict(network.named_modules())
    maps = [
        (name, shape)
        for name, shape in outputs.items()
        if name and len(shape) == 3 and shape[1] > 1 and not isinstance(modules[name], TO_GRID)
    ]
    runs: list[list[str]] = []
    heights: list[int] = []
    for name, shape in maps:
        if not heights or heights[-1] != shape[1]:
            runs.append([])
            heights.append(shape[1])
        runs[-1].append(name)
    spans: dict[str, set[int]] = {}
    for number, run in enumerate(runs):
        for name in run:
            for ancestor in _ancestors(name):
                spans.setdefault(ancestor, set()).add(number)
    straddling = {
        name for name, numbers in spans.items() if len(numbers) == 2 and type(modules[name]) is not nn.Sequential
    }
    return [([name for name in run if not straddling.intersection(_ancestors(name))] or run)[-1] for run in runs]


def _ancestors(name: str) -> list[str]:
    """The modules around one, the network itself left out: a.b.c -> a, a.b."""
    parts = name.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]
