"""The verbs that every room shares: what can be trained, training, scoring, comparing; the demos and the doctor."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from limner.commands.app import Device, Download, Json, Out, Overrides, Overwrite, app
from limner.commands.rooms import CHECKED, Command, RoomOptions, app_of_room, refuse_foreign, room_in
from limner.foundation.command_line import INPUT, OUTPUT
from limner.learning.rooms import ROOMS, SharedVerb, rooms_with

Data = Annotated[
    list[Path] | None,
    Parameter(name="--data", negative=(), help="What to learn from; repeat for several.", group=INPUT),
]


@app.command
def demo(
    room: Annotated[
        str, Parameter(help="; ".join(f"{name}: {room.demo_line}" for name, room in rooms_with("demo").items()) + ".")
    ] = next(iter(ROOMS)),
    /,
    *,
    out: Annotated[
        Path | None,
        Parameter(help="Where to write (default: limner-demo, and for other rooms limner-demo-ROOM).", group=OUTPUT),
    ] = None,
    quick: Annotated[bool, Parameter(negative=(), show=False)] = False,
) -> None:
    """A room's story on real pictures: every command is shown before it runs; a report at the end."""
    from limner.learning.verbs import demo as run_demo

    print(run_demo(room, out=out, quick=quick))


@app.command
def recipes() -> None:
    """What can be trained: one line for each bundled recipe."""
    from limner.learning.library import list_recipes

    found = list_recipes()
    wide = 2 + max(len(name) for name, _ in found)
    for name, line in found:
        print(f"{name:{wide}}{line}")


@app.command
def check(
    data: Annotated[list[Path], Parameter(help="What to learn from: folders, or one scene.", negative=(), group=INPUT)],
    *,
    room: Annotated[str, Parameter(help="The room that reads it.", group=INPUT)] = CHECKED,
    options: RoomOptions = None,
    out: Annotated[Path, Parameter(help="Where to write the contact sheet.", group=OUTPUT)] = Path("check.png"),
    as_json: Json = False,
) -> None:
    """Look at a data set before training: how it was read, sizes, classes, broken files, leaks, the next command."""
    from limner.learning.rooms import verb_of

    report = verb_of(room, "check")(data, options, sheet=out)
    print(json.dumps(report.to_json(), indent=2) if as_json else report.to_text())
    if not report.usable:
        raise SystemExit(1)


@app.command
def networks(
    room: Annotated[
        str | None, Parameter(help=f"One of {', '.join(rooms_with('networks'))} (default: all).", group=INPUT)
    ] = None,
    /,
    *,
    options: RoomOptions = None,
    as_json: Json = False,
) -> None:
    """Every network with its exact number of parameters and its receptive field."""
    from limner.learning.networks import to_text
    from limner.learning.rooms import verb_of

    names = list(rooms_with("networks")) if room is None else [room]
    found = {}
    for name in names:
        verb = verb_of(name, "networks")
        options_type = verb.options_type()
        usual = None if options_type is None else options_type()
        found[name] = verb(usual if options is None else options)
    if as_json:
        print(json.dumps({name: [row._asdict() for row in rows] for name, rows in found.items()}, indent=2))
    else:
        print("\n\n".join(f"{name}: {ROOMS[name].line}\n{to_text(rows)}" for name, rows in found.items()))


@app.command
def train(
    recipe: Annotated[str, Parameter(help="A recipe file, or a bundled recipe (see 'limner recipes').", group=INPUT)],
    *settings: Overrides,
    data: Data = None,
    options: RoomOptions = None,
    out: Out = None,
    overwrite: Overwrite = False,
    dry_run: Annotated[
        bool,
        Parameter(negative=(), help="Print the resolved recipe, sizes and an estimate of time.", group=OUTPUT),
    ] = False,
    download: Download = False,
) -> None:
    """Train a recipe; any of its settings can follow, such as --network.depth 34. The same command again goes on."""
    from limner.learning import train as verbs
    from limner.nn.pretrained import allowing_downloads

    refuse_foreign("train", settings, verbs.settings_of(recipe))
    resolved = verbs.resolve(recipe, data=data or (), overrides=settings, options=options)
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
    run: Annotated[str, Parameter(help="A run's folder, 'last', or a bundled model's name.", group=INPUT)],
    *,
    data: Annotated[
        list[Path] | None,
        Parameter(name="--data", negative=(), help="What to score on (default: what training held out).", group=INPUT),
    ] = None,
    options: RoomOptions = None,
    device: Device = "auto",
    download: Download = False,
    out: Annotated[
        Path | None, Parameter(help="Where to write (default: evaluation.json in the run).", group=OUTPUT)
    ] = None,
    as_json: Json = False,
) -> None:
    """Score a run on what it did not learn from; the trivial answers stand beside."""
    from limner.learning.verbs import evaluate_with
    from limner.nn.pretrained import allowing_downloads

    with allowing_downloads(download):
        result = evaluate_with(run, options, data=data or (), device=device, out=out)
    print(json.dumps(result.to_json(), indent=2) if as_json else result.to_markdown())


@app.command
def compare(
    runs: Annotated[
        list[str],
        Parameter(
            help="Runs, evaluation files, folders of made pictures, or NAME=any of these.", negative=(), group=INPUT
        ),
    ],
    *,
    options: RoomOptions = None,
    device: Device = "auto",
    download: Download = False,
    out: Annotated[
        Path | None, Parameter(help="Write the table to this .md, .csv or .tex file too.", group=OUTPUT)
    ] = None,
    as_json: Json = False,
) -> None:
    """Runs of one room side by side, scored alike: the paper's table."""
    from limner.learning.verbs import compare_with
    from limner.nn.pretrained import allowing_downloads

    with allowing_downloads(download):
        table = compare_with(runs, options, device=device)
    if out is not None:
        table.write(out)
    print(json.dumps(table.to_json(), indent=2) if as_json else table.to_markdown())


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


SHARED: dict[SharedVerb, Command] = {
    "check": check, "networks": networks, "train": train, "evaluate": evaluate, "compare": compare,
}  # fmt: skip


def app_for(tokens: Sequence[str]) -> tuple[App, str | None]:
    """The application that serves these tokens, and the room that their words name, if they do: then a shared verb is
    there as that room has it.

    Raises `UserError` where they name a run, a recipe or a room that is not there.
    """
    verb: Any = tokens[0] if tokens else ""
    room = room_in(verb, tokens[1:]) if verb in SHARED else None
    return (app if room is None else app_of_room(verb, SHARED[verb], room)), room
