"""Whatever ends a command midway, the same command again ends where one never stopped would have: bit for bit.

Commands that signals end run as processes of their own. They are forked from a server that has imported torch once,
since each import costs more than a whole training here. Commands that nobody disturbs run in this process.
"""

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import rasterio
import torch

from drawn import PLACE, TinyNetwork, draw_picture, same, save, save_area, write_recipe_text
from limner.cli import main
from limner.foundation.errors import UserError
from limner.learning.library import load_recipe
from limner.learning.loop.training import _Loop
from limner.learning.runs.run import Run
from limner.learning.train import Training, train
from limner.segment.networks import NETWORKS
from limner.segment.training.task import SegmentTask

HEAVY = [
    "limner.cli",
    "limner.segment.training.task",
    "limner.segment.mapping.map_scenes",
    "limner.segment.training.report",
    "torch._dynamo",
]
AREAS = {"east": (1, 2), "west": (3, 4)}  # seeds of their pictures
STEPS = 24
PATIENCE_S = 240  # only a command that hangs takes so long

RECIPE = """
task: segment
network: {name: lite-unet, pretrained: false, width: 4}
borders: {name: distance, reach_px: 6}
optimizer: {name: adamw, learning_rate: 0.005}
schedule: {name: cosine, warmup: 0.2}
threshold: calibrated
batch: 2
steps_per_epoch: 4
stages:
  - {name: decoder, epochs: 2, train: decoder}
  - {name: all, epochs: 4}
data: {tile_px: 64, stride_px: 32, crop_px: 64, jitter: 0.2, scale_range: [0.8, 1.25]}
loop: {precision: fp32, log_every: 1, checkpoint_minutes: 0}
"""


def run_command(folder: Path, tokens: list[str]) -> None:
    """`limner` with these tokens, in ``folder``, on one thread; what it says goes to out.txt and err.txt."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with (
            chdir(folder),
            open("out.txt", "w") as out,
            open("err.txt", "w") as err,
            redirect_stdout(out),
            redirect_stderr(err),
        ):
            main(tokens)
    finally:
        torch.set_num_threads(threads)


@dataclass
class Place:
    """A folder with two areas, a recipe and a scene, where commands are run."""

    folder: Path
    context: Any

    def start(self, *tokens: str) -> Any:
        """A `limner` command under way."""
        process = self.context.Process(target=run_command, args=(self.folder, list(tokens)), daemon=True)
        process.start()
        return process

    def finish(self, *tokens: str) -> int:
        """The exit code of a command that nobody disturbs, and which therefore needs no process of its own."""
        with pytest.raises(SystemExit) as left:
            run_command(self.folder, list(tokens))
        assert isinstance(left.value.code, int)
        return left.value.code

    def said(self, stream: str = "err") -> list[str]:
        """The lines of the last command."""
        return (self.folder / f"{stream}.txt").read_text().splitlines()

    def train(self, out: str) -> list[str]:
        """The tokens of the training command."""
        return ["train", "quick.yaml", "--out", out]

    def weights(self, out: str) -> dict[str, torch.Tensor]:
        return Run(self.folder / out).weights()


def ended(process: Any) -> int:
    process.join(PATIENCE_S)
    assert process.exitcode is not None, "the command hangs"
    return int(process.exitcode)


def send(process: Any, number: signal.Signals, when: Callable[[], bool], delay_s: float = 0.0) -> int:
    """Signal a command once something has happened and a little later; its exit code."""
    limit = time.monotonic() + PATIENCE_S
    while not when():
        assert process.is_alive(), f"the command ended by itself with {process.exitcode}"
        assert time.monotonic() < limit, "the command hangs"
        time.sleep(0.002)
    time.sleep(delay_s)
    os.kill(process.pid, number)
    return ended(process)


def steps_of(run: Path) -> int:
    """How many steps a training has recorded."""
    rows = Run(run).metrics()
    return int(rows[-1]["step"]) if rows else 0


def has_taken(run: Path, steps: int) -> bool:
    return steps_of(run) >= steps


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    folder = tmp_path_factory.mktemp("going-on")
    areas = [save_area(folder / name, [draw_picture(seed=seed) for seed in seeds]) for name, seeds in AREAS.items()]
    write_recipe_text(folder, areas, RECIPE)
    save(folder / "scene.tif", draw_picture(300, 330, seed=7).values, **PLACE)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(HEAVY)
    return Place(folder, context)


@pytest.fixture(scope="module")
def straight(place: Place) -> Path:
    """A training that nothing disturbed."""
    assert place.finish(*place.train("straight")) == 0
    assert place.said("out") == ["straight"]
    assert steps_of(place.folder / "straight") == STEPS
    return place.folder / "straight"


def files_of(folder: Path) -> dict[str, tuple[int, int]]:
    """Every file below a folder with its size and time of change."""
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def is_the_same_run(run: Path, other: Path) -> None:
    for name in ("model.safetensors", "metrics.csv", "evaluation.json", "recipe.yaml"):
        assert (run / name).read_bytes() == (other / name).read_bytes(), name
    assert Run(run).facts == Run(other).facts
    assert Run(run).status["status"] == "finished"
    assert (run / "report.html").exists()
    assert not list(run.rglob(".*"))


@pytest.mark.kills
def test_killed_at_random_moments_twice_in_a_row_it_ends_as_if_never_killed(place: Place, straight: Path) -> None:
    chance = random.Random(2018)
    run = place.folder / "killed"
    for least, most in ((1, 7), (9, 16)):
        step = chance.randint(least, most)
        process = place.start(*place.train("killed"))
        code = send(process, signal.SIGKILL, partial(has_taken, run, step), chance.uniform(0, 0.1))
        assert code == -signal.SIGKILL
        assert step <= steps_of(run) < STEPS
        assert not (run / "model.safetensors").exists()
    entry = "from limner.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", entry, *place.train("killed")],
        cwd=place.folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "killed\n")
    assert "going on" in done.stderr
    is_the_same_run(run, straight)


@pytest.mark.kills
def test_stopped_politely_it_leaves_a_usable_run_and_goes_on_to_the_same_end(place: Place, straight: Path) -> None:
    run = place.folder / "stopped"
    for number, step, code in ((signal.SIGTERM, 5, 143), (signal.SIGINT, 13, 130)):
        process = place.start(*place.train("stopped"))
        assert send(process, number, partial(has_taken, run, step)) == code
        assert step <= steps_of(run) < STEPS
        assert place.said("out") == ["stopped"]
        assert place.said()[-1] == "stopped; stopped is usable as it is, and the same command goes on from here"
        assert Run(run).status["status"] == "interrupted"
        assert Run(run).status["steps"] == steps_of(run)
        out = f"maps-{code}"
        assert place.finish("segment", "stopped", "scene.tif", "--out", out, "--polygons", "none") == 0
        with rasterio.open(place.folder / out / "scene_classes.tif") as classes:
            assert (classes.height, classes.width) == (300, 330)
    assert place.finish(*place.train("stopped")) == 0
    is_the_same_run(run, straight)


def test_the_same_command_on_a_finished_run_does_nothing(place: Place, straight: Path) -> None:
    before = files_of(straight)
    assert place.finish(*place.train("straight")) == 0
    assert files_of(straight) == before
    assert place.said("out") == ["straight"]
    assert "already been trained on this data" in place.said()[-1]


def test_another_recipe_or_other_data_in_the_same_folder_is_refused(place: Place, straight: Path) -> None:
    before = files_of(straight)
    for more in (["--seed", "1"], ["--data", "east"]):
        assert place.finish(*place.train("straight"), *more) == 2
        assert "holds a run with another recipe or other data" in place.said()[-1]
    assert files_of(straight) == before


@pytest.mark.kills
def test_a_mapping_killed_midway_leaves_no_map_and_repeats_to_the_same_bytes(place: Place, straight: Path) -> None:
    chance = random.Random(7)
    tokens = ["segment", "straight", "scene.tif", "--tile-px", "64", "--overlap-px", "32", "--batch", "1"]
    assert place.finish(*tokens, "--out", "whole") == 0
    maps = place.folder / "maps"
    process = place.start(*tokens, "--out", "maps")
    code = send(process, signal.SIGKILL, lambda: any(maps.glob(".scene_classes.*.tif")), chance.uniform(0, 0.3))
    assert code == -signal.SIGKILL
    assert [path.name for path in maps.iterdir() if not path.name.startswith(".")] == []
    assert place.finish(*tokens, "--out", "maps") == 0
    names = sorted(path.name for path in maps.iterdir())
    assert names == sorted(path.name for path in (place.folder / "whole").iterdir())
    assert not [name for name in names if name.startswith(".")]
    for name in ("scene_classes.tif", "scene_preview.png"):
        assert (maps / name).read_bytes() == (place.folder / "whole" / name).read_bytes()
    before = files_of(maps)
    assert place.finish(*tokens, "--out", "maps") == 0
    assert files_of(maps) == before


# --- ended at the moments that a signal seldom meets; in this process, by an error that stands for the signal ---


class Killed(BaseException):
    """Stands for a SIGKILL: no code of ours may catch it."""


@pytest.fixture
def tiny_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(NETWORKS, "tiny", TinyNetwork)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def trained(place: Place, out: Path, *settings: str) -> Training:
    return train(place.folder / "quick.yaml", overrides=("--network.name", "tiny", *settings), out=out)


def kill(*_: object) -> None:
    raise Killed


@pytest.mark.usefixtures("tiny_network")
@pytest.mark.parametrize("moment", ["before the model was written", "before the report was written"])
def test_killed_after_the_last_step_it_still_leaves_the_trained_weights_and_all_files(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    last = ("--loop.keep", "last")  # where no best weights hide that the last ones were lost
    whole = trained(place, tmp_path / "whole", *last).run
    with monkeypatch.context() as patch:
        if "model" in moment:
            patch.setattr(_Loop, "leave_model", kill)
        else:
            patch.setattr("limner.segment.training.report.finish_training", kill)
        with pytest.raises(Killed):
            trained(place, tmp_path / "run", *last)
    run = trained(place, tmp_path / "run", *last).run
    assert same(run.weights(), whole.weights())
    is_the_same_run(run.folder, whole.folder)


@pytest.mark.usefixtures("tiny_network")
def test_killed_while_it_made_its_folder_the_same_command_begins_there(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr("limner.learning.runs.folder.write_json", kill)
        with pytest.raises(Killed):
            trained(place, out)
    assert [path.name for path in out.iterdir()] == ["recipe.yaml"]
    (out / ".recipe.0123abcd.yaml").write_text("half")
    assert trained(place, out).run.status["status"] == "finished"
    assert not list(out.glob(".*"))


@pytest.mark.usefixtures("tiny_network")
def test_a_folder_with_somebodys_own_recipe_is_not_taken_for_such_a_folder(place: Place, tmp_path: Path) -> None:
    recipe = tmp_path / "run" / "recipe.yaml"
    recipe.parent.mkdir()
    recipe.write_text((place.folder / "quick.yaml").read_text())
    with pytest.raises(UserError, match="holds other files; choose another folder or add --overwrite"):
        trained(place, recipe.parent)
    assert load_recipe(str(recipe)) == load_recipe(str(place.folder / "quick.yaml"))


@pytest.mark.usefixtures("tiny_network")
def test_a_stage_that_patience_ended_is_not_begun_again_by_who_goes_on(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SegmentTask, "evaluate", lambda task: {"validation/f1": 0.5})
    whole = trained(place, tmp_path / "whole", "--loop.patience", "1").run
    assert whole.status["steps"] == 8 + 4
    evaluate = _Loop._evaluate

    def stopped(loop: _Loop, *arguments: Any) -> None:
        evaluate(loop, *arguments)
        if loop.position.stale:
            os.kill(os.getpid(), signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(_Loop, "_evaluate", stopped)
        for steps in (8, 12):
            run = trained(place, tmp_path / "run", "--loop.patience", "1").run
            assert (run.status["status"], run.status["steps"]) == ("interrupted", steps)
    is_the_same_run(trained(place, tmp_path / "run", "--loop.patience", "1").run.folder, whole.folder)
