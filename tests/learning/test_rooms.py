"""The table of rooms: a room from outside is an entry, and each room's options are its own."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest

import limner as api
from limner.foundation.errors import UserError
from limner.learning.options import make_options, option_names
from limner.learning.rooms import ROOMS, Room, SharedVerb, Verb, named, rooms_with, verb_of
from limner.learning.runs.evaluations import read_evaluation
from limner.learning.runs.run import RUN_FILES, Run
from limner.segment.scoring.options import CompareOptions, EvaluateOptions
from toy_room import RECIPE, ROOM

CommandLine = Callable[..., tuple[int, str, str]]


@pytest.fixture
def toy(here: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with points on a line of slope 3, and a recipe of a room that was registered from outside."""
    monkeypatch.setitem(ROOMS, "toy", ROOM)
    (here / "points.txt").write_text("".join(f"{x} {3 * x}\n" for x in (1, 2, 0.5, 1.5)))
    (here / "line.yaml").write_text(RECIPE)
    return here


def test_a_room_from_outside_is_trained_evaluated_compared_listed_and_checked(toy: Path, limner: CommandLine) -> None:
    assert limner("check", "points.txt", "--room", "toy") == (0, "fine\n", "")
    assert limner("train", "line.yaml", "--data", "points.txt", "--out", "run")[:2] == (0, "run\n")
    run = Run(toy / "run")
    assert {path.name for path in run.folder.iterdir()} == {
        "recipe.yaml", "run.json", "model.json", "model.safetensors", "checkpoint", "metrics.csv",
        "evaluation.json", "slope.txt",
    }  # fmt: skip
    slope = api.load("run")
    assert 2 < slope < 3.5
    error = abs(slope - 3) * 1.25  # the mean of x
    code, out, _ = limner("evaluate", "run", "--json")
    assert code == 0
    assert json.loads(out)["error"] == pytest.approx(error, rel=1e-5)
    assert json.loads((toy / "run/evaluation.json").read_text())["task"] == "toy"
    assert api.compare(["run", "again=run"]).errors == pytest.approx({"run": error, "again": error}, rel=1e-5)
    code, out, _ = limner("compare", "run", "--digits", "1", "--out", "table.json")
    assert (code, out) == (0, f"| run | {error:.1f} |\n")
    assert (toy / "table.json").exists()
    assert limner("networks", "toy")[:2] == (
        0, "toy: lines through points\n  line: A line through the origin.\n                   1 parameters\n"
    )  # fmt: skip
    assert limner("networks")[1].count("\n  line: ") == 1


def test_its_options_are_shown_and_taken_and_those_of_other_rooms_are_not(toy: Path, limner: CommandLine) -> None:
    limner("train", "line.yaml", "--data", "points.txt", "--out", "run", "--unit", "0.5")
    assert Run(toy / "run").facts["unit"] == 0.5
    shown = {verb: limner(verb, word, "--help")[1] for verb, word in (("train", "line.yaml"), ("evaluate", "run"))}
    assert "--unit" in shown["train"] and "--squared" in shown["evaluate"]
    for verb, option in (("train", "--masks"), ("evaluate", "--normalize"), ("evaluate", "--features")):
        assert option not in shown[verb]
    error, squared = (json.loads(limner("evaluate", "run", "--json", *more)[1]) for more in ((), ("--squared",)))
    assert list(error) == ["error"] and list(squared) == ["squared error"]
    assert limner("evaluate", "run", "--normalize", "run") == (
        2, "", "limner: --normalize is no option of limner evaluate in the room toy; rooms that have it: segment\n"
    )  # fmt: skip
    assert limner("train", "line.yaml", "--data", "points.txt", "--masks", "m")[2] == (
        "limner: --masks is not for this recipe; rooms that have it: segment\n"
    )
    assert limner("evaluate", "buildings", "--squared")[2] == (
        "limner: --squared is no option of limner evaluate in the room segment; rooms that have it: toy\n"
    )
    with pytest.raises(UserError, match="--round is no option of limner evaluate in the room toy; known: --squared"):
        api.evaluate("run", round=2)


def test_a_training_says_a_line_for_each_evaluation(toy: Path, limner: CommandLine) -> None:
    error = limner("train", "line.yaml", "--data", "points.txt", "--out", "run")[2]
    rows = [row for row in Run(toy / "run").metrics() if row["error"]]
    told = [line for line in error.splitlines() if line.startswith("epoch ")]
    assert told == [
        f"epoch {row['epoch']}/3: train loss {float(row['train/loss']):.4g}; error {float(row['error']):.4g} "
        "(best so far)"
        for row in rows
    ]
    assert len(told) == 3


def test_runs_of_two_rooms_are_not_compared(toy: Path, limner: CommandLine) -> None:
    limner("train", "line.yaml", "--data", "points.txt", "--out", "run")
    code, out, error = limner("compare", "buildings", "run")
    assert (code, out) == (2, "")
    assert error == ("limner: buildings is of the room segment, run of toy; runs of one room can be compared\n")
    (toy / "folder").mkdir()
    assert "run: a run of the room toy, and folder a folder of pictures" in limner("compare", "run", "folder")[2]


def test_a_training_anew_removes_what_other_rooms_left(toy: Path, limner: CommandLine) -> None:
    limner("train", "line.yaml", "--data", "points.txt", "--out", "run")
    for name in ("colors.safetensors", "report.html", "notes.txt"):
        (toy / "run" / name).touch()
    limner("train", "line.yaml", "--data", "points.txt", "--out", "run", "--learning-rate", "0.2", "--overwrite")
    assert {"colors.safetensors", "report.html"} & {path.name for path in (toy / "run").iterdir()} == set()
    assert (toy / "run/notes.txt").exists()


def test_train_from_python_takes_data_and_settings_by_their_names(toy: Path) -> None:
    done = api.train("line.yaml", data="points.txt", epochs=2, unit=0.5, loop={"keep": "last"}, out="run")
    recipe = done.run.recipe_text()
    assert "\nepochs: 2 " in recipe and "\nunit: 0.5 " in recipe and "\n  keep: last " in recipe
    with pytest.raises(UserError, match=r"^--epoch: no such setting; did you mean --epochs\?"):
        api.train("line.yaml", data="points.txt", epoch=2)
    with pytest.raises(UserError, match=r"^--loop.kep: no such setting; did you mean --loop.keep\?"):
        api.train("line.yaml", data="points.txt", loop={"kep": "last"})
    with pytest.raises(UserError, match=r"gone\.txt: no such file or folder"):
        api.train("line.yaml", data="gone.txt")


@pytest.mark.parametrize("verb", get_args(SharedVerb))
def test_whatever_the_table_names_is_there_and_options_are_frozen_dataclasses(verb: SharedVerb) -> None:
    for name in rooms_with(verb):
        entry = verb_of(name, verb)
        assert verb == "train" or callable(named(entry.function))
        options_type: Any = entry.options_type()
        if options_type is not None:
            assert dataclasses.is_dataclass(options_type) and options_type.__dataclass_params__.frozen
            options_type()  # every one has a default
    for room in ROOMS.values():
        assert not set(room.files) & set(RUN_FILES)
        assert set(room.begin_with) <= set(api_recipes())


def api_recipes() -> list[str]:
    from limner.learning.library import bundled_recipes

    return list(bundled_recipes())


def test_the_table_and_the_options_import_no_torch() -> None:
    code = """
import sys
from limner.learning.rooms import ROOMS, verb_of
for name, room in ROOMS.items():
    for verb in (room.train, room.evaluate, room.compare, room.networks, room.check):
        verb and verb.options_type()
print("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "False\n"


def test_a_room_without_a_verb_says_which_have_it(here: Path, limner: CommandLine) -> None:
    assert limner("networks", "recolor") == (
        2,
        "",
        "limner: the room recolor has no limner networks; rooms that have: segment, generate, classify, "
        "translate, detect\n",
    )
    assert limner("networks", "segmnt")[2] == "limner: no room 'segmnt'; did you mean 'segment'?\n"
    assert (
        limner("demo", "studio")[2]
        == "limner: no demo 'studio'; known: segment, recolor, generate, media, classify, translate, detect\n"
    )


def test_options_are_known_by_their_names_with_those_of_their_parts() -> None:
    assert list(option_names(EvaluateOptions))[-2:] == ["crf_steps", "errors"]
    assert {"labels", "leave_out", "left_out"} <= option_names(EvaluateOptions).keys()
    assert option_names(None) == {}
    made = make_options(EvaluateOptions, {"target": "roof", "left_out": True, "areas": "a,b"}, "it")
    assert (made.reading.target, made.left_out, made.reading.areas) == ("roof", True, ("a", "b"))
    assert make_options(CompareOptions, {"columns": ["f1"]}, "it").columns == ("f1",)
    with pytest.raises(UserError, match=r"--klass is no option of it; did you mean '--class'\?"):
        make_options(CompareOptions, {"klass": "roof"}, "it")
    with pytest.raises(UserError, match="--x is no option of it; it takes none"):
        make_options(None, {"x": 1}, "it")


def test_evaluations_of_older_files_are_told_apart(tmp_path: Path) -> None:
    """limner 0.1.0 wrote the task of maps, and none of made pictures."""
    (tmp_path / "map.json").write_text('{"task": "segment"}')
    (tmp_path / "made.json").write_text('{"flat_kid": 0.1}')
    assert read_evaluation(tmp_path / "map.json")["task"] == "segment"
    assert read_evaluation(tmp_path / "made.json")["task"] == "generate"


def test_a_room_with_two_tasks_serves_both() -> None:
    room = Room(
        "two", tasks={"one": "toy_room:ToyTask", "other": "toy_room:ToyTask"}, networks=Verb("toy_room:list_lines")
    )
    from limner.learning.library import task_class
    from limner.learning.rooms import room_of_task

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(ROOMS, "pair", room)
        assert room_of_task("other") == room_of_task("one") == "pair"
        assert task_class("other").__name__ == "ToyTask"
    with pytest.raises(UserError, match="unknown task 'other'"):
        room_of_task("other")
