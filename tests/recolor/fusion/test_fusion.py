"""Color fusion is eq. 3-6 of the paper, whatever is left out or worked on together."""

import pytest
import torch
from skimage.data import coffee
from torch import Tensor

from limner.recolor.fusion.fuse import NEAREST_FLOOR, Kernel, fuse, fuse_exactly, precisions
from limner.recolor.superpixels.pooling import Regions, measure_regions
from limner.recolor.superpixels.segmentation import superpixels

KERNELS = [Kernel(), Kernel(covariance="pixel"), Kernel(sigma=1.0), Kernel(sigma=4.0, regularization=1e-2)]


def picture(height: int = 32, width: int = 32, seed: int = 0) -> Tensor:
    """Smooth color fields with an edge and some noise: (3, height, width) float32 in 0..1."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 3, 4, 4, generator=generator)
    smooth = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")[0]
    smooth[:, :, width // 2 :] = 1 - smooth[:, :, width // 2 :]
    return (smooth + 0.02 * torch.randn(3, height, width, generator=generator)).clamp(0, 1)


def by_definition(image: Tensor, labels: Tensor, attention: Tensor, reference_colors: Tensor, kernel: Kernel) -> Tensor:
    """Eq. 3-6 pixel by pixel in float64, with the matrix W of pixels x reference superpixels written out."""
    height, width = labels.shape
    count = int(labels.max()) + 1
    points = torch.stack(
        [
            torch.cat([torch.tensor([row / height, column / width]).double(), image[:, row, column].double()])
            for row in range(height)
            for column in range(width)
        ]
    )
    owners = labels.flatten().long()
    inverses, centers = [], []
    for number in range(count):
        own = points[owners == number]
        centers.append(own.mean(0))
        apart = own - own.mean(0)
        full = apart.T @ apart / len(own)
        scaled = torch.zeros(5, 5, dtype=torch.float64)
        scaled[:2, :2] = kernel.delta_space**2 * full[:2, :2]
        scaled[2:, 2:] = kernel.delta_color**2 * full[2:, 2:]
        inverses.append(torch.linalg.inv(scaled + kernel.regularization * torch.eye(5, dtype=torch.float64)))
    result = []
    for point, owner in zip(points, owners.tolist(), strict=True):
        distance = torch.stack(
            [
                (point - centers[i]) @ inverses[owner if kernel.covariance == "pixel" else i] @ (point - centers[i])
                for i in range(count)
            ]
        )
        sigma = distance.min() + NEAREST_FLOOR if kernel.sigma is None else kernel.sigma
        weight = torch.exp(-(distance - distance.min()) / sigma)  # a common factor cancels in eq. 3
        matched = weight @ attention  # W(p, j) = sum_i d(p, i) A(i, j)
        result.append(matched @ reference_colors / matched.sum())
    return torch.stack(result).T.reshape(3, height, width)


@pytest.fixture(scope="module")
def case() -> tuple[Tensor, Tensor, Regions, Tensor, Tensor]:
    """A picture, its superpixels, and an attention over 11 reference colors."""
    generator = torch.Generator().manual_seed(3)
    image = picture()
    labels = superpixels(image, 40)
    regions = measure_regions(image, labels)
    attention = torch.softmax(3 * torch.randn(len(regions.mean), 11, generator=generator), dim=1)
    return image, labels, regions, attention, torch.rand(11, 3, generator=generator)


@pytest.mark.parametrize("kernel", KERNELS, ids=str)
def test_fusion_with_folded_attention_is_the_papers_sum_over_both_pictures(
    case: tuple[Tensor, Tensor, Regions, Tensor, Tensor], kernel: Kernel
) -> None:
    image, labels, regions, attention, reference_colors = case
    expected = by_definition(image, labels, attention.double(), reference_colors.double(), kernel)
    folded = attention.double() @ reference_colors.double()
    exact = fuse_exactly(image.double(), regions, folded, kernel, labels=labels).picture
    assert (exact - expected).abs().max() < 1e-5  # regions are kept in float32
    pruned = fuse(image, regions, folded.float(), kernel, labels=labels).picture
    assert (pruned - expected).abs().max() < 1 / 255


@pytest.mark.parametrize("tolerance", [1 / 255, 1 / 4096])
def test_a_pruned_sum_stays_within_its_tolerance_and_looks_at_few(tolerance: float) -> None:
    image = picture(180, 150, seed=5)
    labels = superpixels(image, 600)
    regions = measure_regions(image, labels)
    colors = torch.rand(len(regions.mean), 3, generator=torch.Generator().manual_seed(0))
    pruned = fuse(image, regions, colors, labels=labels, tolerance=tolerance)
    exact = fuse_exactly(image.double(), regions, colors.double())
    assert (pruned.picture - exact.picture).abs().max() < tolerance
    assert pruned.candidates < 0.75 * len(regions.mean)
    assert pruned.unfitted == pytest.approx(exact.unfitted, abs=1e-3)


def test_grouping_and_the_order_of_labels_change_nothing_beyond_rounding() -> None:
    image = picture(61, 47, seed=2)
    labels = superpixels(image, 90)
    regions = measure_regions(image, labels)
    colors = torch.rand(len(regions.mean), 3, generator=torch.Generator().manual_seed(1))
    whole = fuse(image, regions, colors, labels=labels).picture
    assert (
        fuse(image, regions, colors).picture - whole
    ).abs().max() < 1e-3  # squares of pixels in place of superpixels
    order = torch.randperm(len(colors), generator=torch.Generator().manual_seed(2))
    moved = torch.empty_like(order)
    moved[order] = torch.arange(len(order))
    shuffled = Regions(regions.count[order], regions.mean[order], regions.covariance[order])
    again = fuse(image, shuffled, colors[order], labels=moved[labels.long()]).picture
    assert (again - whole).abs().max() < 1e-3
    for block in (7, 100, 10**6):
        exact = fuse_exactly(image, regions, colors, block=block).picture
        assert (exact - whole).abs().max() < 1e-3


def test_a_superpixels_own_mean_color_gives_the_picture_back() -> None:
    image = torch.from_numpy(coffee()[::2, ::2].copy()).movedim(2, 0).float() / 255
    labels = superpixels(image)
    regions = measure_regions(image, labels)
    assert (fuse(image, regions, regions.colors, labels=labels).picture - image).abs().mean() < 0.01


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (5, 3)])
def test_pictures_of_any_size_and_constant_ones_are_fused(size: tuple[int, int]) -> None:
    for image in (picture(*size), torch.full((3, *size), 0.3)):
        labels = superpixels(image)
        regions = measure_regions(image, labels)
        fused = fuse(image, regions, regions.colors, labels=labels)
        assert fused.picture.isfinite().all()
        assert (fused.picture - image).abs().mean() < 0.02


def test_one_superpixel_gives_one_color_and_superpixels_of_one_pixel_are_taken() -> None:
    image = picture(9, 11)
    whole = torch.zeros(9, 11, dtype=torch.int32)
    one = fuse(image, measure_regions(image, whole), torch.tensor([[0.2, 0.4, 0.9]]), labels=whole).picture
    assert (one - torch.tensor([0.2, 0.4, 0.9])[:, None, None]).abs().max() < 1e-6
    single = torch.arange(99, dtype=torch.int32).view(9, 11)
    regions = measure_regions(image, single)
    assert regions.covariance.abs().max() < 1e-9
    same = fuse(image, regions, regions.colors, labels=single).picture
    assert (same - image).abs().max() < 1e-3


def test_precisions_invert_the_scaled_and_regularized_covariances() -> None:
    image = picture()
    regions = measure_regions(image, superpixels(image, 20))
    kernel = Kernel(delta_space=7, delta_color=0.5, regularization=1e-3)
    scaled = regions.covariance.double().clone()
    scaled[:, :2, :2] *= 49
    scaled[:, 2:, 2:] *= 0.25
    product = precisions(regions, kernel) @ (scaled + 1e-3 * torch.eye(5, dtype=torch.float64))
    assert (product - torch.eye(5, dtype=torch.float64)).abs().max() < 1e-9


def test_the_pixels_own_covariance_needs_labels() -> None:
    image = picture(8, 8)
    regions = measure_regions(image, superpixels(image, 4))
    with pytest.raises(ValueError, match="labels"):
        fuse(image, regions, regions.colors, Kernel(covariance="pixel"))
