"""Several recipes at one equal budget, each with several seeds, one table: what `limner study` does.

Every training is a run of its own, so a study that was killed goes on where it stood and ends with the same table. The
scores are those that `limner compare` gives the runs of one seed, side by side; over the seeds they become means with
intervals, and differences from the first recipe, seed by seed (`limner.learning.seed_table`).
"""

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from limner.foundation.command_line import split_name
from limner.foundation.errors import UserError
from limner.foundation.files.documents import read_json
from limner.foundation.files.writing import alone_in, write_json
from limner.foundation.machine.workers.options import ALONE, WorkerOptions
from limner.foundation.machine.workers.spreading import results_of
from limner.foundation.progress import duration, say
from limner.foundation.signals import StopRequest
from limner.learning.library import task_class, task_of_recipe
from limner.learning.loop.timing import steps_within
from limner.learning.recipes.recipe import write_recipe
from limner.learning.rooms import room_of_task, verb_of
from limner.learning.runs.evaluations import EVALUATION_FILE, read_word
from limner.learning.seed_table import Measure, Scores, SeedTable
from limner.learning.train import Training, resolve, says, train_recipe
from limner.learning.verbs import compare_with
from limner.nn.pretrained import allowing_downloads, downloads_allowed

STUDY_FILE = "study.json"
STUDIES_FOLDER = Path("studies")
USUAL_SEEDS = 3


@dataclass(frozen=True)
class Arm:
    """What is compared: a recipe as it is trained but for its seed. folder: of its runs, within the study's."""

    name: str
    recipe: Any

    @property
    def folder(self) -> str:
        """The name as a folder."""
        return re.sub(r"[^\w.=-]+", "-", self.name).strip("-.") or "arm"


@dataclass(frozen=True)
class Studied:
    """What a study found. table: None where a signal stopped it before its end."""

    folder: Path
    table: SeedTable | None
    stopped: StopRequest | None = None

    def to_json(self) -> dict[str, Any]:
        """The study's folder and its table."""
        return {"study": str(self.folder), **({} if self.table is None else self.table.to_json())}


def study(
    recipes: str | Path | Sequence[str | Path],
    *,
    seeds: int = USUAL_SEEDS,
    steps: int | None = None,
    minutes: float | None = None,
    grid: Sequence[str] = (),
    data: str | Path | Sequence[str | Path] = (),
    overrides: Sequence[str] = (),
    out: Path | str | None = None,
    overwrite: bool = False,
    workers: WorkerOptions = ALONE,
) -> Studied:
    """Train recipes with several seeds at one equal budget, and put them side by side; the same call again goes on.

    >>> study(["classify/lenet-digits"], grid=["network.pool=max,average"], steps=400)  # doctest: +SKIP

    recipes: files or bundled names, each perhaps as NAME=RECIPE; the first is what the others are compared with. seeds:
    how many, from 0. steps, minutes: of each training, in place of the recipe's epochs; minutes are turned into steps
    once, by timing a few, and noted in the study. grid: fields with values to try, ``field=value,value``; several are
    tried in every combination. data, overrides: as of `limner.learning.train.train`, for all recipes. out: the study's
    folder. workers: who trains, several trainings at once.

    Raises `UserError` for recipes of several rooms, a grid that a recipe does not have, both budgets at once, and a
    folder that holds another study; `PartlyFailedError` where workers trained the rest.
    """
    words = [str(word) for word in ([recipes] if isinstance(recipes, str | Path) else recipes)]
    if steps is not None and minutes is not None:
        raise UserError("--steps and --minutes are two budgets; give one")
    if seeds < 1:
        raise UserError(f"--seeds is {seeds}; needed: 1 or more")
    arms = make_arms(words, grid, data, overrides)
    folder = (
        Path(out) if out is not None else STUDIES_FOLDER / "-".join(Arm(name, None).folder for name in _stems(words))
    )
    with alone_in(folder, wait=False):
        arms = _with_budget(arms, folder, steps, minutes, overwrite)
        if workers.spread:
            stopped = _train_spread(arms, range(seeds), folder, overwrite, workers)
        else:
            stopped = _train_all(arms, range(seeds), folder, overwrite)
        if stopped:
            say(f"stopped; {folder} keeps what is trained, and the same command goes on from here")
            return Studied(folder, None, stopped)
        table = gather(arms, range(seeds), folder)
        table.write_all(folder)
    return Studied(folder, table)


def make_arms(
    words: Sequence[str], grid: Sequence[str], data: str | Path | Sequence[str | Path], overrides: Sequence[str]
) -> list[Arm]:
    """Every recipe at every point of the grid. Raises `UserError` where two are named alike, or rooms differ."""
    if not words:
        raise UserError("nothing to study; name at least one recipe (see limner recipes)")
    fields = [_field(each) for each in grid]
    arms = []
    for word, name in zip(words, _stems(words), strict=True):
        _, place = split_name(word)
        for point in itertools.product(*(values for _, values in fields)):
            chosen = [(field, value) for (field, _), value in zip(fields, point, strict=True)]
            told = " ".join([name, *(f"{field}={value}" for field, value in chosen)])
            tokens = [*overrides, *(f"--{field}={value}" for field, value in chosen)]
            arms.append(Arm(told, _resolved(place, data, tokens)))
    for key, what in (("name", "called"), ("folder", "written to")):
        seen = [getattr(arm, key) for arm in arms]
        for each in seen:
            if seen.count(each) > 1:
                raise UserError(f"two recipes are {what} {each}; give them names: limner study NAME=RECIPE NAME=RECIPE")
    rooms = {room_of_task(arm.recipe.task): arm.name for arm in arms}
    if len(rooms) > 1:
        told = ", ".join(f"{name} is of the room {room}" for room, name in rooms.items())
        raise UserError(f"{told}; recipes of one room can be compared")
    return arms


def gather(arms: Sequence[Arm], seeds: Sequence[int], folder: Path) -> SeedTable:
    """The table over all seeds. Raises `UserError` for a run without an evaluation, and a room that scores none."""
    options = verb_of(room_of_task(arms[0].recipe.task), "compare").options_type()
    results: dict[str, list[Scores]] = {arm.name: [] for arm in arms}
    shown: list[list[Measure]] = []
    notes: dict[str, None] = {}
    for seed in seeds:
        places = {arm.name: _run_folder(folder, arm, seed) for arm in arms}
        for name, place in places.items():
            if not (place / EVALUATION_FILE).exists():
                raise UserError(f"{name}: nothing was held out, so there is nothing to compare; set data.held_out")
        items = [read_word(str(place))._replace(name=name) for name, place in places.items()]
        compared = compare_with(items, None if options is None else options())
        found: dict[str, dict[Measure, float | None]] = compared.measured()
        for name in places:
            results[name].append({measure.name: value for measure, value in found[name].items()})
        shown.append(list(dict.fromkeys(measure for each in found.values() for measure in each)))
        notes |= dict.fromkeys(compared.to_json().get("notes", ()))
    measures = [measure for measure in shown[0] if all(measure in each for each in shown)]
    careful = [note for note in notes if note.startswith("Careful")]
    return SeedTable(
        tuple(measures), tuple(seeds), {name: tuple(each) for name, each in results.items()},
        (*careful, *_budget_notes(arms)),
    )  # fmt: skip


def _budget_notes(arms: Sequence[Arm]) -> list[str]:
    steps = {arm.name: arm.recipe.loop.steps for arm in arms}
    if all(each is None for each in steps.values()):
        return ["Each recipe was trained for its own epochs; --steps or --minutes give all one budget."]
    if len(set(steps.values())) == 1:
        return [f"Each training had {next(iter(steps.values())):,} steps."]
    return ["Steps of each training: " + ", ".join(f"{name} {each}" for name, each in steps.items()) + "."]


def _train_spread(
    arms: Sequence[Arm], seeds: Sequence[int], folder: Path, overwrite: bool, workers: WorkerOptions
) -> StopRequest | None:
    """`_train_all`, several trainings at once. A training whose worker died goes on from its checkpoint."""
    pairs = list(itertools.product(seeds, arms))
    items = [(replace(arm.recipe, seed=seed), arm.name, _run_folder(folder, arm, seed)) for seed, arm in pairs]
    names = [f"{arm.name}, seed {seed}" for seed, arm in pairs]
    stops = results_of(
        partial(begin_training, overwrite, downloads_allowed()), items, workers, title="study", unit="trainings",
        names=names,
    )  # fmt: skip
    return next((stop for stop in stops if stop), None)


def begin_training(overwrite: bool, downloads: bool) -> Callable[[tuple[Any, str, Path]], StopRequest | None]:
    """What trains one recipe: resolved, its name, and its run's folder."""

    def work(item: tuple[Any, str, Path]) -> StopRequest | None:
        recipe, name, place = item
        with allowing_downloads(downloads):
            return train_recipe(recipe, name, out=place, overwrite=overwrite).stopped

    return work


def _train_all(arms: Sequence[Arm], seeds: Sequence[int], folder: Path, overwrite: bool) -> StopRequest | None:
    """Train what is not yet trained; seed by seed, so that an early look compares like with like."""
    total = len(arms) * len(seeds)
    for number, (seed, arm) in enumerate(itertools.product(seeds, arms), start=1):
        say(f"training {number} of {total}: {arm.name}, seed {seed}")
        place = _run_folder(folder, arm, seed)
        done: Training = train_recipe(replace(arm.recipe, seed=seed), arm.name, out=place, overwrite=overwrite)
        if done.stopped:
            return done.stopped
    return None


def _run_folder(folder: Path, arm: Arm, seed: int) -> Path:
    return folder / "runs" / arm.folder / f"seed-{seed}"


def _with_budget(
    arms: Sequence[Arm], folder: Path, steps: int | None, minutes: float | None, overwrite: bool
) -> list[Arm]:
    """The arms with their steps, as the study's file says or, in a new one, as the budget gives."""
    asked = {"steps": steps, "minutes": minutes}
    path = folder / STUDY_FILE
    if path.exists() and not overwrite:
        return _as_begun(arms, path, asked)
    if minutes is not None:
        planned = [_timed(arm, minutes) for arm in arms]
    else:
        planned = [arm if steps is None else _of_steps(arm, steps) for arm in arms]
    told = {
        arm.name: {"recipe": write_recipe(arm.recipe), "steps": with_steps.recipe.loop.steps}
        for arm, with_steps in zip(arms, planned, strict=True)
    }
    write_json(path, {**asked, "arms": told})
    return planned


def _as_begun(arms: Sequence[Arm], path: Path, asked: dict[str, float | None]) -> list[Arm]:
    """The arms with the steps of a study that was begun. Raises `UserError` where it is another study."""
    found = read_json(path, "choose another --out, or add --overwrite")
    other = f"{path.parent}: holds another study ({{}}); choose another --out, or add --overwrite"
    told = found.get("arms") if isinstance(found, dict) else None
    if not isinstance(told, dict):
        raise UserError(f"{path}: not a study; choose another --out, or add --overwrite")
    if list(told) != [arm.name for arm in arms]:
        raise UserError(other.format(f"of {', '.join(told)}"))
    for name, budget in asked.items():
        if found.get(name) != budget:
            raise UserError(other.format(f"with --{name} {found.get(name) or 'not given'}"))
    for arm in arms:
        if not says(told[arm.name]["recipe"], arm.recipe):
            raise UserError(other.format(f"{arm.name} has other settings there"))
    return [arm if (steps := told[arm.name]["steps"]) is None else _of_steps(arm, steps) for arm in arms]


def _timed(arm: Arm, minutes: float) -> Arm:
    steps = steps_within(task_class(arm.recipe.task)(arm.recipe), arm.recipe.loop, minutes)
    if steps:
        say(f"{arm.name}: {steps:,} steps in {duration(60 * minutes)} here, evaluations not counted")
    return _of_steps(arm, steps) if steps else arm


def _of_steps(arm: Arm, steps: int) -> Arm:
    return replace(arm, recipe=replace(arm.recipe, loop=replace(arm.recipe.loop, steps=steps)))


def _resolved(recipe: str, data: str | Path | Sequence[str | Path], overrides: Sequence[str]) -> Any:
    options_type = verb_of(room_of_task(task_of_recipe(recipe)), "train").options_type()
    return resolve(recipe, data=data, overrides=overrides, options=None if options_type is None else options_type())


def _stems(words: Sequence[str]) -> list[str]:
    """What recipes are called: their own names, or the ones given."""
    return [split_name(word)[0] or Path(word).stem for word in words]


def _field(text: str) -> tuple[str, list[str]]:
    """A field of the grid and its values. Commas within brackets part nothing."""
    name, sign, values = text.removeprefix("--").partition("=")
    found = re.findall(r"(?:[^,\[\]{}]|\[[^\]]*\]|\{[^}]*\})+", values)
    if not sign or not name or not found:
        raise UserError(f"--grid {text}: needed: a setting and its values, such as --grid network.depth=18,34")
    return name, found
