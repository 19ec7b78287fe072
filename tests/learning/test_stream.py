"""Batches read ahead: in order, from anywhere, bounded, and with an end."""

import itertools
import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limner.learning.loop.stream import Stream


@given(start=st.integers(0, 1000), count=st.integers(0, 12), ahead=st.integers(1, 4))
@settings(max_examples=30, deadline=None)
def test_batches_come_in_order_from_any_start(start: int, count: int, ahead: int) -> None:
    with Stream(lambda number: number * 7, start, ahead) as stream:
        assert list(itertools.islice(stream, count)) == [number * 7 for number in range(start, start + count)]
        assert stream.position == start + count


def test_no_more_is_drawn_ahead_than_was_asked_for() -> None:
    drawn: list[int] = []
    with Stream(lambda number: drawn.append(number) or number, ahead=2) as stream:
        for _ in range(3):
            next(stream)
        time.sleep(0.1)
    assert len(drawn) <= 3 + 2 + 1  # given out, waiting, and one in hand


def test_drawing_goes_on_while_the_reader_works() -> None:
    second_drawn = threading.Event()

    def draw(number: int) -> int:
        if number == 1:
            second_drawn.set()
        return number

    with Stream(draw) as stream:
        next(stream)
        assert second_drawn.wait(5)


def test_an_error_is_raised_in_its_turn_and_then_the_stream_is_at_its_end() -> None:
    def draw(number: int) -> int:
        if number == 2:
            raise ValueError("batch 2 is broken")
        return number

    with Stream(draw) as stream:
        assert [next(stream), next(stream)] == [0, 1]
        with pytest.raises(ValueError, match="batch 2 is broken"):
            next(stream)
        assert stream.position == 2
        assert list(stream) == []


def test_the_thread_ends_with_the_block_even_while_it_waits_to_hand_over() -> None:
    before = threading.active_count()
    with Stream(lambda number: number, ahead=1) as stream:
        next(stream)
        assert threading.active_count() == before + 1
    assert threading.active_count() == before
    assert list(stream) == []


def test_the_thread_ends_when_the_block_fails() -> None:
    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt), Stream(lambda number: number):
        raise KeyboardInterrupt
    assert threading.active_count() == before
