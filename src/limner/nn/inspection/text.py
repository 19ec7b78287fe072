"""An inspection as text: a table of layers, the stages, and the sums."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def inspection_text(found: Mapping[str, Any]) -> str:
    """The lines that ``limner inspect`` prints. found: what `Inspection.to_json` gives."""
    parts = [_layers(found["layers"]), "", _stages(found["stages"]), "", _sums(found)]
    if "sharing" in found:
        parts += ["", _sharing(found["sharing"])]
    return "\n".join(parts)


def _layers(layers: Sequence[Mapping[str, Any]]) -> str:
    rows = [["layer", "kind", "output", "parameters", "fixed", "multiply-adds", "sees"]]
    for layer in layers:
        numbers = ("parameters", "fixed", "multiply_adds", "receptive_field")
        shape = "x".join(map(str, layer["shape"]))
        rows.append([layer["name"] or "(itself)", layer["kind"], shape, *(_number(layer[name]) for name in numbers)])
    if all(row[4] == "" for row in rows[1:]):
        rows = [[*row[:4], *row[5:]] for row in rows]
    return table(rows, left=3)


def _stages(stages: Sequence[Mapping[str, Any]]) -> str:
    rows = [["stage", "ends with", "channels", "stride", "sees"]]
    for number, stage in enumerate(stages, start=1):
        field = stage["receptive_field"]
        seen = "all" if field is None else f"{field:,} px"
        rows.append([str(number), stage["name"], f"{stage['channels']:,}", f"{stage['stride']:g}", seen])
    return table(rows, left=2)


def _sums(found: Mapping[str, Any]) -> str:
    picture = "x".join(map(str, found["input"]))
    fixed = f", {found['fixed']:,} fixed" if found["fixed"] else ""
    return (
        f"{found['network']}: {found['parameters']:,} parameters that learn{fixed}; for a picture of {picture} "
        f"{found['multiply_adds']:,} multiply-adds, and {found['output_values'] * 4 / 1e6:,.1f} MB of outputs in "
        "float32"
    )


def _sharing(sharing: Sequence[Mapping[str, Any]]) -> str:
    if not sharing:
        return "no convolution that could share its weights otherwise"
    names = [name for name in sharing[0] if name != "name"]
    total = {name: sum(each[name] for each in sharing) for name in names}
    rows = [["weights and biases of", *names]]
    rows += [[each["name"], *(f"{each[name]:,}" for name in names)] for each in sharing]
    rows.append(["all convolutions", *(f"{total[name]:,}" for name in names)])
    rows.append(["times a convolution's", *(f"{total[name] / max(1, total['convolution']):,.1f}" for name in names)])
    return table(rows, left=1)


def table(rows: Sequence[Sequence[str]], left: int) -> str:
    """Columns as wide as they need, the first ``left`` to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]

    def line(row: Iterable[str]) -> str:
        cells = [
            cell.ljust(width) if place < left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    return "\n".join(map(line, rows))


def _number(value: int | None) -> str:
    return f"{value:,}" if value else ""
