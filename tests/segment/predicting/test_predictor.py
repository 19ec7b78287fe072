"""A run's predictor: any size, type and validity in; probabilities out."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from drawn import GRASS, TinyNetwork, draw_picture, recipe_for, save, save_area
from limner.foundation.errors import UserError
from limner.learning.runs.run import Run
from limner.learning.train import load, train_recipe
from limner.scenes.statistics import Statistics
from limner.segment.networks import NETWORKS, LiteUNet
from limner.segment.predicting import predictor
from limner.segment.predicting.predictor import SegmentPredictor, load_predictor, standardize

STATISTICS = Statistics((60.0, 110.0, 70.0), (20.0, 30.0, 40.0))


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A small real training: lite-unet for three steps."""
    folder = tmp_path_factory.mktemp("predictor")
    area = save_area(folder / "town", [draw_picture(seed=seed) for seed in range(2)])
    options = ["--network.name", "lite-unet", "--network.pretrained", "false", "--network.width", "4"]
    short = ["--epochs", "1", "--steps-per-epoch", "3", "--data.validation-share", "0"]
    return train_recipe(recipe_for(folder, [area], *options, *short), "quick", out=folder / "run").run


def predictor_of(network: torch.nn.Module, channels: int = 3, **options: object) -> SegmentPredictor:
    values = {
        "network": network.eval(),
        "channels": channels,
        "class_names": ("background", "building"),
        "statistics": STATISTICS,
        "threshold": 0.5,
        "ground_m": None,
        "normalize": "run",
        "device": torch.device("cpu"),
        "precision": "32-true",
    }
    return SegmentPredictor(**{**values, **options})  # type: ignore[arg-type]


def facts_of(run: Run) -> dict[str, Any]:
    return {key: value for key, value in run.facts.items() if key not in ("limner", "format_version")}


def test_standardizing_gives_each_picture_mean_0_and_deviation_1_by_its_own_statistics() -> None:
    image = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 50 + 100
    statistics = [Statistics(tuple(p.mean((1, 2)).tolist()), tuple(p.std((1, 2)).tolist())) for p in image]
    standardized = standardize(image, torch.ones(2, 8, 8, dtype=torch.bool), statistics)
    torch.testing.assert_close(standardized.mean((2, 3)), torch.zeros(2, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(standardized.std((2, 3)), torch.ones(2, 3))


def test_pixels_without_data_are_the_mean_whatever_they_hold() -> None:
    image = torch.full((1, 3, 4, 4), float("nan"))
    valid = torch.zeros(1, 4, 4, dtype=torch.bool)
    assert torch.equal(standardize(image, valid, [STATISTICS]), torch.zeros(1, 3, 4, 4))


@pytest.mark.parametrize("size", [(33, 47), (32, 64), (1, 1), (70, 20)])
def test_pictures_of_any_size_get_probabilities_that_sum_to_one(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    predictor = predictor_of(LiteUNet(3, 3, pretrained=False, width=4), class_names=("a", "b", "c"))
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, *size), np.uint8)
    probabilities = predictor.probabilities(pixels, np.ones((2, *size), bool))
    assert probabilities.shape == (2, 3, *size)
    assert probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(1), 1, atol=1e-5)
    padded = np.pad(pixels, ((0, 0), (0, 0), (0, -size[0] % 32), (0, -size[1] % 32)))
    known = np.pad(np.ones((2, *size), bool), ((0, 0), (0, -size[0] % 32), (0, -size[1] % 32)))
    whole = predictor.probabilities(padded, known)[:, :, : size[0], : size[1]]
    np.testing.assert_allclose(probabilities, whole, atol=1e-6)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "float64"])
def test_every_pixel_type_means_the_same(dtype: str) -> None:
    torch.manual_seed(0)
    predictor = predictor_of(TinyNetwork())
    pixels, valid = draw_picture().values[None], np.ones((1, 96, 96), bool)
    np.testing.assert_array_equal(
        predictor.probabilities(pixels.astype(dtype), valid), predictor.probabilities(pixels, valid)
    )


@pytest.mark.parametrize("channels", [1, 3, 4, 13])
def test_statistics_of_the_scene_stand_in_for_the_runs(channels: int) -> None:
    torch.manual_seed(0)
    own = Statistics((10.0,) * channels, (2.0,) * channels)
    pixels = np.random.default_rng(0).normal(10, 2, (1, channels, 20, 30)).astype(np.float32)
    predictor = predictor_of(
        TinyNetwork(channels), channels, statistics=Statistics((0.0,) * channels, (1.0,) * channels)
    )
    valid = np.ones((1, 20, 30), bool)
    by_hand = predictor.probabilities((pixels - 10) / 2, valid)
    np.testing.assert_allclose(predictor.probabilities(pixels, valid, own), by_hand, atol=1e-6)
    assert np.abs(predictor.probabilities(pixels, valid) - by_hand).max() > 0.01


def test_another_number_of_bands_is_refused() -> None:
    with pytest.raises(UserError, match="the picture has 4 bands, this run was trained on 3"):
        predictor_of(TinyNetwork()).probabilities(np.zeros((1, 4, 8, 8)), np.ones((1, 8, 8), bool))


def test_two_classes_are_decided_by_the_threshold_and_more_by_the_likeliest() -> None:
    two = predictor_of(TinyNetwork(), threshold=0.3)
    building = np.array([[0.0, 0.2999, 0.3, 0.9]], np.float32)
    assert two.classes_of(np.stack([1 - building, building])[None]).tolist() == [[[0, 0, 1, 1]]]
    three = predictor_of(TinyNetwork(classes=3), class_names=("a", "b", "c"), threshold=0.3)
    chances = np.array([[0.5, 0.35, 0.2], [0.4, 0.35, 0.2], [0.1, 0.3, 0.6]], np.float32).T[None, :, :, None]
    assert three.classes_of(chances)[0, :, 0].tolist() == [0, 0, 2]


def test_a_run_predicts_a_picture_file_plain_and_by_its_own_colors(run: Run, tmp_path: Path) -> None:
    picture = draw_picture(70, 50, seed=7)
    predictor = load(run.folder)
    valid = np.ones((1, 70, 50), bool)
    own = Statistics(
        tuple(picture.values.mean((1, 2)).tolist()), tuple(picture.values.astype(float).std((1, 2)).tolist())
    )
    path = save(tmp_path / "scene.tif", picture.values)
    for way, statistics in (("run", None), ("scene", own), ("auto", None)):
        expected = predictor.classes_of(predictor.probabilities(picture.values[None], valid, statistics))[0]
        np.testing.assert_array_equal(predictor.predict(path, way), expected)
    Image.fromarray(picture.values.transpose(1, 2, 0)).save(tmp_path / "scene.png")
    np.testing.assert_array_equal(predictor.predict(tmp_path / "scene.png"), predictor.predict(path))


def test_a_run_that_was_trained_on_each_areas_own_colors_takes_a_pictures_own(run: Run, tmp_path: Path) -> None:
    plain = draw_picture(64, 64, seed=7)
    path = save(tmp_path / "dark.tif", plain.values // 2)
    trained = Run(tmp_path / "run")
    trained.save_model(run.weights(), {**facts_of(run), "normalize": "area"})
    predictor = load_predictor(trained)
    np.testing.assert_array_equal(predictor.predict(path), predictor.predict(path, "scene"))
    with pytest.raises(UserError, match="normalize is 'own'; needed: auto, run or scene"):
        predictor.predict(path, "own")


def test_transparent_pixels_of_a_file_do_not_reach_the_network(run: Run, tmp_path: Path) -> None:
    values = draw_picture(64, 64, seed=3).values.transpose(1, 2, 0)
    alpha = np.full((64, 64, 1), 255, np.uint8)
    alpha[20:40] = 0
    wild = values.copy()
    wild[20:40] = 255
    for name, colors in (("plain", values), ("wild", wild)):
        Image.fromarray(np.concatenate([colors, alpha], axis=2)).save(tmp_path / f"{name}.png")
    predictor = load_predictor(run, precision="fp32")
    np.testing.assert_array_equal(predictor.predict(tmp_path / "plain.png"), predictor.predict(tmp_path / "wild.png"))


def test_a_predictor_says_what_it_is(run: Run) -> None:
    predictor = load_predictor(run)
    assert predictor.class_names == ("background", "building")
    assert predictor.digest == run.digest()
    assert not predictor.network.training
    assert "3 bands" in predictor._repr_html_()
    np.testing.assert_allclose(predictor.statistics.mean, GRASS, atol=60)


@pytest.mark.parametrize("damage", ["cut short", "of another network"])
def test_a_damaged_run_is_told(run: Run, tmp_path: Path, damage: str) -> None:
    copy = Run(tmp_path / "run")
    copy.save_model(run.weights(), facts_of(run))
    load_predictor(copy)
    if damage == "cut short":
        model = copy.folder / "model.safetensors"
        model.write_bytes(model.read_bytes()[:-100])
    else:
        copy.save_model({k: v for k, v in run.weights().items() if k != "network.head.weight"}, run.facts)
    with pytest.raises(UserError, match=str(copy.folder)):
        load_predictor(copy)


def test_a_run_of_a_network_that_is_gone_is_told(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others = {name: network for name, network in NETWORKS.items() if name != "lite-unet"}
    monkeypatch.setattr(predictor, "NETWORKS", others)
    with pytest.raises(UserError, match="lite-unet"):
        load_predictor(run)
