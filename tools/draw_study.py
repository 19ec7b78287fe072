"""Draw what each recipe of a study of GANs made: the figure of docs/results/cars-study.md.

    python tools/draw_study.py STUDY OUT.jpg [--seed 0]

STUDY is the folder of a ``limner study``. Of each recipe the run of ``--seed`` makes its first sixteen pictures, none
chosen; cells are in the order of the study, from left to right and top to bottom.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

import limner
from limner.generate.making.predictor import PictureGenerator
from limner.learning.study import STUDY_FILE, Arm
from limner.reporting.pictures import captioned_rows, write_picture

EDGE, COLUMNS = 4, 4


def main() -> None:
    given = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    given.add_argument("study", type=Path)
    given.add_argument("out", type=Path)
    given.add_argument("--seed", type=int, default=0)
    options = given.parse_args()
    names = list(json.loads((options.study / STUDY_FILE).read_text(encoding="utf-8"))["arms"])
    cells = [made(options.study / "runs" / Arm(name, None).folder / f"seed-{options.seed}") for name in names]
    rows = chunks(cells)
    captions = chunks([name.split()[0] for name in names])
    write_picture(options.out, captioned_rows(rows, captions, cell_px=cells[0].shape[0]))


def chunks(items: list[Any]) -> list[list[Any]]:
    """Rows of `COLUMNS`."""
    return [items[start : start + COLUMNS] for start in range(0, len(items), COLUMNS)]


def made(folder: Path) -> np.ndarray:
    """The first sixteen pictures of a run, four by four, (4 H, 4 W, 3) uint8."""
    generator = limner.load(folder)
    assert isinstance(generator, PictureGenerator)
    pictures = (generator.generate(EDGE**2) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    rows = [np.concatenate(list(pictures[row * EDGE : (row + 1) * EDGE]), axis=1) for row in range(EDGE)]
    return np.concatenate(rows)


if __name__ == "__main__":
    main()
