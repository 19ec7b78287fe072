"""The verb of the room `detect`."""

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from limner.commands.app import Device, Json, RunName, Workers, even_partly, verb
from limner.detect.predicting.options import AS_LEARNED, PLAIN, SCENE_FILES, DetectOptions, TileOptions
from limner.foundation.command_line import INPUT, METHOD, OUTPUT
from limner.foundation.errors import UserError
from limner.foundation.files.suffixes import ends_with
from limner.foundation.files.writing import must_exist
from limner.foundation.machine.workers.options import ALONE
from limner.learning.runs.opening import open_run


@verb
def detect(
    run: RunName,
    pictures: Annotated[
        list[Path], Parameter(help="Pictures, or folders of them; or one scene.", negative=(), group=INPUT)
    ],
    *,
    options: Annotated[DetectOptions, Parameter(name="*", group=METHOD)] = PLAIN,
    tiles: Annotated[TileOptions, Parameter(name="*", group=METHOD)] = AS_LEARNED,
    workers: Workers = ALONE,
    device: Device = "auto",
    out: Annotated[
        Path | None,
        Parameter(
            help="Folder for the pictures with their boxes, COCO's JSON and a CSV (default: none); or, of a scene, a "
            "file .gpkg or .geojson.",
            group=OUTPUT,
        ),
    ] = None,
    overwrite: Annotated[bool, Parameter(negative=(), help="Replace what is there.", group=OUTPUT)] = False,
    as_json: Json = False,
) -> None:
    """Where objects are in pictures and scenes: boxes, outlines where the run draws them, classes and scores."""
    must_exist(pictures)  # what is not there is told before torch is imported
    opened = open_run(run, "detect")
    if out is not None and ends_with(out, SCENE_FILES):
        if len(pictures) != 1:
            raise UserError(
                f"--out {out}: is for one scene, and {len(pictures)} are given; give each a file of its own"
            )
        if workers.spread:
            raise UserError("--workers is for many pictures; a scene is one file: leave it out")
        from limner.detect.predicting.detect_scene import detect_scene

        scene = detect_scene(opened, pictures[0], out, options, tiles, device=device, overwrite=overwrite)
        print(json.dumps(scene.to_json(), indent=2) if as_json else scene.to_text())
        return
    if tiles != AS_LEARNED:
        raise UserError("--tile-px, --overlap-px and --bands are for scenes; give --out FILE.gpkg, or leave them out")
    from limner.detect.predicting.detect import detect_pictures

    made, code = even_partly(
        lambda: [
            detect_pictures(opened, pictures, options, out=out, device=device, overwrite=overwrite, workers=workers)
        ]
    )
    for done in made:
        print(json.dumps(done.to_json(), indent=2) if as_json else done.to_text())
    if code:
        raise SystemExit(code)
