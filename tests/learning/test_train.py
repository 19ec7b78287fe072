"""The verbs that every room shares, and each bundled recipe from its first step to its report."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import limner as api
from conftest import QUICK
from drawing import draw_area, draw_picture, draw_scene
from limner.learning.library import bundled_recipes, list_recipes, load_recipe
from limner.learning.recipe import write_recipe
from limner.learning.run import RUN_FILES, Run

LEFT = {*RUN_FILES, "recipe.yaml", "colors.safetensors"}
TINY = "--steps-per-epoch 2 --epochs 1 --batch 2 --data.tile-px 96 --data.crop-px 64 --data.stride-px 64"
LARGE = {f"segment/{name}" for name in ("residual-50", "residual-101", "residual-152", "residual-200", "unet-35")}
"""Their runs are up to 1.4 GB each; segment/test_networks_learn.py takes their two steps without writing."""
CommandLine = Callable[..., tuple[int, str, str]]


def shortened(name: str, path: Path) -> Path:
    """A bundled recipe with each of its stages cut to one epoch."""
    recipe = load_recipe(name)
    stages = tuple(dataclasses.replace(stage, epochs=1) for stage in recipe.stages)
    path.write_text(write_recipe(dataclasses.replace(recipe, stages=stages)))
    return path


@pytest.mark.parametrize(
    "name", sorted(name for name in bundled_recipes() if name.startswith("segment/") and name not in LARGE)
)
def test_every_bundled_recipe_that_maps_runs_two_steps(name: str, here: Path, limner: CommandLine) -> None:
    draw_area(here / "town")
    recipe = load_recipe(name)
    command = ["train", shortened(name, here / "short.yaml"), "--data", "town", "--out", "run", *TINY.split()]
    command += ["--loop.precision", "fp32"]
    assert limner(*command)[:2] == (0, "run\n")

    run = Run(here / "run")
    assert {path.name for path in run.folder.iterdir()} == LEFT
    assert run.status["status"] == "finished"
    assert run.status["steps"] == 2 * max(1, len(recipe.stages))
    assert {row["stage"] for row in run.metrics()} == {stage.name for stage in recipe.all_stages()}
    assert all(np.isfinite(float(row["train/loss"])) for row in run.metrics())
    assert run.facts["network"]["name"] == recipe.network.name
    assert len(list((run.folder / "pictures").glob("*-*.jpg"))) == max(1, len(recipe.stages))

    classes = api.load(run.folder).predict(here / "town/images/0.tif")
    assert (classes.shape, classes.dtype) == ((96, 96), np.uint8)
    assert set(np.unique(classes)) <= {0, 1}

    code, out, said = limner(*command)
    assert (code, out) == (0, "run\n")
    assert "already been trained" in said
    draw_area(here / "village", seed=100)
    code, out, said = limner(*command, "--data", "village")
    assert (code, out) == (2, "")
    assert "holds a run with another recipe or other data" in said


def test_every_bundled_recipe_says_what_it_is_in_one_line() -> None:
    listed = dict(list_recipes())
    assert listed.keys() == bundled_recipes().keys() >= {"segment/demo", "segment/modern", "segment/residual-34"}
    assert all(20 <= len(line) <= 120 for line in listed.values())


def test_python_and_the_command_line_train_the_same(here: Path, trained: Path) -> None:
    done = api.train("segment/demo", data=[str(trained / "town")], overrides=QUICK, out="again")
    assert not done.stopped
    assert done.run.recipe_text() == (trained / "run/recipe.yaml").read_text()
    first = Run(trained / "run").weights()
    assert all(torch.equal(value, first[name]) for name, value in done.run.weights().items())


def test_a_run_is_trained_anew_only_with_overwrite(here: Path) -> None:
    draw_area(here / "town")

    def weights(**more: bool) -> tuple[int, torch.Tensor]:
        done = api.train("segment/demo", data=["town"], overrides=[*QUICK, "--seed", "3"], out="run", **more)
        model = done.run.folder / "model.json"
        return model.stat().st_mtime_ns, done.run.weights()["network.head.weight"]

    first, again, anew = weights(), weights(), weights(overwrite=True)
    assert first[0] == again[0] < anew[0]
    assert torch.equal(first[1], anew[1])


def test_another_seed_gives_other_weights_and_seed_0_is_a_seed(here: Path) -> None:
    draw_area(here / "town")
    heads = [
        api.train("segment/demo", data=["town"], overrides=[*QUICK, "--seed", seed], out=f"run-{number}").run.weights()
        for number, seed in enumerate(("0", "0", "1"))
    ]
    same, other = (torch.equal(heads[0]["network.head.weight"], heads[n]["network.head.weight"]) for n in (1, 2))
    assert same
    assert not other


def test_a_dry_run_prints_a_recipe_that_can_be_trained_and_writes_nothing(here: Path, limner: CommandLine) -> None:
    draw_area(here / "town")
    before = sorted(here.rglob("*"))
    settings = ["--batch", "3", "--data.tile-px", "96", "--data.crop-px", "64"]
    code, out, _ = limner("train", "segment/residual-34", "--data", "town", "--dry-run", *settings)
    assert code == 0
    assert "24.96 M parameters" in out
    assert sorted(here.rglob("*")) == before
    (here / "printed.yaml").write_text(out)
    recipe = load_recipe("printed.yaml")
    assert (recipe.batch, recipe.data.crop_px, recipe.network.name) == (3, 64, "residual-unet")


def test_the_predictor_of_a_run_shows_itself_and_predicts_any_size(here: Path, trained: Path) -> None:
    predictor = api.load(trained / "run")
    assert "3 bands" in predictor._repr_html_()
    pixels = draw_picture(np.zeros((33, 47), np.uint8))[None]
    probabilities = predictor.probabilities(pixels, np.ones((1, 33, 47), bool))
    assert probabilities.shape == (1, 2, 33, 47)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)


def test_the_python_api_walks_the_whole_path(here: Path, trained: Path) -> None:
    scene = draw_scene(here / "scene.tif")
    run = str(trained / "run")
    assert api.check([trained / "town"]).usable
    assert api.open_run(run).folder == trained / "run"
    (made,) = api.map_scenes(run, [str(scene)], "maps", tile_px=96, overlap_px=32, precision="fp32")
    truth = draw_scene(here / "truth.tif", bands=1)
    with pytest.raises(api.UserError, match="mask with the value"):
        api.score(made.classes, truth)
    evaluation = api.evaluate(run, out=here / "evaluation.json")
    assert set(evaluation.areas) == {"town"}
    assert api.compare([run, f"again={here / 'evaluation.json'}"]).places == ("town", "mean")
