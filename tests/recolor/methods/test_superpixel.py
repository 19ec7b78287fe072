"""The whole method: eq. 1-6 from pictures to picture, a picture onto itself, masks, pins,
and sizes nobody thinks of.
"""

import pytest
import torch
from skimage.data import chelsea, coffee
from torch import Tensor

from limner.foundation.errors import UserError
from limner.nn.tiled_features import FeatureSource
from limner.recolor.fusion.fuse import NEAREST_FLOOR
from limner.recolor.matching.features import lab_gradient
from limner.recolor.methods.pictures import Pictures
from limner.recolor.methods.superpixel import PinnedPoints, SuperpixelOptions, superpixel
from limner.recolor.superpixels.segmentation import superpixels

BY_HAND = FeatureSource("lab-gradient", lab_gradient, 1, 17)


def photo(name: str = "coffee", step: int = 4) -> Tensor:
    pixels = {"coffee": coffee, "chelsea": chelsea}[name]()[::step, ::step]
    return torch.from_numpy(pixels.copy()).movedim(2, 0).float() / 255


def means_of(values: Tensor, labels: Tensor) -> Tensor:
    """(N, channels) float64: means of (channels, H, W) over superpixels."""
    return torch.stack([values[:, labels == number].double().mean(1) for number in range(int(labels.max()) + 1)])


@pytest.mark.parametrize("centering", ["descriptor", "channel"])
def test_the_method_is_equations_1_to_6_with_explicit_matrices(centering: str) -> None:
    target, reference = photo(step=14)[:, :, :32], photo("chelsea", 12)[:, :25]
    temperature = 0.05
    options = SuperpixelOptions(
        features=BY_HAND,
        count=30,
        centering=centering,
        temperature=temperature,
        palette=0,
        smoothness=0,
        diffusion=0,
        contrast=0,
        fusion="colors",
    )
    done = superpixel(Pictures(target, [reference]), options)
    labels, looks = superpixels(target, 30).long(), superpixels(reference, 30).long()
    first, second = (
        means_of(lab_gradient(picture[None].clamp(0, 1))[0][0], numbers)
        for picture, numbers in ((target, labels), (reference, looks))
    )
    matrix = torch.empty(len(first), len(second), dtype=torch.float64)  # M of eq. 1
    for i, own in enumerate(first):
        for j, other in enumerate(second):
            middles = (own.mean(), other.mean()) if centering == "descriptor" else (first.mean(0), second.mean(0))
            a, b = own - middles[0], other - middles[1]
            matrix[i, j] = a @ b / (a.norm() * b.norm())
    attention = torch.exp(matrix / temperature)  # A of eq. 2
    attention /= attention.sum(1, keepdim=True)
    assert (done.matching.attention().double() - attention).abs().max() < 1e-3
    _, height, width = target.shape
    rows, columns = torch.meshgrid(torch.arange(height) / height, torch.arange(width) / width, indexing="ij")
    points = torch.stack([rows, columns, *target]).double()
    flat, owners = points.flatten(1).T, labels.flatten()
    weight = torch.empty(len(flat), len(first), dtype=torch.float64)  # d of eq. 5-6
    for i in range(len(first)):
        own = flat[owners == i]
        covariance = torch.cov(own.T, correction=0) if len(own) > 1 else torch.zeros(5, 5, dtype=torch.float64)
        covariance[:2, 2:] = covariance[2:, :2] = 0
        covariance[:2, :2] *= 100
        covariance[2:, 2:] *= 0.01
        apart = flat - own.mean(0)
        weight[:, i] = ((apart @ torch.linalg.inv(covariance + 1e-4 * torch.eye(5))) * apart).sum(1)
    least = weight.amin(1, keepdim=True)
    weight = torch.exp(-(weight - least) / (least + NEAREST_FLOOR))
    whole = weight @ attention  # W of eq. 4, pixels x reference superpixels
    expected = whole @ means_of(reference, looks) / whole.sum(1, keepdim=True)  # eq. 3
    assert (done.picture - expected.T.reshape(3, height, width)).abs().max() < 1 / 255


@pytest.mark.parametrize("name", ["coffee", "chelsea"])
def test_a_picture_onto_itself_hardly_changes(name: str) -> None:
    picture = photo(name, 2)
    done = superpixel(Pictures(picture, [picture]))
    assert (done.picture - picture).abs().mean() < 0.01


def test_what_a_run_should_report_is_reported() -> None:
    done = superpixel(Pictures(photo(), [photo("chelsea")]))
    assert list(done.seconds) == [
        "network", "superpixels", "centers", "features", "attention", "diffusion", "palette", "contrast", "fusion",
            "regrain", "range",
    ]  # fmt: skip
    assert done.numbers["target superpixels"] == len(done.matching.target)
    assert done.numbers["perplexity"] == pytest.approx(5, rel=0.2)
    assert done.numbers["reference superpixels used"] * done.numbers["most uses of one"] >= len(done.matching.target)
    assert 0 <= done.numbers["unfitted share"] <= 1


def test_references_of_several_pictures_are_matched_together() -> None:
    red, blue = torch.zeros(3, 30, 40), torch.zeros(3, 20, 30)
    red[0], blue[2] = 0.8, 0.8
    noise = 0.02 * torch.rand(3, 30, 40, generator=torch.Generator().manual_seed(0))
    done = superpixel(Pictures(photo(), [red + noise, blue + noise[:, :20, :30]]))
    assert len(done.matching.reference_labels) == 2
    assert done.matching.reference_labels[1].min() == done.matching.reference_labels[0].max() + 1
    assert done.matching.attention(slice(0, 4)).shape[1] == len(done.matching.references)


def test_colors_are_taken_only_from_where_a_mask_is_white() -> None:
    reference = torch.zeros(3, 40, 60)
    reference[0, :, :30] = 0.9
    reference[2, :, 30:] = 0.9
    reference += 0.03 * torch.rand(3, 40, 60, generator=torch.Generator().manual_seed(1))
    mask = torch.zeros(40, 60)
    mask[:, 32:] = 1
    of_paper = SuperpixelOptions(
        smoothness=0, diffusion=0, contrast=0, soft_range=0, fusion="colors"
    )  # nothing of the target's own colors
    done = superpixel(Pictures(photo(), [reference], reference_masks=[mask]), of_paper)
    assert done.picture[0].max() < 0.2  # nothing of the red half
    assert done.picture[2].mean() > 0.8
    assert (done.matching.reference_labels[0][:, :28] == -1).all()
    with pytest.raises(UserError, match="leaves none of its pixels"):
        superpixel(Pictures(photo(), [reference], reference_masks=[torch.zeros(40, 60)]))


def test_a_pinned_region_takes_the_colors_it_is_pinned_to() -> None:
    target = torch.full((3, 60, 60), 0.2)
    target[1, :, 30:] = 0.7
    reference = torch.zeros(3, 60, 60)
    reference[0, :20], reference[1, 20:40], reference[2, 40:] = 0.9, 0.9, 0.9
    grain = 0.02 * torch.rand(3, 60, 60, generator=torch.Generator().manual_seed(0))
    for row, channel in ((10, 0), (30, 1), (50, 2)):
        pins = [PinnedPoints((30, 50), (row, 30))]
        done = superpixel(
            Pictures(target + grain, [reference + grain]), SuperpixelOptions(pins=pins, palette=0, smoothness=0)
        )
        region = done.picture[:, 25:35, 45:55].flatten(1).mean(1)
        assert region.argmax() == channel and region[channel] > 0.6
    with pytest.raises(UserError, match=r"names 80,3 in the picture of 60 x 60"):
        superpixel(Pictures(target, [reference]), SuperpixelOptions(pins=[PinnedPoints((80, 3), (0, 0))]))
    with pytest.raises(UserError, match="reference 3 of 1"):
        superpixel(Pictures(target, [reference]), SuperpixelOptions(pins=[PinnedPoints((0, 3), (0, 0), 2)]))


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (33, 47), (3, 3)])
def test_any_size_and_constant_pictures_work(size: tuple[int, int]) -> None:
    noise = torch.rand(3, *size, generator=torch.Generator().manual_seed(0))
    for target in (noise, torch.full((3, *size), 0.4)):
        for reference in (photo(step=12), torch.full((3, 5, 7), 0.9)):
            done = superpixel(Pictures(target, [reference]))
            assert done.picture.shape == target.shape
            assert done.picture.isfinite().all()


@pytest.mark.parametrize("count", [1, 10**6])
def test_one_superpixel_and_superpixels_of_one_pixel_work(count: int) -> None:
    target, reference = photo(step=20), photo("chelsea", 20)
    done = superpixel(Pictures(target, [reference]), SuperpixelOptions(count=count, features=BY_HAND))
    assert done.picture.isfinite().all()
    assert done.numbers["target superpixels"] == (1 if count == 1 else target[0].numel())


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"temperature": 0.0}, "temperature is 0; needed: above 0"),
        ({"perplexity": 0.5}, "perplexity is 0.5; needed"),
        ({"palette": 1.5}, "palette is 1.5; needed"),
        ({"diffusion": -1}, "diffusion is -1; needed: 0"),
        ({"fusion": "mix"}, "fusion is 'mix'; needed: changes or colors"),
        ({"centering": "middle"}, "centering is 'middle'; needed: standard or channel or descriptor"),
    ],
)
def test_options_that_cannot_be_are_refused_in_one_line(options: dict[str, object], says: str) -> None:
    with pytest.raises(UserError, match=says):
        pictures = Pictures(photo(step=20), [photo("chelsea", 20)])
        superpixel(pictures, SuperpixelOptions(features=BY_HAND, **options))
