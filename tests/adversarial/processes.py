"""Processes that learn together: ``processes.py FOLDER PORT``, one alone and two, on the CPU and joined by gloo.

Each writes for each of its trainings ``FOLDER/WHAT-<number>-<rank>.pt``: the weights after it, what its state holds,
and under ``moved.`` how far each network came. They are forked from one that has imported all they need, which takes
longest.
"""

import multiprocessing
import os
import sys
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).parents[1] / "helpers"))

from systems import CycleGAN

from drawn_pictures import save_boxes
from limner.fidelity.features import FeatureExtractor
from limner.generate.networks import GENERATORS
from limner.generate.training.task import GenerateTask
from limner.learning.loop.settings import LoopSettings
from limner.learning.loop.task import Task
from limner.learning.loop.training import learn
from limner.learning.runs.folder import start_run
from limner.learning.runs.run import Run
from limner.learning.train import resolve
from quick_features import mean_colors

FOLLOWS, AGREES = ("gan", "cyclegan"), "switches"
"""What one process learns as two do, and what two learn alike."""
BATCH = 8
"""Pictures of all processes together."""
COMMON = """
    --data.size-px 32 --data.held-out 12 --kimg 0.048 --scores.every-kimg 0.024 --scores.samples 16
    --loop.precision fp32 --generator.width 4 --discriminator.width 4 --initialization.name normal
    --initialization.std 0.2
"""
SWITCHES = {
    "gan": """
        --generator.name without-norm --discriminator.batch-norm false --data.flip false --discriminator-steps 2
        --penalties.r1 1 --clip-gradients 0.5
        --generator-optimizer.name sgd --generator-optimizer.learning-rate 0.1 --generator-optimizer.momentum 0
        --discriminator-optimizer.name sgd --discriminator-optimizer.learning-rate 0.1
        --discriminator-optimizer.momentum 0
    """,
    "switches": """
        --augment.name ada --augment.kimg 0.1 --augment.target -0.99 --augment.every 1 --average.name half-life
        --spectral-norm both --generator-batch own --penalties.lecam 0.3 --penalties.consistency 1
        --discriminate together
    """,
}


class WithoutNorm(nn.Module):
    """A generator that sees each latent alone, so that it does not matter which batch it comes in."""

    def __init__(self, size_px: int, channels: int, classes: int, *, latent: int = 6, width: int = 4) -> None:
        super().__init__()
        self.latent = latent
        self.code = nn.Linear(latent, width * 64)
        self.picture = nn.ConvTranspose2d(width, channels, 4, stride=4)

    def forward(self, latent: Tensor, label: Tensor | None = None) -> Tensor:
        return self.picture(self.code(latent).view(len(latent), -1, 8, 8).relu()).tanh()


class QuickCycleGAN(CycleGAN):
    """Plain descent: Adam turns a gradient of rounding errors into a whole step."""

    def optimizer(self, parameters: Any) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, 0.05)


def make_task(what: str, processes: int, folder: Path) -> Task:
    """The task of one process."""
    part = BATCH // processes
    if what == "cyclegan":
        task = QuickCycleGAN(batch=part)
        task.pool = type(task.pool)(50)  # not full within the test: each process fills a pool of its own
        return task
    if what == "gan":
        GENERATORS["without-norm"] = WithoutNorm
    settings = f"--batch {part} --loop.devices {processes} {COMMON} {SWITCHES[what]}".split()
    return GenerateTask(resolve("generate/dcgan", data=[folder / "boxes"], overrides=settings))


def main(folder: str, port: str) -> None:
    """Begin them all, and wait for them; an exit code of 1 where one failed."""
    torch.set_num_threads(1)
    FeatureExtractor.of = staticmethod(mean_colors)
    forked = multiprocessing.get_context("fork")
    running = []
    for count, trainings in ((1, FOLLOWS), (2, (*FOLLOWS, AGREES))):
        for rank in range(count):
            running.append(forked.Process(target=learn_all, args=(Path(folder), port, rank, count, trainings)))
            running[-1].start()
    for process in running:
        process.join()
    sys.exit(any(process.exitcode for process in running))


def learn_all(folder: Path, port: str, rank: int, processes: int, trainings: tuple[str, ...]) -> None:
    """Learn one after the other, and leave the weights."""
    there = {"LOCAL_RANK": rank, "NODE_RANK": 0, "WORLD_SIZE": processes, "MASTER_PORT": port}
    os.environ.update({name: str(value) for name, value in there.items()}, MASTER_ADDR="127.0.0.1")
    mine = folder / f"{processes}-{rank}"
    save_boxes(mine / "boxes", 40)
    fabric = Fabric(accelerator="cpu", devices=processes, strategy="ddp" if processes > 1 else "auto")
    fabric.launch()
    for what in trainings:
        task = make_task(what, processes, mine)
        begun = task.weights()
        run = Run(folder / f"run-{what}-{processes}")
        if rank == 0:
            start_run(run, "task: generate\n", "boxes")
        fabric.barrier()
        learn(task, run, LoopSettings(devices=processes, precision="fp32", keep="last"), fabric)
        torch.save(left(task, begun), folder / f"{what}-{processes}-{rank}.pt")


def left(task: Task, begun: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights and state now, and how far each network came from where it began."""
    weights = task.weights()
    distances = {
        f"moved.{network}": sum(
            float((value - begun[name]).float().norm()) for name, value in weights.items() if name.startswith(network)
        )
        for network in task.networks
    }
    state = {f"state.{name}": value for name, value in task.state.items() if isinstance(value, Tensor)}
    return {**weights, **state, **{name: torch.tensor(value) for name, value in distances.items()}}


if __name__ == "__main__":
    main(*sys.argv[1:])
