"""A network without skips as a picture: boxes with their shapes, one after the other in rows, as SVG."""

from typing import NamedTuple

from network_svg import HEIGHT, PITCH, STYLE, TOP, WIDTH, Shape, Stage, arrow_head, size

PER_ROW, BOX_WIDTH, GAP = 4, 236, 40
LEFT = (WIDTH - PER_ROW * BOX_WIDTH - (PER_ROW - 1) * GAP) // 2


class Chain(NamedTuple):
    """A network whose stages follow each other. encoder: all of them in order; the first ``decoder_from`` of them are
    drawn as the encoder's. joins: none. note: what the boxes do not say."""

    name: str
    title: str
    picture: Shape
    encoder: list[Stage]
    decoder_from: int
    note: str
    joins: tuple[()] = ()


def draw_chain(chain: Chain) -> str:
    """The figure as SVG text."""
    boxes = [("picture", size(chain.picture), "the picture")]
    for number, stage in enumerate(chain.encoder):
        kind = "encoder" if number < chain.decoder_from else "decoder"
        boxes.append((kind, f"{stage.name}: {size(stage.shape)}", stage.operation))
    rows = -(-len(boxes) // PER_ROW)
    height = TOP + rows * PITCH + 26
    parts: list[str] = []
    for number, (kind, bold, below) in enumerate(boxes):
        row, column = divmod(number, PER_ROW)
        x, y = LEFT + column * (BOX_WIDTH + GAP), TOP + row * PITCH
        center = x + BOX_WIDTH // 2
        parts += [
            f'<rect class="{kind}" x="{x}" y="{y}" width="{BOX_WIDTH}" height="{HEIGHT}" rx="8"/>',
            f'<text class="shape" x="{center}" y="{y + 24}">{bold}</text>',
            f'<text class="aside" x="{center}" y="{y + 44}">{below}</text>',
        ]
        if number == len(boxes) - 1:
            continue
        middle = y + HEIGHT // 2
        if column < PER_ROW - 1:
            path = f"M{x + BOX_WIDTH} {middle} H{x + BOX_WIDTH + GAP - 2}"
        else:
            between = y + HEIGHT + (PITCH - HEIGHT) // 2
            path = f"M{center} {y + HEIGHT} V{between} H{LEFT + BOX_WIDTH // 2} V{y + PITCH - 2}"
        parts.append(f'<path class="flow" d="{path}"/>')
    parts.append(f'<text class="aside start" x="{LEFT}" y="{height - 20}">{chain.note}</text>')
    body = "\n".join(f"  {part}" for part in parts)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" \
height="{height}" role="img" aria-labelledby="title">
  <title id="title">{chain.title}: the shape of every stage for a picture of {size(chain.picture)}</title>
  <style>{STYLE}  </style>
  <defs>
    {arrow_head("head", "#424a53")}
  </defs>
  <rect class="card" x="1" y="1" width="{WIDTH - 2}" height="{height - 2}" rx="12"/>
  <text class="title" x="40" y="40">{chain.title}</text>
  <text class="aside start" x="40" y="60">channels × height × width</text>
{body}
</svg>
"""
