"""The fully connected CRF against inference over all pairs in float64, whole and in tiles."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from limner.foundation.errors import UserError
from limner.segment.predicting.crf import tiled
from limner.segment.predicting.crf.dense_crf import LEAST, DenseCrf
from limner.segment.predicting.crf.options import CrfOptions

OPTIONS = CrfOptions(3.0, 2.0, 5.0, 12.0, 0.3, steps=5)
SIZE = (37, 43)


def scene(height: int, width: int, classes: int = 2, bands: int = 3, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Fields of one color each with noise, what a blurred and noisy network would say of them, and the truth.

    Picture (bands, height, width) standardized, probabilities (classes, height, width), truth (height, width).
    """
    draw = np.random.default_rng(seed)
    truth = np.argmax([gaussian_filter(draw.normal(size=(height, width)), 5) for _ in range(classes)], axis=0)
    colors = draw.normal(size=(classes, bands)) * 2
    picture = colors[truth].transpose(2, 0, 1) + draw.normal(size=(bands, height, width)) * 0.3
    picture = (picture - picture.mean((1, 2), keepdims=True)) / picture.std((1, 2), keepdims=True)
    logits = np.stack([gaussian_filter((truth == number) * 4.0, 3) for number in range(classes)])
    logits += np.stack([gaussian_filter(draw.normal(size=(height, width)), 1) * 4 for _ in range(classes)])
    probabilities = torch.from_numpy(logits.astype(np.float32)).softmax(dim=0)
    return torch.from_numpy(picture.astype(np.float32)), probabilities, torch.from_numpy(truth)


def all_pairs(picture: Tensor, probabilities: Tensor, valid: Tensor, options: CrfOptions) -> Tensor:
    """Mean field by the equations of the paper, the kernels written out: (classes, H, W) float64."""
    places = valid.nonzero().double()
    colors = picture[:, valid].T.double()
    apart = torch.cdist(places, places).square()
    unlike = torch.cdist(colors, colors).square() / len(picture)
    smooth = torch.exp(-apart / (2 * options.smooth_px**2))
    color = torch.exp(-apart / (2 * options.color_px**2) - unlike / (2 * options.color_std**2))
    kernel = torch.zeros_like(smooth)
    for weight, each in ((options.smooth_weight, smooth), (options.color_weight, color)):
        total = each.sum(dim=1)
        kernel += weight * each / (total[:, None] * total).sqrt()
    kernel.fill_diagonal_(0)
    given = probabilities[:, valid].double().clamp_min(LEAST).log().T
    current = given.softmax(dim=1)
    for _ in range(options.steps):
        current = (given + kernel @ current).softmax(dim=1)
    result = probabilities.double().clone()
    result[:, valid] = current.T
    return result


def everywhere(picture: Tensor) -> Tensor:
    return torch.ones(picture.shape[1:], dtype=torch.bool)


@pytest.mark.parametrize(("classes", "bands"), [(2, 1), (2, 3), (3, 3), (5, 4), (2, 8)])
def test_probabilities_are_those_of_all_pairs(classes: int, bands: int) -> None:
    """Mean error below 0.01 and fewer than 1 % of the classes others, where the CRF changes 6 % and more of them."""
    picture, given, _ = scene(*SIZE, classes, bands)
    valid = everywhere(picture)
    exact = all_pairs(picture, given, valid, OPTIONS)
    found = DenseCrf(picture, valid, OPTIONS)(given)
    assert (found - exact).abs().mean() < 0.01
    assert (found.argmax(0) != exact.argmax(0)).float().mean() < 0.01
    assert (given.argmax(0) != exact.argmax(0)).float().mean() > 0.06
    torch.testing.assert_close(found.sum(dim=0), torch.ones(SIZE))


def test_the_kernel_of_position_is_exact_but_for_its_tail() -> None:
    picture, given, _ = scene(*SIZE)
    options = replace(OPTIONS, color_weight=0)
    valid = everywhere(picture)
    exact = all_pairs(picture, given, valid, options)
    assert (DenseCrf(picture, valid, options)(given) - exact).abs().max() < 2e-3


def test_pixels_without_data_neither_pull_nor_are_pulled() -> None:
    picture, given, _ = scene(*SIZE)
    valid = everywhere(picture)
    valid[10:25, 5:30] = False
    found = DenseCrf(picture, valid, OPTIONS)(given)
    assert torch.equal(found[:, ~valid], given[:, ~valid])
    assert (found - all_pairs(picture, given, valid, OPTIONS)).abs().mean() < 0.02
    other = given.clone()
    other[:, ~valid] = other[:, ~valid].flip(0)
    picture[:, ~valid] = float("nan")
    torch.testing.assert_close(DenseCrf(picture, valid, OPTIONS)(other)[:, valid], found[:, valid])


def test_a_scene_without_any_data_is_left_as_it_is() -> None:
    picture, given, _ = scene(*SIZE)
    assert torch.equal(DenseCrf(picture, torch.zeros(SIZE, dtype=torch.bool), OPTIONS)(given), given)


def test_without_weights_nothing_changes() -> None:
    picture, given, _ = scene(*SIZE)
    options = replace(OPTIONS, smooth_weight=0, color_weight=0)
    torch.testing.assert_close(DenseCrf(picture, everywhere(picture), options)(given), given, atol=1e-4, rtol=0)


def test_specks_go_and_borders_move_to_where_colors_change() -> None:
    picture, given, truth = scene(80, 90)
    found = DenseCrf(picture, everywhere(picture), OPTIONS)(given)
    before, after = ((each.argmax(0) == truth).float().mean() for each in (given, found))
    assert after > before + 0.05
    assert after > 0.97


def test_the_order_of_classes_does_not_matter() -> None:
    picture, given, _ = scene(*SIZE, classes=3)
    crf = DenseCrf(picture, everywhere(picture), OPTIONS)
    torch.testing.assert_close(crf(given.flip(0)).flip(0), crf(given), atol=1e-4, rtol=0)


def test_tiles_give_what_the_whole_scene_gives() -> None:
    """At most 0.05 in any probability, 0.001 in the mean, and 1 class in 1000 other than in one pass."""
    height, width = 150, 170
    options = CrfOptions(3.0, 2.0, 5.0, 10.0, 0.3)
    picture, given, _ = scene(height, width)
    valid = everywhere(picture)
    valid[:20, 100:] = False
    whole = DenseCrf(picture, valid, options)(given).numpy()

    def read(first: int, end: int) -> tiled.Rows:
        return tiled.Rows(*(part[..., first:end, :].numpy() for part in (picture, valid, given)))

    parts = list(tiled.crf_rows(read, height, width, options, torch.device("cpu"), tile_px=64))
    assert [top for top, _ in parts] == [0, 64, 128]
    joined = np.concatenate([answer for _, answer in parts], axis=1)
    error = np.abs(joined - whole)
    assert error.max() < 0.05
    assert error.mean() < 0.001
    assert (joined.argmax(0) != whole.argmax(0)).mean() < 0.001
    assert error.max() > 0  # the halo does cut something: this is not the same computation


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_gives_what_the_cpu_gives() -> None:
    picture, given, _ = scene(*SIZE)
    valid = everywhere(picture)
    found = DenseCrf(picture.cuda(), valid.cuda(), OPTIONS)(given.cuda()).cpu()
    torch.testing.assert_close(found, DenseCrf(picture, valid, OPTIONS)(given), atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"smooth_weight": -1.0}, "crf smooth_weight is -1; needed: 0 or more"),
        ({"color_weight": float("nan")}, "crf color_weight is nan; needed: 0 or more"),
        ({"color_px": 0.0}, "crf color_px is 0; needed: above 0"),
        ({"smooth_px": float("inf")}, "crf smooth_px is inf; needed: above 0"),
        ({"color_std": -0.5}, "crf color_std is -0.5; needed: above 0"),
        ({"steps": 0}, "crf steps is 0; needed: 1 or more"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(change: dict[str, float], line: str) -> None:
    with pytest.raises(UserError) as error:
        CrfOptions(**change)  # type: ignore[arg-type]
    assert str(error.value) == line


def test_the_halo_reaches_as_far_as_the_kernels_in_use() -> None:
    reach = [
        CrfOptions(smooth, 2.0, color, 10.0, 0.5).halo_px for smooth, color in itertools.product((0.0, 1.0), repeat=2)
    ]
    assert reach == [0, 30, 6, 30]
