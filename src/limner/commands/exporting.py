"""The verbs that write runs for others: export, as files for other programs, and push, as folders for model hubs."""

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from limner.commands.app import Json, Overwrite, RunName, verb
from limner.foundation.command_line import METHOD, OUTPUT
from limner.foundation.progress import say
from limner.learning.runs.export.formats import Format, check_format, room_that_exports
from limner.learning.runs.opening import open_run


@verb
def export(
    run: RunName,
    *,
    format: Annotated[Format, Parameter(help="The file's format.", group=METHOD)] = "onnx",
    deepness: Annotated[
        bool, Parameter(negative=(), help="Maps: as QGIS's plugin Deepness gives pixels.", group=METHOD)
    ] = False,
    to: Annotated[str | None, Parameter(help="Of a translation's domains, the one to make.", group=METHOD)] = None,
    out: Annotated[Path | None, Parameter(help="The file (default: the run's name).", group=OUTPUT)] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """A run's network as one file for other programs, ONNX or TorchScript, checked before it is kept."""
    room_that_exports(open_run(run))  # what is not there, or cannot be, is told before torch is imported
    check_format(format)
    from limner.learning.runs.export.export import export as export_run

    done = export_run(run, format, out=out, deepness=deepness, to=to, overwrite=overwrite)
    say(done.line)
    print(json.dumps(done.to_json(), indent=2) if as_json else done.path)


@verb
def push(
    run: RunName,
    *,
    out: Annotated[Path, Parameter(help="The folder, called as the model shall be.", group=OUTPUT)],
    license: Annotated[
        str | None, Parameter(help="Its license as hubs write it, such as cc-by-4.0 (default: unknown).", group=OUTPUT)
    ] = None,
    no_preview: Annotated[
        bool, Parameter(negative=(), help="Without the picture of the training's data.", group=OUTPUT)
    ] = False,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """A run as a folder in the form that model hubs expect, checked; nothing is sent."""
    open_run(run)  # what is not there is told before torch is imported
    from limner.learning.runs.export.hub import push as push_run

    done = push_run(run, out, license=license, no_preview=no_preview, overwrite=overwrite)
    for line in done.advice:
        say(f"limner: {line}")
    print(json.dumps(done.to_json(), indent=2) if as_json else done.folder)
