"""Make the bundled network of histogram analogy: gather photos under free licences, learn, store with a card.

    python tools/bundle_analogy.py WORK DATA

DATA holds ``tiny-coco`` (images and instances.json, which tells the licence of each photo). WORK is a folder for the
photos and the run (a stopped call goes on). Written is ``src/limner/bundled/models/histogram-analogy``. Needs
scikit-learn, whose two sample photos are learned from, too.
"""

import argparse
import dataclasses
import json
import shutil
from pathlib import Path

import sklearn.datasets
from PIL import Image
from safetensors.torch import save_file

from limner.foundation.files.writing import make_folder, write_json, write_text
from limner.learning.library import recipe_of
from limner.learning.recipes.recipe import write_recipe
from limner.learning.runs.run import Run
from limner.learning.runs.score_rows import ScoreRows
from limner.learning.train import train

BUNDLED = Path(__file__).parents[1] / "src" / "limner" / "bundled"
MODEL = BUNDLED / "models" / "histogram-analogy"
RECIPE = "recolor/histogram-analogy"
ATTRIBUTION = 4
"""COCO's number of the licence CC BY 2.0."""
AERIAL = (
    "dubai-5/images/part-8.jpg", "dubai-8/images/part-6.jpg", "dubai-1/images/part-3.jpg", "dubai-3/images/part-2.jpg",
    "kampala-1/images/kampala-1.tif", "kampala-5/images/kampala-5.tif",
)  # fmt: skip
BANEPA_PX = 768


def main() -> None:
    """Gather, train and store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path, help="folder for photos and run")
    parser.add_argument("data", type=Path, help="folder with tiny-coco")
    given = parser.parse_args()
    photos = make_folder(given.work / "photos")
    coco = gather(photos, given.data / "tiny-coco")
    done = train(RECIPE, data=[photos], out=given.work / "run")
    if done.stopped:
        raise SystemExit(done.stopped.exit_code)
    store(done.run, coco)


def gather(photos: Path, coco: Path) -> list[str]:
    """Photos that may be learned from, into a folder; gives the addresses of those of COCO."""
    listed = [
        each for each in json.loads((coco / "instances.json").read_text())["images"] if each["license"] == ATTRIBUTION
    ]
    for each in listed:
        shutil.copy(coco / "images" / each["file_name"], photos / f"coco-{each['file_name']}")
    for name in ("china", "flower"):
        shutil.copy(Path(sklearn.datasets.__file__).parent / "images" / f"{name}.jpg", photos / f"sklearn-{name}.jpg")
    for name in AERIAL:
        with Image.open(BUNDLED / "places" / name) as picture:
            picture.convert("RGB").save(photos / f"aerial-{name.partition('/')[0]}.png")
    with Image.open(BUNDLED / "places/banepa/images/banepa.tif") as picture:
        picture.convert("RGB").crop((0, 0, BANEPA_PX, BANEPA_PX)).save(photos / "aerial-banepa.png")
    return sorted(each["flickr_url"] for each in listed)


def store(run: Run, coco: list[str]) -> None:
    """Write the network as float16, its facts, its recipe without this machine's paths, its scores and its card."""
    make_folder(MODEL)
    recipe = recipe_of(run)
    bare = dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, paths=()))
    weights = {name: value.half() for name, value in run.weights().items()}
    save_file(weights, MODEL / "model.safetensors")
    write_json(MODEL / "model.json", run.facts)
    write_text(MODEL / "recipe.yaml", write_recipe(bare))
    scores = json.loads((run.folder / "evaluation.json").read_text())
    write_json(MODEL / "evaluation.json", scores)
    write_text(MODEL / "card.md", card(run, ScoreRows.from_json(scores), coco))
    size = sum(path.stat().st_size for path in MODEL.iterdir())
    print(f"{MODEL}: {size / 1e6:.2f} MB")


def card(run: Run, scores: ScoreRows, coco: list[str]) -> str:
    """The model card."""
    status, versions = run.status, run.status["versions"]
    count = sum(value.numel() for value in run.weights().values())
    listed = "\n".join(f"- {address}" for address in coco)
    return f"""# histogram-analogy

Gives a photo the colors of another, by the color histograms of both: a light form of deep color transfer using \
histogram analogy (Lee et al. 2020). {count:,} values, stored as float16.

    limner recolor PHOTO --like REFERENCE --method histogram-analogy

## Learned from

{len(coco) + 9} photos, each named here; three of them were held out:

- two photos that scikit-learn holds, china.jpg (flickr.com/photos/danielbuechele/6061409035) and flower.jpg \
(flickr.com/photos/vultilion/6056698931), CC BY 2.0;
- seven aerial pictures of limner's bundled places (CC BY 4.0 and CC0 1.0: see `NOTICE.md`);
- {len(coco)} photos of COCO 2017 under CC BY 2.0:

{listed}

Recipe `{RECIPE}`, seed {recipe_of(run).seed}, {status["steps"]} steps, {status["seconds"] / 60:.0f} minutes on one \
core of a processor shared with other work; limner {versions["limner"]}, torch {versions["torch"]}.
`python tools/bundle_analogy.py WORK DATA` in limner's repository makes it again.

## Scores

{scores.to_markdown()}
On twenty pairs of photographs that it never saw, beside the other methods: docs/results/recolor.md.

## Not for

Colors that must be true: a reference says nothing of what things really look like. References whose colors are far \
from anything that it learned from.
"""


if __name__ == "__main__":
    main()
