"""What an experiment is, and how it is run: every condition with every seed, kept as soon as it is measured."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limner.foundation.documents import read_json
from limner.foundation.errors import UserError
from limner.foundation.files import alone_in, write_json, write_text
from limner.foundation.progress import Progress
from limner.foundation.signals import StopRequest, stop_on_signal
from limner.learning.rooms import named
from limner.learning.seed_table import Measure, Scores, SeedTable, draw_intervals
from limner.reporting.tables import markdown
from limner.studies.listing import check_experiment

RESULTS_FILE = "results.json"


@dataclass(frozen=True)
class Experiment:
    """A claim, and how it is tried.

    claim: as lectures have it. protocol: on what, how, in a sentence or two. arms: the conditions; the first is what
    the others are compared with. measure: (arm, seed, steps) -> scores by the names of ``measures``. finding: what the
    table says, in sentences that follow from its numbers. steps: of each training. draw: the figure (default: means
    with intervals).
    """

    name: str
    claim: str
    protocol: str
    measures: tuple[Measure, ...]
    arms: tuple[str, ...]
    measure: Callable[[str, int, int], Scores]
    finding: Callable[[SeedTable], Sequence[str]]
    steps: int
    draw: Callable[[SeedTable, Path], None] = draw_intervals


@dataclass(frozen=True)
class Found:
    """What an experiment found. table: None where a signal stopped it before its end."""

    experiment: Experiment
    folder: Path
    table: SeedTable | None
    stopped: StopRequest | None = None

    def to_markdown(self) -> str:
        """The claim, what was found, the protocol, the table."""
        assert self.table is not None
        lines = [f"Claim: {self.experiment.claim}", "", "Found: " + " ".join(self.experiment.finding(self.table)), ""]
        careful = [text for text in self.table.said()[:1] if text.startswith("Careful")]
        head = [*careful, *([""] if careful else []), *lines]
        return "\n".join(map(markdown, head)) + "\n" + self.table.to_markdown()

    def to_json(self) -> dict[str, Any]:
        """Folder, claim, findings and the table."""
        told = {"study": str(self.folder), "claim": self.experiment.claim}
        if self.table is None:
            return told
        return {**told, "found": list(self.experiment.finding(self.table)), **self.table.to_json()}


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


def compared(table: SeedTable, arm: str, name: str, other: str | None = None) -> str:
    """Whether an arm differs from another (the first one) in a measure, in words that the interval allows."""
    measure = next(each for each in table.measures if each.name == name)
    gain = table.difference(arm, measure, other)
    if gain is None:
        return "was not measured"
    size = f"{abs(gain.mean):.{measure.digits}f}"
    if gain.low is None or gain.high is None:
        return f"is {size} {'above' if gain.mean > 0 else 'below'} (one seed)"
    if not gain.surely:
        return (
            f"is {size} {'above' if gain.mean > 0 else 'below'}, which {len(table.seeds)} seeds cannot tell from luck"
        )
    ends = " to ".join(f"{end:+.{measure.digits}f}" for end in (gain.low, gain.high))
    return f"is {size} {'above' if gain.surely > 0 else 'below'} ({ends})"


def value(table: SeedTable, arm: str, name: str) -> str:
    """A mean as printed."""
    measure = next(each for each in table.measures if each.name == name)
    found = table.mean(arm, measure)
    return "-" if found is None else f"{found.mean:.{measure.digits}f}"
