"""The verbs of the room `translate`: translate and degrade."""

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from limner.commands.app import Device, Json, Overwrite, RunName, Workers, even_partly, verb
from limner.foundation.command_line import INPUT, METHOD, OUTPUT
from limner.foundation.files.writing import must_exist
from limner.foundation.machine.workers.options import ALONE
from limner.foundation.progress import say
from limner.learning.runs.opening import open_run
from limner.translate.degrading.options import PLAIN as NOTHING_CHOSEN
from limner.translate.degrading.options import DegradeOptions
from limner.translate.translating.options import PLAIN, TranslateOptions


@verb
def translate(
    run: RunName,
    pictures: Annotated[
        list[Path],
        Parameter(help="Photos, folders of photos, georeferenced rasters, or video files.", negative=(), group=INPUT),
    ],
    *,
    options: Annotated[TranslateOptions, Parameter(name="*", group=METHOD)] = PLAIN,
    clip: Annotated[bool, Parameter(negative=(), help="Folders are the frames of a clip.", group=INPUT)] = False,
    workers: Workers = ALONE,
    device: Device = "auto",
    out: Annotated[Path, Parameter(help="A folder, or for one picture the file itself.", group=OUTPUT)] = Path(
        "translated"
    ),
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Pictures of any size made into what the run learned to make: larger, sharper, whole, photos of labels."""
    must_exist(pictures)  # what is not there is told before torch is imported
    if options.mask is not None:
        must_exist([options.mask])
    open_run(run, "translate")
    from limner.translate.translating.translate import translate_pictures

    done, code = even_partly(
        lambda: translate_pictures(
            run, pictures, options, out=out, clip=clip, device=device, overwrite=overwrite, workers=workers
        )
    )
    if as_json:
        print(json.dumps([{"path": str(made.path), **made.numbers} for made in done], indent=2))
    else:
        for made in done:
            print(made.path)
    if code:
        raise SystemExit(code)


@verb
def degrade(
    pictures: Annotated[list[Path], Parameter(help="Pictures, or folders of them.", negative=(), group=INPUT)],
    *,
    options: Annotated[DegradeOptions, Parameter(name="*", group=METHOD)] = NOTHING_CHOSEN,
    out: Annotated[Path, Parameter(help="The folder of the pairs.", group=OUTPUT)] = Path("pairs"),
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Pairs to learn from or to test with: pictures made smaller, blurred, holed, noisy, gray, with their originals."""
    must_exist(pictures)  # what is not there is told before torch is imported
    _ = options.chosen  # nor is a way that nobody chose
    from limner.translate.degrading.verb import degrade_pictures

    made = degrade_pictures(pictures, options, out=out, overwrite=overwrite)
    say(f"{made.numbers['pairs']:,} pairs{' were made before' if made.skipped else ''}")
    print(json.dumps({"folder": str(made.path), **made.numbers}) if as_json else made.path)
