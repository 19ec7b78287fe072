"""The verbs that every room shares: what can be trained, training, scoring, comparing; the demos and the doctor."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from limner.commands.app import Device, Download, Json, Out, Overrides, Overwrite, RunName, app, verb
from limner.commands.completion import COMPLETE, INSTALL, add_install_command, app_with_all_options
from limner.commands.examples import epilogue
from limner.commands.rooms import (
    CHECKED,
    HELP,
    Command,
    RoomOptions,
    app_of_room,
    flags,
    refuse_foreign,
    room_in,
    words_in,
)
from limner.commands.words import demo_names, recipe_names, room_names, run_names
from limner.foundation.command_line import INPUT, OUTPUT
from limner.foundation.files.writing import must_exist
from limner.foundation.progress import say
from limner.learning.library import check_settings_of, settings_of
from limner.learning.options import input_files_exist, option_names
from limner.learning.rooms import ROOMS, SharedVerb, demos, rooms_with, verb_of

Data = Annotated[
    list[Path] | None,
    Parameter(name="--data", negative=(), help="What to learn from; repeat for several.", group=INPUT),
]


@verb
def demo(
    name: Annotated[
        str,
        Parameter(
            help="; ".join(f"{name}: {demo.line}" for name, demo in demos().items()) + ".",
            completer=demo_names,
            group=INPUT,
        ),
    ] = next(iter(demos())),
    /,
    *,
    out: Annotated[
        Path | None,
        Parameter(help="Where to write (default: limner-demo, and for others limner-demo-NAME).", group=OUTPUT),
    ] = None,
    as_json: Json = False,
    quick: Annotated[bool, Parameter(negative=(), show=False)] = False,
) -> None:
    """A room's story on real pictures: every command is shown before it runs; a report at the end."""
    from limner.learning.verbs import demo as run_demo

    report = run_demo(name, out=out, quick=quick)
    print(json.dumps({"report": str(report)}) if as_json else report)


@verb
def recipes(
    room: Annotated[
        str | None,
        Parameter(help=f"One of {', '.join(rooms_with('train'))} (default: all).", completer=room_names, group=INPUT),
    ] = None,
    /,
    *,
    as_json: Json = False,
) -> None:
    """What can be trained: one line for each bundled recipe, a star before those to begin with."""
    from limner.learning.library import list_recipes

    found = list_recipes(room)
    if as_json:
        print(json.dumps([each._asdict() for each in found], indent=2))
        return
    wide = 2 + max(len(each.name) for each in found)
    for each in found:
        print(f"{'*' if each.begin_with else ' '} {each.name:{wide}}{each.line}")
    say("* to begin with")


@verb
def check(
    data: Annotated[list[Path], Parameter(help="What to learn from: folders, or one scene.", negative=(), group=INPUT)],
    *,
    room: Annotated[str, Parameter(help="The room that reads it.", completer=room_names, group=INPUT)] = CHECKED,
    options: RoomOptions = None,
    out: Annotated[Path, Parameter(help="Where to write the contact sheet.", group=OUTPUT)] = Path("check.png"),
    as_json: Json = False,
) -> None:
    """Look at a data set before training: how it was read, sizes, classes, broken files, leaks, the next command."""
    report = verb_of(room, "check")(data, options, sheet=out)
    print(json.dumps(report.to_json(), indent=2) if as_json else report.to_text())
    if not report.usable:
        raise SystemExit(1)


@verb
def networks(
    room: Annotated[
        str | None,
        Parameter(
            help=f"One of {', '.join(rooms_with('networks'))} (default: all).", completer=room_names, group=INPUT
        ),
    ] = None,
    /,
    *,
    options: RoomOptions = None,
    as_json: Json = False,
) -> None:
    """Every network with its exact number of parameters and its receptive field."""
    from limner.learning.networks.listing import to_text

    names = list(rooms_with("networks")) if room is None else [room]
    found = {}
    for name in names:
        listing = verb_of(name, "networks")
        options_type = listing.options_type()
        usual = None if options_type is None else options_type()
        found[name] = listing(usual if options is None else options)
    if as_json:
        print(json.dumps({name: [row._asdict() for row in rows] for name, rows in found.items()}, indent=2))
    else:
        print("\n\n".join(f"{name}: {ROOMS[name].line}\n{to_text(rows)}" for name, rows in found.items()))


@verb
def train(
    recipe: Annotated[
        str,
        Parameter(
            help="A recipe file, or a bundled recipe (see 'limner recipes').", completer=recipe_names, group=INPUT
        ),
    ],
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
    as_json: Json = False,
) -> None:
    """Train a recipe; any of its settings can follow, such as --network.depth 34. The same command again goes on."""
    refuse_foreign("train", settings, settings_of(recipe))  # what is wrong is told before torch is imported
    check_settings_of(recipe, settings)
    must_exist(data or [])
    input_files_exist(options)
    from limner.learning import train as verbs
    from limner.learning.loop.processes import first_speaks_for_all
    from limner.nn.pretrained import allowing_downloads

    with first_speaks_for_all(), allowing_downloads(download):
        resolved = verbs.resolve(recipe, data=data or (), overrides=settings, options=options)
        if dry_run:
            print(verbs.rehearse(resolved))
            return
        done = verbs.train_recipe(resolved, Path(recipe).stem, out=out, overwrite=overwrite)
        print(json.dumps(done.to_json(), indent=2) if as_json else done.run.folder)
    if done.stopped:
        raise SystemExit(done.stopped.exit_code)


@verb
def evaluate(
    run: RunName,
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
    """Score a run on what it did not learn from, beside the scores of trivial answers."""
    must_exist(data or [])  # what is not there is told before torch is imported
    input_files_exist(options)
    from limner.learning.verbs import evaluate_with
    from limner.nn.pretrained import allowing_downloads

    with allowing_downloads(download):
        result = evaluate_with(run, options, data=data or (), device=device, out=out)
    print(json.dumps(result.to_json(), indent=2) if as_json else result.to_markdown())


@verb
def compare(
    runs: Annotated[
        list[str],
        Parameter(
            help="Runs, evaluation files, folders of made pictures, or NAME=any of these.",
            negative=(),
            completer=run_names,
            group=INPUT,
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
    input_files_exist(options)  # what is not there is told before torch is imported
    from limner.learning.verbs import compare_with
    from limner.nn.pretrained import allowing_downloads

    with allowing_downloads(download):
        table = compare_with(runs, options, device=device)
    if out is not None:
        table.write(out)
    print(json.dumps(table.to_json(), indent=2) if as_json else table.to_markdown())


@verb
def doctor(*, as_json: Json = False) -> None:
    """What this machine has: accelerators, number formats, weights, versions, cores allowed."""
    from limner.commands.doctor import examine

    found = examine()
    if as_json:
        print(json.dumps(found, indent=2))
    else:
        width = max(map(len, found)) + 2
        for name, value in found.items():
            print(f"{name:{width}}{value}")


SHARED: dict[SharedVerb, Command] = {
    "check": check, "networks": networks, "train": train, "evaluate": evaluate, "compare": compare,
}  # fmt: skip


def app_for(tokens: Sequence[str]) -> tuple[App, str | None]:
    """The application that serves these tokens, and the room that their words name, if they do: then a shared verb is
    there as that room has it.

    Raises `UserError` where they name a run, a recipe or a room that is not there.
    """
    name: Any = tokens[0] if tokens else ""
    if name in (INSTALL, COMPLETE):
        return app_with_all_options(app, SHARED), None
    room = room_in(name, tokens[1:]) if name in SHARED else None
    if room is None:
        return app, None
    asks_for_help = name == "train" and any(token in HELP for token in tokens)
    more = _settings(tokens[1:], room) if asks_for_help else ""
    return app_of_room(name, SHARED[name], room, help_epilogue=f"{more}{epilogue(name, room)}"), room


def _settings(tokens: Sequence[str], room: str) -> str:
    """The recipe's own settings, for the help of `limner train RECIPE`."""
    from limner.commands.settings import settings_help
    from limner.learning.library import load_recipe

    name = next(words_in(tokens, flags("train")))
    taken = option_names(verb_of(room, "train").options_type())
    return f"{settings_help(load_recipe(name), name, taken)}\n\n"


add_install_command(app)
