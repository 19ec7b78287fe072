"""The verb of the room `recolor`."""

import json
from functools import partial
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from limner.commands.app import Device, Download, Json, Overwrite, Workers, even_partly, verb
from limner.foundation.command_line import INPUT, METHOD, OUTPUT
from limner.foundation.files.writing import must_exist
from limner.foundation.machine.workers.options import ALONE
from limner.foundation.progress import say
from limner.learning.runs.opening import is_run
from limner.recolor.recoloring.options import PLAIN, RecolorOptions, split_weight


@verb
def recolor(
    pictures: Annotated[
        list[Path],
        Parameter(help="Photos, folders of photos, video files, or georeferenced scenes.", negative=(), group=INPUT),
    ],
    *,
    like: Annotated[
        list[str],
        Parameter(
            help="Whose colors to take: photos, PHOTO=2 for twice the weight; a .cube look-up table; for scenes a run "
            "or another scene.",
            negative=(),
            consume_multiple=True,
            group=INPUT,
        ),
    ],
    options: Annotated[RecolorOptions, Parameter(name="*", group=METHOD)] = PLAIN,
    explain: Annotated[
        bool,
        Parameter(
            negative=(), help="Write what was matched with what: pictures and a CSV beside each photo.", group=OUTPUT
        ),
    ] = False,
    page: Annotated[
        bool,
        Parameter(
            negative=(),
            help="Write a web page beside each photo: before and after under a slider, matched regions, numbers.",
            group=OUTPUT,
        ),
    ] = False,
    keep: Annotated[
        bool, Parameter(negative=(), help="With --method all: write each method's picture too.", group=OUTPUT)
    ] = False,
    preview: Annotated[
        bool,
        Parameter(negative=(), help="A small result, soon: PICTURE-preview.jpg, at most 400 pixels.", group=OUTPUT),
    ] = False,
    key: Annotated[
        Path | None,
        Parameter(help="A series graded alike: one look for all photos, the one that suits this photo.", group=INPUT),
    ] = None,
    clip: Annotated[bool, Parameter(negative=(), help="Folders are the frames of a clip.", group=INPUT)] = False,
    frame_by_frame: Annotated[
        bool, Parameter(negative=(), help="Recolor each frame of a clip by itself: it may flicker.", group=METHOD)
    ] = False,
    to: Annotated[
        str, Parameter(help="Scenes like a run: a training area's name, all of them, or the nearest.", group=METHOD)
    ] = "all",
    bands: Annotated[
        list[str] | None,
        Parameter(negative=(), help="Bands of the scenes to take, from 1, such as 3,2,1.", group=INPUT),
    ] = None,
    workers: Workers = ALONE,
    device: Device = "auto",
    download: Download = False,
    out: Annotated[
        Path | None,
        Parameter(
            help="A folder (default: recolored/), a file for one picture, or look.cube for a look-up table.",
            group=OUTPUT,
        ),
    ] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Give photos the colors of others region by region, clips without flicker, scenes at any size."""
    must_exist(pictures)  # what is not there is told before torch is imported
    must_exist([Path(split_weight(word)[0]) for word in like if not is_run(word)])
    from limner.recolor.recoloring.photo_files import other_methods
    from limner.recolor.recoloring.recolor import recolor_files

    make = partial(
        recolor_files, pictures, like, out or Path("recolored"), options, explain=explain, page=page, keep=keep,
        preview=preview, key=key, clip=clip, frame_by_frame=frame_by_frame,
        to=to, bands=bands, device=device, download=download, overwrite=overwrite, workers=workers,
    )  # fmt: skip
    done, code = even_partly(make)
    if as_json:
        print(json.dumps([{"path": str(made.path), **made.numbers} for made in done], indent=2))
    else:
        for made in done:
            print(made.path)
        if options.method is None and (hint := other_methods(done)):
            say(f"limner: {hint}")
    if code:
        raise SystemExit(code)
