"""Where a training stands."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor


@dataclass
class Position:
    """Where a training stands; the part of a checkpoint that is not the task's."""

    stage: int = 0
    index: int = 0
    drawn: int = 0
    seconds: float = 0.0
    columns: list[str] = field(default_factory=list)
    rows: int = 0
    """Rows of ``metrics.csv``, and its columns."""
    best_score: float = -math.inf
    best_weights: dict[str, Tensor] | None = None
    stale: int = 0
    """Evaluations since the best one."""
    steps: int = 0
    """Steps taken in all; fewer than the stages' own where patience ended one."""
    sums: dict[str, Tensor] = field(default_factory=dict)
    summed: int = 0
    """Steps whose losses stand in ``sums``, on the device, until a row is written."""

    @classmethod
    def from_saved(cls, saved: Mapping[str, Any]) -> "Position":
        """What a checkpoint holds. limner 0.1.0 kept the rows of ``metrics.csv`` themselves."""
        if isinstance(rows := saved["rows"], list):
            saved = {**saved, "columns": list(dict.fromkeys(name for row in rows for name in row)), "rows": len(rows)}
        return cls(**saved)

    def add(self, values: Mapping[str, Tensor]) -> None:
        """Sum a step's values without reading them: no host synchronization in the step."""
        for name, value in values.items():
            self.sums[name] = self.sums[name] + value if name in self.sums else value
        self.summed += 1

    def take_means(self) -> dict[str, float]:
        """The mean of each value since the last call."""
        means = {name: float(total) / self.summed for name, total in self.sums.items()}
        self.sums, self.summed = {}, 0
        return means
