"""The verb that compares ways of learning, or tries a claim, over several seeds: study."""

import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from limner.commands.app import Download, Json, Out, Overrides, Overwrite, Workers, verb
from limner.commands.learning import Data
from limner.commands.words import recipe_names
from limner.foundation.command_line import INPUT, METHOD
from limner.foundation.errors import UserError
from limner.foundation.files.writing import must_exist
from limner.foundation.machine.workers.options import ALONE
from limner.foundation.progress import say
from limner.studies.listing import EXPERIMENTS, PREFIX, check_experiment


@verb
def study(
    recipe: Annotated[
        str,
        Parameter(
            help="Recipe files or bundled recipes, as many as wanted, each perhaps as NAME=RECIPE; the others are "
            f"compared with the first. Or an experiment: {', '.join(EXPERIMENTS)}.",
            completer=recipe_names,
            group=INPUT,
        ),
    ],
    *more: Overrides,
    seeds: Annotated[int, Parameter(help="Trainings of each, with seeds from 0.", group=METHOD)] = 3,
    steps: Annotated[
        int | None, Parameter(help="Steps of each training, in place of the recipes' epochs.", group=METHOD)
    ] = None,
    minutes: Annotated[
        float | None,
        Parameter(help="Minutes of each training, turned into steps once, by timing some.", group=METHOD),
    ] = None,
    grid: Annotated[
        list[str] | None,
        Parameter(
            negative=(),
            help="A setting and values to try, such as network.depth=18,34; repeat for combinations.",
            group=METHOD,
        ),
    ] = None,
    data: Data = None,
    workers: Workers = ALONE,
    out: Out = None,
    overwrite: Overwrite = False,
    download: Download = False,
    as_json: Json = False,
) -> None:
    """Recipes at one equal budget, several seeds each, in one table; or a lecture's claim as an experiment."""
    if recipe.startswith(PREFIX):
        given = {
            more[0] if more else "": more,
            "--minutes": minutes,
            "--grid": grid,
            "--data": data,
            "--workers": workers.spread,
        }
        _experiment(recipe, [name for name, value in given.items() if value], seeds, steps, out, overwrite, as_json)
        return
    if PREFIX + recipe in EXPERIMENTS:
        raise UserError(f"no recipe '{recipe}'; did you mean the experiment {PREFIX}{recipe}?")
    recipes, settings = parted([recipe, *more])
    must_exist(data or [])  # what is not there is told before torch is imported
    from limner.foundation.machine.workers.spreading import PartlyFailedError
    from limner.learning.study import study as run_study
    from limner.nn.pretrained import allowing_downloads

    try:
        with allowing_downloads(download):
            done = run_study(
                recipes,
                seeds=seeds,
                steps=steps,
                minutes=minutes,
                grid=grid or (),
                data=data or (),
                overrides=settings,
                out=out,
                overwrite=overwrite,
                workers=workers,
            )
    except PartlyFailedError as error:
        say(f"limner: {error}; the same command tries again what failed")
        raise SystemExit(1) from None
    if done.stopped:
        raise SystemExit(done.stopped.exit_code)
    assert done.table is not None
    print(json.dumps(done.to_json(), indent=2) if as_json else done.table.to_markdown())


def _experiment(
    name: str, foreign: list[str], seeds: int, steps: int | None, out: Path | None, overwrite: bool, as_json: bool
) -> None:
    check_experiment(name)  # what is not there is told before torch is imported
    if foreign:
        raise UserError(f"{name} is an experiment with its own data and networks; it takes no {foreign[0]}")
    from limner.studies.running import run_experiment

    done = run_experiment(name, seeds=seeds, steps=steps, out=out, overwrite=overwrite)
    if done.stopped:
        raise SystemExit(done.stopped.exit_code)
    print(json.dumps(done.to_json(), indent=2) if as_json else done.to_markdown())


def parted(words: list[str]) -> tuple[list[str], list[str]]:
    """Recipes, and the settings that follow them.

    >>> parted(["segment/modern", "segment/demo", "--network.width", "8"])
    (['segment/modern', 'segment/demo'], ['--network.width', '8'])
    """
    first = next((place for place, word in enumerate(words) if word.startswith("--")), len(words))
    return words[:first], words[first:]
