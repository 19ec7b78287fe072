"""What `limner networks` lists: each network of a room, with its sizes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, NamedTuple

from cyclopts import Parameter


class NetworkRow(NamedTuple):
    """One network in one form. A network that sees no picture has no receptive field."""

    name: str
    options: str
    parameters: int
    receptive_field_px: int | None
    line: str


@dataclass(frozen=True)
class NetworkSizes:
    """What a network's sizes depend on."""

    channels: Annotated[int, Parameter(help="Bands of the pictures.")] = 3
    classes: Annotated[int | None, Parameter(help="Classes to tell apart (default: as few as the room takes).")] = None


def to_text(rows: Sequence[NetworkRow]) -> str:
    """Each network with what it is, and below it its forms with their exact parameters and receptive fields."""
    wide = 2 + max(len(row.options) for row in rows)
    lines: list[str] = []
    for number, row in enumerate(rows):
        if number == 0 or row.name != rows[number - 1].name or row.line != rows[number - 1].line:
            lines.append(f"  {row.name}: {row.line}")
        seen = "" if row.receptive_field_px is None else f", sees {row.receptive_field_px:,} px"
        lines.append(f"    {row.options:{wide}}{row.parameters:>14,} parameters{seen}")
    return "\n".join(lines)
