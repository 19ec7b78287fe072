"""Draw every network of the segment room from its own stages, for the pages in docs/networks.

    python tools/draw_networks.py

Each network runs once on torch's meta device, where shapes are computed and nothing else; hooks see what every stage
takes and gives. Written are ``docs/pictures/network-NAME.svg``; tests/test_drawings.py holds them to the code.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import network_svg
import torch
from network_chain import Chain, draw_chain
from network_svg import Figure, Join, Stage
from torch import Tensor, nn

from limner.segment.networks import (
    FCN,
    DeconvNet,
    Dilated,
    LiteUNet,
    MapNetwork,
    ResidualUNet,
    SegNet,
    UNet,
    ValidUNet,
)
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
    """The shapes of a tensor or of several, without the batch; of switches, that of their places."""
    if isinstance(tensors, Tensor):
        return [tuple(tensors.shape[1:])]
    return [s for one in tensors for s in shapes(one)] if isinstance(tensors, tuple | list) else []


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


def unet_valid() -> Figure:
    """`ValidUNet` of the paper's width."""
    network = ValidUNet(CHANNELS, CLASSES)
    levels = {f"E{number}": level for number, level in enumerate(network.encoder.levels, start=1)}
    blocks = {f"D{number}": block for number, block in enumerate(network.decoder, start=1)}
    ups = {f"up {name}": block.up for name, block in blocks.items()}
    calls = run(network, {**levels, **blocks, **ups, "head": network.head})
    encoder = [Stage(name, calls[name].gave[0], "2 conv 3 × 3, unpadded") for name in levels]
    joins = [
        Join(Stage(name, calls[name].gave[0], "2 conv 3 × 3"), calls[f"up {name}"].gave[0][0], skip.shape[0])
        for name, skip in zip(blocks, encoder[-2::-1], strict=True)
    ]
    return Figure(
        "unet-valid",
        "unet-valid (Ronneberger et al. 2015)",
        picture=(CHANNELS, SIDE_PX, SIDE_PX),
        encoder=encoder,
        down=["max pool 2 × 2"] * 4,
        joins=joins[::-1],
        up="transposed conv 2 × 2",
        head=Stage("head", calls["head"].gave[0], "conv 1 × 1, cropped"),
        branch=False,
        note="The picture is surrounded by its mirror image first; skips are cropped to the middle.",
    )


def chain(network: MapNetwork, stages: list[tuple[str, nn.Module, str]], **more: Any) -> Chain:
    """The figure of a network whose stages, each with its module and what it does, follow each other."""
    calls = run(network, {name: module for name, module, _ in stages})
    found = [Stage(name, calls[name].gave[0], operation) for name, _, operation in stages]
    return Chain(picture=(CHANNELS, SIDE_PX, SIDE_PX), encoder=found, **more)


def vgg_blocks(
    features: nn.Sequential, kinds: tuple[type[nn.Module], ...], doing: str
) -> list[tuple[str, nn.Module, str]]:
    """The poolings of VGG-16, each of which ends a block."""
    ends = [layer for layer in features if isinstance(layer, kinds)]
    counts = (2, 2, 3, 3, 3)
    return [(f"E{i + 1}", end, f"{counts[i]} conv 3 × 3, {doing}") for i, end in enumerate(ends)]


def fcn() -> Chain:
    """`FCN` of output stride 8."""
    network = FCN(CHANNELS, CLASSES)
    parts = network.decoder
    stages = vgg_blocks(network.encoder.features, (nn.MaxPool2d,), "max pool")
    stages += [
        ("wide", parts["wide"], "conv 7 × 7, conv 1 × 1"),
        ("scores of wide", parts["score32"], "conv 1 × 1; enlarged twice"),
        ("scores of E4", parts["score16"], "conv 1 × 1; added, twice"),
        ("scores of E3", parts["score8"], "conv 1 × 1; added"),
        ("logits", network.enlarge, "bilinear, 8 times"),
    ]
    return chain(
        network, stages, name="fcn", title="fcn, output stride 8 (Long et al. 2015)", decoder_from=5,
        note="Every convolution but the scores' is followed by ReLU. Enlarging is bilinear and not learned.",
    )  # fmt: skip


def segnet() -> Chain:
    """`SegNet` of the paper's width."""
    network = SegNet(CHANNELS, CLASSES)
    pools = [layer for layer in network.encoder.features if layer.__class__.__name__ == "MaxPoolWithSwitches"]
    counts = (2, 2, 3, 3, 3)
    stages = [(f"E{i + 1}", pool, f"{counts[i]} conv 3 × 3, max pool") for i, pool in enumerate(pools)]
    stages += [(f"D{i + 1}", block, f"unpool, {counts[4 - i]} conv 3 × 3") for i, block in enumerate(network.decoder)]
    return chain(
        network, stages, name="segnet", title="segnet (Badrinarayanan et al. 2017)", decoder_from=5,
        note="Every convolution but the last is followed by BN and ReLU. Unpooling puts values where the maxima stood.",
    )  # fmt: skip


def deconvnet() -> Chain:
    """`DeconvNet` of the paper's width."""
    network = DeconvNet(CHANNELS, CLASSES)
    pools = [layer for layer in network.encoder.features if layer.__class__.__name__ == "MaxPoolWithSwitches"]
    counts, layers = (2, 2, 3, 3, 3), [len(block) // 3 for block in network.decoder]
    stages = [(f"E{i + 1}", pool, f"{counts[i]} conv 3 × 3, max pool") for i, pool in enumerate(pools)]
    stages += [
        ("wide", network.bottom[5], "conv 7 × 7, conv 1 × 1"),
        ("back", network.bottom, "transposed conv 7 × 7"),
    ]
    stages += [
        (f"D{i + 1}", block, f"unpool, {layers[i]} transposed conv 3 × 3") for i, block in enumerate(network.decoder)
    ]
    stages.append(("logits", network.head, "conv 1 × 1"))
    return chain(
        network, stages, name="deconvnet", title="deconvnet (Noh et al. 2015)", decoder_from=6,
        note="Every layer but the last is followed by BN and ReLU. Unpooling puts values where the maxima stood.",
    )  # fmt: skip


def dilated() -> Chain:
    """`Dilated` with the basic context module."""
    network = Dilated(CHANNELS, CLASSES, context="basic")
    stages = vgg_blocks(network.encoder.features, (nn.MaxPool2d, nn.Identity), "max pool")
    stages[3] = (*stages[3][:2], "3 conv 3 × 3")
    stages[4] = (*stages[4][:2], "3 conv 3 × 3, dilated by 2")
    stages += [
        ("wide", network.decoder["wide"], "conv 7 × 7 dilated by 4, 1 × 1"),
        ("scores", network.decoder["score"], "conv 1 × 1"),
    ]
    context = network.decoder["context"].layers
    for number, layer in enumerate(context[:-1:2], start=1):
        stages.append((f"C{number}", layer, f"conv 3 × 3, dilated by {layer.dilation[0]}"))
    stages += [("C8", context[-1], "conv 1 × 1"), ("logits", network.enlarge, "bilinear, 8 times")]
    return chain(
        network, stages, name="dilated", title="dilated, basic context (Yu and Koltun 2016)", decoder_from=5,
        note="Every convolution but the scores' and the last is followed by ReLU.",
    )  # fmt: skip


def figures() -> list[Figure | Chain]:
    """Every network's figure, nothing allocated."""
    with torch.device("meta"):
        return [residual_unet(), lite_unet(), unet(), unet_valid(), fcn(), segnet(), deconvnet(), dilated()]


def draw(figure: Figure | Chain) -> str:
    """A figure as SVG text."""
    return draw_chain(figure) if isinstance(figure, Chain) else network_svg.draw(figure)


if __name__ == "__main__":
    for figure in figures():
        (PICTURES / f"network-{figure.name}.svg").write_text(draw(figure), encoding="utf-8")
