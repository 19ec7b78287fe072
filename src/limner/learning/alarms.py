"""Alarms of trainings: known symptoms, each a number with a name, and a sentence for the time when it rings.

An alarm that rings stops nothing: it says what to look at. What is measured, and from where it rings, each room says.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from limner.reporting.report import Report


@dataclass(frozen=True)
class Alarm:
    """name: of the number. limit: where it rings. above: it rings above the limit, otherwise below. meaning: what the
    number is. sentence: what is said when it rings, with {value} in it."""

    name: str
    limit: float
    above: bool
    meaning: str
    sentence: str

    def rings(self, value: float) -> bool:
        """Whether ``value`` is beyond the limit."""
        return value > self.limit if self.above else value < self.limit


def ringing(alarms: Sequence[Alarm], values: Mapping[str, float]) -> dict[str, str]:
    """Those of ``alarms`` that ring, by name, each with its sentence. values: the numbers under their names."""
    return {
        alarm.name: alarm.sentence.format(value=values[alarm.name])
        for alarm in alarms
        if alarm.name in values and alarm.rings(values[alarm.name])
    }


def add_alarms(report: Report, alarms: Sequence[Alarm], values: Mapping[str, float]) -> Report:
    """A section with the numbers of the alarms that were measured, which of them ring, and what they mean."""
    rows = [
        [
            alarm.name.removeprefix("alarm/"), values[alarm.name],
            f"{'above' if alarm.above else 'below'} {alarm.limit}", "rings" if alarm.rings(values[alarm.name]) else "",
            alarm.meaning,
        ]
        for alarm in alarms
        if alarm.name in values
    ]  # fmt: skip
    report.section("Alarms").table(("alarm", "now", "rings", "", "what it is"), rows)
    return report.text("\n\n".join(ringing(alarms, values).values()))
