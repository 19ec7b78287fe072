"""What `limner networks` lists: each network of a room, with its sizes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

from cyclopts import Parameter

from limner.foundation.errors import UserError


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


def list_forms(
    entries: Mapping[str, Callable[..., Any]],
    forms: Iterable[tuple[str, Mapping[str, Any]]],
    sizes: NetworkSizes,
    *,
    classes: int,
    fewest: str = "2 or more",
) -> list[NetworkRow]:
    """Networks that take pictures, in the forms that papers name, with their exact parameters, nothing allocated.

    entries: the room's networks by name, each made of ``channels``, ``classes`` and options; the first line of its
    docstring tells it. forms: names with options. classes: where ``sizes`` says none. fewest: how many there must be,
    in words. Raises `UserError` for less than one band or two classes.
    """
    from limner.nn.initialize import shapes_only
    from limner.nn.parameters import count_parameters

    channels, classes = sizes.channels, classes if sizes.classes is None else sizes.classes
    if channels < 1:
        raise UserError(f"channels is {channels}; needed: 1 band or more")
    if classes < 2:
        raise UserError(f"classes is {classes}; needed: {fewest}")
    rows = []
    with shapes_only():
        for name, options in forms:
            network = entries[name](channels=channels, classes=classes, **options)
            line = (entries[name].__doc__ or "").splitlines()[0]
            shown = " ".join(f"{key} {str(value).lower()}" for key, value in options.items())
            field = getattr(network, "receptive_field", None)
            rows.append(NetworkRow(name, shown, count_parameters(network), field and field(), line))
    return rows


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
