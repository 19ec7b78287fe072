"""Markov models of music: what any network must do better than. Each voice goes on by its own last steps alone."""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from limner.generate.media.music.data.notes import HOLD, REST, sounding

BEGIN = -2
"""Stands before the first step."""


class Markov:
    """Steps of a voice, each drawn as often as it followed the last ``order`` steps in what was learned from.

    A step is what sounds and whether it begins, so that a held pitch is not forgotten. Where the last steps were never
    seen, fewer of them are looked at.
    """

    def __init__(self, pieces: Sequence[np.ndarray], order: int) -> None:
        """pieces: each (voices, steps) of pitches, `HOLD` and `REST`."""
        self.order, self.voices = order, len(pieces[0])
        counts: list[dict[tuple[int, ...], Counter[int]]] = [defaultdict(Counter) for _ in range(self.voices)]
        for piece in pieces:
            for voice, table in zip(piece, counts, strict=True):
                states = [BEGIN] * order + _states(voice)
                for at in range(order, len(states)):
                    for length in range(order + 1):
                        table[tuple(states[at - length : at])][states[at]] += 1
        self._tables = [
            {
                context: (np.fromiter(found, np.int64), np.cumsum(np.fromiter(found.values(), np.float64)))
                for context, found in table.items()
            }
            for table in counts
        ]

    def draw(self, count: int, steps: int, generator: np.random.Generator) -> np.ndarray:
        """(count, voices, steps) int64 of pitches, `HOLD` and `REST`."""
        drawn = np.empty((count, self.voices, steps), np.int64)
        shares = generator.random((count, self.voices, steps))
        for number in range(count):
            for voice, table in enumerate(self._tables):
                states = [BEGIN] * self.order
                for step in range(steps):
                    states.append(self._next(table, states, float(shares[number, voice, step])))
                drawn[number, voice] = [_step(state) for state in states[self.order :]]
        return drawn

    def _next(
        self, table: dict[tuple[int, ...], tuple[np.ndarray, np.ndarray]], states: list[int], share: float
    ) -> int:
        for length in range(self.order, -1, -1):
            found = table.get(tuple(states[len(states) - length :]))
            if found is not None:
                values, sums = found
                return int(values[int(np.searchsorted(sums, share * sums[-1], side="right"))])
        raise AssertionError("the empty context was seen")


def _states(voice: np.ndarray) -> list[int]:
    """2 x the pitch, and 1 more where it is held; -1 at rest."""
    heard = sounding(voice)
    states = np.where(heard < 0, -1, 2 * heard + (voice == HOLD))
    return [int(state) for state in states]


def _step(state: int) -> int:
    return REST if state < 0 else HOLD if state % 2 else state // 2
