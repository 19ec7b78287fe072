"""Make the bundled model: train it on all bundled places, and once without each of two places to say how it does on
places it never saw; store it as float16 with a card.

    python tools/bundle_model.py WORK

WORK is a folder for the runs (a repeated call goes on). Written is ``src/limner/bundled/models/buildings``.
"""

import argparse
import dataclasses
import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from limner.colors.summary import write_summaries
from limner.foundation.files.writing import make_folder, write_json, write_text
from limner.learning.library import recipe_of
from limner.learning.recipes.recipe import write_recipe
from limner.learning.runs.run import Run
from limner.learning.train import train
from limner.learning.verbs import evaluate
from limner.segment.training.colors import COLORS_FILE, training_colors

BUNDLED = Path(__file__).parents[1] / "src" / "limner" / "bundled"
PLACES = BUNDLED / "places"
MODEL = BUNDLED / "models" / "buildings"
RECIPE = "segment/buildings"


def main() -> None:
    """Train, measure and store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="folder for the runs")
    work = parser.parse_args().work
    areas = sorted(path for path in PLACES.iterdir() if path.is_dir())
    unseen = {}
    for place in ("banepa", "kampala"):
        others = [path for path in areas if not path.name.startswith(place)]
        own = [path for path in areas if path.name.startswith(place)]
        run = train(RECIPE, data=others, out=work / f"without-{place}").run
        for normalize in ("run", "scene"):
            out = work / f"without-{place}" / f"{place}-{normalize}.json"
            unseen[place, normalize] = evaluate(run, data=own, normalize=normalize, out=out)
    run = train(RECIPE, data=areas, out=work / "all").run
    store(run, unseen)


def store(run: Run, unseen: dict) -> None:
    """Write the model as float16, its facts, its recipe without this machine's paths, its scores and its card."""
    make_folder(MODEL)
    facts = run.facts
    recipe = recipe_of(run)
    areas = facts["areas"]
    bare = dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, paths=()))
    weights = {name: value.half() if value.is_floating_point() else value for name, value in run.weights().items()}
    save_file(weights, MODEL / "model.safetensors")
    write_json(MODEL / "model.json", facts)
    write_text(MODEL / "recipe.yaml", write_recipe(bare))
    write_summaries(MODEL / COLORS_FILE, training_colors(run))
    scores = json.loads((run.folder / "evaluation.json").read_text())
    write_json(MODEL / "evaluation.json", scores)
    write_text(MODEL / "card.md", card(run, areas, scores, unseen))
    size = sum(path.stat().st_size for path in MODEL.iterdir())
    print(
        f"{MODEL}: {size / 1e6:.2f} MB, {sum(value.numel() for value in weights.values()):,} values, "
        f"{torch.__version__}"
    )


def card(run: Run, areas: list[str], scores: dict, unseen: dict) -> str:
    """The model card."""
    status = run.status
    rows = "\n".join(
        f"| {place} | {'its own' if normalize == 'scene' else 'of the training areas'} | {item.mean().f1:.3f} | "
        f"{item.constants()['all building'].mean().f1:.3f} |"
        for (place, normalize), item in unseen.items()
    )
    held = "\n".join(
        f"| {area} | {values['scores']['f1']:.3f} |"
        for area, values in scores["areas"].items()
        if values["scores"]["f1"] is not None
    )
    return f"""# buildings

Maps buildings on RGB drone and aerial pictures of about 0.1 to 0.5 m a pixel. \
A lite-unet of 3.66 M parameters, stored as float16.

    limner segment buildings SCENE.tif

It has seen few places: a first map to be refined \
(`limner refine buildings SCENE.tif --labels ...`), not a finished one.

## Learned from

{", ".join(areas)}: the pictures that ship with limner \
(CC BY 4.0, CC0; labels ODbL, © OpenStreetMap contributors: see `NOTICE.md`).
Recipe `{RECIPE}`, seed 0, {status["steps"]} steps of 8 crops; \
limner {status["versions"]["limner"]}, torch {status["versions"]["torch"]}, on two CPU cores.
`python tools/bundle_model.py WORK` in limner's repository makes it again.

## On places it never saw

The same recipe, trained without the place, on all of the place's labelled ground (mean over its areas; one seed). \
Such numbers
vary widely from one training to the next: \
the same settings with the areas given in another order reached 0.65 on Banepa (see
`docs/results/buildings.md`). Look at the map, refine, and score before you rely on it.

| place | colors | F1 | F1 of 'all building' |
| --- | --- | --- | --- |
{rows}

## On ground it never saw, in places it did

Validation blocks, F1 of building (mean {scores["mean"]["f1"]:.3f}; the whole counts in `evaluation.json`):

| area | F1 |
| --- | --- |
{held}

## Not for

Decisions about people's safety or property without somebody looking at the map. \
Roofs unlike Nepal's, Uganda's or Dubai's, and pictures
much coarser or finer, will come out worse.
"""


if __name__ == "__main__":
    main()
