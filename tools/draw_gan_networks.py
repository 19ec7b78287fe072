"""Draw every pair of generator and discriminator from their own stages, for docs/generate/networks.md.

    python tools/draw_gan_networks.py

Each network runs once on torch's meta device, where shapes are computed and nothing else; hooks see what every stage
gives. Written are ``docs/pictures/gan-NAME.svg``; tests/generate/test_gan_drawings.py holds them to the code.
"""

from collections.abc import Callable, Sequence
from math import log2
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from limner.generate.networks import DISCRIMINATORS, GENERATORS
from limner.generate.networks.arguments import BOTTOM_PX

PICTURES = Path(__file__).parents[1] / "docs" / "pictures"
SIZE_PX, CHANNELS = 64, 3
Shape = tuple[int, ...]
"""Channels, height, width; of a latent its length; of a logit nothing."""

TITLES = {
    "dcgan": "dcgan (Radford et al. 2016)",
    "dcgan-bigger": "dcgan-bigger",
    "sngan": "sngan (Miyato et al. 2018)",
    "light": "light",
    "projected": "projected (Liu et al. 2021 and Sauer et al. 2021)",
    "resnet-18": "resnet-18",
    "resnet-34": "resnet-34",
    "biggan": "biggan (Brock et al. 2019)",
    "stylegan2": "stylegan2 (Karras et al. 2020)",
}
ENDS = {
    "bottom": "",
    "stem": "",
    "trunk.stem": "",
    "refine": "",
    "picture": "tanh: the picture",
    "verdict": "the logit",
}
"""Stages that stand alone, by their names in the networks, and what is said of them."""
DOING = {
    "UpStage": ("transposed conv", "BN, ReLU"),
    "DownStage": ("conv 4 × 4, half", "leaky ReLU"),
    "UpBlock": ("residual block", "twice the side"),
    "DownBlock": ("residual block", "half the side"),
    "GatedStage": ("conv 3 × 3, BN", "half gates half"),
    "GrowingStage": ("residual blocks", "that enlarge"),
    "Sequential": ("residual blocks", "BN, ReLU"),
    "ToldUpBlock": ("residual block", "told the latent"),
    "LightUpStage": ("conv 3 × 3, BN", "beside a shortcut"),
    "LightDownStage": ("conv 4 × 4, half", "beside a shortcut"),
    "StyledBottom": ("constant, conv", "scaled by a style"),
    "StyledBlock": ("2 convs, scaled", "by styles, noise"),
    "ResidualDown": ("residual block", "filter, half"),
    "EqualizedLinear": ("differences, linear", ""),
    "ConvTranspose2d": ("transposed conv", ""),
    "Conv2d": ("conv", ""),
    "Linear": ("linear", ""),
}
"""What the other stages do, by their types."""
MIXED = ("frozen Lite0", "mixed at random")

PITCH, LEFT, TOP, ROW = 144, 40, 92, 250  # between boxes, the first box, the first row, between rows
BOX, BASE = 112, 132  # the widest maps and where all of a row stand
STYLE = """
    text { font: 12px Helvetica, Arial, "DejaVu Sans", sans-serif; fill: #57606a; text-anchor: middle; }
    .title { font-weight: bold; font-size: 17px; fill: #24292f; text-anchor: start; }
    .start { text-anchor: start; }
    .shape { font-weight: bold; font-size: 13px; fill: #24292f; }
    .card { fill: #ffffff; stroke: #d0d7de; }
    .end { fill: #fff4de; stroke: #b07a1e; stroke-width: 1.3; }
    .generator { fill: #e3f0e6; stroke: #2f7d4f; stroke-width: 1.3; }
    .discriminator { fill: #e4eefb; stroke: #2f66a8; stroke-width: 1.3; }
    .flow { fill: none; stroke: #424a53; stroke-width: 1.6; marker-end: url(#head); }
"""


class Step(NamedTuple):
    """What one stage gives, and how."""

    shape: Shape
    doing: tuple[str, str]


class Pair(NamedTuple):
    """A generator's steps from latent to picture, and a discriminator's from picture to logit."""

    name: str
    generator: Sequence[Step]
    discriminator: Sequence[Step]


def pair(name: str) -> Pair:
    """The pair of one name at `SIZE_PX`, run once on nothing."""
    with torch.device("meta"):
        generator: Any = GENERATORS[name](SIZE_PX, CHANNELS, 0)
        discriminator: Any = DISCRIMINATORS[name](SIZE_PX, CHANNELS, 0)
        latent, picture = torch.empty(2, generator.latent), torch.empty(2, CHANNELS, SIZE_PX, SIZE_PX)
    latents, pictures = Step((generator.latent,), ("latent", "")), Step(tuple(picture.shape[1:]), ("picture", ""))
    return Pair(name, [latents, *steps(generator, latent)], [pictures, *steps(discriminator, picture)])


def steps(network: nn.Module, given: Tensor) -> list[Step]:
    """What each stage of the network gives for ``given``, in the order of the work."""
    found: list[Step] = []

    def hook(name: str) -> Callable[..., None]:
        def record(module: nn.Module, taken: Any, result: Tensor) -> None:
            maps = result[0] if isinstance(result, tuple) else result
            found.append(Step(given_shape(name, maps), doing(name, module)))

        return record

    for name, stage in network.named_modules():
        if name in ENDS or name.rpartition(".")[0] in ("stages", "blocks", "trunk.stages"):
            stage.register_forward_hook(hook(name))
        if name == "mixing":
            stage.register_forward_hook(
                lambda module, taken, result: found.extend(Step(tuple(one.shape[1:]), MIXED) for one in result)
            )
    result = network(given)
    if result.ndim == 4 and found[-1].shape != tuple(result.shape[1:]):
        found.append(Step(tuple(result.shape[1:]), ("all sizes summed:", "the picture")))
    if result.ndim == 2:
        found.append(Step((), ("a head each:", f"{result.shape[1]} logits")))
    return found


def given_shape(name: str, result: Tensor) -> Shape:
    """The shape without the batch; the row of numbers of a linear layer at the bottom is 4 x 4 maps."""
    if name == "verdict":
        return ()
    return tuple(result.shape[1:]) if result.ndim == 4 else (result.shape[1] // BOTTOM_PX**2, BOTTOM_PX, BOTTOM_PX)


def doing(name: str, module: Any) -> tuple[str, str]:
    """What a stage does, in two lines."""
    first, second = DOING[type(module).__name__]
    if any(isinstance(part, nn.BatchNorm2d) for part in module.children()) and second == "leaky ReLU":
        second = "BN, leaky ReLU"
    layer = getattr(module, "enlarge", module)
    if hasattr(layer, "kernel_size"):
        first = f"{first} {layer.kernel_size[0]} × {layer.kernel_size[1]}"
    elif name == "verdict" and isinstance(module, nn.Linear):
        first = "ReLU, sum, linear"
    return first, ENDS.get(name) or second


def draw(figure: Pair) -> str:
    """The pair as SVG text: the generator's row above the discriminator's, maps as high as their side."""
    width = LEFT * 2 + PITCH * max(len(figure.generator), len(figure.discriminator)) - (PITCH - BOX)
    height = TOP + 2 * ROW - 6
    parts = [
        *_row(figure.generator, "generator", "generator: from the latent to the picture", TOP),
        *_row(figure.discriminator, "discriminator", "discriminator: from the picture to the logit", TOP + ROW),
    ]
    title = f"{TITLES[figure.name]} at {SIZE_PX} px"
    body = "\n".join(f"  {part}" for part in parts)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" \
height="{height}" role="img" aria-labelledby="title">
  <title id="title">{title}: what every stage gives, as channels × height × width</title>
  <style>{STYLE}  </style>
  <defs>
    <marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">\
<path d="M0 0 L8 4 L0 8 z" fill="#424a53"/></marker>
  </defs>
  <rect class="card" x="1" y="1" width="{width - 2}" height="{height - 2}" rx="12"/>
  <text class="title" x="{LEFT}" y="40">{title}</text>
  <text class="start" x="{LEFT}" y="60">channels × height × width; higher: a larger side; wider: more maps</text>
{body}
</svg>
"""


def _row(row: Sequence[Step], player: str, heading: str, top: int) -> list[str]:
    parts = [f'<text class="start" x="{LEFT}" y="{top + 14}">{heading}</text>']
    base = top + 20 + BASE
    for number, step in enumerate(row):
        center = LEFT + BOX // 2 + number * PITCH
        wide, high = _extent(step.shape)
        kind = "end" if number in (0, len(row) - 1) else player
        parts.append(
            f'<rect class="{kind}" x="{center - wide // 2}" y="{base - high}" width="{wide}" height="{high}" rx="4"/>'
        )
        shown = " × ".join(map(str, step.shape)) or "1"
        parts.append(f'<text class="shape" x="{center}" y="{base + 20}">{shown}</text>')
        for line, text in enumerate(filter(None, step.doing)):
            parts.append(f'<text x="{center}" y="{base + 38 + 16 * line}">{text}</text>')
        if number:
            parts.append(f'<path class="flow" d="M{center - PITCH + 44} {base + 16} H{center - 46}"/>')
    return parts


def _extent(shape: Shape) -> tuple[int, int]:
    """Width and height of a box in pixels: logarithms of the maps and of the side."""
    if len(shape) < 3:
        return 18, 18
    return round(10 * log2(shape[0])) + 6, round(18 * log2(shape[1])) + 14


def figures() -> list[Pair]:
    """Every pair's figure, nothing allocated."""
    return [pair(name) for name in GENERATORS]


if __name__ == "__main__":
    for figure in figures():
        (PICTURES / f"gan-{figure.name}.svg").write_text(draw(figure), encoding="utf-8")
