"""Latent optimization beside its baseline where the truth is known: a mixture of Gaussians, and digits of 8 x 8 px.

    python benchmarks/logan.py [--steps 2000] [--seeds 5] [--batch 64]

Networks of two hidden layers of 128 units, hinge loss, spectral normalization in the discriminator, uniform latents of
16 numbers, Adam at 1e-3 with beta1 0.5. ``mixture``: 25 Gaussians of standard deviation 0.05 on a grid of 5 x 5 at
distance 1; of 2,500 made points the score is the share within 3 standard deviations of a center. ``digits``:
scikit-learn's 1,797 digits; a linear classifier of their pixels tells which digit a made one is, and the score is KID
of the pixels, of 1,000 made digits against 500 held-out ones: lower is better. A mode, or a digit, is covered by a
fifth of the samples that it would get if all got as many.

Rows: no latent optimization; a natural step whose second-order term is left out; the natural step with it. Speed is in
steps by processor seconds of one thread, so it holds beside other work. Prints Markdown.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from statistics import mean, stdev

import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn

from limner.adversarial.latents.optimize import OptimizedLatents, optimize_latents
from limner.adversarial.latents.settings import LatentOptimization
from limner.adversarial.losses import Hinge
from limner.adversarial.priors import Uniform
from limner.adversarial.update import Update, update_discriminator, update_generator
from limner.adversarial.updater import Updater
from limner.adversarial.weights.spectral import apply_spectral_norm
from limner.fidelity.kernel import kernel_distance
from limner.foundation.draws import Draws
from limner.learning.loop.fabric import make_fabric
from limner.learning.loop.settings import LoopSettings

LATENT, HIDDEN, MADE = 16, 128, 2500
STD, SIDE = 0.05, 5
MODE_SHARE = 0.2
"""A mode is covered by this share of the samples that it would get if all got as many."""
NATURAL = {"step": "natural", "rate": 0.9, "damping": 0.1, "penalty": 0.1, "share": 0.8}
ROWS = {
    "none": LatentOptimization(),
    "natural step, fixed": LatentOptimization(**NATURAL, second_order=False),  # type: ignore[arg-type]
    "natural step": LatentOptimization(**NATURAL),  # type: ignore[arg-type]
}


@dataclass(frozen=True)
class Found:
    """Of one training: modes covered, the score, and steps in a processor second."""

    modes: float
    score: float
    speed: float


def main() -> None:
    """Measure and print."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("--steps", type=int, default=2000)
    given.add_argument("--seeds", type=int, default=5)
    given.add_argument("--batch", type=int, default=64)
    options = given.parse_args()
    torch.set_num_threads(1)
    print(f"{date.today()}, torch {torch.__version__}, one thread, {options.steps} steps of {options.batch}\n")
    for name, task, title, score in (
        ("mixture", mixture(), "modes of 25", "near a mode, %"),
        ("digits", digits(), "digits of 10", "kernel distance"),
    ):
        print(f"| {name}: latent optimization | {title} | {score} | steps a second |\n| --- | ---: | ---: | ---: |")
        for row, settings in ROWS.items():
            found = [run(settings, *task, seed, options.steps, options.batch) for seed in range(options.seeds)]
            print(
                f"| {row} | {told([one.modes for one in found])} | {told([one.score for one in found])} | "
                f"{mean(one.speed for one in found):.0f} |",
                flush=True,
            )
        print()


def told(values: list[float]) -> str:
    """Mean and standard deviation over the seeds."""
    return f"{mean(values):.3g} ± {stdev(values):.2g}" if len(values) > 1 else f"{values[0]:.3g}"


def mixture() -> tuple[int, Callable[[int, torch.Generator], Tensor], Callable[[Tensor], tuple[float, float]]]:
    """(numbers in a sample, real samples, (modes covered, percentage near a mode) of made ones)."""
    line = torch.arange(SIDE) - (SIDE - 1) / 2
    centers = torch.cartesian_prod(line, line)

    def real(count: int, generator: torch.Generator) -> Tensor:
        chosen = torch.randint(len(centers), (count,), generator=generator)
        return centers[chosen] + STD * torch.randn(count, 2, generator=generator)

    def judge(made: Tensor) -> tuple[float, float]:
        distances, nearest = torch.cdist(made, centers).min(dim=1)
        near = distances < 3 * STD
        counts = torch.bincount(nearest[near], minlength=len(centers))
        return float((counts >= MODE_SHARE * len(made) / len(centers)).sum()), 100 * float(near.float().mean())

    return 2, real, judge


def digits() -> tuple[int, Callable[[int, torch.Generator], Tensor], Callable[[Tensor], tuple[float, float]]]:
    """As `mixture`, of digits: (digits covered, kernel distance from those held out)."""
    pixels, labels = load_digits(return_X_y=True)
    shown = torch.tensor(pixels, dtype=torch.float32) / 8 - 1
    order = torch.randperm(len(shown), generator=torch.Generator().manual_seed(0))
    held_out, learned = shown[order[:500]], shown[order[500:]]
    reader = LogisticRegression(max_iter=300).fit(learned.numpy(), labels[order[500:].numpy()])

    def real(count: int, generator: torch.Generator) -> Tensor:
        return learned[torch.randint(len(learned), (count,), generator=generator)]

    def judge(made: Tensor) -> tuple[float, float]:
        seen = torch.bincount(torch.from_numpy(reader.predict(made.numpy())).long(), minlength=10)
        return float((seen >= MODE_SHARE * len(made) / 10).sum()), kernel_distance(
            held_out.double(), made[:1000].double()
        )

    return 64, real, judge


def run(
    settings: LatentOptimization,
    size: int,
    real: Callable[[int, torch.Generator], Tensor],
    judge: Callable[[Tensor], tuple[float, float]],
    seed: int,
    steps: int,
    batch: int,
) -> Found:
    """One training, and what its generator makes of new latents."""
    draws = Draws(seed, torch.device("cpu"))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        end: nn.Module = nn.Tanh() if size == 64 else nn.Identity()
        generator, discriminator = (
            nn.Sequential(layers(LATENT, size, nn.ReLU()), end),
            layers(size, 1, nn.LeakyReLU(0.2)),
        )
    apply_spectral_norm(discriminator, draws.of("singular vectors"))
    fabric, loss, prior = make_fabric(LoopSettings(precision="fp32")), Hinge(), Uniform()
    movers = [
        Updater(fabric, torch.optim.Adam(each.parameters(), 1e-3, betas=(0.5, 0.999)))
        for each in (generator, discriminator)
    ]
    say: Callable[[Tensor], Tensor] = lambda sample: discriminator(sample).flatten()  # noqa: E731
    terms = {"penalty": lambda update: settings.penalty * update.latent.penalty} if settings.penalty else {}

    def made(number: int) -> tuple[Tensor, OptimizedLatents]:
        latent = prior.draw(batch, LATENT, draws.of("latent", number))
        moved = optimize_latents(lambda z: say(generator(z)), latent, settings)
        return generator(moved.latent), moved

    started = time.process_time()
    for number in range(steps):
        fake, moved = made(2 * number)
        update_discriminator(
            say, movers[1], loss, Update(number, real(batch, draws.of("real", number)), fake, moved), terms
        )
        fake, moved = made(2 * number + 1)
        update_generator(say, movers[0], loss, Update(number, None, fake, moved), terms)
    speed = steps / (time.process_time() - started)
    with torch.no_grad():
        return Found(*judge(generator(prior.draw(MADE, LATENT, draws.of("made")))), speed)


def layers(inputs: int, outputs: int, between: nn.Module) -> nn.Sequential:
    """Two hidden layers."""
    return nn.Sequential(
        nn.Linear(inputs, HIDDEN), between, nn.Linear(HIDDEN, HIDDEN), between, nn.Linear(HIDDEN, outputs)
    )


if __name__ == "__main__":
    main()
