"""Runs between a parent and what it was refined to, to map and score: `limner refine` keeps one of them by itself.

    limner refine PARENT SCENE --truth TRUTH --fraction 0.07 --keep-if-better false --out REFINED
    python benchmarks/mixed_runs.py PARENT REFINED OUT
    limner segment OUT/75 SCENE --out maps

Writes OUT/25, OUT/50 and OUT/75: the refined run with weights of which so many percent are refined, the rest the
parent's (Wortsman et al. 2022), at the refined run's threshold.
"""

import argparse
import shutil
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file, save_file

WEIGHTS = "model.safetensors"


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("parent", "refined", "out"):
        given.add_argument(name, type=Path)
    paths = given.parse_args()
    before, after = (load_file(run / WEIGHTS) for run in (paths.parent, paths.refined))
    if {name: value.shape for name, value in before.items()} != {name: value.shape for name, value in after.items()}:
        raise SystemExit(f"{paths.parent} and {paths.refined} are not of one network")
    with safe_open(paths.refined / WEIGHTS, "pt") as file:
        told = file.metadata()
    for percent in (25, 50, 75):
        run = paths.out / str(percent)
        shutil.copytree(paths.refined, run, ignore=shutil.ignore_patterns("checkpoint"))
        mixed = {
            name: before[name].lerp(value, percent / 100) if value.is_floating_point() else value
            for name, value in after.items()
        }
        save_file(mixed, run / WEIGHTS, metadata=told)
        print(run)


if __name__ == "__main__":
    main()
