"""The verbs that every room shares, in Python and on the command line."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import limner as api
from drawing import draw_area, draw_picture, draw_scene
from limner.learning.library import bundled_recipes, list_recipes, load_recipe
from limner.learning.runs.run import Run
from limner.learning.train import Training
from quick_runs import QUICK, copy_run

CommandLine = Callable[..., tuple[int, str, str]]


def test_every_bundled_recipe_says_what_it_is_in_one_line() -> None:
    listed = {each.name: each.line for each in list_recipes()}
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
    assert repr(predictor) == f"SegmentPredictor(3 bands to background, building from {trained / 'run'}, on cpu)"
    shown = predictor._repr_html_()
    for part in ("3 bands", "background, building", "LiteUNet, 3.66 M", "F1 ", "; without learning: ", "<img "):
        assert part in shown, part
    bundled = api.load("buildings")._repr_html_()
    assert "validation F1 " in bundled and "<img" not in bundled  # it has scores, but no pictures
    pixels = draw_picture(np.zeros((33, 47), np.uint8))[None]
    probabilities = predictor.probabilities(pixels, np.ones((1, 33, 47), bool))
    assert probabilities.shape == (1, 2, 33, 47)
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)


def test_a_run_shows_itself_with_its_score_and_its_last_picture(here: Path, trained: Path) -> None:
    run = api.open_run(trained / "run")
    assert len(repr(run)) < 200
    shown = run._repr_html_()
    for part in ("segment", "finished", "background, building", "validation F1 ", "<img "):
        assert part in shown, part
    assert Training(run)._repr_html_() == shown  # what limner.train gives
    (here / "empty").mkdir()
    assert "<table></table>" in Run(here / "empty")._repr_html_()


def test_a_run_is_loaded_as_of_the_room_that_is_asked_for(trained: Path) -> None:
    assert api.load(trained / "run", room="segment").class_names == ("background", "building")
    with pytest.raises(api.UserError, match="a run of the room segment; needed: one of the room generate"):
        api.load(trained / "run", room="generate")


def test_modern_trains_from_python_with_data_and_settings_by_their_names(here: Path, trained: Path) -> None:
    done = api.train(
        "segment/modern", data=str(trained / "town"), epochs=3, steps_per_epoch=2, batch=2, target="roof", out="run",
        network={"pretrained": False, "width": 8}, loop={"precision": "fp32"},
        **{"data.tile_px": 96, "data.crop_px": 64, "data.stride_px": 64},
    )  # fmt: skip
    assert done.run.status["steps"] == 6
    recipe = load_recipe(str(here / "run/recipe.yaml"))
    assert recipe.data.paths == (trained / "town",)
    assert (recipe.data.target, recipe.data.tile_px, recipe.network.options["width"]) == ("roof", 96, 8)
    assert done.run.facts["class_names"] == ["background", "roof"]
    with pytest.raises(api.UserError, match="did you mean"):
        api.train("segment/modern", data=trained / "town", epoch=3)


def test_epochs_of_modern_count_its_decoders_first(here: Path) -> None:
    """The call of the documentation, as far as its recipe; its first epoch trains all but the encoder, as before."""
    for epochs, stages in ((30, [("decoder", 1), ("all", 29)]), (3, [("decoder", 1), ("all", 2)]), (1, [("train", 1)])):
        recipe = load_recipe("segment/modern", [f"--epochs={epochs}"])
        assert [(stage.name, stage.epochs) for stage in recipe.all_stages()] == stages
    assert [stage.train for stage in load_recipe("segment/modern").all_stages()] == ["decoder", "all"]


def test_the_python_api_walks_the_whole_path(here: Path, trained: Path) -> None:
    scene = draw_scene(here / "scene.tif")
    run = str(trained / "run")
    assert api.check(str(trained / "town"), target="roof").class_names == ("background", "roof")
    assert api.open_run(run).folder == trained / "run"
    (made,) = api.map_scenes(run, str(scene), "maps", tile_px=96, overlap_px=32, precision="fp32")
    truth = draw_scene(here / "truth.tif", bands=1)
    with pytest.raises(api.UserError, match="mask with the value"):
        api.score(made.classes, truth)
    evaluation = api.evaluate(run, out=here / "evaluation.json")
    assert set(evaluation.areas) == {"town"}
    assert api.compare([run, f"again={here / 'evaluation.json'}"]).places == ("town", "mean")


def test_a_run_of_an_earlier_limner_is_found_by_the_same_recipe(here: Path, trained: Path, limner: CommandLine) -> None:
    """Its recipe.yaml has other comments and lacks the settings that came later."""
    copy_run(trained, here / "run")
    text = (here / "run/recipe.yaml").read_text()
    lines = [line.partition("  #")[0] for line in text.splitlines() if "accumulate" not in line]
    (here / "run/recipe.yaml").write_text("\n".join(lines))
    command = ["train", "segment/demo", "--data", trained / "town", "--out", "run", *QUICK]
    code, out, said = limner(*command)
    assert (code, out) == (0, "run\n")
    assert "already been trained" in said
    code, out, said = limner(*command, "--loop.accumulate", "2")
    assert (code, out) == (2, "")
    assert "another recipe" in said
