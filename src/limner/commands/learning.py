"""The verbs that every room shares: what can be trained, training, scoring, comparing; the demos and the doctor."""

import json
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from limner.commands.app import Download, Folders, HowRead, Json, Out, Overrides, Overwrite, app
from limner.commands.segment import Harmonize, HarmonizeTo, Normalize
from limner.segment.reading import NO_WISHES


@app.command
def demo(
    room: Annotated[
        Literal["segment", "recolor"],
        Parameter(help="segment: learn, map, refine, in about 8 minutes on two cores; recolor: under a minute."),
    ] = "segment",
    /,
    *,
    out: Annotated[
        Path | None, Parameter(help="Where to write (default: limner-demo, or limner-demo-recolor).")
    ] = None,
    quick: Annotated[bool, Parameter(negative=(), show=False)] = False,
) -> None:
    """A room's story on real pictures: every command is shown before it runs; a report at the end."""
    if room == "recolor":
        from limner.recolor.demo import run_demo as run_recolor_demo

        print(run_recolor_demo(out or Path("limner-demo-recolor"), quick=quick))
    else:
        from limner.demo import run_demo

        print(run_demo(out or Path("limner-demo"), quick=quick))


@app.command
def recipes() -> None:
    """What can be trained: one line for each bundled recipe."""
    from limner.library import list_recipes

    for name, line in list_recipes():
        print(f"{name:24}{line}")


@app.command
def networks(
    *,
    channels: Annotated[int, Parameter(help="Bands of the pictures.")] = 3,
    classes: Annotated[int, Parameter(help="Classes to tell apart.")] = 2,
) -> None:
    """Every network with its exact number of parameters and its receptive field."""
    from limner.segment.networks.listing import list_networks

    rows = list_networks(channels, classes)
    print(f"{'network':16}{'options':14}{'parameters':>14}{'receptive field':>18}   what it is")
    for row in rows:
        print(f"{row.name:16}{row.options:14}{row.parameters:>14,}{row.receptive_field_px:>15} px   {row.line}")


@app.command
def train(
    recipe: Annotated[str, Parameter(help="A recipe file, or a bundled recipe (see 'limner recipes').")],
    *settings: Overrides,
    data: Folders = None,
    reading: HowRead = NO_WISHES,
    out: Out = None,
    overwrite: Overwrite = False,
    dry_run: Annotated[
        bool, Parameter(negative=(), help="Print the resolved recipe, sizes and an estimate of time.")
    ] = False,
    download: Download = False,
) -> None:
    """Train a recipe; any of its settings can follow, such as --network.depth 34. The same command again goes on."""
    from limner import verbs
    from limner.pretrained import allowing_downloads

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
    reading: HowRead = NO_WISHES,
    normalize: Normalize = "auto",
    harmonize: Harmonize = None,
    harmonize_to: HarmonizeTo = None,
    out: Annotated[Path | None, Parameter(help="Where to write (default: evaluation.json in the run).")] = None,
    errors: Annotated[
        Path | None, Parameter(help="Folder for pictures of each area's errors and of the worst tiles.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Score a run on its validation ground, or on other data in full; beside what all background and all object score."""
    from limner.segment.evaluate import evaluate_run

    result = evaluate_run(
        run, data=data or (), left_out=left_out, normalize=normalize, harmonize=harmonize, harmonize_to=harmonize_to, out=out,
        errors=errors, **reading.given(),
    )  # fmt: skip
    print(json.dumps(result.to_json(), indent=2) if as_json else result.to_markdown())


@app.command
def compare(
    runs: Annotated[list[str], Parameter(help="Runs, evaluation files, or NAME=either.", negative=())],
    *,
    gains: Annotated[
        bool, Parameter(negative=(), help="Say below each run but the first what it gained on the first.")
    ] = False,
    columns: Annotated[str, Parameter(help="Scores to show, of: f1,acc,iou,precision,recall.")] = "f1,acc,iou",
    class_name: Annotated[
        str | None, Parameter(name="--class", help="Compare this class (default: class 1 of two, else their mean).")
    ] = None,
    out: Annotated[Path | None, Parameter(help="Write the table to this .md, .csv or .tex file too.")] = None,
) -> None:
    """The paper's table over several runs that were scored on the same pixels."""
    from limner.comparison import compare_runs

    table = compare_runs(runs, gains=gains, columns=columns.split(","), class_name=class_name)
    if out is not None:
        table.write(out)
    print(table.to_markdown())


@app.command
def doctor(*, as_json: Json = False) -> None:
    """What this machine has: accelerators, number formats, weights, versions, cores allowed."""
    from limner.doctor import examine

    found = examine()
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        for name, value in found.items():
            print(f"{name:28}{value}")
