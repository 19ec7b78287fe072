"""The command line: one verb per function of the API. It parses, calls and prints; nothing else.

stdout carries the result or its path; progress and advice go to stderr. A user's mistake is one line and exit code 2.
"""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, NoReturn

from cyclopts import App, CycloptsError, Parameter

from limner import __version__
from limner.errors import UserError
from limner.recolor.wishes import PLAIN, Wishes
from limner.segment.reading import NO_WISHES, Reading, parse_bands, split_names

app = App(
    name="limner",
    help="Teach convolutional networks to see pictures and to make them. 'limner VERB --help' explains a verb.",
    version=f"limner {__version__}",
    help_epilogue="Start with: limner demo",
    result_action="return_value",
    suppress_keyboard_interrupt=False,
)

Overrides = Annotated[str, Parameter(show=False, allow_leading_hyphen=True)]
Folders = Annotated[
    list[Path] | None, Parameter(name="--data", negative=(), help="Folder of areas, or one scene; repeat for several.")
]
HowRead = Annotated[Reading, Parameter(name="*")]
Within = Annotated[Path | None, Parameter(help="Vector file of the annotated ground; beyond it nothing is known.")]
Classes = Annotated[
    str | None, Parameter(help="Class names of the labels from class 0, or a classes.yaml that tells what they mean.")
]
LabelField = Annotated[str | None, Parameter(help="Field of the vector files that tells the class.")]
Out = Annotated[Path | None, Parameter(help="Where to write.")]
Overwrite = Annotated[bool, Parameter(negative=(), help="Replace what is there.")]
Json = Annotated[bool, Parameter(name="--json", negative=(), help="Print the result as JSON.")]
Normalize = Annotated[
    Literal["auto", "run", "scene"],
    Parameter(help="Standardize by the training areas' colors, by the scene's own, or as the run was trained."),
]
Harmonize = Annotated[
    Literal["mkl", "idt", "histogram", "reinhard"] | None,
    Parameter(help="Bring the colors to those of the training areas first."),
]
HarmonizeTo = Annotated[
    str | None, Parameter(help="The training area whose colors to take, 'all' (default) or 'nearest'.")
]


@app.command
def demo(
    room: Annotated[
        Literal["segment", "recolor"],
        Parameter(help="segment: learn, map, refine, in about 8 minutes on two cores; recolor: under a minute."),
    ] = "segment",
    /,
    *,
    out: Annotated[Path | None, Parameter(help="Where to write (default: limner-demo, or limner-demo-recolor).")] = None,
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
def check(
    data: Annotated[list[Path], Parameter(help="Folders of areas, or one scene.", negative=())],
    *,
    reading: HowRead = NO_WISHES,
    out: Annotated[Path, Parameter(help="Where to write the contact sheet.")] = Path("check.png"),
    as_json: Json = False,
) -> None:
    """Look at a data set before training: how it was read, sizes, classes, broken files, leaks, the next command."""
    from limner.segment.check import check as check_data

    report = check_data(data, reading, sheet=out)
    print(json.dumps(report.to_json(), indent=2) if as_json else report.to_text())
    if not report.usable:
        raise SystemExit(1)


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
    download: Annotated[
        bool, Parameter(negative=(), help="Fetch pretrained weights that are not on this machine.")
    ] = False,
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
def segment(
    run: Annotated[str, Parameter(help="A run's folder, 'last', or a bundled model such as 'buildings'.")],
    scenes: Annotated[list[Path], Parameter(help="GeoTIFF, PNG or JPEG scenes of any size.", negative=())],
    *,
    out: Annotated[Path | None, Parameter(help="Folder for the maps (default: maps/).")] = None,
    normalize: Normalize = "auto",
    harmonize: Harmonize = None,
    harmonize_to: HarmonizeTo = None,
    bands: Annotated[
        list[str] | None, Parameter(negative=(), help="Bands of the scene to read, in the run's order, such as 3,2,1.")
    ] = None,
    ground_m: Annotated[
        float | None, Parameter(help="Meters that a pixel of the scene covers, for files that do not say.")
    ] = None,
    tile_px: Annotated[int, Parameter(help="Edge of a tile.")] = 512,
    overlap_px: Annotated[int, Parameter(help="Overlap of neighboring tiles.")] = 192,
    batch: Annotated[int, Parameter(help="Tiles computed at once.")] = 4,
    threshold: Annotated[
        float | None, Parameter(help="Two classes: the probability that decides (default: the run's).")
    ] = None,
    probabilities: Annotated[bool, Parameter(negative=(), help="Write the probabilities as a raster too.")] = False,
    polygons: Annotated[Literal["gpkg", "geojson", "none"], Parameter(help="Format of the polygons.")] = "gpkg",
    minimum_area_px: Annotated[int, Parameter(help="Smaller polygons are dropped.")] = 16,
    check_seams: Annotated[
        bool, Parameter(negative=(), help="Measure how many pixels larger tiles would put into another class.")
    ] = False,
    device: Annotated[str, Parameter(help="auto, cpu or cuda.")] = "auto",
    precision: Annotated[Literal["auto", "bf16", "fp32"], Parameter(help="Number format of the network.")] = "auto",
    overwrite: Overwrite = False,
) -> None:
    """Map scenes of any size: class GeoTIFF, polygons, preview; with a run or a bundled model."""
    from limner.segment.mapping import map_scenes

    maps = map_scenes(
        run, scenes, out or Path("maps"), normalize=normalize, harmonize=harmonize, harmonize_to=harmonize_to, bands=bands,
        ground_m=ground_m, tile_px=tile_px, overlap_px=overlap_px, batch=batch, threshold=threshold,
        probabilities=probabilities, polygons=polygons, minimum_area_px=minimum_area_px, check_seams=check_seams, device=device,
        precision=precision, overwrite=overwrite,
    )  # fmt: skip
    for made in maps:
        print(made.classes)


@app.command
def refine(
    run: str,
    scene: Path,
    *settings: Overrides,
    labels: Annotated[
        Path | None, Parameter(help="What was annotated: polygons or a mask (255 = not annotated).")
    ] = None,
    within: Within = None,
    classes: Classes = None,
    label_field: LabelField = None,
    bands: Annotated[
        str | None, Parameter(help="Bands of the scene to read, from 1, in this order, such as 3,2,1.")
    ] = None,
    truth: Annotated[
        Path | None, Parameter(help="The whole truth, to score before and after on the rest of the scene.")
    ] = None,
    fraction: Annotated[
        float | None, Parameter(help="With --truth alone: annotate this share of the scene from it.")
    ] = None,
    normalize: Annotated[
        Literal["run", "scene"], Parameter(help="Standardize by the scene's own colors, or as the run did.")
    ] = "scene",
    out: Out = None,
    overwrite: Overwrite = False,
) -> None:
    """Go on learning from a small annotated part of a scene; prints before and after on the rest when truth is given."""
    from limner.segment.refine import refine as refine_run

    meaning = Reading(classes=split_names(classes), label_field=label_field, bands=parse_bands(bands))
    done = refine_run(
        run, scene, labels=labels, within=within, truth=truth, fraction=fraction, normalize=normalize,
        overrides=settings, out=out, overwrite=overwrite, **meaning.given(),
    )  # fmt: skip
    if done.comparison:
        print(done.comparison)
    print(done.run.folder)
    if done.stopped:
        raise SystemExit(done.stopped.exit_code)


@app.command
def score(
    prediction: Annotated[Path, Parameter(help="A class raster, or a folder of them.")],
    truth: Annotated[Path, Parameter(help="A mask, a vector file, or a folder paired by file name.")],
    *,
    within: Within = None,
    classes: Classes = None,
    target: Annotated[str | None, Parameter(help="One class of the truth against all others.")] = None,
    label_field: LabelField = None,
    errors: Annotated[Path | None, Parameter(help="Write an error map (TP green, FP red, FN blue) as GeoTIFF.")] = None,
    as_json: Json = False,
) -> None:
    """F1, precision, recall, IoU and accuracy per area and mean, from exact counts, in little memory."""
    from limner.segment.score import score_files

    meaning = Reading(classes=split_names(classes), target=target, label_field=label_field)
    result = score_files(prediction, truth, within=within, errors=errors, reading=meaning)
    print(json.dumps(result.to_json(), indent=2) if as_json else result.to_markdown())


@app.command
def recolor(
    pictures: Annotated[
        list[Path], Parameter(help="Photos, folders of photos, video files, or georeferenced scenes.", negative=())
    ],
    *,
    like: Annotated[
        list[str],
        Parameter(
            help="Whose colors to take: photos; a .cube look-up table; for scenes a run or another scene.",
            negative=(), consume_multiple=True,
        ),
    ],
    out: Annotated[
        Path | None,
        Parameter(help="A folder (default: recolored/), a file for one picture, or look.cube for a look-up table."),
    ] = None,
    wishes: Annotated[Wishes, Parameter(name="*")] = PLAIN,
    explain: Annotated[
        bool, Parameter(negative=(), help="Write what was matched with what: pictures and a CSV beside each photo.")
    ] = False,
    clip: Annotated[bool, Parameter(negative=(), help="Folders are the frames of a clip.")] = False,
    frame_by_frame: Annotated[
        bool, Parameter(negative=(), help="Recolor each frame of a clip by itself: it may flicker.")
    ] = False,
    to: Annotated[
        str, Parameter(help="Scenes like a run: a training area's name, all of them, or the nearest.")
    ] = "all",
    bands: Annotated[
        list[str] | None, Parameter(negative=(), help="Bands of the scenes to take, from 1, such as 3,2,1.")
    ] = None,
    device: Annotated[str, Parameter(help="auto, cpu or cuda.")] = "auto",
    download: Annotated[
        bool, Parameter(negative=(), help="Fetch pretrained weights that are not on this machine.")
    ] = False,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Give pictures the colors of others: region by region for photos, without flicker for clips, at any size for scenes."""
    from limner.recolor.verb import recolor_files

    done = recolor_files(
        pictures, like, out or Path("recolored"), wishes, explain=explain, clip=clip, frame_by_frame=frame_by_frame, to=to,
        bands=bands, device=device, download=download, overwrite=overwrite,
    )  # fmt: skip
    if as_json:
        print(json.dumps([{"path": str(made.path), **made.numbers} for made in done], indent=2))
    else:
        for made in done:
            print(made.path)


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


def main(tokens: Sequence[str] | None = None) -> NoReturn:
    """Run the command line.

    Exits 0, 1 where `check` finds data that cannot be learned from, 2 on a user's mistake (``--debug`` shows where it
    was noticed), 130 or 143 when stopped by a signal.
    """
    given = list(sys.argv[1:] if tokens is None else tokens)
    debug = "--debug" in given
    given = [token for token in given if token != "--debug"]
    try:
        app(given, exit_on_error=False, print_error=False)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader (head, less) has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python complains when it flushes at its end
        raise SystemExit(0) from None
    except (UserError, CycloptsError, OSError) as error:
        if debug:
            raise
        print(f"limner: {_one_line(error)}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("limner: stopped", file=sys.stderr)
        raise SystemExit(130) from None
    raise SystemExit(0)


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:  # permission denied, disk full
        return f"{error.filename or 'a file'}: {error.strerror}"
    return " ".join(str(error).split())
