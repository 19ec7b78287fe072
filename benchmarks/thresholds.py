"""Thresholds for a place without labels: what each way to choose one scores on places that no training picture came
from.

    python benchmarks/thresholds.py WORK

WORK is the folder that ``benchmarks/doubt.py`` made: its runs, places and probabilities. Prints Markdown.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.isotonic import IsotonicRegression

from doubt import PLACES, SEEDS, UNKNOWN, scenes
from limner.learning.verbs import evaluate

STEPS = 256


class Seen(NamedTuple):
    """What is known of a run and a place.

    said: (256,) pixels of the place by the probability of building. truth: (2, 256) the same by what is true there,
    which only the best possible threshold may look at. held_out: (2, 256) of the held-out ground of the places that the
    run learned from.
    """

    said: np.ndarray
    truth: np.ndarray
    held_out: np.ndarray


def f1_at(counts: np.ndarray) -> np.ndarray:
    """F1 of building at each threshold, (256,). counts: (2, 256), not building and building."""
    called = counts[:, ::-1].cumsum(1)[:, ::-1]
    return 2 * called[1] / np.maximum(1e-9, called.sum(0) + counts[1].sum())


def middles() -> np.ndarray:
    """The probability that each step stands for, (256,)."""
    return (np.arange(STEPS) + 0.5) / STEPS


def held_out(seen: Seen) -> int:
    """Best on the held-out ground of the training places."""
    return int(f1_at(seen.held_out).argmax())


def otsu(seen: Seen) -> int:
    """Parts the place's probabilities into two groups that differ most (Otsu 1979)."""
    p, weights = middles(), seen.said / seen.said.sum()
    below, mean = weights.cumsum(), (weights * p).cumsum()
    between = (mean[-1] * below - mean) ** 2 / np.maximum(1e-12, below * (1 - below))
    return int(between.argmax()) + 1


def expected(seen: Seen, chance: np.ndarray | None = None) -> int:
    """Highest F1 that the probabilities themselves promise (Lipton et al. 2014). chance: what they mean."""
    real = middles() if chance is None else chance
    return int(f1_at(np.stack([seen.said * (1 - real), seen.said * real])).argmax())


def expected_calibrated(seen: Seen) -> int:
    """The same, of probabilities that were calibrated on the held-out ground (isotonic regression)."""
    total = seen.held_out.sum(0)
    known = total > 0
    fitted = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
    fitted.fit(middles()[known], (seen.held_out[1] / np.maximum(1, total))[known], sample_weight=total[known])
    return expected(seen, fitted.predict(middles()))


WAYS: dict[str, Callable[[Seen], int]] = {
    "0.5": lambda _: STEPS // 2,
    "0.3": lambda _: round(0.3 * STEPS),
    "0.2": lambda _: round(0.2 * STEPS),
    "best on the held-out ground of the other places": held_out,
    "Otsu of the place's probabilities": otsu,
    "highest expected F1": expected,
    "highest expected F1, calibrated on the held-out ground": expected_calibrated,
    "best of all (looks at the truth)": lambda seen: int(f1_at(seen.truth).argmax()),
}


def look(work: Path, place: str, seed: int) -> Seen:
    """What is known of a run that left ``place`` out."""
    said = np.load(work / "probabilities" / f"{place}-{seed}.npz")
    truth = np.zeros((2, STEPS))
    for scene in scenes(work, place):
        probability = said[f"plain/{scene.name}"].astype(np.float32)
        known = (scene.truth != UNKNOWN) & scene.valid & np.isfinite(probability)
        steps = np.minimum(probability[known] * STEPS, STEPS - 1).astype(int)
        truth += np.bincount(STEPS * (scene.truth[known] == 1) + steps, minlength=2 * STEPS).reshape(2, STEPS)
    kept = work / "thresholds" / f"{place}-{seed}.json"
    if not kept.exists():
        evaluate(work / "runs" / f"{place}-{seed}", out=kept)
    evaluation = json.loads(kept.read_text(encoding="utf-8"))
    return Seen(truth.sum(0), truth, np.array(evaluation["calibration"]["counts"], float))


def main() -> None:
    """Print F1 of each way, by place and in the mean, with the spread of its gain on 0.5."""
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("work", type=Path)
    work = given.parse_args().work
    known = {(place, seed): look(work, place, seed) for place in PLACES for seed in SEEDS}
    print(f"| threshold | {' | '.join(PLACES)} | mean | against 0.5: mean (worst to best of {len(known)}) |")
    print("| --- |" + " ---: |" * (len(PLACES) + 2))
    for name, choose in WAYS.items():
        f1 = {key: 100 * f1_at(seen.truth)[choose(seen)] for key, seen in known.items()}
        half = {key: 100 * f1_at(seen.truth)[STEPS // 2] for key, seen in known.items()}
        by_place = [np.mean([f1[place, seed] for seed in SEEDS]) for place in PLACES]
        gains = [f1[key] - half[key] for key in known]
        spread = f"{np.mean(gains):+.1f} ({min(gains):+.1f} to {max(gains):+.1f})"
        print(f"| {name} | {' | '.join(f'{value:.1f}' for value in by_place)} | {np.mean(by_place):.1f} | {spread} |")


if __name__ == "__main__":
    main()
