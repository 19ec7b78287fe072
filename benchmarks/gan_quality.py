"""How good the pictures of a recipe are after its training, beside the loop that tutorials teach, in one run.

    python benchmarks/gan_quality.py --data FOLDER [--minutes 10] [--seeds 1 2 3] [--held-out 240] [--rows best tutorial
    ...] [--recipe generate/best]

FOLDER (default $LIMNER_DATA) holds PNG or JPEG pictures. ``best`` is ``limner train RECIPE`` as a user types it,
once a seed, which also draws the held-out pictures (near-duplicates stay together); its recipe says how long it trains.
``tutorial`` (and ``tutorial-bf16``, under autocast) is the loop of `gan_plain` over the same learned pictures for so
many minutes of the clock, first seed only. ``flat`` are pictures of one color each, the means of learned ones; ``real``
is as many learned pictures as there are: what the score gives to pictures that are right. All are held against the
held-out pictures of their seed: KID[efficientnet-lite0], whole sets, 1,000 made pictures. Seconds are of the clock:
they hold where nothing else runs. Prints Markdown; the runs stay in --out. With --draw FOLDER the pictures of the first
seed and all curves go there.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import mean

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from gan_plain import LATENT, batches, train
from limner.datasets.pictures.quantized import quantized
from limner.fidelity.described import describe
from limner.fidelity.features import FeatureExtractor
from limner.fidelity.score import score_pictures
from limner.generate.training.recipe import GenerateRecipe
from limner.generate.training.recipe_data import load_pictures, split_pictures
from limner.generate.training.task import GenerateTask
from limner.learning.library import load_recipe
from limner.learning.runs.run import Run

ROWS = ("best", "tutorial", "tutorial-bf16", "flat", "real")
SAMPLES, TUTORIAL_BATCH = 1000, 128


@dataclass(frozen=True)
class Row:
    """One line of the table: what was scored, of which seed, and what it took."""

    name: str
    seed: int
    kid: float
    low: float
    high: float
    shown: int
    seconds: float


def main() -> None:
    """Measure and print."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--data", default=os.environ.get("LIMNER_DATA"), help="a folder of pictures")
    given.add_argument("--minutes", type=float, default=10.0, help="of the tutorial's loop")
    given.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    given.add_argument("--held-out", type=int, default=240)
    given.add_argument("--recipe", default="generate/best", help="what the row best trains")
    given.add_argument("--rows", nargs="+", choices=ROWS, default=list(ROWS))
    given.add_argument("--draw", type=Path, metavar="FOLDER", help="where cars-made.jpg and cars-curves.png go")
    given.add_argument("--out", type=Path, help="where the runs go (default: a temporary folder)")
    options = given.parse_args()
    if options.data is None:
        given.error("give --data FOLDER, or set LIMNER_DATA")
    print(f"{date.today()}, {os.cpu_count()} cores, torch {torch.__version__}, load {os.getloadavg()[0]:.1f}\n")
    with tempfile.TemporaryDirectory() as folder:
        out = options.out or Path(folder)
        print_table([row for name in options.rows for row in measured(name, options, out)])
        if options.draw and "best" in options.rows:
            draw_figures(options.recipe, [run_of(seed, out) for seed in options.seeds], options.draw)


def measured(name: str, options: argparse.Namespace, out: Path) -> Iterator[Row]:
    """The lines of one row."""
    data = Path(options.data).resolve()
    if name == "best":
        for seed in options.seeds:
            yield best(options.recipe, data, seed, options.held_out, run_of(seed, out))
        return
    seed = options.seeds[0]
    learned, held_out = split(options.recipe, data, seed, options.held_out)
    started, shown = time.monotonic(), 0
    if name == "flat":
        pictures = learned.float().mean(dim=(2, 3), keepdim=True).round().byte().expand_as(learned)
    elif name == "real":
        pictures = learned
    else:
        pictures, shown = tutorial(learned, options.minutes * 60, bf16=name.endswith("bf16"))
    yield row(name, seed, pictures, held_out, shown, time.monotonic() - started)


def run_of(seed: int, out: Path) -> Path:
    """Where the run of a seed goes."""
    return out / f"best-{seed}"


def best(recipe: str, data: Path, seed: int, held_out: int, run: Path) -> Row:
    """What `limner train` makes of the recipe; seconds are those of the whole command."""
    command = ["limner", "train", recipe, "--data", str(data), "--out", str(run), "--seed", str(seed)]
    command += ["--data.held-out", str(held_out), "--scores.samples", str(SAMPLES)]
    started = time.monotonic()
    subprocess.run(command, check=True, stdout=sys.stderr)
    seconds = time.monotonic() - started
    scored = json.loads((run / "evaluation.json").read_text())
    kid = scored["scores"]["kid"]
    shown = json.loads((run / "run.json").read_text())["steps"] * our_recipe(recipe, seed, held_out).images_per_step
    return Row("best", seed, kid["value"], kid["low"], kid["high"], shown, seconds)


def our_recipe(name: str, seed: int, held_out: int) -> GenerateRecipe:
    """The recipe of `best`, without its pictures."""
    recipe = load_recipe(name, ["--seed", str(seed), "--data.held-out", str(held_out)])
    assert isinstance(recipe, GenerateRecipe)
    return recipe


def split(name: str, data: Path, seed: int, held_out: int) -> tuple[Tensor, Tensor]:
    """(Learned, held-out) pictures of a seed, (n, 3, S, S) uint8: those of `best`."""
    recipe = GenerateTask.with_data(our_recipe(name, seed, held_out), [data], {})
    pictures = load_pictures(recipe)
    learned, kept = split_pictures(recipe, pictures)
    return pictures.pictures[learned], pictures.pictures[kept]


def tutorial(learned: Tensor, seconds: float, *, bf16: bool) -> tuple[Tensor, int]:
    """(pictures, how many were shown) of the tutorial's loop after so many seconds, by the generator's last weights."""
    with tempfile.TemporaryDirectory() as folder:
        for number, picture in enumerate(learned):
            Image.fromarray(np.ascontiguousarray(picture.permute(1, 2, 0).numpy())).save(
                Path(folder) / f"{number:05d}.png"
            )
        source = batches(Path(folder), TUTORIAL_BATCH, learned.shape[-1], 0, in_memory=True)
        next(source)
        rounds = train(source, torch.autocast("cpu", torch.bfloat16) if bf16 else None)
        started, shown = time.monotonic(), 0
        while time.monotonic() - started < seconds:
            generator = next(rounds)
            shown += TUTORIAL_BATCH
    generator.eval()
    with torch.inference_mode():
        latents = torch.randn(SAMPLES, LATENT, 1, 1, generator=torch.Generator().manual_seed(0))
        made = torch.cat([generator(part) for part in latents.split(100)])
    return quantized((made + 1) / 2), shown


def row(name: str, seed: int, pictures: Tensor, held_out: Tensor, shown: int, seconds: float) -> Row:
    """The line of pictures made here."""
    extractor = FeatureExtractor.of("efficientnet-lite0")
    scored = score_pictures(describe(held_out, extractor), describe(pictures, extractor), extractor)
    kid = scored.scores["kid"]
    low, high = kid.interval or (float("nan"), float("nan"))
    return Row(name, seed, kid.value, low, high, shown, seconds)


def print_table(rows: Sequence[Row]) -> None:
    """Every line, and the mean over the seeds of `best`."""
    print("| pictures | seed | KID | 95 % interval | pictures shown | seconds |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for each in rows:
        print(
            f"| {each.name} | {each.seed} | {each.kid:.4f} | {each.low:.4f} to {each.high:.4f} | {each.shown:,} | "
            f"{each.seconds:.0f} |"
        )
    ours = [each.kid for each in rows if each.name == "best"]
    if len(ours) > 1:
        print(f"\nbest: mean KID {mean(ours):.4f} over {len(ours)} seeds, {min(ours):.4f} to {max(ours):.4f}")


def draw_figures(recipe: str, runs: Sequence[Path], folder: Path) -> None:
    """The pictures that the first run made, as it drew them, and of all runs KID and the losses over pictures shown."""
    Image.open(runs[0] / "pictures" / "made.png").save(folder / "cars-made.jpg", quality=88)
    figure = Figure(figsize=(9, 3.2), layout="constrained")
    panels = figure.subplots(1, 2)
    for run in runs:
        rows = Run(run).metrics()
        batch = our_recipe(recipe, 0, 0).images_per_step
        for axes, name, style in (
            (panels[0], "validation/kid", {"marker": "o"}),
            (panels[1], "train/discriminator_loss", {"linewidth": 0.8}),
        ):
            points = [(int(row["step"]) * batch / 1000, float(row[name])) for row in rows if row.get(name)]
            axes.plot(*zip(*points, strict=True), label=run.name.replace("best-", "seed "), **style)
            axes.set(title=name, xlabel="thousands of pictures shown")
            axes.grid(alpha=0.25)
            axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylim(bottom=0)
    panels[0].legend(frameon=False)
    figure.savefig(folder / "cars-curves.png", dpi=100)


if __name__ == "__main__":
    main()
