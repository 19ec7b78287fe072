"""The run's folder: what it keeps, how it is found again, and what it refuses."""

import json
import os
from pathlib import Path

import pytest
import torch

from limner import __version__
from limner.foundation.errors import UserError
from limner.foundation.version import versions
from limner.learning.library import task_class
from limner.learning.rooms import ROOMS
from limner.learning.runs.folder import choose_folder, start_run
from limner.learning.runs.opening import open_run
from limner.learning.runs.run import FORMAT_VERSION, Run

RECIPE = "task: segment\nseed: 0\n"


def finished(folder: Path, recipe: str = RECIPE, data: str = "data") -> Run:
    """A run with a model of one number."""
    run = Run(folder)
    start_run(run, recipe, data)
    run.save_model({"network.weight": torch.ones(1)}, {"task": "segment"})
    run.set_status("finished")
    return run


def test_a_model_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    weights = {"a.weight": torch.randn(3, 4), "a.steps": torch.tensor(7), "b.half": torch.ones(2, dtype=torch.float16)}
    run = Run(tmp_path)
    run.save_model(weights, {"task": "segment", "channels": 4})
    assert run.facts == {"format_version": FORMAT_VERSION, "limner": __version__, "task": "segment", "channels": 4}
    found = run.weights()
    assert found.keys() == weights.keys()
    assert torch.equal(found["a.weight"], weights["a.weight"])
    assert found["a.steps"].dtype == torch.int64
    assert found["b.half"].dtype == torch.float32  # bundled models are stored small and computed in full


def test_the_digest_tells_models_apart_and_knows_the_same_again(tmp_path: Path) -> None:
    digests = []
    for number, value in enumerate((1.0, 1.0, 2.0)):
        run = Run(tmp_path / str(number))
        run.save_model({"weight": torch.full((3,), value)}, {})
        digests.append(run.digest())
    assert digests[0] == digests[1] != digests[2]


def test_metrics_keep_their_columns_in_order_and_empty_cells_empty(tmp_path: Path) -> None:
    run = Run(tmp_path)
    assert run.metrics() == []
    (tmp_path / "metrics.csv").write_text("step,loss,f1\n1,0.5,\n2,0.25,0.75\n3,0.1")  # somebody is writing
    assert run.metrics() == [{"step": "1", "loss": "0.5", "f1": ""}, {"step": "2", "loss": "0.25", "f1": "0.75"}]


def test_a_status_keeps_what_was_known(tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    start_run(run, RECIPE, "some data")
    assert run.status["status"] == "running"
    assert run.status["versions"] == versions()
    assert {"limner", "python", "torch", "commit"} <= run.status["versions"].keys()
    run.set_status("finished", seconds=3.5)
    assert run.status["data_fingerprint"] == "some data"
    assert (run.status["status"], run.status["seconds"]) == ("finished", 3.5)
    assert run.recipe_text() == RECIPE


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (json.dumps({"format_version": FORMAT_VERSION + 1}), "written by a newer limner .* pip install -U limner"),
        ("{", r"model\.json: not valid JSON"),
        ("[1]", r"model\.json: holds no named values"),
    ],
)
def test_facts_that_cannot_be_used_are_refused(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text(text)
    with pytest.raises(UserError, match=says):
        _ = Run(tmp_path).facts


def test_weights_that_are_missing_or_damaged_are_refused(tmp_path: Path) -> None:
    run = finished(tmp_path / "run")
    path = run.folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-2])
    with pytest.raises(UserError, match=r"model\.safetensors: cannot be read"):
        run.weights()
    path.unlink()
    with pytest.raises(UserError, match=r"model\.safetensors: cannot be read"):
        run.weights()


def test_last_is_the_run_whose_model_is_newest(here: Path) -> None:
    for number, name in enumerate(("demo-002", "demo-001", "other-001")):
        model = finished(here / "runs" / name).folder / "model.json"
        os.utime(model, (1_000_000 + number, 1_000_000 + number))
    start_run(Run(here / "runs/demo-003"), RECIPE, "data")  # has no model yet
    assert open_run("last").folder == Path("runs/other-001")
    assert finished(here / "last").folder.samefile(open_run("last").folder)  # a folder of that name is meant first


def test_a_bundled_model_is_found_by_its_name_unless_a_folder_has_it(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundled = finished(here / "package/buildings").folder
    monkeypatch.setattr("limner.learning.runs.opening.bundled_models", lambda: {"buildings": bundled})
    assert open_run("buildings").folder == bundled
    with pytest.raises(UserError, match=r"no run 'houses': .* or a bundled model \(buildings\)"):
        open_run("houses")
    finished(here / "buildings")
    assert open_run("buildings").folder == Path("buildings")


def test_without_out_the_same_training_finds_its_run_and_another_gets_the_next_number(here: Path) -> None:
    assert choose_folder("demo", RECIPE.__eq__, "data", None, False) == (Run(Path("runs/demo-001")), False)
    for number in (1, 2, 1000):
        finished(here / f"runs/demo-{number:03d}", data=f"data {number}")
    finished(here / "runs/demo-x")
    finished(here / "runs/demo-b-007")
    assert choose_folder("demo", RECIPE.__eq__, "data 2", None, False) == (Run(Path("runs/demo-002")), True)
    assert choose_folder("demo", RECIPE.__eq__, "data 3", None, False) == (Run(Path("runs/demo-1001")), False)
    assert choose_folder("demo", (RECIPE + "batch: 4\n").__eq__, "data 2", None, False)[1] is False
    assert choose_folder("demo", RECIPE.__eq__, "data 2", None, True) == (Run(Path("runs/demo-1001")), False)


def test_names_with_points_and_brackets_are_kept_apart(here: Path) -> None:
    for name in ("v1.2", "v1", "a[1]"):
        run, _ = choose_folder(name, RECIPE.__eq__, name, None, False)
        assert run.folder == Path(f"runs/{name}-001")
        finished(run.folder, data=name)
        assert choose_folder(name, RECIPE.__eq__, "other", None, False)[0].folder == Path(f"runs/{name}-002")


def test_out_takes_an_empty_folder_goes_on_with_the_same_and_refuses_all_else(here: Path) -> None:
    out = here / "out"
    assert choose_folder("demo", RECIPE.__eq__, "data", out, False) == (Run(out), False)
    out.mkdir()
    assert choose_folder("demo", RECIPE.__eq__, "data", out, False) == (Run(out), False)
    (out / "notes.txt").touch()
    with pytest.raises(UserError, match="holds other files"):
        choose_folder("demo", RECIPE.__eq__, "data", out, False)
    finished(out)
    assert choose_folder("demo", RECIPE.__eq__, "data", out, False) == (Run(out), True)
    for recipe, data in ((RECIPE, "other data"), (RECIPE + "batch: 4\n", "data")):
        with pytest.raises(UserError, match=r"holds a run with another recipe or other data; .* --overwrite"):
            choose_folder("demo", recipe.__eq__, data, out, False)
        assert choose_folder("demo", recipe.__eq__, data, out, True) == (Run(out), False)


def test_a_fresh_start_clears_the_earlier_training_but_not_what_lies_beside_it(tmp_path: Path) -> None:
    run = finished(tmp_path)
    (tmp_path / "pictures").mkdir()
    for name in ("pictures/train-0001.jpg", "report.html", "evaluation.json", "notes.txt"):
        (tmp_path / name).touch()
    start_run(run, RECIPE, "other data")
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["notes.txt", "recipe.yaml", "run.json"]


def test_every_task_is_where_the_table_says() -> None:
    tasks = [task for room in ROOMS.values() for task in room.tasks]
    assert [task_class(name).name for name in tasks] == tasks
    assert len(set(tasks)) == len(tasks) > len(ROOMS)
