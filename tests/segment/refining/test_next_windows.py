"""Windows to annotate next are where the network is unsure, unlike what is known, and unlike each other."""

import numpy as np

from limner.scenes.windows import Window
from limner.segment.refining.next_windows import Candidate, choose_windows


def candidate(number: int, doubt: float, looks: tuple[float, ...], annotated: float = 0.0) -> Candidate:
    return Candidate(Window(0, number, 1, 1), doubt, np.array(looks), annotated)


def test_of_windows_alike_the_most_doubtful_comes_first() -> None:
    found = [candidate(number, doubt, (0.0,)) for number, doubt in enumerate((0.2, 0.9, 0.5))]
    assert choose_windows(found, 1)[0].window.column == 1


def test_the_second_is_of_another_kind_though_others_are_more_doubtful() -> None:
    found = [
        candidate(0, 0.9, (0.0, 0.0)), candidate(1, 0.89, (0.0, 0.1)), candidate(2, 0.5, (5.0, 5.0)),
        candidate(3, 0.01, (5.0, -5.0)),
    ]  # fmt: skip
    assert [each.window.column for each in choose_windows(found, 2)] == [0, 2]


def test_what_is_annotated_is_not_proposed_and_what_is_like_it_comes_last() -> None:
    found = [
        candidate(0, 1.0, (0.0,), annotated=0.5), candidate(1, 0.9, (0.1,)), candidate(2, 0.6, (4.0,)),
    ]  # fmt: skip
    chosen = choose_windows(found, 5)
    assert [each.window.column for each in chosen] == [2, 1]
    assert chosen[0].difference > chosen[1].difference > 0


def test_without_a_window_left_there_is_nothing_to_propose() -> None:
    assert choose_windows([], 3) == []
    assert choose_windows([candidate(0, 1.0, (0.0,), annotated=1.0)], 3) == []
