"""Make the bundled model: train it on the places whose licences it can carry, and once without each of them to say how
it does on places it never saw; store it as float16 with a card.

    python tools/bundle_model.py WORK DATA

DATA holds ``banepa-buildings``, ``uganda-buildings``, ``dubai-aerial`` and ``spacenet-rio`` as their publishers give
them (see ``src/limner/bundled/NOTICE.md``). WORK is a folder for the runs (a stopped call goes on). Written is
``src/limner/bundled/models/buildings``.
"""

import argparse
import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean

import torch
from learning_places import LEARNED, PLACES, areas, prepare
from safetensors.torch import save_file

from limner.colors.summary import write_summaries
from limner.foundation.files.writing import make_folder, write_json, write_text
from limner.learning.library import recipe_of
from limner.learning.recipes.recipe import write_recipe
from limner.learning.runs.run import Run
from limner.learning.train import train
from limner.learning.verbs import evaluate
from limner.reporting.tables import percent
from limner.segment.measures.scores import Evaluation
from limner.segment.training.colors import COLORS_FILE, training_colors

MODEL = Path(__file__).parents[1] / "src" / "limner" / "bundled" / "models" / "buildings"
RECIPE = "segment/buildings"
TITLES = {
    "banepa": "Banepa, Nepal (drone)",
    "dubai": "Dubai (aerial)",
    "kampala": "Kampala, Uganda (drone)",
    "rio": "Rio de Janeiro (satellite)",
}


def main() -> None:
    """Train, measure and store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="folder for the runs")
    parser.add_argument("data", type=Path, help="folder of the four data sets")
    given = parser.parse_args()
    work, places = given.work, given.work / "places"
    prepare(given.data, places)
    run = trained(areas(places, *LEARNED), work / "all")
    unseen = {}
    for place in PLACES:
        others = [name for name in LEARNED if name != place]
        without = trained(areas(places, *others), work / f"without-{place}") if place in LEARNED else run
        unseen[place] = evaluate(without, data=areas(places, place), out=without.folder / f"{place}.json")
    store(run, unseen)


def trained(data: list[Path], out: Path) -> Run:
    """The run in ``out``, trained to its end."""
    done = train(RECIPE, data=data, out=out)
    if done.stopped:
        raise SystemExit(done.stopped.exit_code)
    return done.run


def store(run: Run, unseen: Mapping[str, Evaluation]) -> None:
    """Write the model as float16, its facts, its recipe without this machine's paths, its scores and its card."""
    make_folder(MODEL)
    recipe = recipe_of(run)
    bare = dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, paths=()))
    weights = {name: value.half() if value.is_floating_point() else value for name, value in run.weights().items()}
    save_file(weights, MODEL / "model.safetensors")
    write_json(MODEL / "model.json", run.facts)
    write_text(MODEL / "recipe.yaml", write_recipe(bare))
    write_summaries(MODEL / COLORS_FILE, training_colors(run))
    scores = json.loads((run.folder / "evaluation.json").read_text())
    write_json(MODEL / "evaluation.json", scores)
    write_text(MODEL / "card.md", card(run, Evaluation.from_json(scores), unseen))
    size = sum(path.stat().st_size for path in MODEL.iterdir())
    print(
        f"{MODEL}: {size / 1e6:.2f} MB, {sum(value.numel() for value in weights.values()):,} values, "
        f"{torch.__version__}"
    )


def card(run: Run, held_out: Evaluation, unseen: Mapping[str, Evaluation]) -> str:
    """The model card."""
    status, versions = run.status, run.status["versions"]
    found = {place: (one.pooled.scores(), all_building(one)) for place, one in unseen.items()}
    mean = fmean(one.f1 or 0 for one, _ in found.values())
    bar = fmean(base for _, base in found.values())
    rows = "\n".join(
        f"| {TITLES[place]} | {percent(one.f1)} | {percent(one.precision)} | {percent(one.recall)} | {percent(base)} |"
        for place, (one, base) in found.items()
    )
    held = "\n".join(f"| {area} | {percent(counts.scores().f1)} |" for area, counts in held_out.areas.items())
    return f"""# buildings

Maps buildings on RGB drone, aerial and satellite pictures of about 0.1 to 0.5 m a pixel. \
A lite-unet of {sum(value.numel() for value in run.weights().values()) / 1e6:.2f} M values, stored as float16. \
Finer pictures are brought to about 0.3 m a pixel first.

    limner segment buildings SCENE.tif

A first map of a place it never saw, to be looked at and refined \
(`limner refine buildings SCENE.tif --labels ...`), not a finished one.

## Learned from

Banepa (OpenAerialMap, CC BY 4.0; labels ODbL, © OpenStreetMap contributors), Kampala (the same), Dubai without tile 4 \
(CC0 1.0): see `NOTICE.md`.
Recipe `{RECIPE}`, seed {recipe_of(run).seed}, {status["steps"]} steps of 8 crops of 256 px, about \
{status["seconds"] / 60:.0f} minutes on one core of a processor shared with other work; limner {versions["limner"]}, \
torch {versions["torch"]}.
`python tools/bundle_model.py WORK DATA` in limner's repository makes it again.

## On places it never saw

The same recipe trained without the place, on all of the place's labelled ground; one training each, so that a point \
or two mean nothing. Rio (SpaceNet 1, CC BY-SA 4.0) is never learned from. F1, precision and recall of building in \
percent:

| place left out | F1 | precision | recall | F1 of 'all building' |
| --- | ---: | ---: | ---: | ---: |
{rows}
| **mean** | **{percent(mean)}** | | | {percent(bar)} |

## On ground it never saw, in places it did

Validation blocks (a tenth of each area), F1 of building in percent, mean {percent(held_out.mean().f1)}; the whole \
counts are in `evaluation.json`:

| area | F1 |
| --- | ---: |
{held}

## Not for

Decisions about people's safety or property without somebody looking at the map. \
Roofs unlike Nepal's, Uganda's or Dubai's, and pictures much coarser than half a meter, will come out worse. \
Roofs that touch often hang together by twos and threes.
"""


def all_building(evaluation: Evaluation) -> float:
    """F1 of a map of buildings everywhere."""
    f1 = evaluation.constants()["all building"].pooled.scores().f1
    assert f1 is not None
    return f1


if __name__ == "__main__":
    main()
