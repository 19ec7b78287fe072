"""`limner look`: one page that holds everything, for classifiers, dense nets and a user's own module."""

import base64
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from limner.classify.data.preprocessing import Preprocessing
from limner.classify.networks import NETWORKS as CLASSIFIERS
from limner.classify.predicting.predictor import PictureClassifier
from limner.datasets.pictures.fitting import Fit
from limner.detect.networks.reading import PictureReader
from limner.foundation.errors import UserError
from limner.learning.networks.known import KnownNetwork
from limner.learning.networks.looking import look, read_picture
from limner.segment.networks import SegNet


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    draws = np.random.default_rng(0)
    pixels = np.kron(draws.integers(0, 255, (6, 8, 3)), np.ones((16, 16, 1))).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.fixture(autouse=True)
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("limner.nn.looking.maximize.STEPS", 3)


def facts_of(page: Path) -> dict[str, Any]:
    text = page.read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(re.findall(r'type="application/json">(.*?)</script>', text, re.DOTALL)[0])
    return found


def size_of(address: str) -> tuple[int, int]:
    assert address.startswith("data:image/png;base64,")
    with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as picture:
        return picture.size


def test_a_picture_of_an_idx_file_is_looked_at_as_the_same_picture_of_a_file(tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (3, 28, 28), dtype=np.uint8)
    idx, alone = tmp_path / "images-idx3-ubyte", tmp_path / "two.png"
    idx.write_bytes(bytes((0, 0, 8, 3)) + np.array(pictures.shape, ">u4").tobytes() + pictures.tobytes())
    Image.fromarray(pictures[2]).save(alone)
    torch.manual_seed(0)
    network = CLASSIFIERS["lenet"](channels=1, classes=4)
    by_index, by_file = (
        facts_of(look(network, path, out=tmp_path / f"{index}.html", size=(1, 28, 28), index=index).page)
        for path, index in ((idx, 2), (alone, None))
    )
    assert by_index["picture"] == by_file["picture"] and by_index["classes"] == by_file["classes"]


def test_a_dense_net_is_shown_layer_by_layer_with_its_unpooling(photo: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = SegNet(classes=3, basic=True, width=0.125)
    made = look(network, photo, out=tmp_path / "page.html", size=(3, 64, 96))
    facts = facts_of(made.page)
    kinds = [layer["kind"] for layer in facts["layers"]]
    assert kinds.count("MaxPoolWithSwitches") == kinds.count("Unpool") == 4
    assert sum(kind == "Conv2d" for kind in kinds) == 9
    for layer in facts["layers"]:
        assert size_of(layer["maps"])[0] == 6 * layer["side"][1]
    first = next(layer for layer in facts["layers"] if layer["kind"] == "Conv2d")
    assert first["kernel_count"] == len(first["r2"]) == 8
    row, column, high, wide, down, right = first["box"]
    assert (row, column, high, wide, down, right) == (-3, -3, 7, 7, 1, 1)
    assert [each["name"].split(",")[0] for each in facts["evidence"]][:2] == ["occlusion", "Grad-CAM"]
    assert all(size_of(each["map"]) == (96, 64) for each in facts["evidence"])
    assert [size_of(each["picture"]) for each in facts["contrast"]] == [(96, 64)] * 2
    assert sum(each["share"] for each in facts["classes"]) == pytest.approx(1)
    assert network.training


@pytest.mark.parametrize(("name", "size"), [("yolo-small", (3, 224, 224)), ("faster-rcnn", (3, 96, 128))])
def test_a_detector_is_shown_by_what_reads_its_pictures(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, size: tuple[int, int, int]
) -> None:
    """In the range that it learned, and without evidence for classes: it answers by boxes."""
    given: list[torch.Tensor] = []
    forward = PictureReader.forward

    def noted(reader: PictureReader, image01: torch.Tensor) -> torch.Tensor:
        given.append(image01)
        return forward(reader, image01)

    monkeypatch.setattr(PictureReader, "forward", noted)
    made = look(f"detect/{name}", photo, out=tmp_path / "page.html", overrides=["--network.pretrained=false"])
    facts = facts_of(made.page)
    real = [each for each in given if each.dtype == torch.float32 and each.device.type == "cpu"]
    shown = next(each for each in real if tuple(each.shape) == (1, *size))
    assert 0 <= shown.min() < 0.1 and 0.9 < shown.max() <= 1
    assert len(facts["layers"]) > 20 and facts["classes"] == facts["evidence"] == []
    assert "the network gives no classes: no evidence is shown" in made.warnings


@pytest.mark.parametrize("fit", ["crop", "pad", "squash"])
def test_a_classifier_answers_on_the_page_as_it_does_elsewhere(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fit: Fit
) -> None:
    """It sees the picture as its run fits pictures to a square."""
    torch.manual_seed(0)
    classifier = PictureClassifier(
        network=CLASSIFIERS["lenet"](channels=3, classes=2).eval(), class_names=("a", "b"), size_px=34, crop_px=28,
        colors="rgb", fit=fit, preprocessing=Preprocessing((0.5,) * 3, (0.25,) * 3), device=torch.device("cpu"),
    )  # fmt: skip
    known = KnownNetwork(classifier.network, "run", 3, classifier)
    monkeypatch.setattr("limner.learning.networks.looking.find_network", lambda *_, **__: known)
    facts = facts_of(look("run", photo, out=tmp_path / "page.html").page)
    answer = classifier.predict(photo)
    shares = {each["name"]: each["share"] for each in facts["classes"]}
    assert shares == pytest.approx(dict(zip(answer.names, answer.probabilities, strict=True)), abs=1e-3)


def test_a_folder_in_place_of_a_picture_is_called_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="a folder; give one picture"):
        look("lenet", tmp_path, out=tmp_path / "page.html")


def test_the_page_needs_nothing_else(photo: Path, tmp_path: Path) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    page = look(network, photo, out=tmp_path / "page.html", size=(3, 32, 32)).page
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"(src|href)=[\"']?(https?:)?//|@import|url\(http", text)
    assert "__FACTS__" not in text
    assert '<meta name="viewport"' in text


def test_the_nearest_pictures_begin_with_the_same_one(photo: Path, tmp_path: Path) -> None:
    folder = tmp_path / "others"
    folder.mkdir()
    for seed in range(3):
        pixels = np.random.default_rng(seed + 1).integers(0, 255, (40, 40, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{seed}.png")
    (folder / "same.png").write_bytes(photo.read_bytes())
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 5, stride=4), nn.ReLU(), nn.Conv2d(8, 8, 3))
    facts = facts_of(look(network, photo, out=tmp_path / "page.html", size=(3, 48, 64), among=folder).page)
    assert facts["nearest"][0]["name"] == "same.png"
    assert facts["nearest"][0]["likeness"] == pytest.approx(1)
    assert len(facts["nearest"]) == 4


def test_a_picture_keeps_its_aspect_and_its_middle(tmp_path: Path) -> None:
    pixels = np.zeros((40, 120, 3), np.uint8)
    pixels[:, 40:80] = 255
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    found = read_picture(tmp_path / "wide.png", 1, 20, 20)
    assert found.shape == (20, 20, 1)
    assert found[:, 1:-1].min() == 255
    assert found.min() > 200  # bilinear at the border of the middle
    with pytest.raises(UserError, match="the network reads 4: look takes gray and RGB"):
        read_picture(tmp_path / "wide.png", 4, 20, 20)


def test_the_verb_writes_the_page_once(
    photo: Path, limner: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photo.parent)
    command = ("look", "lenet", "photo.png", "--input", "1x28x28")
    code, out, _ = limner(*command)
    assert (code, out) == (0, "look.html\n")
    facts = facts_of(photo.parent / "look.html")
    assert "not trained" in facts["summary"]
    assert len(facts["classes"]) == 2 or len(facts["classes"]) == 8
    code, out, error = limner(*command)
    assert (code, out) == (2, "")
    assert error == "limner: look.html is there already; add --overwrite, or name another page with --out\n"
    assert limner("look", "lenet", "gone.png")[0] == 2
