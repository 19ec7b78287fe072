"""Studies: equal budgets, several seeds, one table; stopped anywhere, they end with the same table."""

import csv
import io
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args, get_type_hints

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure

import limner as api
import toy_room
from limner.foundation.errors import UserError
from limner.learning.loop import timing
from limner.learning.loop.budget import share_steps
from limner.learning.loop.task import Stage
from limner.learning.loop.timing import steps_within, usual_clock
from limner.learning.rooms import ROOMS, named, verb_of
from limner.learning.runs.run import Run
from limner.learning.seed_table import Measure, SeedTable, draw_intervals, estimate
from toy_room import RECIPE, ROOM, ToyRecipe, ToyTask
from workers_at_hand import AtHand

CommandLine = Callable[..., tuple[int, str, str]]
GRID = ["--grid", "learning_rate=0.05,0.1,0.2", "--seeds", "2", "--steps", "5", "--data", "points.txt"]


class DrawnLine(ToyTask):
    """The toy's line, whose first slope is drawn, so that seeds differ."""

    recipe_type = ToyRecipe

    def __init__(self, recipe: ToyRecipe) -> None:
        super().__init__(recipe)
        self.seed = recipe.seed
        draws = torch.Generator().manual_seed(recipe.seed)
        torch.nn.init.normal_(self.networks["line"].weight, generator=draws)


@pytest.fixture
def toy(here: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with points on a line of slope 3, and a recipe of a room that was registered from outside."""
    monkeypatch.setitem(ROOMS, "toy", ROOM)
    monkeypatch.setattr(toy_room, "ToyTask", DrawnLine)
    monkeypatch.setitem(sys.modules, "toy_room", toy_room)
    (here / "points.txt").write_text("".join(f"{x} {3 * x}\n" for x in (1, 2, 0.5, 1.5)))
    (here / "line.yaml").write_text(RECIPE)
    return here


def tables(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.glob("table.*"))}


def test_a_study_is_the_same_whoever_trains_it(toy: Path, limner: CommandLine, at_hand: list[AtHand]) -> None:
    code, out, _ = limner("study", "line.yaml", *GRID, "--out", "alone")
    assert code == 0
    code, spread, said = limner("study", "line.yaml", *GRID, "--out", "spread", "--workers", "2")
    assert code == 0, said
    assert at_hand[0].items == 6 and spread == out
    assert tables(toy / "alone") == tables(toy / "spread")
    weights = sorted((toy / "alone").rglob("model.safetensors"))
    assert len(weights) == 6
    for path in weights:
        assert path.read_bytes() == (toy / "spread" / path.relative_to(toy / "alone")).read_bytes()


def test_a_training_that_fails_stops_none_of_the_others(
    toy: Path, limner: CommandLine, at_hand: list[AtHand], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = DrawnLine.begin

    def failing(self: DrawnLine, *given: Any) -> None:
        if self.seed == 1:
            raise UserError("seed 1 is bad")
        begin(self, *given)

    with monkeypatch.context() as patch:
        patch.setattr(DrawnLine, "begin", failing)
        code, out, said = limner("study", "line.yaml", *GRID, "--out", "rates", "--workers", "2")
    assert (code, out) == (1, "") and "limner: 3 of 6 failed; the first: line learning_rate=0.05, seed 1: " in said
    code, _, said = limner("study", "line.yaml", *GRID, "--out", "rates", "--workers", "2")
    assert code == 0 and at_hand[1].items == 6


def test_a_grid_is_trained_at_one_budget_and_told_with_intervals_and_differences(
    toy: Path, limner: CommandLine, drawn_figures: None
) -> None:
    code, out, said = limner("study", "line.yaml", *GRID, "--out", "rates")
    assert code == 0
    assert "training 6 of 6: line learning_rate=0.2, seed 1" in said
    folders = [
        toy / f"rates/runs/line-learning_rate={rate}/seed-{seed}" for rate in ("0.05", "0.1", "0.2") for seed in (0, 1)
    ]
    assert all(Run(folder).status["steps"] == 5 for folder in folders)
    errors = [api.compare([folder]).errors[folder.name] for folder in folders]
    assert errors[0] != errors[1]  # seeds differ
    assert sorted(tables(toy / "rates")) == ["table.csv", "table.md", "table.tex"]
    assert (toy / "rates/figure.png").stat().st_size > 1000
    assert out.startswith("Careful: of two seeds intervals are so wide that they tell little; ")
    assert out.splitlines()[2] == "|  | error |"
    assert f"{np.mean(errors[:2]):.6f} ± " in out
    assert "Each training had 5 steps." in out
    rows = list(csv.DictReader(io.StringIO((toy / "rates/table.csv").read_text())))
    assert [row["arm"] for row in rows] == [f"line learning_rate={rate}" for rate in ("0.05", "0.1", "0.2")]
    expected = estimate([errors[4] - errors[0], errors[5] - errors[1]])
    found = [float(rows[2][name]) for name in ("difference", "difference_low", "difference_high")]
    assert found == pytest.approx(list(expected))
    assert rows[0]["difference"] == ""


class Killed(BaseException):
    """As a kill is: nothing of limner's catches it."""


@pytest.mark.parametrize("after", [0, 3, 7, 12, 29])
def test_a_study_that_was_killed_anywhere_ends_with_the_same_table(
    toy: Path, limner: CommandLine, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    limner("study", "line.yaml", *GRID, "--out", "straight")
    steps, taken = DrawnLine.step, 0

    def step(self: ToyTask, batches: Iterator[Any], index: int) -> dict[str, torch.Tensor]:
        nonlocal taken
        if taken == after:
            raise Killed
        taken += 1
        return steps(self, batches, index)

    monkeypatch.setattr(DrawnLine, "step", step)
    with pytest.raises(Killed):
        limner("study", "line.yaml", *GRID, "--out", "killed")
    assert not tables(toy / "killed")
    monkeypatch.setattr(DrawnLine, "step", steps)
    assert limner("study", "line.yaml", *GRID, "--out", "killed")[0] == 0
    assert tables(toy / "killed") == tables(toy / "straight")


def test_a_signal_stops_a_study_politely_and_what_is_trained_is_not_trained_again(
    toy: Path, limner: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, taken = DrawnLine.step, 0

    def step(self: ToyTask, batches: Iterator[Any], index: int) -> dict[str, torch.Tensor]:
        nonlocal taken
        taken += 1
        if taken == 8:
            os.kill(os.getpid(), signal.SIGTERM)
        return steps(self, batches, index)

    monkeypatch.setattr(DrawnLine, "step", step)
    code, out, said = limner("study", "line.yaml", *GRID, "--out", "rates")
    assert (code, out) == (143, "")
    assert "the same command goes on from here" in said
    assert limner("study", "line.yaml", *GRID, "--out", "rates")[0] == 0
    assert taken == 30
    assert limner("study", "line.yaml", *GRID, "--out", "rates")[0] == 0
    assert taken == 30
    more = [word if word != "2" else "3" for word in GRID]  # another seed is added, the others stay
    assert limner("study", "line.yaml", *more, "--out", "rates")[0] == 0
    assert taken == 45


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        (["line.yaml", "line.yaml"], "two recipes are called line"),
        (["line.yaml", "--steps", "2", "--minutes", "1"], "two budgets"),
        (["line.yaml", "--grid", "learning_rate"], "such as --grid network.depth=18,34"),
        (["line.yaml", "--grid", "lerning_rate=1,2"], "learning-rate"),
        (["line.yaml", "--seeds", "0"], "needed: 1 or more"),
        (["--epochs", "3", "line.yaml"], "limner study has no option --epochs"),
        (["line.yaml", "line=segment/demo"], "two recipes are called line"),
    ],
)  # fmt: skip
def test_what_cannot_be_studied_is_refused_and_nothing_is_left(
    toy: Path, limner: CommandLine, words: list[str], answer: str
) -> None:
    code, _, said = limner("study", *words, "--data", "points.txt", "--out", "study")
    assert code == 2
    assert answer in said
    assert not (toy / "study").exists()


def test_another_study_is_not_mixed_into_a_folder(toy: Path, limner: CommandLine) -> None:
    limner("study", "line.yaml", *GRID, "--out", "rates")
    for change, answer in (
        (["line.yaml", "--seeds", "2", "--steps", "5"], "holds another study (of line learning_rate=0.05, "),
        (["line.yaml", *GRID[:4], "--steps", "6"], "holds another study (with --steps 5)"),
        (["line.yaml", *GRID[:6], "--unit", "2"], "has other settings there"),
    ):
        code, _, said = limner("study", *change, "--data", "points.txt", "--out", "rates")
        assert code == 2
        assert answer in said


def test_stages_share_a_budget_by_their_lengths_and_none_is_left_out() -> None:
    stages = [Stage("kernels", 0), Stage("head", 1, 10), Stage("all", 9, 10)]
    for steps in (2, 3, 17, 50, 100, 1234):
        shared = share_steps(stages, steps)
        assert [stage.name for stage in shared] == ["kernels", "head", "all"]
        assert sum(stage.total_steps for stage in shared) == steps
        assert shared[1].total_steps >= 1
        assert abs(shared[1].total_steps - steps / 10) <= 1
        assert all(0 <= stage.short < max(1, stage.steps) for stage in shared)
    with pytest.raises(UserError, match="2 stages step"):
        share_steps(stages, 1)


def test_minutes_become_steps_by_how_long_a_step_takes(toy: Path) -> None:
    recipe = ToyRecipe(path=toy / "points.txt")
    times = iter(np.arange(0, 1e6, 0.25))
    found = [
        steps_within(ToyTask(recipe), recipe.loop, minutes, clock=lambda: float(next(times))) for minutes in (1, 10)
    ]
    # The clock is read once a step, and once at each end: a step takes 0.25 s and something.
    assert 80 <= found[0] <= 240
    assert 1600 <= found[1] <= 2400


def test_steps_are_timed_with_memory_kept_as_a_training_keeps_it(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    @contextmanager
    def kept() -> Iterator[None]:
        told.append("kept")
        yield
        told.append("given back")

    class Told(ToyTask):
        def step(self, batches: Any, index: int) -> Any:
            told.append("step")
            return super().step(batches, index)

    monkeypatch.setattr(timing, "freed_memory_is_kept", kept)
    recipe = ToyRecipe(path=toy / "points.txt")
    times = iter(np.arange(0, 1e6))
    steps_within(Told(recipe), recipe.loop, 1, clock=lambda: float(next(times)))
    assert told[0] == "kept"
    assert told[-1] == "given back"
    assert set(told[1:-1]) == {"step"}


def test_the_interval_is_that_of_scipy_and_pairing_takes_away_what_seeds_share() -> None:
    from scipy.stats import t

    values = [0.3, 0.9, 0.4, 0.7]
    found = estimate(values)
    low, high = t.interval(0.95, 3, loc=np.mean(values), scale=np.std(values, ddof=1) / 2)
    assert (found.low, found.high) == pytest.approx((low, high))
    measure = Measure("accuracy", unit="%")
    luck = np.array([0.0, 10.0, -10.0, 5.0])
    results = {
        name: tuple({"accuracy": float(80 + gain + each)} for each in luck + noise)
        for name, gain, noise in (("one", 0, np.zeros(4)), ("two", 1, np.array([0.1, -0.1, 0.0, 0.0])))
    }
    table = SeedTable((measure,), (0, 1, 2, 3), results)
    gain = table.difference("two", measure)
    assert gain is not None and gain.surely == 1
    assert (mean := table.mean("two", measure)) is not None and mean.half is not None and mean.half > 10
    assert "+1.00 (+0.87 to +1.13) *" in table.to_markdown()
    assert r"\textbf{82.25 $\pm$ " in table.to_tex()
    assert SeedTable((measure,), (0,), {"one": ({"accuracy": 1.0},)}).to_markdown().startswith("Careful: one seed")
    assert all(one < two for one, two in pairwise([found.low, found.mean, found.high]))


def test_every_measure_has_its_panel_and_no_interval_hides_the_dots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, drawn_figures: None
) -> None:
    """Seven measures, and two seeds, whose intervals are a dozen times as wide as what lies between them."""
    drawn: list[Figure] = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    measures = tuple(Measure(f"m{number}", unit="%") for number in range(7))
    one, two = ({each.name: value for each in measures} for value in (50.0, 90.0))
    with suppress(OSError):  # nothing was written
        draw_intervals(SeedTable(measures, (0, 1), {"a": (one, two)}), tmp_path / "figure.png")
    panels = [axes for axes in drawn[0].axes if axes.get_visible()]
    assert [axes.get_xlabel() for axes in panels] == [f"m{number}, %" for number in range(7)]
    assert {axes.get_xlim() for axes in panels} == {(30.0, 110.0)}


@pytest.mark.parametrize(
    ("better", "one", "two", "bold"),
    [
        ("higher", (3.0, 3.1, 2.9), (1.0, 1.2, 0.8), "one"),
        ("lower", (3.0, 3.1, 2.9), (1.0, 1.2, 0.8), "two"),
        ("zero", (-0.1, 0.1, 0.2), (-3.0, -3.1, -2.9), "one"),
        ("none", (3.0, 3.1, 2.9), (1.0, 1.2, 0.8), None),
        ("higher", (1.0, 2.0, 3.0), (0.9, 1.9, 2.9), "one"),  # overlapping, but better at each seed
        ("higher", (1.0, 2.0, 3.0), (3.0, 1.0, 2.5), None),
        ("higher", (1.0, 1.0, 1.0), (1.0, 1.0, 1.0), None),
        ("higher", (3.0,), (1.0,), None),  # nothing is known of other seeds
    ],
)
def test_only_what_is_better_beyond_doubt_is_bold(
    better: Any, one: tuple[float, ...], two: tuple[float, ...], bold: str | None
) -> None:
    results = {name: tuple({"x": value} for value in values) for name, values in (("one", one), ("two", two))}
    table = SeedTable((Measure("x", better),), tuple(range(len(one))), results)
    marked = [row[0] for row in table.body("**{}**") if row[1].startswith("**")]
    assert marked == ([] if bold is None else [bold])


@pytest.mark.parametrize("room", [name for name, each in ROOMS.items() if each.compare and each.tasks])
def test_what_every_room_compares_can_be_gathered_over_seeds(room: str) -> None:
    compare = named(verb_of(room, "compare").function)
    comparison = get_type_hints(compare)["return"]
    for each in get_args(comparison) or (comparison,):  # a room of several kinds of runs compares each kind by itself
        assert get_type_hints(each.measured)["return"] == dict[str, dict[Measure, float | None]]


def test_minutes_of_one_thread_are_the_processors_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    threads = iter((1, 2))
    monkeypatch.setattr("torch.get_num_threads", lambda: next(threads))
    assert usual_clock() is time.process_time and usual_clock() is time.monotonic
