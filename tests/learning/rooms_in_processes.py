"""Rooms whose processes learn together: ``rooms_in_processes.py FOLDER PORT PORT``, one alone and two, joined by gloo.

Each writes for each room ``FOLDER/ROOM-<number>-<rank>.pt``, the weights after it. The two stop on the way and leave
their run as ``FOLDER/ROOM-stopped``; one process goes on with it: ``FOLDER/ROOM-on.pt``. Two others train one room
twice in ``FOLDER/torchrun`` as torchrun starts them. All are forked from one that has imported what they need, which
takes longest.
"""

import dataclasses
import multiprocessing
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

from drawn import RECIPE, TinyNetwork, draw_picture, save_area, write_recipe_text
from drawn_pictures import draw_shape
from limner.classify.training.task import ClassifyTask
from limner.learning.library import load_recipe
from limner.learning.loop.settings import LoopSettings
from limner.learning.loop.task import Task
from limner.learning.loop.training import learn
from limner.learning.runs.folder import start_run
from limner.learning.runs.run import Run
from limner.learning.train import resolve, train_recipe
from limner.segment.networks import NETWORKS
from limner.segment.training.task import SegmentTask
from limner.translate.training.pairs.task import PairTask

BATCH = 8
"""Items of all processes together."""
STOP_AFTER = 3
"""Steps, of which each room takes more."""
DESCENT = "--{0}.name sgd --{0}.learning-rate {1} --{0}.momentum 0"  # Adam makes whole steps of rounding errors
SETTINGS = {
    "segment": DESCENT.format("optimizer", 0.2),
    "classify": f"--data.size-px 32 --data.held-out 0.2 --epochs 2 {DESCENT.format('optimizer', 0.1)}",
    "translate": "--data.size-px 32 --data.jitter-px none --data.crop-px none --data.held-out 0 --data.flip false "
    "--generator.levels 3 --generator.width 4 --generator.norm none --generator.dropout 0 "
    "--epochs 2 --steps-per-epoch none " + DESCENT.format("generator-optimizer", 0.002),
}


def draw(folder: Path) -> None:
    """What the rooms learn from: an area, two kinds of pictures, pairs."""
    save_area(folder / "segment", [draw_picture(160, 160, seed=1)])
    for number in range(40):
        kind = ("box", "disk")[number % 2]
        picture = Image.fromarray(draw_shape(kind, number)).convert("RGB").resize((32, 32))
        for path in (folder / "classify" / kind, folder / "translate" / "target", folder / "translate" / "source"):
            path.mkdir(parents=True, exist_ok=True)
            shown = picture if path.name != "source" else Image.fromarray(255 - np.asarray(picture))
            shown.save(path / f"{number}.png")


def make_task(room: str, processes: int, folder: Path, rank: int) -> Task:
    """The task of one process."""
    common = f"--batch {BATCH // processes} --loop.devices {processes} --loop.precision fp32"
    words = f"{common} {SETTINGS[room]}".split()
    if room == "segment":
        NETWORKS["tiny"] = TinyNetwork
        frozen = RECIPE.replace("epochs: 2", "stages: [{name: decoder, epochs: 2, train: decoder}]")  # batch norm stays
        path = write_recipe_text(folder / f"recipe-{processes}-{rank}", [folder / room], frozen)
        return SegmentTask(load_recipe(str(path), words))
    if room == "translate":
        return PairTask(resolve("translate/pairs-l1", data=[folder / room], overrides=words))
    recipe = load_recipe("classify/lenet-digits", words)
    return ClassifyTask(dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, paths=(folder / room,))))


def stopped(task: Task, steps: int) -> Task:
    """The task, asked to stop after so many steps."""
    begin, step, at_hand = task.begin, task.step, []

    def begun(stage: Any, context: Any) -> None:
        at_hand.append(context.stop)
        begin(stage, context)

    def stepped(batches: Iterator[Any], index: int) -> Any:
        values = step(batches, index)
        if index + 1 == steps:
            at_hand[-1].signal = signal.SIGTERM
        return values

    task.begin, task.step = begun, stepped  # type: ignore[method-assign]
    return task


def main(folder: str, port: str, other_port: str) -> None:
    """Begin them all, and wait for them; an exit code of 1 where one failed."""
    torch.set_num_threads(1)
    draw(Path(folder))
    forked = multiprocessing.get_context("fork")
    running = []
    for count in (1, 2):
        for rank in range(count):
            running.append(forked.Process(target=learn_all, args=(Path(folder), port, rank, count)))
    running += [forked.Process(target=train_by_torchrun, args=(Path(folder), other_port, rank)) for rank in (0, 1)]
    for process in running:
        process.start()
    for process in running:
        process.join()
    sys.exit(any(process.exitcode for process in running))


def learn_all(folder: Path, port: str, rank: int, processes: int) -> None:
    """Learn in one room after the other, and leave the weights; as two, once more until a stop."""
    there = {"LOCAL_RANK": rank, "NODE_RANK": 0, "WORLD_SIZE": processes, "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in there.items()}, MASTER_ADDR="127.0.0.1")
    fabric = Fabric(accelerator="cpu", devices=processes, strategy="ddp" if processes > 1 else "auto")
    fabric.launch()
    for room in SETTINGS:
        task = make_task(room, processes, folder, rank)
        torch.save(task.weights(), folder / f"{room}-begun.pt")
        go(task, folder / f"{room}-{processes}", fabric)
        torch.save(task.weights(), folder / f"{room}-{processes}-{rank}.pt")
        if processes == 2:
            go(stopped(make_task(room, processes, folder, rank), STOP_AFTER), folder / f"{room}-stopped", fabric)


def train_by_torchrun(folder: Path, port: str, rank: int) -> None:
    """Train a room, and once more, in the environment that torchrun gives its processes; its settings name one."""
    there = {"LOCAL_RANK": rank, "RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2, "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in there.items()}, MASTER_ADDR="127.0.0.1")
    os.environ["TORCHELASTIC_RUN_ID"] = "test"
    (folder / "torchrun").mkdir(exist_ok=True)
    os.chdir(folder / "torchrun")
    recipe = make_task("classify", 2, folder, rank).recipe
    recipe = dataclasses.replace(recipe, loop=dataclasses.replace(recipe.loop, devices=1, keep="last"))
    folders = {train_recipe(recipe, "classify").run.folder.as_posix() for _ in range(2)}
    assert folders == {"runs/classify-001"}, folders


def go(task: Task, folder: Path, fabric: Fabric) -> None:
    """Learn into a run, from where it stands."""
    run = Run(folder)
    if fabric.is_global_zero and not folder.exists():
        start_run(run, "task: any\n", "drawn")
    fabric.barrier()
    learn(task, run, LoopSettings(devices=fabric.world_size, precision="fp32", keep="last"), fabric)


def go_on(room: str, folder: Path) -> dict[str, torch.Tensor]:
    """The weights after one process has gone on where two stopped."""
    shutil.copytree(folder / f"{room}-stopped", folder / f"{room}-on")
    task = make_task(room, 1, folder, 0)
    go(task, folder / f"{room}-on", Fabric(accelerator="cpu", devices=1))
    return task.weights()


if __name__ == "__main__":
    main(*sys.argv[1:])
