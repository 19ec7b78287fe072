"""The verb of the room `classify`."""

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from limner.classify.predicting.options import PLAIN, ClassifyOptions
from limner.commands.app import Device, Json, RunName, even_partly, verb
from limner.foundation.command_line import INPUT, METHOD, OUTPUT
from limner.foundation.files.writing import must_exist
from limner.foundation.progress import say
from limner.learning.runs.opening import open_run


@verb
def classify(
    run: RunName,
    pictures: Annotated[list[Path], Parameter(help="Pictures, or folders of them.", negative=(), group=INPUT)],
    *,
    options: Annotated[ClassifyOptions, Parameter(name="*", group=METHOD)] = PLAIN,
    device: Device = "auto",
    out: Annotated[
        Path | None,
        Parameter(help="Folder for a picture of each one's evidence, a CSV and a JSON (default: none).", group=OUTPUT),
    ] = None,
    overwrite: Annotated[bool, Parameter(negative=(), help="Replace what is in that folder.", group=OUTPUT)] = False,
    as_json: Json = False,
) -> None:
    """What pictures show, with probabilities, and where in them that is seen."""
    must_exist(pictures)  # what is not there is told before torch is imported
    open_run(run, "classify")
    from limner.classify.predicting.classify import classify_pictures

    made, code = even_partly(
        lambda: [classify_pictures(run, pictures, options, out=out, device=device, overwrite=overwrite)]
    )
    for done in made:
        print(json.dumps(done.to_json(), indent=2) if as_json else done.to_text())
        if len(done.rows) > 1:
            say(done.counted())
    if code:
        raise SystemExit(code)
