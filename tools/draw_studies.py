"""Copies the figures of experiments into docs/pictures, where pages show them.

    for name in pooling normalization kernels depth capacity unpooling sparsity permutation; do
        limner study convnets/$name --seeds 3
    done
    python tools/draw_studies.py studies

The folder is the one that `limner study` wrote into. Each figure is drawn anew from ``results.json``.
"""

import json
import sys
from pathlib import Path

from limner.learning.rooms import named
from limner.learning.seed_table import SeedTable
from limner.studies.listing import EXPERIMENTS

PICTURES = Path(__file__).parents[1] / "docs/pictures"


def main() -> None:
    folder = Path(sys.argv[1])
    for name, (place, _) in EXPERIMENTS.items():
        path = folder / name.rpartition("/")[2] / "results.json"
        if not path.exists():
            print(f"{path}: not there; run limner study {name} first", file=sys.stderr)
            continue
        experiment, results = named(place), json.loads(path.read_text())["results"]
        seeds = [seed for seed in results[experiment.arms[0]] if all(seed in results[arm] for arm in experiment.arms)]
        rows = {arm: tuple(results[arm][seed] for seed in seeds) for arm in experiment.arms}
        experiment.draw(
            SeedTable(experiment.measures, tuple(map(int, seeds)), rows), PICTURES / f"study-{path.parent.name}.png"
        )


if __name__ == "__main__":
    main()
