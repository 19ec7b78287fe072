"""`limner export`: a run as one file, written only if who reads it answers like torch."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from limner.foundation.errors import UserError
from limner.foundation.files.writing import replacing
from limner.foundation.version import __version__
from limner.learning.rooms import ROOMS, named
from limner.learning.runs.export.exportable import Comparison, Exportable
from limner.learning.runs.export.files import FACTS, READ_BY, READERS, WRITERS
from limner.learning.runs.export.formats import SUFFIXES, check_format, room_that_exports
from limner.learning.runs.opening import open_run
from limner.learning.runs.run import Run


@dataclass(frozen=True)
class Exported:
    """The file that an export left, and how well it was found to answer, in a line."""

    path: Path
    line: str

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"file": str(self.path), "checked": self.line}


def export(
    run: str | Path | Run,
    format: str = "onnx",
    *,
    out: str | Path | None = None,
    deepness: bool = False,
    to: str | None = None,
    overwrite: bool = False,
) -> Exported:
    """Write a run's network as a file that other programs run: raw pixels in, answers out, no limner needed.

    format: onnx, or torch (TorchScript). out: the file (default: the run's name, here). deepness: a map's network for
    the QGIS plugin Deepness: tiles of a fixed size, pixels in 0..1. to: the domain that a run of `translate` makes
    pictures of, where it learned several. The file is kept only where its answers agree with the run's at several
    sizes: 99.9 % of a map's pixels in the same class, 98 % of the objects, however unsure, the same, other answers at
    most 1e-3 apart.

    Raises `UserError` for a run whose room exports nothing, a file that is there, and answers that do not agree.
    """
    opened = run if isinstance(run, Run) else open_run(run)
    room = room_that_exports(opened)
    check_format(format)
    if deepness and (room != "segment" or format != "onnx"):
        raise UserError("--deepness is for maps in ONNX, which the QGIS plugin Deepness runs; leave it out")
    if to is not None and room != "translate":
        raise UserError("--to names a domain that a run of translate makes pictures of; leave it out")
    path = Path(out) if out is not None else Path(f"{opened.folder.resolve().name}{SUFFIXES[format]}")
    if path.suffix.lower() != SUFFIXES[format]:
        raise UserError(f"--out {path}: a file of the format {format} ends with {SUFFIXES[format]}")
    if path.exists() and not overwrite:
        raise UserError(f"{path} is there already; add --overwrite, or name another file with --out")
    how = {**({"deepness": True} if deepness else {}), **({} if to is None else {"to": to})}
    network: Exportable = named(ROOMS[room].exports)(opened, **how)
    with replacing(path) as temporary:
        WRITERS[format](network, temporary)
        line = checked(network, temporary, format)
    return Exported(path, line)


def checked(network: Exportable, path: Path, format: str) -> str:
    """How well a file answers, in words. Raises `UserError` where that is not well enough."""
    answer, _ = READERS[format](path)
    found = []
    for inputs in network.examples:
        with torch.inference_mode():
            expected = network.module(*inputs)
        size = " x ".join(map(str, expected.shape))
        try:
            comparison = network.compare(expected, answer(inputs))
        except Exception as error:  # each program has errors of its own
            comparison = Comparison(False, f"it fails: {str(error).splitlines()[0][:160]}")
        if not comparison.alike:
            raise UserError(
                f"{READ_BY[format]} answers otherwise than torch ({size}: {comparison.line}); nothing was written; "
                "please report the recipe of this run"
            )
        found.append(f"{size}: {comparison.line}")
    return f"{READ_BY[format]} answers like torch ({'; '.join(found)})"


def told(facts: Any, room: str, takes: str, gives: str) -> dict[str, str]:
    """The metadata that every exported network has: what it takes and gives, in words, and all facts as JSON."""
    return {
        FACTS: json.dumps({"version": __version__, "room": room, "facts": facts}, sort_keys=True),
        "takes": json.dumps(takes),
        "gives": json.dumps(gives),
    }
