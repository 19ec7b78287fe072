"""The verbs that every room shares: what can be trained, training, scoring, comparing; the demos and the doctor."""

import json
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from limner.commands.app import Download, Folders, HowRead, Json, Out, Overrides, Overwrite, app
from limner.commands.segment import Harmonize, HarmonizeTo, Normalize
from limner.segment.labels.reading import AS_FOUND


@app.command
def demo(
    room: Annotated[
        Literal["segment", "recolor", "generate"],
        Parameter(
            help="segment: learn, map, refine, in about 8 minutes on two cores; recolor: under a minute; generate: "
            "cut out, learn, make, in about a minute."
        ),
    ] = "segment",
    /,
    *,
    out: Annotated[
        Path | None, Parameter(help="Where to write (default: limner-demo, and for other rooms limner-demo-ROOM).")
    ] = None,
    quick: Annotated[bool, Parameter(negative=(), show=False)] = False,
) -> None:
    """A room's story on real pictures: every command is shown before it runs; a report at the end."""
    if room == "recolor":
        from limner.recolor.demo import run_demo as run_recolor_demo

        print(run_recolor_demo(out or Path("limner-demo-recolor"), quick=quick))
    elif room == "generate":
        from limner.generate.demo import run_demo as run_generate_demo

        print(run_generate_demo(out or Path("limner-demo-generate"), quick=quick))
    else:
        from limner.segment.demo import run_demo

        print(run_demo(out or Path("limner-demo"), quick=quick))


@app.command
def recipes() -> None:
    """What can be trained: one line for each bundled recipe."""
    from limner.learning.library import list_recipes

    found = list_recipes()
    wide = 2 + max(len(name) for name, _ in found)
    for name, line in found:
        print(f"{name:{wide}}{line}")


@app.command
def networks(
    *,
    room: Annotated[
        Literal["segment", "generate"],
        Parameter(help="segment: networks that map; generate: pairs that make pictures."),
    ] = "segment",
    channels: Annotated[int, Parameter(help="Bands of the pictures.")] = 3,
    classes: Annotated[int | None, Parameter(help="Classes to tell apart (default: 2; of pairs none).")] = None,
) -> None:
    """Every network with its exact number of parameters and its receptive field."""
    from limner.learning.rooms import list_networks

    rows = list_networks(room, channels, classes)
    wide = 2 + max(len(row.options) for row in rows)
    print(f"{'network':16}{'options':{wide}}{'parameters':>14}{'receptive field':>18}   what it is")
    for row in rows:
        seen = "-" if row.receptive_field_px is None else f"{row.receptive_field_px} px"
        print(f"{row.name:16}{row.options:{wide}}{row.parameters:>14,}{seen:>18}   {row.line}")


@app.command
def train(
    recipe: Annotated[str, Parameter(help="A recipe file, or a bundled recipe (see 'limner recipes').")],
    *settings: Overrides,
    data: Folders = None,
    reading: HowRead = AS_FOUND,
    out: Out = None,
    overwrite: Overwrite = False,
    dry_run: Annotated[
        bool, Parameter(negative=(), help="Print the resolved recipe, sizes and an estimate of time.")
    ] = False,
    download: Download = False,
) -> None:
    """Train a recipe; any of its settings can follow, such as --network.depth 34. The same command again goes on."""
    from limner.learning import train as verbs
    from limner.nn.pretrained import allowing_downloads

    resolved = verbs.resolve(recipe, data=data or (), overrides=settings, **reading.given())
    with allowing_downloads(download):
        if dry_run:
            print(verbs.rehearse(resolved))
            return
        done = verbs.train_recipe(resolved, Path(recipe).stem, out=out, overwrite=overwrite)
    print(done.run.folder)
    if done.stopped:
        raise SystemExit(done.stopped.exit_code)


@app.command
def evaluate(
    run: str,
    *,
    data: Folders = None,
    left_out: Annotated[
        bool, Parameter(negative=(), help="Score the areas that the recipe left out, read as in training.")
    ] = False,
    reading: HowRead = AS_FOUND,
    normalize: Normalize = "auto",
    harmonize: Harmonize = None,
    harmonize_to: HarmonizeTo = None,
    errors: Annotated[
        Path | None, Parameter(help="Folder for pictures of each area's errors and of the worst tiles.")
    ] = None,
    features: Annotated[
        Literal["inception", "efficientnet-lite0"] | None,
        Parameter(help="Made pictures: the network to look through (default: as in training)."),
    ] = None,
    samples: Annotated[int | None, Parameter(help="Made pictures: how many (default: as in training).")] = None,
    seed: Annotated[int, Parameter(help="Made pictures: of latents, subsets and resamples.")] = 0,
    out: Annotated[Path | None, Parameter(help="Where to write (default: evaluation.json in the run).")] = None,
    download: Download = False,
    as_json: Json = False,
) -> None:
    """Score a run on what it did not learn from: the map of held-out ground, or made beside held-out pictures."""
    from limner.learning.rooms import evaluate as evaluate_run
    from limner.nn.pretrained import allowing_downloads

    asked = {
        "data": data or (), "left_out": left_out, "normalize": normalize, "harmonize": harmonize,
        "harmonize_to": harmonize_to, "errors": errors, "features": features, "samples": samples, "seed": seed,
        "out": out,
    }  # fmt: skip
    usual = {"data": (), "left_out": False, "normalize": "auto", "seed": 0}
    given = {name: value for name, value in asked.items() if value != usual.get(name)}
    with allowing_downloads(download):
        result = evaluate_run(run, **given, **reading.given())
    print(json.dumps(result.to_json(), indent=2) if as_json else result.to_markdown())


@app.command
def compare(
    runs: Annotated[
        list[str],
        Parameter(help="Runs, evaluation files, folders of made pictures, or NAME=any of these.", negative=()),
    ],
    *,
    gains: Annotated[
        bool, Parameter(negative=(), help="Maps: say below each run but the first what it gained on the first.")
    ] = False,
    columns: Annotated[
        str | None,
        Parameter(
            help="Scores to show; maps: of f1,acc,iou,precision,recall; made pictures: of "
            "kid,fid,is,precision,recall,density,coverage."
        ),
    ] = None,
    class_name: Annotated[
        str | None,
        Parameter(name="--class", help="Maps: compare this class (default: class 1 of two, else their mean)."),
    ] = None,
    data: Annotated[
        Path | None,
        Parameter(help="Made pictures: a folder of real ones to score all against (default: what runs held out)."),
    ] = None,
    features: Annotated[
        Literal["inception", "efficientnet-lite0"] | None,
        Parameter(help="Made pictures: the network to look through (default: as the first was scored)."),
    ] = None,
    samples: Annotated[
        int | None, Parameter(help="Made pictures: how many of each (default: as many as the smallest folder holds).")
    ] = None,
    seed: Annotated[int, Parameter(help="Made pictures: of all that is drawn.")] = 0,
    out: Annotated[Path | None, Parameter(help="Write the table to this .md, .csv or .tex file too.")] = None,
    download: Download = False,
) -> None:
    """Runs side by side: the paper's table over maps of the same pixels, or made pictures under one protocol."""
    from limner.learning.rooms import compare as compare_runs

    asked = {
        "gains": gains, "columns": None if columns is None else columns.split(","), "class_name": class_name,
        "data": data,
        "features": features, "samples": samples, "seed": seed, "download": download,
    }  # fmt: skip
    table = compare_runs(runs, **{name: value for name, value in asked.items() if value})
    if out is not None:
        table.write(out)
    print(table.to_markdown())


@app.command
def doctor(*, as_json: Json = False) -> None:
    """What this machine has: accelerators, number formats, weights, versions, cores allowed."""
    from limner.commands.doctor import examine

    found = examine()
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        for name, value in found.items():
            print(f"{name:28}{value}")
