"""Workers without their seconds: what travels to them and back is packed as always, and done in this process."""

import pickle
from concurrent.futures import Future
from typing import Any, Self

import pytest

from limner.foundation.machine.workers import spreading
from limner.foundation.machine.workers.attempt import Answer, attempt, packed


class AtHand:
    """Does each item at once."""

    def __init__(self, setting: bytes) -> None:
        self.setting, self.workers, self.at_once, self.items = setting, 2, 4, 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, item: Any) -> Future[Answer[Any]]:
        self.items += 1
        done: Future[Answer[Any]] = Future()
        done.set_result(pickle.loads(pickle.dumps(attempt(self.setting, pickle.loads(pickle.dumps(item))))))
        return done


def at_hand(monkeypatch: pytest.MonkeyPatch) -> list[AtHand]:
    """Puts them in the place of processes and Ray; gives those that were used, so far none."""
    used: list[AtHand] = []

    def workers(begin: Any, *_: object) -> AtHand:
        used.append(AtHand(packed(begin)))
        return used[-1]

    monkeypatch.setattr(spreading, "_workers", workers)
    return used
