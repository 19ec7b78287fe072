"""How many pictures a second a DCGAN of 64 px learns from, here and in the loop that tutorials teach, in one run.

    python benchmarks/gan_speed.py [--data FOLDER] [--batch 128] [--seconds 60] [--rounds 2]

FOLDER (default $LIMNER_DATA) holds PNG or JPEG pictures; without one, noise of as many pictures as KITTI's cars is
drawn. Rows: the loop of tutorials with its files read by two workers of a data loader; the same with its pictures in
memory; the recipe generate/dcgan in float32 and in what the machine does best. Networks, batch and optimizer are the
same. Each row is measured in processes of its own, as often as --rounds says, in turn; the best counts. Seconds are of
the clock: they hold where nothing else runs. Peak memory is that of the process and its workers together. Prints
Markdown.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import NoReturn

import numpy as np
import psutil
import torch
from PIL import Image

ROWS = {
    "tutorial, files and two workers": "files",
    "tutorial, pictures in memory": "memory",
    "limner, float32": "fp32",
    "limner": "auto",
}
SIZE_PX, WORKERS, WARM_STEPS, DRAWN = 64, 2, 4, 1160


def main() -> None:
    """Measure and print."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--data", default=os.environ.get("LIMNER_DATA"), help="a folder of pictures")
    given.add_argument("--batch", type=int, default=128)
    given.add_argument("--seconds", type=float, default=60.0, help="for each row and round, warming up not counted")
    given.add_argument("--rounds", type=int, default=2)
    given.add_argument("--row", choices=ROWS.values(), help=argparse.SUPPRESS)
    options = given.parse_args()
    if options.row:
        measure(options.row, Path(options.data), options.batch, options.seconds)
    with tempfile.TemporaryDirectory() as folder:
        if options.data is None:
            options.data = draw_pictures(Path(folder))
        compare(options)


def compare(options: argparse.Namespace) -> None:
    """Every row in turn, and the table."""
    device = (
        torch.cuda.get_device_name() if torch.cuda.is_available() else f"{os.cpu_count()} cores, {platform.machine()}"
    )
    print(
        f"{date.today()}, {device}, torch {torch.__version__}, batch {options.batch}, load {os.getloadavg()[0]:.1f}\n"
    )
    found: dict[str, list[dict[str, float]]] = {row: [] for row in ROWS.values()}
    for _ in range(options.rounds):
        for row, results in found.items():
            command = [sys.executable, __file__, "--row", row, "--data", str(options.data)]
            command += ["--batch", str(options.batch), "--seconds", str(options.seconds)]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
            results.append(json.loads(done.stdout.splitlines()[-1]))
    best = {row: max(results, key=lambda result: result["per_second"]) for row, results in found.items()}
    print("| loop | images a second | times the first | times the second | peak MiB | all rounds |")
    print("| --- | ---: | ---: | ---: | ---: | --- |")
    for name, row in ROWS.items():
        speed = best[row]["per_second"]
        ratios = " | ".join(f"{speed / best[other]['per_second']:.2f}" for other in ("files", "memory"))
        rounds = ", ".join(f"{result['per_second']:.1f}" for result in found[row])
        print(f"| {name} | {speed:.1f} | {ratios} | {best[row]['peak_mib']:.0f} | {rounds} |")


def measure(row: str, folder: Path, batch: int, seconds: float) -> NoReturn:
    """Print images a second and the peak memory of one row, measured in this process, and leave."""
    clock = Clock(batch, seconds)
    if row in ("files", "memory"):
        from gan_plain import batches, train

        for number, _ in enumerate(train(batches(folder, batch, SIZE_PX, WORKERS, row == "memory"))):
            clock.tick(number)
    else:
        train_here(folder, batch, row, clock.tick)
    raise AssertionError("the clock ends every training")


class Clock:
    """Counts steps after some to warm up; prints what was measured, and leaves when the time is over."""

    def __init__(self, batch: int, seconds: float) -> None:
        self.batch, self.seconds = batch, seconds
        self.began = 0.0
        self.peak = 0

    def tick(self, number: int) -> None:
        """A step is done."""
        if number + 1 < WARM_STEPS:
            return
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        if number + 1 == WARM_STEPS:
            self.began = time.monotonic()
            return
        if number % 8 == 0:
            self.peak = max(self.peak, resident_bytes())
        elapsed = time.monotonic() - self.began
        if elapsed >= self.seconds:
            steps = number + 1 - WARM_STEPS
            result = {"per_second": steps * self.batch / elapsed, "peak_mib": self.peak / 2**20}
            print(json.dumps(result), flush=True)
            os._exit(0)  # the loader's workers and the reading thread are in the middle of a batch


def resident_bytes() -> int:
    """Memory that this process and its children hold; pages that they share count once for each."""
    here = psutil.Process()
    return sum(process.memory_info().rss for process in (here, *here.children(recursive=True)))


def train_here(folder: Path, batch: int, precision: str, on_step: Callable[[int], None]) -> None:
    """The recipe generate/dcgan as the loop of `limner train` steps it."""
    from limner.learning.library import load_recipe, task_class
    from limner.learning.loop.fabric import make_fabric
    from limner.learning.loop.stream import Stream
    from limner.learning.loop.task import StageContext

    words = ["--batch", str(batch), "--data.held-out", "0", "--loop.precision", precision]
    recipe = load_recipe("generate/dcgan", words)
    kind = task_class("generate")
    task = kind(kind.with_data(recipe, [folder.resolve()], {}))
    (stage,) = task.stages()
    task.begin(stage, StageContext(make_fabric(recipe.loop), folder))
    with Stream(lambda number: task.batch(stage, number)) as batches:
        for number in range(sys.maxsize):
            values = task.step(batches, number)
            if number % recipe.loop.log_every == 0:
                [float(value) for value in values.values()]
            on_step(number)


def draw_pictures(folder: Path) -> Path:
    """As many pictures of noise as there are cars in KITTI's cut-outs."""
    random = np.random.default_rng(0)
    for number in range(DRAWN):
        pixels = random.integers(0, 256, (SIZE_PX, SIZE_PX, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:05d}.png")
    return folder


if __name__ == "__main__":
    main()
