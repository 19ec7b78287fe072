"""Damaged files of every kind that limner reads: the work is done, or one line says why not (`--attack N`: more)."""

from pathlib import Path

import pytest
from damaged import KINDS, damage, fault_of
from many_damaged import LONGEST_S, attack_kind, learns

USUAL = 6
"""Inputs of a kind where nobody asked for more."""
FEW = 2
"""The same, of kinds whose commands learn."""
LEARNING = pytest.mark.kills  # slow: what is gone on with, or used, is trained first
CASES = [pytest.param(name, marks=LEARNING if learns(name) else ()) for name in KINDS]


@pytest.mark.parametrize("kind", CASES)
def test_a_damaged_file_is_read_or_answered_in_one_line(kind: str, attack: int, tmp_path: Path) -> None:
    count = attack or (FEW if KINDS[kind].restored else USUAL)
    rows = attack_kind(kind, 0, count, tmp_path)
    assert {row["number"] for row in rows} == set(range(count))
    assert [row for row in rows if row["fault"] is not None] == []
    assert [row for row in rows if row["seconds"] > 3 * LONGEST_S] == []


def test_the_attack_sees_what_it_looks_for() -> None:
    assert fault_of(0, "", set()) is None
    assert fault_of(2, "limner: a.tif: empty\n", set()) is None
    assert "ended with KeyError" in str(fault_of("KeyError", "'name'", set()))
    assert "traceback" in str(fault_of(2, "Traceback (most recent call last)\n", set()))
    assert "left ['out.png']" in str(fault_of(2, "limner: a.png: cut short\n", {"out.png"}))
    assert "no line" in str(fault_of(2, "error 4\n", set()))


def test_a_damage_is_the_same_each_time_and_changes_the_file() -> None:
    import numpy as np

    whole = b'{"width": 64, "height": 48}' * 9
    made = {damage(whole, np.random.default_rng([number, 7])) for number in range(50)}
    assert made == {damage(whole, np.random.default_rng([number, 7])) for number in range(50)}
    assert len(made - {whole}) > 40
