"""A long job says soon how long it will take, a short one does not."""

import pytest

from limner.foundation import progress
from limner.foundation.progress import Progress


class Clock:
    """Time that passes when it is told to."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def steps(clock: Clock, job: Progress, seconds: list[float]) -> None:
    for each in seconds:
        clock.now += each
        job.advance(1)


def forecasts(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capsys.readouterr().err.splitlines() if "about" in line]


def test_the_time_of_all_steps_is_told_once_and_the_slow_first_one_does_not_count(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Progress("train", 155, foretell=", evaluations not counted") as job:
        steps(clock, job, [30, 2.4, 2.4, 2.4])
        assert forecasts(capsys) == []
        steps(clock, job, [2.4, 2.4, 100])
    assert forecasts(capsys) == ["train: about 6 min for 150 steps, evaluations not counted"]


def test_slow_steps_are_told_after_twenty_seconds_and_a_job_that_goes_on_counts_what_is_left(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    with Progress("train", 100, start=88, foretell="") as job:
        steps(clock, job, [40, 25])
    assert forecasts(capsys) == ["train: about 4 min for 10 steps"]


@pytest.mark.parametrize(("total", "foretell"), [(12, ""), (155, None)], ids=["short", "not asked"])
def test_a_short_job_and_one_that_is_not_asked_foretell_nothing(
    clock: Clock, capsys: pytest.CaptureFixture[str], total: int, foretell: str | None
) -> None:
    with Progress("train", total, foretell=foretell) as job:
        steps(clock, job, [2.4] * 10)
    assert forecasts(capsys) == []
