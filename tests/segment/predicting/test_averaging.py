"""Flipped and turned pictures, and several runs: means of probabilities."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_predictor import STATISTICS, predictor_of
from torch import Tensor, nn

from limner.foundation.errors import UserError
from limner.scenes.statistics import Statistics
from limner.segment.networks import LiteUNet
from limner.segment.predicting.ensemble import Ensemble, together
from limner.segment.predicting.predictor import SegmentPredictor
from limner.segment.predicting.turns import TURNS, TurnedNetwork


def network(seed: int = 0, classes: int = 2) -> nn.Module:
    torch.manual_seed(seed)
    return LiteUNet(3, classes, pretrained=False, width=4).eval()


def member(seed: int, **options: object) -> SegmentPredictor:
    return predictor_of(network(seed), digest=f"model {seed}", **options)


def picture(height: int = 64, width: int = 96) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(0)
    return draw.integers(0, 256, (1, 3, height, width), np.uint8), np.ones((1, height, width), bool)


# --- flipped and turned ----------------------------------------------------------------------------------------------


@torch.inference_mode()
def test_the_answer_to_a_turned_picture_is_the_turned_answer() -> None:
    """Which no trained network gives by itself: the eight looks are all there, and each is turned back right."""
    turned, image = TurnedNetwork(network()), torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    plain = turned.network(image).softmax(1)
    answer = turned(image).softmax(1)
    for quarters, mirrored in TURNS:

        def move(planes: Tensor, quarters: int = quarters, mirrored: bool = mirrored) -> Tensor:
            return torch.rot90(planes.flip(3) if mirrored else planes, quarters, (2, 3))

        torch.testing.assert_close(turned(move(image)).softmax(1), move(answer), atol=1e-5, rtol=0)
        if quarters or mirrored:
            assert not torch.allclose(turned.network(move(image)).softmax(1), move(plain), atol=1e-3)


@torch.inference_mode()
def test_probabilities_are_averaged_not_logits() -> None:
    turned, image = TurnedNetwork(network()), torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    looks = []
    for quarters, mirrored in TURNS:
        logits = turned.network(torch.rot90(image.flip(3) if mirrored else image, quarters, (2, 3)))
        back = torch.rot90(logits, -quarters, (2, 3))
        looks.append((back.flip(3) if mirrored else back).softmax(1))
    torch.testing.assert_close(turned(image).softmax(1), torch.stack(looks).mean(0))


def test_a_turned_network_predicts_pictures_of_any_size_and_keeps_its_stride() -> None:
    plain = member(0)
    turned = replace(plain, network=TurnedNetwork(plain.network).eval())
    assert turned.stride == plain.stride
    pixels, valid = picture(33, 47)
    found = turned.probabilities(pixels, valid)
    assert found.shape == (1, 2, 33, 47)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-5)
    assert np.abs(found - plain.probabilities(pixels, valid)).max() > 1e-3


# --- several runs ----------------------------------------------------------------------------------------------------


def test_an_ensemble_gives_the_mean_of_its_members_each_standardized_for_itself() -> None:
    other = Statistics((90.0, 90.0, 90.0), (10.0, 50.0, 20.0))
    one, two = member(0, threshold=0.4), member(1, statistics=other, threshold=0.5)
    both, (pixels, valid) = Ensemble((one, two)), picture()
    mean = (one.probabilities(pixels, valid) + two.probabilities(pixels, valid)) / 2
    np.testing.assert_allclose(both.probabilities(pixels, valid), mean, atol=1e-6)
    np.testing.assert_allclose(both.probabilities(pixels, valid, both.statistics), mean, atol=1e-6)
    assert both.threshold == pytest.approx(0.45)
    assert (both.classes_of(mean) == (mean[:, 1] >= 0.45)).all()


def test_the_scenes_own_statistics_reach_all_members() -> None:
    own, (pixels, valid) = Statistics((100.0, 80.0, 60.0), (30.0, 30.0, 30.0)), picture()
    one, two = member(0), member(1, statistics=Statistics((9.0, 9.0, 9.0), (1.0, 1.0, 1.0)))
    mean = (one.probabilities(pixels, valid, own) + two.probabilities(pixels, valid, own)) / 2
    np.testing.assert_allclose(Ensemble((one, two)).probabilities(pixels, valid, own), mean, atol=1e-6)


def test_members_resample_each_as_it_was_trained() -> None:
    fine, coarse = member(0, ground_range_m=(0.3, 0.3)), member(1, ground_range_m=(0.6, 0.6))
    there = Ensemble((fine, coarse)).at_ground(0.3)
    assert [each.scale for each in there.members] == [1.0, 0.5]
    assert there.ground_range_m == (0.3, 0.6)
    pixels, valid = picture()
    mean = (fine.probabilities(pixels, valid) + coarse.at_ground(0.3).probabilities(pixels, valid)) / 2
    np.testing.assert_allclose(there.probabilities(pixels, valid), mean, atol=1e-6)


def test_ensembles_are_told_apart_and_one_run_is_none() -> None:
    one, two, three = (member(seed) for seed in range(3))
    assert together([one]) is one
    assert len({Ensemble(each).digest for each in ((one, two), (one, three), (two, one))}) == 3
    assert Ensemble((one, two)).with_threshold(0.7).threshold == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"class_names": ("background", "road")}, "has the classes background, road, first background, building"),
        ({"channels": 4}, "has this many bands: 4, first 3"),
        ({"bands": ("red", "green", "nir")}, "has the bands red, green, nir, first red, green, blue"),
    ],
)
def test_runs_that_differ_are_refused_in_a_line(changed: dict[str, object], line: str) -> None:
    first = member(0, folder=Path("first"), bands=("red", "green", "blue"))
    with pytest.raises(UserError) as error:
        Ensemble((first, member(1, folder=Path("second")), member(2, folder=Path("third"), **changed)))
    assert line in str(error.value)
    assert str(error.value).startswith("third ")
    assert "\n" not in str(error.value)


def test_runs_that_see_colors_differently_need_to_be_told_how() -> None:
    both = Ensemble((member(0), member(1, normalize="scene", statistics=STATISTICS)))
    assert both.normalization("scene") == "scene"
    with pytest.raises(UserError, match=r"add --normalize run or --normalize scene"):
        both.normalization("auto")


def test_of_a_network_that_learned_borders_insides_are_averaged_apart_from_the_classes() -> None:
    plain, image = network(), torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    turned = TurnedNetwork(plain, classes=1).eval()
    total = 0
    with torch.inference_mode():
        for quarters, mirrored in TURNS:
            seen = torch.rot90(image.flip(3) if mirrored else image, quarters, (2, 3))
            answer = torch.rot90(plain(seen)[:, 1:].sigmoid(), -quarters, (2, 3))
            total = total + (answer.flip(3) if mirrored else answer)
        found = turned(image)
    assert torch.allclose(found[:, 1:].sigmoid(), total / 8, atol=1e-5)
    assert torch.allclose(found[:, :1].exp(), torch.ones(1), atol=1e-6)
