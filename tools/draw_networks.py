"""Draw every network of the segment room from its own stages, for the pages in docs/networks.

    python tools/draw_networks.py

Each network runs once on torch's meta device, where shapes are computed and nothing else; hooks see what every stage
takes and gives. Written are ``docs/pictures/network-NAME.svg``; tests/test_drawings.py holds them to the code.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from network_svg import Figure, Join, Stage, draw
from torch import Tensor, nn

from limner.segment.networks import LiteUNet, MapNetwork, ResidualUNet, UNet
from limner.segment.networks.residual_unet import UNITS

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
CHANNELS, CLASSES, SIDE_PX = 4, 2, 256
Shape = tuple[int, ...]
"""Channels, height, width."""


class Call(NamedTuple):
    """What one stage took and gave: every tensor's shape, in order."""

    took: list[Shape]
    gave: list[Shape]


def run(network: MapNetwork, stages: Mapping[str, nn.Module]) -> dict[str, Call]:
    """The shapes that each of ``stages`` takes and gives for a picture of `SIDE_PX`."""
    calls: dict[str, Call] = {}

    def hook(name: str) -> Callable[..., None]:
        def record(module: nn.Module, taken: Any, given: Any) -> None:
            calls[name] = Call(shapes(taken), shapes(given))

        return record

    for name, stage in stages.items():
        stage.register_forward_hook(hook(name))
    network(torch.empty(1, CHANNELS, SIDE_PX, SIDE_PX, device="meta"))
    return calls


def shapes(tensors: Any) -> list[Shape]:
    """The shapes of a tensor or of several, without the batch."""
    return [tuple(tensors.shape[1:])] if isinstance(tensors, Tensor) else [s for one in tensors for s in shapes(one)]


def residual_unet() -> Figure:
    """`ResidualUNet` of depth 34."""
    network = ResidualUNet(CHANNELS, CLASSES, depth=34)
    blocks = {f"D{number}": block for number, block in enumerate(network.decoder, start=1)}
    calls = run(network, {"E": network.encoder, "F": network.full_resolution, "head": network.head, **blocks})
    doing = ["conv 7 × 7, stride 2", *(f"{units} residual units" for units in UNITS[34][1])]
    encoder = [Stage(f"E{i + 1}", shape, doing[i]) for i, shape in enumerate(calls["E"].gave)]
    after = {
        name: calls[following].took[0] for name, following in zip(blocks, [*list(blocks)[1:], "head"], strict=True)
    }
    side = Stage("F", calls["F"].gave[0], "conv 3 × 3 of the picture")
    skips = [*encoder[-2::-1], side]
    joins = [
        Join(Stage(name, after[name], "joined"), calls[name].gave[0][0], skip.shape[0])
        for name, skip in zip(blocks, skips, strict=True)
    ]
    return Figure(
        "residual-unet",
        "residual-unet, depth 34 (Ghassemi et al. 2018)",
        picture=(CHANNELS, SIDE_PX, SIDE_PX),
        encoder=[side, *encoder],
        down=["", "max pool, half", "half in the first unit", "half in the first unit", "half in the first unit"],
        joins=joins[::-1],
        up="transposed conv 4 × 4",
        head=Stage("head", calls["head"].gave[0], "conv 1 × 1"),
        branch=True,
        note="Every convolution but the head's is followed by BN and ReLU.",
    )


def lite_unet() -> Figure:
    """`LiteUNet` of the default width."""
    network = LiteUNet(CHANNELS, CLASSES)
    blocks = {f"D{number}": block for number, block in enumerate(network.decoder, start=1)}
    reduced = {f"reduce {name}": block.reduce for name, block in blocks.items()}
    parts = {"E": network.encoder, "F": network.full_resolution, "head": network.head}
    calls = run(network, {**parts, **blocks, **reduced})
    encoder = [Stage(f"E{i + 1}", shape, "EfficientNet-Lite0") for i, shape in enumerate(calls["E"].gave)]
    side = Stage("F", calls["F"].gave[0], "conv 3 × 3 of the picture")
    skips = [*encoder[-2::-1], side]
    joins = [
        Join(Stage(name, calls[name].gave[0], "conv 3 × 3"), calls[f"reduce {name}"].gave[0][0], skip.shape[0])
        for name, skip in zip(blocks, skips, strict=True)
    ]
    return Figure(
        "lite-unet",
        "lite-unet, width 32",
        picture=(CHANNELS, SIDE_PX, SIDE_PX),
        encoder=[side, *encoder],
        down=["", "half", "half", "half", "half"],
        joins=joins[::-1],
        up="conv 1 × 1, bilinear",
        head=Stage("head", calls["head"].gave[0], "conv 1 × 1"),
        branch=True,
        note="Every convolution but the head's is followed by BN and ReLU (in the encoder ReLU6, or nothing).",
    )


def unet() -> Figure:
    """`UNet` of depth 19."""
    network = UNet(CHANNELS, CLASSES, depth=19)
    levels = {f"E{number}": level for number, level in enumerate(network.encoder.levels, start=1)}
    blocks = {f"D{number}": block for number, block in enumerate(network.decoder, start=1)}
    ups = {f"up {name}": block.up for name, block in blocks.items()}
    calls = run(network, {**levels, **blocks, **ups, "head": network.head})
    encoder = [Stage(name, calls[name].gave[0], "2 conv 3 × 3") for name in levels]
    joins = [
        Join(Stage(name, calls[name].gave[0], "2 conv 3 × 3"), calls[f"up {name}"].gave[0][0], skip.shape[0])
        for name, skip in zip(blocks, encoder[-2::-1], strict=True)
    ]
    return Figure(
        "unet",
        "unet, depth 19 (Ronneberger et al. 2015, padded)",
        picture=(CHANNELS, SIDE_PX, SIDE_PX),
        encoder=encoder,
        down=["max pool 2 × 2"] * 4,
        joins=joins[::-1],
        up="transposed conv 2 × 2",
        head=Stage("head", calls["head"].gave[0], "conv 1 × 1"),
        branch=False,
        note=(
            "Every 3 × 3 convolution is followed by ReLU. Depth 35: 4 instead of 2, but 2 at the bottom; the same "
            "shapes."
        ),
    )


def figures() -> list[Figure]:
    """Every network's figure, nothing allocated."""
    with torch.device("meta"):
        return [residual_unet(), lite_unet(), unet()]


if __name__ == "__main__":
    for figure in figures():
        (PICTURES / f"network-{figure.name}.svg").write_text(draw(figure), encoding="utf-8")
