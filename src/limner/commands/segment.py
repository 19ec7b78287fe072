"""The verbs of the room `segment`: segment, refine, score."""

import json
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from limner.commands.app import (
    Classes,
    Device,
    Json,
    LabelField,
    Layer,
    Out,
    Overrides,
    Overwrite,
    RunName,
    Within,
    WithinLayer,
    Workers,
    verb,
)
from limner.foundation.command_line import INPUT, METHOD, OUTPUT, split_names
from limner.foundation.errors import UserError
from limner.foundation.files.writing import must_exist
from limner.foundation.machine.workers.options import ALONE, WorkerOptions
from limner.learning.runs.export.formats import is_onnx
from limner.learning.runs.opening import is_run, open_run
from limner.scenes.bands import parse_bands
from limner.segment.labels.reading import Reading
from limner.segment.mapping.options import PLAIN, SegmentOptions


@verb
def segment(
    run: RunName,
    scenes: Annotated[
        list[Path],
        Parameter(
            help="GeoTIFF, PNG or JPEG scenes of any size; or LIST.txt, a 'pattern*', or - for a list on stdin.",
            negative=(),
            group=INPUT,
        ),
    ],
    *,
    before: Annotated[
        Path | None,
        Parameter(help="The same place before an event: marks which of its footprints are lost.", group=INPUT),
    ] = None,
    each: Annotated[
        bool, Parameter(negative=(), help="Each picture of a folder is a scene, not a chip of one.", group=INPUT)
    ] = False,
    options: Annotated[SegmentOptions, Parameter(name="*")] = PLAIN,
    workers: Workers = ALONE,
    device: Device = "auto",
    out: Annotated[Path | None, Parameter(help="Folder for the maps (default: maps/).", group=OUTPUT)] = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Map scenes of any size: class GeoTIFF, polygons, preview; with a run, several averaged, or a bundled model."""
    from limner.scenes.listed import listed_scenes, stands_for_many
    from limner.scenes.names import find_scenes

    runs, scenes = split_runs(run, scenes)
    for each_run in runs:
        if is_onnx(each_run):
            must_exist([Path(each_run)])
        else:
            open_run(each_run, "segment")  # what is not there is told before torch is imported
    if workers.spread or any(stands_for_many(word, each) for word in scenes):
        if before is not None:
            many = "no --workers" if workers.spread else "not a list"
            raise UserError(f"--before compares one scene with an earlier one; give one scene, {many}")
        listed = listed_scenes(scenes, each)
        _segment_many(runs, listed, out or Path("maps"), options, workers, device, overwrite, as_json)
        return
    find_scenes(scenes)
    if before is not None:
        must_exist([before])
        if len(scenes) != 1:
            raise UserError(f"--before compares one scene with an earlier one, not {len(scenes)}; give one scene")
    from limner.segment.mapping.map_scenes import map_change_with, map_scenes_with

    folder, damage = out or Path("maps"), None
    if before is None:
        maps = map_scenes_with(runs, scenes, folder, options, device=device, overwrite=overwrite)
    else:
        made, damage = map_change_with(runs, scenes[0], before, folder, options, device=device, overwrite=overwrite)
        maps = [made]
    if as_json:
        told = [made.report() for made in maps]
        if damage is not None:
            told[0] |= {"damage": str(damage.path), "damaged": damage.counts, "shift_px": damage.shift_px}
        print(json.dumps(told, indent=2))
    else:
        for made in maps:
            print(made.classes)
        if damage is not None:
            print(damage.path)


def _segment_many(
    runs: list[str | Path], scenes: list[Path], out: Path, options: SegmentOptions, workers: WorkerOptions, device: str,
    overwrite: bool, as_json: bool,
) -> None:  # fmt: skip
    from limner.segment.mapping.many import map_many_with

    done = map_many_with(runs, scenes, out, options, device=device, overwrite=overwrite, workers=workers)
    if as_json:
        print(json.dumps([each.report() for each in done], indent=2))
    else:
        for each in done:
            if each.made is not None:
                print(each.made.classes)
    if any(each.made is None for each in done):
        raise SystemExit(1)


def split_runs(run: str | Path, words: list[Path]) -> tuple[list[str | Path], list[Path]]:
    """The runs that a scene is mapped with together, and the scenes: words that name runs before the first scene."""
    runs: list[str | Path] = [run]
    while words and (is_run(words[0]) or is_onnx(words[0])):
        runs.append(words[0])
        words = words[1:]
    if not words:
        raise UserError(f"{runs[-1]} is a run; needed: a scene after the runs (limner segment RUN RUN SCENE.tif)")
    return runs, words


@verb
def refine(
    run: RunName,
    scene: Annotated[Path, Parameter(help="The scene to go on learning from.", group=INPUT)],
    *settings: Overrides,
    labels: Annotated[
        Path | None, Parameter(help="What was annotated: polygons or a mask (255 = not annotated).", group=INPUT)
    ] = None,
    within: Within = None,
    classes: Classes = None,
    label_field: LabelField = None,
    layer: Layer = None,
    within_layer: WithinLayer = None,
    bands: Annotated[
        str | None, Parameter(help="Bands of the scene to read, from 1, in this order, such as 3,2,1.", group=INPUT)
    ] = None,
    truth: Annotated[
        Path | None, Parameter(help="The whole truth, to score before and after on the rest of the scene.", group=INPUT)
    ] = None,
    fraction: Annotated[
        float | None, Parameter(help="With --truth alone: annotate this share of the scene from it.", group=INPUT)
    ] = None,
    normalize: Annotated[
        Literal["run", "scene"],
        Parameter(help="Standardize by the scene's own colors, or as the run did.", group=METHOD),
    ] = "scene",
    annotate_next: Annotated[
        int, Parameter(help="Propose so many windows to annotate next, as a GeoPackage in the run.", group=OUTPUT)
    ] = 0,
    out: Out = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Go on learning from a small annotated part of a scene; keeps what is better on annotated ground held out."""
    from limner.scenes.names import find_scenes

    open_run(run, "segment")  # what is not there is told before torch is imported
    find_scenes([scene])
    must_exist([path for path in (labels, truth, within) if path is not None])
    from limner.segment.refining.refine import refine as refine_run

    meaning = Reading(
        classes=split_names(classes or "") or None,
        label_field=label_field,
        layer=layer,
        within_layer=within_layer,
        bands=parse_bands(bands),
    )
    done = refine_run(
        run, scene, labels=labels, within=within, truth=truth, fraction=fraction, normalize=normalize,
        annotate_next=annotate_next, overrides=settings, out=out, overwrite=overwrite, **meaning.given(),
    )  # fmt: skip
    if as_json:
        print(json.dumps(done.to_json(), indent=2))
    else:
        if done.comparison:
            print(done.comparison)
        print(done.run.folder)
    if done.stopped:
        raise SystemExit(done.stopped.exit_code)


@verb
def score(
    prediction: Annotated[
        Path,
        Parameter(help="A class raster, footprints (vector file), or a folder; with --pairs pictures.", group=INPUT),
    ],
    truth: Annotated[Path, Parameter(help="A mask, a vector file, or a folder paired by file name.", group=INPUT)],
    *,
    pairs: Annotated[
        bool, Parameter(negative=(), help="Compare pictures with true ones: PSNR and SSIM.", group=METHOD)
    ] = False,
    channel: Annotated[
        Literal["y", "rgb"], Parameter(help="With --pairs: what is compared, luma or all channels.", group=METHOD)
    ] = "y",
    border_px: Annotated[int, Parameter(help="With --pairs: pixels cut off all around before.", group=METHOD)] = 0,
    within: Within = None,
    classes: Classes = None,
    target: Annotated[str | None, Parameter(help="One class of the truth against all others.", group=INPUT)] = None,
    label_field: LabelField = None,
    layer: Layer = None,
    within_layer: WithinLayer = None,
    errors: Annotated[
        Path | None, Parameter(help="Write an error map (TP green, FP red, FN blue) as GeoTIFF.", group=OUTPUT)
    ] = None,
    as_json: Json = False,
) -> None:
    """F1, precision, recall, IoU and accuracy of maps or footprints, and scores of their objects, in little memory."""
    if pairs:
        _score_pairs(prediction, truth, channel, border_px, as_json=as_json)
        return
    if channel != "y" or border_px:
        raise UserError("--channel and --border-px are for pictures; add --pairs, or leave them out")
    from limner.segment.scoring.score import score_files

    meaning = Reading(
        classes=split_names(classes or "") or None,
        target=target,
        label_field=label_field,
        layer=layer,
        within_layer=within_layer,
    )
    result = score_files(prediction, truth, within=within, errors=errors, reading=meaning)
    print(json.dumps(result.to_json(), indent=2) if as_json else result.to_markdown())


def _score_pairs(made: Path, true: Path, channel: Literal["y", "rgb"], border_px: int, *, as_json: bool) -> None:
    must_exist([made, true])  # what is not there is told before torch is imported
    from limner.translate.scoring.folders import score_pairs

    found = score_pairs(made, true, channel=channel, border_px=border_px)
    print(json.dumps(found.to_json(), indent=2) if as_json else found.to_markdown())
