"""The drawn world with a table of attributes, and pictures of it drawn again held to the world's exact reader.

    limner draw world --pictures 2400 --out WORLD
    python benchmarks/world_attributes.py WORLD/pictures
    limner train translate/icgan-light --data WORLD/pictures --out RUN
    python benchmarks/world_attributes.py WORLD/pictures --run RUN

Without ``--run`` it writes ``attributes.csv`` of what ``solids.csv`` tells. With it, it prints a table: of pictures
that the run held out, how often the reader sees an attribute that was changed, and the others as they were.
"""

import argparse
import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np

from limner.datasets.world.reader import read_picture
from limner.datasets.world.sentences import Told
from limner.learning.library import recipe_of
from limner.learning.runs.run import Run
from limner.learning.runs.score_rows import interval
from limner.translate.data.attributes import hold_out_attributes, read_attributes
from limner.translate.measures.attribute_measure import redrawn
from limner.translate.translating.attributes import load_editor

TOLD: dict[str, Callable[[Told], bool]] = {
    "red": lambda told: told.color == "red", "large": lambda told: told.size == "large",
    "left": lambda told: told.place == "left",
}  # fmt: skip


def write_table(folder: Path) -> None:
    """Write ``attributes.csv`` beside ``solids.csv``."""
    with (folder / "solids.csv").open(encoding="utf-8", newline="") as file:
        solids = list(csv.DictReader(file))
    with (folder / "attributes.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", *TOLD])
        for row in solids:
            told = Told(row["shape"], row["color"], row["size"], row["place"])  # type: ignore[arg-type]
            writer.writerow([row["file"], *(int(is_so(told)) for is_so in TOLD.values())])


def print_reading(folder: Path, run: Run) -> None:
    """Print what the reader sees of pictures drawn again, and of untouched ones."""
    recipe, editor = recipe_of(run), load_editor(run, "cpu")
    data = read_attributes([folder], table=recipe.data.table, wanted=editor.attributes, size_px=recipe.data.size_px)
    held_out = hold_out_attributes(data, recipe.data.held_out, recipe.seed)[1]
    true = data.attributes[held_out].numpy() > 0
    print(f"{len(held_out)} held-out pictures\n")
    print("| attribute | changed as asked, % | of untouched | others kept, % | a solid is seen, % |")
    print("| --- | ---: | ---: | ---: | ---: |")
    plain = np.array([_answers(picture) for picture in data.pictures[held_out].numpy()])[:, :-1] == true
    every = []
    for number, name in enumerate(data.names):
        answers = np.array([_answers(picture) for picture in redrawn(editor.network, data, held_out, number).numpy()])
        there = answers[:, :-1] == true
        changed, kept = ~there[:, number] & answers[:, -1], np.delete(there, number, axis=1)
        every.append(changed)
        cells = (changed.mean(), 1 - plain[:, number].mean(), kept.mean(), answers[:, -1].mean())
        print(f"| {name} | {' | '.join(f'{100 * cell:.1f}' for cell in cells)} |")
    low, high = interval(np.mean(every, axis=0))
    print(f"\nchanged as asked, of all: {100 * np.mean(every):.1f} % ({100 * low:.1f} to {100 * high:.1f})")


def _answers(picture: np.ndarray) -> list[bool]:
    """What the reader says of each attribute, and whether it sees a solid at all. picture: (3, S, S) uint8."""
    told = read_picture(np.ascontiguousarray(picture.transpose(1, 2, 0)))
    return [*(is_so(told) for is_so in TOLD.values()), told.color is not None]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--run", type=Path)
    chosen = parser.parse_args()
    if chosen.run is None:
        write_table(chosen.folder)
    else:
        print_reading(chosen.folder, Run(chosen.run))
