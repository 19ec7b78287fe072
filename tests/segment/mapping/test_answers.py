"""Maps through a CRF, of several looks and several runs, and how unsure they are."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
import torch
from test_map import SMALL, UTM, Blur, field_scene, save

from drawn import draw_picture, recipe_for, save_area
from limner.cli import main
from limner.foundation.errors import UserError
from limner.learning.runs.run import Run
from limner.learning.train import train_recipe
from limner.segment.mapping.answers import AnswerOptions
from limner.segment.mapping.map_scenes import map_scenes
from limner.segment.mapping.outputs import entropy_of
from limner.segment.predicting.crf import tiled
from limner.segment.predicting.crf.dense_crf import DenseCrf
from limner.segment.predicting.predictor import load_predictor
from limner.segment.predicting.turns import turned
from mapped import map_scene

FAR_AWAY = rasterio.Affine(0.5, 0, 900_000, 0, -0.5, 3_060_000)
THREE = ("background", "building", "road")


def read(path: Path | None) -> np.ndarray:
    assert path is not None
    with rasterio.open(path) as file:
        return file.read()


def noisy_scene(folder: Path) -> tuple[Path, np.ndarray, np.ndarray]:
    """A scene with noise and a corner without data: its file, its pixels and which are valid."""
    values = field_scene(310, 530)
    noise = np.random.default_rng(1).normal(0, 40, values.shape)
    values = np.clip(values + noise, 1, 255).astype(np.uint8)
    valid = np.ones(values.shape[1:], bool)
    valid[:60, :90] = False
    values[:, ~valid] = 0
    return save(folder / "scene.tif", values, nodata=0, **UTM), values, valid


# --- the CRF ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("names", [("background", "building"), THREE])
def test_a_map_through_the_crf_is_what_the_crf_makes_of_the_plain_map(
    tmp_path: Path, names: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In tiles, whatever the classes; what tiles may change is held by the CRF's own tests."""
    monkeypatch.setattr(tiled, "TILE_PX", 256)
    monkeypatch.setattr(tiled.crf_rows, "__defaults__", (256,))
    scene, values, valid = noisy_scene(tmp_path)
    answers, blur = AnswerOptions(crf=True), Blur(class_names=names)
    plain = map_scene(blur, scene, tmp_path / "plain", probabilities=True, polygons="none", **SMALL)
    made = map_scene(blur, scene, tmp_path / "crf", probabilities=True, polygons="none", answers=answers, **SMALL)
    given = read(plain.probability)
    given = np.nan_to_num(np.concatenate([1 - given, given]) if len(given) == 1 else given, nan=1 / len(names))
    colors = values.astype(np.float32)
    mean, std = (np.array([getattr(band[valid], how)() for band in colors])[:, None, None] for how in ("mean", "std"))
    picture = torch.from_numpy(np.where(valid, (colors - mean) / std, 0).astype(np.float32))
    whole = DenseCrf(picture, torch.from_numpy(valid), answers.crf_settings)(torch.from_numpy(given)).numpy()
    found = read(made.probability)
    whole = whole[1:] if len(names) == 2 else whole
    assert np.abs(found - whole)[:, valid].mean() < 0.002
    assert np.isnan(found[:, ~valid]).all()
    classes = read(made.classes)[0]
    assert (classes[~valid] == 255).all()
    expected = (whole[0] >= 0.5) if len(names) == 2 else whole.argmax(0)
    assert (classes != expected)[valid].mean() < 0.002
    assert (classes != read(plain.classes)[0])[valid].mean() > 0.01
    assert sorted(path.name for path in (tmp_path / "crf").iterdir()) == sorted(
        path.name for path in made.files.paths()
    )


def test_the_crf_is_part_of_what_a_map_was_made_from(tmp_path: Path) -> None:
    scene, _, _ = noisy_scene(tmp_path)
    answers = AnswerOptions(crf=True)
    assert not map_scene(Blur(), scene, tmp_path / "maps", answers=answers, **SMALL).skipped
    assert map_scene(Blur(), scene, tmp_path / "maps", answers=answers, **SMALL).skipped
    with pytest.raises(UserError, match="already holds a map of scene made from something else"):
        map_scene(Blur(), scene, tmp_path / "maps", answers=replace(answers, crf_steps=3), **SMALL)
    with pytest.raises(UserError, match=r"made from something else \(crf .*, now off\)"):
        map_scene(Blur(), scene, tmp_path / "maps", **SMALL)


# --- entropy ---------------------------------------------------------------------------------------------------------


def test_entropy_is_zero_where_a_class_is_certain_and_a_bit_where_two_are_alike() -> None:
    planes = np.array([[[1.0, 0.5, 0.0, 0.25]]], np.float32)
    np.testing.assert_allclose(entropy_of(planes), [[0, 1, 0, 0.811278]], atol=1e-5)
    np.testing.assert_allclose(entropy_of(np.full((4, 2, 2), 0.25, np.float32)), 2, atol=1e-6)


@pytest.mark.parametrize("names", [("background", "building"), THREE])
def test_the_entropy_raster_lies_on_the_scene_and_has_its_nodata(tmp_path: Path, names: tuple[str, ...]) -> None:
    scene, _, valid = noisy_scene(tmp_path)
    made = map_scene(
        Blur(class_names=names), scene, tmp_path / "maps", probabilities=True, answers=AnswerOptions(entropy=True),
        **SMALL,
    )  # fmt: skip
    entropy = read(made.entropy)[0]
    assert np.isnan(entropy[~valid]).all()
    np.testing.assert_allclose(entropy[valid], entropy_of(read(made.probability))[valid], atol=1e-6)
    with rasterio.open(made.entropy) as file, rasterio.open(scene) as original:
        assert (file.crs, file.transform, file.shape) == (original.crs, original.transform, original.shape)
        assert file.descriptions == ("entropy, bits",)
    again = map_scene(
        Blur(class_names=names), scene, tmp_path / "maps", probabilities=True, answers=AnswerOptions(entropy=True),
        **SMALL,
    )  # fmt: skip
    assert again.skipped
    assert again.entropy == made.entropy
    assert again.report()["entropy"] == str(made.entropy)
    map_scene(Blur(class_names=names), scene, tmp_path / "maps", overwrite=True, **SMALL)
    assert not made.entropy.exists()


# --- turned pictures and several runs --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """Two small real trainings of three steps, and one of other classes."""
    folder = tmp_path_factory.mktemp("runs")
    found = []
    for number, target in enumerate(("building", "building", "roof")):
        area = save_area(folder / f"town{number}", [draw_picture(seed=seed) for seed in range(2)])
        options = ["--network.name", "lite-unet", "--network.pretrained", "false", "--network.width", "4"]
        short = ["--epochs", "1", "--steps-per-epoch", "3", "--data.validation-share", "0", "--seed", str(number)]
        named = ["--data.target", target]
        recipe = recipe_for(folder, [area], *options, *short, *named)
        found.append(train_recipe(recipe, "quick", out=folder / f"run{number}").run)
    return found


def probability_of(made: list) -> np.ndarray:
    return read(made[0].probability)[0]


def test_several_runs_map_a_scene_together(tmp_path: Path, runs: list[Run]) -> None:
    scene = save(tmp_path / "scene.tif", field_scene(64, 96), **UTM)
    first, second, third = (run.folder for run in runs)
    alone = [
        probability_of(map_scenes(run, scene, tmp_path / f"alone{number}", probabilities=True, precision="fp32"))
        for number, run in enumerate((first, second))
    ]
    both = map_scenes([first, second], scene, tmp_path / "both", probabilities=True, precision="fp32")
    np.testing.assert_allclose(probability_of(both), np.mean(alone, axis=0), atol=1e-6)
    assert np.abs(alone[0] - alone[1]).max() > 1e-3
    with pytest.raises(UserError, match=r"has the classes background, roof, .* need the same classes"):
        map_scenes([first, third], scene, tmp_path / "refused")
    assert not (tmp_path / "refused").exists()


def test_tta_averages_over_turned_pictures(tmp_path: Path, runs: list[Run]) -> None:
    values = field_scene(64, 96)
    scene = save(tmp_path / "scene.tif", values, **UTM)
    made = map_scenes(
        runs[0].folder, scene, tmp_path / "maps", probabilities=True, precision="fp32", normalize="run",
        tta=True,
    )  # fmt: skip
    predictor = turned(load_predictor(runs[0], "cpu", "fp32"))
    expected = predictor.probabilities(values[None], np.ones((1, 64, 96), bool))[0, 1]
    np.testing.assert_allclose(probability_of(made), expected, atol=1e-5)


def test_the_command_line_takes_runs_before_the_scenes(
    tmp_path: Path, runs: list[Run], capsys: pytest.CaptureFixture[str]
) -> None:
    scene = save(tmp_path / "scene.tif", field_scene(64, 96), **UTM)
    first, second, third = (str(run.folder) for run in runs)
    out = tmp_path / "maps"
    with pytest.raises(SystemExit) as done:
        main(["segment", first, second, str(scene), "--out", str(out), "--tta", "--crf", "--entropy"])
    assert done.value.code == 0
    assert (out / "scene_entropy.tif").exists()
    with pytest.raises(SystemExit) as done:
        main(["segment", first, str(scene), "--before", str(scene), "--out", str(tmp_path / "change")])
    assert done.value.code == 0
    assert (tmp_path / "change" / "scene_damage.gpkg").exists()
    assert "0 footprints" in capsys.readouterr().err
    elsewhere = save(tmp_path / "elsewhere.tif", field_scene(64, 96), crs=UTM["crs"], transform=FAR_AWAY)
    for words, line in (
        ([first, second], "is a run; needed: a scene after the runs"),
        ([first, third, str(scene)], "need the same classes"),
        ([first, str(scene), "--crf-steps", "3"], "--crf-steps is a setting of the CRF: add --crf"),
        ([first, str(scene), "--crf", "--crf-color-px", "0"], "crf color_px is 0; needed: above 0"),
        ([first, str(scene), "--before", str(elsewhere)], "do not show the same ground"),
        ([first, str(scene), "--before", str(tmp_path / "gone.tif")], "gone.tif"),
        ([first, str(scene), str(elsewhere), "--before", str(scene)], "compares one scene with an earlier one, not 2"),
        ([first, str(scene), "--before", str(scene), "--polygons", "none"], "needs the polygons as GeoPackage"),
        ([first, str(scene), "--crf", "--check-seams"], "give one of them"),
        ([first, second, str(scene), "--harmonize", "mkl"], "the colors of one run; give one run"),
    ):
        with pytest.raises(SystemExit) as stop:
            main(["segment", *words, "--out", str(tmp_path / "refused")])
        assert stop.value.code == 2
        told = capsys.readouterr().err.strip()
        assert line in told
        assert len(told.splitlines()) == 1
        assert not (tmp_path / "refused").exists()
