"""Runs that limner 0.1.0 left, before the source moved to its floors: they still open, map or make, are scored and
compared, with the numbers that 0.1.0's own code gave.

Both learned from what `drawing` and `drawn_pictures` draw. The mapping run trained its decoder alone, so ``learned``
holds what training changed (as float16, in which bundled models are stored); its encoder comes from the package of
weights, as it did then.
"""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from PIL import Image
from safetensors.torch import load_file, save_file

import limner as api
from drawing import draw_area, draw_scene
from drawn_pictures import save_boxes
from limner.nn.pretrained import LITE0, load_weights

RUNS = Path(__file__).parents[1] / "fixtures" / "runs-0.1.0"
NUMBERS = json.loads((RUNS / "numbers.json").read_text(encoding="utf-8"))
"""What `measured` gave with limner 0.1.0's own code."""

Limner = Callable[..., tuple[int, str, str]]


@pytest.fixture
def runs(here: Path) -> Path:
    """A folder with both runs, whole, and with what they learned from and a scene."""
    shutil.copytree(RUNS / "generate", here / "generate")
    shutil.copytree(RUNS / "segment", here / "segment", ignore=shutil.ignore_patterns("learned.safetensors"))
    encoder = {f"network.encoder.{name}": value.contiguous() for name, value in load_weights(LITE0).items()}
    learned = load_file(RUNS / "segment" / "learned.safetensors")
    beyond = {name for name in encoder if name.split(".")[2] in {"conv_head", "bn2", "classifier"}}
    weights = {name: value for name, value in encoder.items() if name not in beyond} | learned
    save_file(weights, here / "segment" / "model.safetensors")
    draw_area(here / "towns/north", 4)
    draw_area(here / "towns/south", 4, seed=20)
    draw_scene(here / "scene.tif")
    save_boxes(here / "boxes", 48)
    return here


def answer(done: tuple[int, str, str]) -> Any:
    """The JSON that a command printed."""
    code, out, error = done
    assert code == 0, error
    return json.loads(out)


def mapped(limner: Limner, *options: str) -> dict[str, Any]:
    """Class pixels, polygons, and the probability of building in a coarse grid of a map of the scene."""
    code, _, error = limner(
        "segment",
        "segment",
        "scene.tif",
        "--device",
        "cpu",
        "--precision",
        "fp32",
        "--probabilities",
        "--overwrite",
        *options,
    )
    assert code == 0, error
    record = json.loads(Path("maps/scene_map.json").read_text(encoding="utf-8"))
    with rasterio.open("maps/scene_probability.tif") as raster:
        probability = raster.read(raster.count)
    grid = probability[4::24, 4::24].astype(float)
    return {
        "building": record["pixels"]["building"], "polygons": record["polygon_count"], "type": str(probability.dtype),
        "mean": float(probability.mean()), "grid": grid.tolist(),
    }  # fmt: skip


def made(limner: Limner) -> list[list[float]]:
    """Means of the colors of four generated pictures."""
    code, _, error = limner("generate", "generate", "-n", "4", "--seed", "5", "--device", "cpu", "--no-grid")
    assert code == 0, error
    paths = sorted(Path("generated").rglob("*.png"))
    assert len(paths) == 4
    return [np.asarray(Image.open(path)).mean(axis=(0, 1)).tolist() for path in paths]


def areas(limner: Limner) -> dict[str, float]:
    """F1 of building in each area that the run learned from."""
    scored = answer(limner("evaluate", "segment", "--data", "towns", "--out", "scored.json", "--json"))
    return {name: area["scores"]["f1"] for name, area in scored["areas"].items()}


def likeness(limner: Limner) -> dict[str, float]:
    """KID and FID of 24 made pictures against the held-out boxes."""
    scored = answer(limner("evaluate", "generate", "--samples", "24", "--out", "likeness.json", "--json"))
    return {name: scored["scores"][name]["value"] for name in ("kid", "fid")}


def compared(limner: Limner) -> dict[str, list[str]]:
    """The rows of the table of each run alone, by the run's kind."""
    tables = {}
    for kind in ("segment", "generate"):
        code, _, error = limner("compare", kind, "--out", f"{kind}.csv")
        assert code == 0, error
        with Path(f"{kind}.csv").open(encoding="utf-8", newline="") as file:
            tables[kind] = [cell for row in csv.reader(file) for cell in row]
    return tables


def measured(limner: Limner) -> dict[str, Any]:
    """All of the above, in a folder as `runs` makes it."""
    return {
        "map": mapped(limner),
        "harmonized map": mapped(limner, "--normalize", "run", "--harmonize", "mkl"),
        "areas": areas(limner),
        "made": made(limner),
        "likeness": likeness(limner),
        "compared": compared(limner),
    }


@pytest.mark.parametrize("name", ["segment", "generate"])
def test_an_older_run_opens_in_python(runs: Path, name: str) -> None:
    predictor = api.load(runs / name, device="cpu")
    if name == "segment":
        classes = predictor.predict(runs / "scene.tif")
        assert classes.shape == (160, 192)
        assert set(np.unique(classes)) == {0, 1}
    else:
        pictures = predictor.generate(3)
        assert tuple(pictures.shape) == (3, 3, 32, 32)


@pytest.mark.parametrize(
    ("kind", "options"), [("map", ()), ("harmonized map", ("--normalize", "run", "--harmonize", "mkl"))]
)
def test_an_older_run_maps_as_it_did(runs: Path, limner: Limner, kind: str, options: tuple[str, ...]) -> None:
    now, then = mapped(limner, *options), NUMBERS[kind]
    assert now["polygons"] == then["polygons"]
    assert now["type"] == then["type"]
    assert now["building"] == pytest.approx(then["building"], rel=0.002)
    assert now["mean"] == pytest.approx(then["mean"], rel=0.002)
    step = 1.0 if then["type"] == "float32" else 255.0
    assert np.allclose(now["grid"], then["grid"], atol=0.01 * step)


def test_an_older_run_is_scored_as_it_was(runs: Path, limner: Limner) -> None:
    assert areas(limner) == pytest.approx(NUMBERS["areas"], abs=1e-3)


def test_an_older_run_makes_the_pictures_that_it_made(runs: Path, limner: Limner) -> None:
    assert np.allclose(made(limner), NUMBERS["made"], atol=0.2)


def test_pictures_of_an_older_run_are_scored_as_they_were(runs: Path, limner: Limner) -> None:
    assert likeness(limner) == pytest.approx(NUMBERS["likeness"], rel=0.01)


def test_older_runs_are_compared_by_the_scores_they_hold(runs: Path, limner: Limner) -> None:
    assert compared(limner) == NUMBERS["compared"]
