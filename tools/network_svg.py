"""A network as a picture: a U of boxes with their shapes, arrows down, across and up, and a legend, as SVG."""

from typing import NamedTuple

Shape = tuple[int, ...]

WIDTH, TOP, PITCH, HEIGHT = 1180, 84, 96, 58  # of the card, of the first row, between rows, of a box
PICTURE_X, ENCODER_X, DECODER_X, HEAD_X = 40, 232, 672, 1000  # left edges of the columns
END_WIDTH, ENCODER_WIDTH, DECODER_WIDTH, BOTTOM_WIDTH = 140, 220, 252, 220
BOTTOM_X = (ENCODER_X + ENCODER_WIDTH + DECODER_X - BOTTOM_WIDTH) // 2

STYLE = """
    text { font: 13px Helvetica, Arial, "DejaVu Sans", sans-serif; fill: #24292f; text-anchor: middle; }
    .title { font-weight: bold; font-size: 17px; text-anchor: start; }
    .shape { font-weight: bold; font-size: 14px; }
    .aside { fill: #57606a; font-size: 12px; }
    .start { text-anchor: start; }
    .end { text-anchor: end; }
    .card { fill: #ffffff; stroke: #d0d7de; }
    .picture { fill: #fff4de; stroke: #b07a1e; stroke-width: 1.3; }
    .encoder { fill: #e4eefb; stroke: #2f66a8; stroke-width: 1.3; }
    .decoder { fill: #e3f0e6; stroke: #2f7d4f; stroke-width: 1.3; }
    .flow { fill: none; stroke: #424a53; stroke-width: 1.6; marker-end: url(#head); }
    .skip { fill: none; stroke: #a33f8c; stroke-width: 1.6; stroke-dasharray: 6 4; marker-end: url(#skip-head); }
"""


class Stage(NamedTuple):
    """A box: what it is called, what it gives (channels, height, width), and how."""

    name: str
    shape: Shape
    operation: str


class Join(NamedTuple):
    """A decoder's box: how many maps come from below and how many from the side."""

    stage: Stage
    from_below: int
    from_skip: int


class Figure(NamedTuple):
    """A network from the picture's size downwards.

    encoder: one stage a row, the last at the bottom. down: how it gets from each row to the next. joins: the decoder's
    rows, all but the bottom. up: how every row of the decoder is enlarged. branch: whether the first row is a side
    branch of the picture, and the encoder proper begins in the second.
    """

    name: str
    title: str
    picture: Shape
    encoder: list[Stage]
    down: list[str]
    joins: list[Join]
    up: str
    head: Stage
    branch: bool
    note: str


def draw(figure: Figure) -> str:
    """The figure as SVG text."""
    rows = len(figure.encoder)
    height = TOP + rows * PITCH + 62
    parts = [*_ends(figure), *_encoder(figure), *_decoder(figure), *_bottom(figure), *_legend(figure, height - 42)]
    body = "\n".join(f"  {part}" for part in parts)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" \
height="{height}" role="img" aria-labelledby="title">
  <title id="title">{figure.title}: the shape of every stage for a picture of {size(figure.picture)}</title>
  <style>{STYLE}  </style>
  <defs>
    {arrow_head("head", "#424a53")}
    {arrow_head("skip-head", "#a33f8c")}
  </defs>
  <rect class="card" x="1" y="1" width="{WIDTH - 2}" height="{height - 2}" rx="12"/>
  <text class="title" x="40" y="40">{figure.title}</text>
  <text class="aside start" x="40" y="60">channels × height × width</text>
{body}
</svg>
"""


def arrow_head(name: str, color: str) -> str:
    """The definition of an arrow's head."""
    return (
        f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0 L8 4 L0 8 z" fill="{color}"/></marker>'
    )


def _ends(figure: Figure) -> list[str]:
    """The picture at the left and the head at the right, both in the first row."""
    middle = TOP + HEIGHT // 2
    parts = [
        *_box("picture", PICTURE_X, 0, END_WIDTH, size(figure.picture), "the picture"),
        _arrow(f"M{PICTURE_X + END_WIDTH} {middle} H{ENCODER_X - 2}"),
        *_box("picture", HEAD_X, 0, END_WIDTH, size(figure.head.shape), f"logits: {figure.head.operation}"),
        _arrow(f"M{DECODER_X + DECODER_WIDTH} {middle} H{HEAD_X - 2}"),
    ]
    if figure.branch:
        x = PICTURE_X + END_WIDTH // 2
        parts.append(_arrow(f"M{x} {TOP + HEIGHT} V{middle + PITCH} H{ENCODER_X - 2}"))
    return parts


def _encoder(figure: Figure) -> list[str]:
    """The encoder's column without the bottom, with arrows down and skips across."""
    parts = []
    center = ENCODER_X + ENCODER_WIDTH // 2
    last = len(figure.encoder) - 2
    for row, stage in enumerate(figure.encoder[:-1]):
        y = TOP + row * PITCH
        parts += _box("encoder", ENCODER_X, row, ENCODER_WIDTH, _named(stage), stage.operation)
        start, end = ENCODER_X + ENCODER_WIDTH, DECODER_X - 2
        parts.append(f'<path class="skip" d="M{start} {y + HEIGHT // 2} H{end}"/>')
        if figure.down[row]:
            parts.append(f'<text class="aside start" x="{center + 12}" y="{y + HEIGHT + 23}">{figure.down[row]}</text>')
            if row < last:
                parts.append(_arrow(f"M{center} {y + HEIGHT} V{y + PITCH - 2}"))
    return parts


def _decoder(figure: Figure) -> list[str]:
    """The decoder's column, with arrows up."""
    parts = []
    center = DECODER_X + DECODER_WIDTH // 2
    for row, (stage, from_below, from_skip) in enumerate(figure.joins):
        y = TOP + row * PITCH
        joined = f"{from_below} from below + {from_skip} from the side"
        text = joined if stage.operation == "joined" else f"{from_below} + {from_skip} joined, then {stage.operation}"
        parts += _box("decoder", DECODER_X, row, DECODER_WIDTH, _named(stage), text)
        parts.append(f'<text class="aside end" x="{center - 12}" y="{y + HEIGHT + 23}">{figure.up}</text>')
        if row < len(figure.joins) - 1:
            parts.append(_arrow(f"M{center} {y + PITCH} V{y + HEIGHT + 2}"))
    return parts


def _bottom(figure: Figure) -> list[str]:
    """The deepest stage in the middle, between the two columns."""
    row = len(figure.encoder) - 1
    above, middle = TOP + (row - 1) * PITCH + HEIGHT, TOP + row * PITCH + HEIGHT // 2
    left, right = ENCODER_X + ENCODER_WIDTH // 2, DECODER_X + DECODER_WIDTH // 2
    stage = figure.encoder[-1]
    return [
        *_box("encoder", BOTTOM_X, row, BOTTOM_WIDTH, _named(stage), stage.operation),
        _arrow(f"M{left} {above} V{middle} H{BOTTOM_X - 2}"),
        _arrow(f"M{BOTTOM_X + BOTTOM_WIDTH} {middle} H{right} V{above + 2}"),
    ]


def _legend(figure: Figure, y: int) -> list[str]:
    parts = [f'<text class="aside start" x="{PICTURE_X}" y="{y + 24}">{figure.note}</text>']
    x = PICTURE_X
    for kind, text in (("picture", "picture, logits"), ("encoder", "encoder"), ("decoder", "decoder")):
        parts.append(f'<rect class="{kind}" x="{x}" y="{y - 11}" width="22" height="14" rx="3"/>')
        parts.append(f'<text class="aside start" x="{x + 30}" y="{y}">{text}</text>')
        x += 150
    for kind, text in (("flow", "one after the other"), ("skip", "skip: joined with the maps from below")):
        parts.append(f'<path class="{kind}" d="M{x} {y - 4} h40"/>')
        parts.append(f'<text class="aside start" x="{x + 50}" y="{y}">{text}</text>')
        x += 210
    return parts


def _box(kind: str, x: int, row: int, width: int, bold: str, below: str) -> list[str]:
    y = TOP + row * PITCH
    center = x + width // 2
    return [
        f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{HEIGHT}" rx="8"/>',
        f'<text class="shape" x="{center}" y="{y + 24}">{bold}</text>',
        f'<text class="aside" x="{center}" y="{y + 44}">{below}</text>',
    ]


def _arrow(path: str) -> str:
    return f'<path class="flow" d="{path}"/>'


def _named(stage: Stage) -> str:
    return f"{stage.name}: {size(stage.shape)}"


def size(shape: Shape) -> str:
    """A shape as figures write it."""
    return " × ".join(map(str, shape))
