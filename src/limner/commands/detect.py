"""The verb of the room `detect`."""

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from limner.commands.app import Device, Json, RunName, verb
from limner.detect.predicting.options import PLAIN, DetectOptions
from limner.foundation.command_line import INPUT, METHOD, OUTPUT
from limner.foundation.files.writing import must_exist
from limner.learning.runs.opening import open_run


@verb
def detect(
    run: RunName,
    pictures: Annotated[list[Path], Parameter(help="Pictures, or folders of them.", negative=(), group=INPUT)],
    *,
    options: Annotated[DetectOptions, Parameter(name="*", group=METHOD)] = PLAIN,
    device: Device = "auto",
    out: Annotated[
        Path | None,
        Parameter(
            help="Folder for the pictures with their boxes, COCO's JSON and a CSV (default: none).", group=OUTPUT
        ),
    ] = None,
    overwrite: Annotated[bool, Parameter(negative=(), help="Replace what is in that folder.", group=OUTPUT)] = False,
    as_json: Json = False,
) -> None:
    """Where objects are in pictures: boxes, outlines where the run draws them, classes and scores."""
    must_exist(pictures)  # what is not there is told before torch is imported
    open_run(run, "detect")
    from limner.detect.predicting.detect import detect_pictures

    done = detect_pictures(run, pictures, options, out=out, device=device, overwrite=overwrite)
    print(json.dumps(done.to_json(), indent=2) if as_json else done.to_text())
