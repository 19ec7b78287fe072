"""Where a class is seen: activation of the last maps, occlusion, the box around it, and the box in the picture."""

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from limner.classify.data.preprocessing import Preprocessing
from limner.classify.networks import NETWORKS
from limner.classify.predicting.maps import box_of, class_activation, covered_evidence, last_maps
from limner.classify.predicting.overlay import overlay_evidence
from limner.classify.predicting.predictor import PictureClassifier
from limner.datasets.pictures.fitting import Fit


class BrightSpots(nn.Module):
    """Class 0 where red is bright, class 1 where green is: maps, in-place rectification, a mean, a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.maps = nn.Conv2d(3, 2, 1, bias=False)
        self.relu = nn.ReLU(inplace=True)
        self.last = nn.Linear(2, 2, bias=False)
        with torch.no_grad():
            self.maps.weight.copy_(torch.tensor([[1.0, 0, 0], [0, 1.0, 0]])[..., None, None])
            self.last.weight.copy_(40 * torch.eye(2))

    def forward(self, image: Tensor) -> Tensor:
        x = self.relu(nn.functional.avg_pool2d(self.maps(image), 2))
        return self.last(x.mean(dim=(2, 3)))


def spots() -> Tensor:
    """(2, 3, 16, 16): red upper left and green lower right; only green, elsewhere."""
    image = torch.zeros(2, 3, 16, 16)
    image[0, 0, 2:6, 2:6], image[0, 1, 10:14, 8:14] = 1.0, 1.0
    image[1, 1, 0:4, 12:16] = 1.0
    return image


def test_activation_is_where_the_class_is_and_follows_the_class() -> None:
    network, image = BrightSpots().eval(), spots()
    assert last_maps(network, image) is network.relu
    red = class_activation(network, image, torch.tensor([0, 0]))
    green = class_activation(network, image, torch.tensor([1, 1]))
    assert red.shape == (2, 16, 16) and red[0].max() == pytest.approx(1)
    assert float(red[0, 3:5, 3:5].mean()) > 0.9 and float(red[0, 8:].max()) == 0
    assert not red[1].any()  # nothing red in the second
    assert float(green[0, 11:13, 9:13].mean()) > 0.9 and float(green[0, :8].max()) == 0


def test_for_a_mean_and_one_layer_it_is_class_activation_but_for_a_factor() -> None:
    """Zhou et al. 2016: the maps weighted by the class's row of the last layer."""
    torch.manual_seed(4)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)
    ).eval()
    image, classes = torch.randn(3, 3, 12, 12), torch.tensor([2, 0, 3])
    maps = network[1](network[0](image))
    expected = (network[4].weight[classes][:, :, None, None] * maps).sum(1).relu()
    expected = nn.functional.interpolate(expected[:, None], size=(12, 12), mode="bilinear")[:, 0]
    expected = expected / expected.amax(dim=(1, 2), keepdim=True).clamp(min=1e-12)
    assert torch.allclose(class_activation(network, image, classes), expected.detach(), atol=1e-5)


@pytest.mark.parametrize("name", ["lenet", "lenet-1998", "resnet", "densenet", "googlenet-bn"])
def test_every_kind_of_network_shows_its_evidence_and_its_answer_stays(name: str) -> None:
    torch.manual_seed(0)
    options = {"depth": 18} if name == "resnet" else {}
    network = NETWORKS[name](channels=3, classes=4, **options).eval()
    size = 32 if name.startswith("lenet") else 64
    image = torch.randn(2, 3, size, size)
    before = network(image).detach()
    maps = class_activation(network, image, torch.tensor([1, 3]))
    assert maps.shape == (2, size, size) and maps.isfinite().all()
    assert torch.equal(network(image).detach(), before)


def test_a_network_without_places_is_told() -> None:
    with pytest.raises(ValueError, match="keeps no places"):
        last_maps(nn.Sequential(nn.Flatten(), nn.Linear(12, 2)), torch.zeros(1, 3, 2, 2))


def test_occlusion_is_where_covering_takes_the_class_away_as_three_loops_say() -> None:
    network, image = BrightSpots().eval(), spots()[:1]

    def probabilities(shown: Tensor) -> Tensor:
        return network(shown).detach().softmax(1)

    found = covered_evidence(network, image, torch.tensor([1]), window_px=4, stride_px=3)[0]
    before = float(probabilities(image)[0, 1])
    fall, covered = np.zeros((16, 16)), np.zeros((16, 16))
    for top in (0, 3, 6, 9, 12):
        for left in (0, 3, 6, 9, 12):
            hidden = image.clone()
            hidden[..., top : top + 4, left : left + 4] = 0
            value = before - float(probabilities(hidden)[0, 1])
            fall[top : top + 4, left : left + 4] += value
            covered[top : top + 4, left : left + 4] += 1
    expected = np.maximum(fall / covered, 0)
    assert np.allclose(found.numpy(), expected / expected.max(), atol=1e-5)
    assert found[11:13, 9:13].min() > 0.3 and found[2:6, 2:6].max() == 0


def test_the_box_is_around_the_largest_part() -> None:
    evidence = np.zeros((10, 12), np.float32)
    evidence[1:3, 2:4], evidence[5:9, 6:11], evidence[9, 0] = 1.0, 0.5, 0.1
    assert box_of(evidence) == (6, 5, 11, 9)
    assert box_of(evidence, level=0.6) == (2, 1, 4, 3)
    assert box_of(np.zeros((4, 4))) is None


def classifier(fit: Fit, crop_px: int = 16) -> PictureClassifier:
    return PictureClassifier(
        BrightSpots(),
        ("red", "green"),
        16,
        crop_px,
        "rgb",
        fit,
        Preprocessing((0.0,) * 3, (1.0,) * 3),
        torch.device("cpu"),
    )


@pytest.mark.parametrize(
    ("fit", "size", "box"),
    [
        ("crop", (64, 32), (16, 0, 48, 32)),
        ("pad", (64, 32), (0, 0, 64, 32)),
        ("squash", (64, 32), (0, 0, 64, 32)),
        ("crop", (32, 32), (0, 0, 32, 32)),
    ],
)
def test_a_box_of_all_that_was_seen_is_that_part_of_the_picture(
    fit: Fit, size: tuple[int, int], box: tuple[int, int, int, int]
) -> None:
    assert classifier(fit)._in_picture((0, 0, 16, 16), size) == box


def test_a_picture_is_answered_with_class_probability_and_place() -> None:
    pixels = np.zeros((32, 64, 3), np.uint8)
    pixels[4:12, 20:28, 0] = 255
    answer = classifier("crop").predict(pixels)
    assert answer.names == ("red", "green")
    assert answer.probabilities[0] == pytest.approx(
        1 / (1 + np.exp(-40 * 16 / 256)), abs=5e-3
    )  # Lanczos' filter overshoots
    assert answer.box is not None
    left, top, right, bottom = answer.box
    assert abs(left - 20) <= 4 and abs(right - 28) <= 4 and abs(top - 4) <= 4 and abs(bottom - 12) <= 4
    assert answer.shown.shape == (16, 16, 3)


def test_a_middle_that_is_cropped_moves_the_box() -> None:
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[6:10, 6:10, 1] = 255
    whole, middle = classifier("crop").predict(pixels), classifier("crop", crop_px=8).predict(Image.fromarray(pixels))
    assert (whole.names[0], middle.names[0]) == ("green", "green")
    assert whole.box is not None and middle.box is not None
    assert np.abs(np.subtract(whole.box, middle.box)).max() <= 2


def test_a_gray_classifier_shows_three_channels() -> None:
    gray = dataclasses.replace(
        classifier("crop"), network=NETWORKS["lenet"](channels=1, classes=2), size_px=28, crop_px=28, colors="gray",
        preprocessing=Preprocessing((0.5,), (0.5,)),
    )  # fmt: skip
    assert gray.predict(np.full((40, 30, 3), 90, np.uint8)).shown.shape == (28, 28, 3)
    assert gray.features(torch.zeros(3, 1, 28, 28, dtype=torch.uint8)).shape == (3, 84)


def test_evidence_is_laid_over_a_gray_picture() -> None:
    picture = np.full((8, 8, 3), (200, 100, 0), np.uint8)
    strength = np.zeros((4, 4), np.float32)
    assert (overlay_evidence(picture, strength) == 100).all()
    assert tuple(overlay_evidence(picture, strength + 1)[0, 0]) == (208, 208, 30)
