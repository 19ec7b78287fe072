"""How an experiment is run: every condition with every seed, each kept as soon as it is measured."""

from collections.abc import Mapping
from pathlib import Path

from limner.foundation.errors import UserError
from limner.foundation.files.documents import read_json
from limner.foundation.files.writing import alone_in, write_json, write_text
from limner.foundation.progress import Progress
from limner.foundation.signals import stop_on_signal
from limner.learning.rooms import named
from limner.learning.seed_table import Scores, SeedTable
from limner.studies.experiment import Experiment, Found
from limner.studies.listing import check_experiment

RESULTS_FILE = "results.json"


def run_experiment(
    name: str, *, seeds: int = 3, steps: int | None = None, out: Path | None = None, overwrite: bool = False
) -> Found:
    """Run an experiment by its name; the same call again goes on with what was stopped.

    steps: of each training, in place of the experiment's own: fewer are quicker and say less. out: the folder
    (default: ``studies/<name>``); it holds ``results.json``, ``found.md``, the table and ``figure.png``.

    Raises `UserError` for no such experiment, and a folder that holds another one.
    """
    experiment: Experiment = named(check_experiment(name))
    if seeds < 1 or (steps is not None and steps < 1):
        raise UserError(f"--seeds is {seeds}, --steps {steps or experiment.steps}; needed: 1 or more of both")
    folder = out or Path("studies") / name.rpartition("/")[2]
    budget = steps or experiment.steps
    with alone_in(folder, wait=False):
        results = _kept(experiment, folder / RESULTS_FILE, budget, overwrite)
        with stop_on_signal() as stop, Progress(name, len(experiment.arms) * seeds, "measurements") as progress:
            for seed in range(seeds):
                for arm in experiment.arms:
                    if str(seed) not in results[arm]:
                        results[arm][str(seed)] = dict(experiment.measure(arm, seed, budget))
                        write_json(folder / RESULTS_FILE, {"experiment": name, "steps": budget, "results": results})
                    progress.advance(1, note=f"{arm}, seed {seed}")
                    if stop:
                        return Found(experiment, folder, None, stop)
        table = SeedTable(
            experiment.measures,
            tuple(range(seeds)),
            {arm: tuple(results[arm][str(seed)] for seed in range(seeds)) for arm in experiment.arms},
            (experiment.protocol, f"{budget:,} steps a training."),
        )
        found = Found(experiment, folder, table)
        table.write_all(folder)
        experiment.draw(table, folder / "figure.png")
        write_text(folder / "found.md", found.to_markdown())
    return found


def _kept(experiment: Experiment, path: Path, steps: int, overwrite: bool) -> dict[str, dict[str, Scores]]:
    """What was measured earlier, by arm and seed."""
    empty: dict[str, dict[str, Scores]] = {arm: {} for arm in experiment.arms}
    if overwrite or not path.exists():
        return empty
    advice = "choose another --out, or add --overwrite"
    kept = read_json(path, advice)
    if not isinstance(kept, Mapping) or not isinstance(kept.get("results"), Mapping):
        raise UserError(f"{path}: not an experiment's results; {advice}")
    if kept.get("experiment") != experiment.name or kept.get("steps") != steps:
        raise UserError(
            f"{path.parent}: holds {kept.get('experiment')} of {kept.get('steps')} steps; needed: {experiment.name} of "
            f"{steps}; {advice}"
        )
    return {arm: dict(kept["results"].get(arm, {})) for arm in experiment.arms}
