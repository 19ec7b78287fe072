"""Accuracy on changed pictures, and labels that are probably wrong."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from drawn_pictures import draw_shape
from limner.classify.data.examples import load_examples
from limner.classify.data.preprocessing import Preprocessing
from limner.classify.data.sources import find_pictures
from limner.classify.predicting.predictor import PictureClassifier
from limner.classify.scoring.robustness import AMOUNTS, measure_robustness, ways
from limner.classify.scoring.suspects import find_suspects, out_of_fold, write_suspects
from limner.foundation.errors import UserError

SPOT = torch.zeros(1, 1, 40, 40, dtype=torch.uint8)
SPOT[..., 10:13, 25:28] = 200


def middle(pictures: Tensor) -> tuple[float, float]:
    """(row, column) of what is bright."""
    values = pictures[0, 0].double()
    places = torch.arange(values.shape[0], dtype=torch.float64)
    return float((values.sum(1) * places).sum() / values.sum()), float((values.sum(0) * places).sum() / values.sum())


def test_pictures_are_moved_by_whole_pixels_in_four_directions() -> None:
    found = [middle(way(SPOT)) for way in ways("shift", 0.1)]
    assert [tuple(round(value, 6) for value in each) for each in found] == [(11, 30), (11, 22), (15, 26), (7, 26)]
    assert all(int(way(SPOT).max()) == 200 for way in ways("shift", 0.1))
    assert len(ways("shift", 0.0)) == 1 and torch.equal(ways("shift", 0.0)[0](SPOT), SPOT)


def test_pictures_are_turned_around_their_middle_both_ways() -> None:
    one, other = (middle(way(SPOT)) for way in ways("rotation", 90.0))
    assert one == pytest.approx((13, 11), abs=1e-3) or one == pytest.approx((26, 28), abs=1e-3)
    assert (one[0] + other[0], one[1] + other[1]) == pytest.approx((39, 39), abs=1e-3)


def test_contrast_shrinks_towards_the_mean() -> None:
    (way,) = ways("contrast", 0.3)
    paler = way(SPOT)
    assert float(paler.double().mean()) == pytest.approx(float(SPOT.double().mean()), abs=0.5)
    assert int(paler.max()) - int(paler.min()) == pytest.approx(60, abs=1)


class BrightLeft(nn.Module):
    """Class 0 where the left half is brighter, 1 where the right is."""

    def forward(self, image: Tensor) -> Tensor:
        half = image.shape[-1] // 2
        return torch.stack([image[..., :half].mean((1, 2, 3)), image[..., half:].mean((1, 2, 3))], dim=1)


def test_a_classifier_of_sides_loses_them_where_pictures_are_turned(tmp_path: Path) -> None:
    for number in range(10):
        picture = np.zeros((20, 20), np.uint8)
        left = 2 if number % 2 else 15
        picture[8:12, left : left + 3] = 255
        folder = tmp_path / ("left" if number % 2 else "right")
        folder.mkdir(exist_ok=True)
        Image.fromarray(picture).save(folder / f"{number}.png")
    examples = load_examples(find_pictures([tmp_path]), size_px=20, colors="gray")
    classifier = PictureClassifier(
        BrightLeft(), ("left", "right"), 20, 20, "gray", "crop", Preprocessing((0.0,), (1.0,)), torch.device("cpu")
    )
    found = measure_robustness(classifier, examples, torch.arange(10))
    assert {change: [amount for amount, _ in pairs] for change, pairs in found.items()} == {
        change: list(amounts) for change, amounts in AMOUNTS.items()
    }
    assert all(pairs[0][1] == 1.0 for pairs in found.values())
    assert [accuracy for _, accuracy in found["contrast"]] == [1.0] * 4
    assert [accuracy for _, accuracy in found["rotation"]][:4] == [1.0] * 4 and found["rotation"][4][1] <= 0.6
    assert found["shift"][2][1] == 1.0


def test_wrong_labels_are_found_among_right_ones(tmp_path: Path) -> None:
    odd = {4, 17, 30, 45}
    for number in range(60):
        kind = ("box", "stripes")[number % 2]
        label = kind if number not in odd else ("stripes", "box")[number % 2]
        (tmp_path / label).mkdir(exist_ok=True)
        Image.fromarray(draw_shape(kind, number)).save(tmp_path / label / f"{number}.png")
    examples = load_examples(find_pictures([tmp_path]), size_px=40, colors="rgb")
    suspects = find_suspects(examples)
    found = [int(examples.found.names[each.picture].split("/")[1].removesuffix(".png")) for each in suspects]
    assert len(odd & set(found)) >= 3
    assert len(set(found) - odd) <= 3
    assert [each.doubt for each in suspects] == sorted((each.doubt for each in suspects), reverse=True)
    assert all(each.given != each.suggested and each.doubt > 0.5 for each in suspects)
    write_suspects(tmp_path / "out", examples, suspects)
    lines = (tmp_path / "out/suspects.csv").read_text().splitlines()
    assert lines[0] == "picture,label,suggested,doubt" and len(lines) == 1 + len(suspects)
    assert (tmp_path / "out/suspects.png").exists()


def test_nobody_is_judged_by_a_classifier_that_learned_from_it() -> None:
    """Features that name each picture: learned by heart, they would give certainty; held out, they give chance."""
    features, labels = np.eye(40), np.arange(40) % 2
    said = out_of_fold(features, labels, 0)
    assert said[np.arange(40), labels].mean() < 0.6
    assert np.allclose(said.sum(axis=1), 1)
    with pytest.raises(UserError, match="a class has a single picture"):
        out_of_fold(features, np.array([0] * 39 + [1]), 0)


def test_the_demo_tells_its_story_and_goes_on(here: Path, limner: Callable[..., tuple[int, str, str]]) -> None:
    code, out, error = limner("demo", "classify", "--quick")
    assert (code, out) == (0, "limner-demo-classify/report.html\n"), error
    report = (here / "limner-demo-classify/report.html").read_text()
    for part in ("What it sees", "Worst mistakes", "Moved, turned, paler", "limner classify limner-demo-classify/run"):
        assert part in report
    for line in ("limner check digits --room classify", "limner train classify/lenet-digits", "--robustness"):
        assert f"$ {line}" in error or line in error
    assert len(list((here / "limner-demo-classify/digits").iterdir())) == 6
    code, _, error = limner("demo", "classify", "--quick")
    assert code == 0 and "already been trained" in error
