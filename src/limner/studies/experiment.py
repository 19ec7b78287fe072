"""What an experiment is, what it found, and how differences are told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from limner.foundation.signals import StopRequest
from limner.learning.seed_table import Measure, Scores, SeedTable, draw_intervals
from limner.reporting.tables import markdown


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
