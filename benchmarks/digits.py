"""LeNet-5 on scikit-learn's digits: five folds, several seeds, drawn and in the order of the writers; prints the table.

    python benchmarks/digits.py [--seeds 3] [--recipe classify/lenet-digits]

Each training is `limner train RECIPE --data.folds 5 --data.fold K --seed S`, and is scored on its fold after the last
epoch, so that no score was chosen by what it is measured on. Beside it a nearest neighbor and a linear classifier of
scikit-learn on the same folds. Seconds of a fold, the longest of all, are of training with its report: passed, and of
processors.
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

import limner
from limner.classify.data.digits import find_digits
from limner.classify.data.split import SplitRule, split_found

FOLDS = 5
SPLITS = {"pictures": "drawn picture by picture", "order": "in the order of the data: other writers"}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--recipe", default="classify/lenet-digits")
    options = parser.parse_args()
    print("| split | classifier | accuracy, % | least and most of the seeds | seconds a fold | of processors |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    for split, told in SPLITS.items():
        seeds = range(options.seeds)
        accuracies, passed, used = zip(*(trained(options.recipe, split, seed) for seed in seeds), strict=True)
        print(row(told, options.recipe, accuracies, f"{max(passed):.0f} | {max(used):.0f}"), flush=True)
        for name, classifier in (
            ("nearest neighbor", KNeighborsClassifier(1)), ("linear", LogisticRegression(max_iter=2000))
        ):  # fmt: skip
            print(row(told, name, [fitted(classifier, split, seed) for seed in seeds], " | "), flush=True)


def trained(recipe: str, split: str, seed: int) -> tuple[float, float, float]:
    """(The share of all digits that is right in the fold that holds it out, seconds of the longest fold, and those of
    processors)."""
    right, passed, used = 0, 0.0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        for fold in range(FOLDS):
            began, working = time.monotonic(), time.process_time()
            overrides = [
                "--data.split", split, "--data.folds", str(FOLDS), "--data.fold", str(fold), "--seed", str(seed),
                "--loop.keep", "last", "--loop.evaluate-every", "1000",
            ]  # fmt: skip
            limner.train(recipe, overrides=overrides, out=Path(folder) / str(fold))
            passed, used = max(passed, time.monotonic() - began), max(used, time.process_time() - working)
            found = limner.evaluate(Path(folder) / str(fold))
            right += int(np.trace(found.confusion))
    return right / len(find_digits()), passed, used


def fitted(classifier: KNeighborsClassifier | LogisticRegression, split: str, seed: int) -> float:
    """The same of a classifier of scikit-learn on the 64 pixels."""
    found = find_digits()
    pixels = np.stack([np.asarray(found.opener(number, "gray", 8)).ravel() for number in range(len(found))]) / 255
    right = 0
    for fold in range(FOLDS):
        sides = split_found(found, SplitRule(split, folds=FOLDS, fold=fold), seed)  # type: ignore[arg-type]
        learned, held_out = sides.training.numpy(), sides.held_out.numpy()
        classifier.fit(pixels[learned], found.labels[learned])
        right += int((classifier.predict(pixels[held_out]) == found.labels[held_out]).sum())
    return right / len(found)


def row(split: str, name: str, accuracies: Sequence[float], seconds: str) -> str:
    """A line of the table."""
    mean, low, high = 100 * np.mean(accuracies), 100 * min(accuracies), 100 * max(accuracies)
    return f"| {split} | {name} | {mean:.2f} | {low:.2f} to {high:.2f} | {seconds} |"


if __name__ == "__main__":
    main()
