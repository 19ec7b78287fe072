"""The network of histogram analogy: its histograms, its grid of changes, its size."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from limner.colors.spaces import srgb_to_lab
from limner.foundation.errors import UserError
from limner.nn.parameters import count_parameters
from limner.recolor.methods.analogy import NETWORKS
from limner.recolor.methods.analogy import grid as grids
from limner.recolor.methods.analogy.grid import ColorGrid, changed, scaled, unscaled
from limner.recolor.methods.analogy.histograms import soft_histogram
from limner.recolor.methods.analogy.model import AnalogyModel, small_picture
from limner.recolor.training.changes import change_tones, change_towards
from limner.recolor.training.losses import color_loss, structure_loss
from limner.recolor.training.pairs import AnalogyPairs
from limner.recolor.training.photos import read_photo_set


def drawn(height: int, width: int, seed: int = 0) -> Tensor:
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed))


def model(seed: int = 0) -> AnalogyModel:
    torch.manual_seed(seed)
    network = NETWORKS["histogram-analogy"](width=4, codes=8)
    with torch.no_grad():
        for parameter in network.head.parameters():
            parameter *= 20  # so that an untrained network changes colors by much
    return AnalogyModel(network.eval(), torch.device("cpu"))


def test_a_color_on_a_center_fills_one_bin_and_one_between_two_half_of_each() -> None:
    step = 160 / 31  # Delta E between centers of a and b
    on = soft_histogram(torch.tensor([[[100.0], [80.0], [-80.0]]]))
    assert on[0, 7, 31, 0] == 1 and on.sum() == 1
    between = soft_histogram(torch.tensor([[[0.0], [-80 + step / 2], [-80.0]]]))
    assert torch.allclose(between[0, 0, :2, 0], torch.tensor([0.5, 0.5]), atol=1e-5)
    beyond = soft_histogram(torch.tensor([[[130.0], [200.0], [-300.0]]]))
    assert torch.equal(beyond, on)


def test_histograms_hold_the_mean_color_and_count_by_weight() -> None:
    lab = srgb_to_lab(drawn(20, 31)).flatten(1)[None]
    histogram = soft_histogram(lab)
    assert histogram.sum().item() == pytest.approx(1, abs=1e-5)
    lightness = (histogram.sum((0, 2, 3)) * torch.linspace(0, 100, 8)).sum()
    assert lightness.item() == pytest.approx(lab[0, 0].mean().item(), abs=0.01)
    first = torch.zeros(1, 620)
    first[:, :310] = 3
    assert torch.allclose(soft_histogram(lab, first), soft_histogram(lab[:, :, :310]), atol=1e-6)
    assert soft_histogram(lab, torch.zeros(1, 620)).sum() == 0


def test_the_parameters_are_counted() -> None:
    assert count_parameters(NETWORKS["histogram-analogy"]()) == 1_400_560
    assert count_parameters(NETWORKS["histogram-analogy"](width=64)) == 20_677_600


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (17, 33), (1, 70), (45, 31)])
def test_pictures_of_any_size_become_a_grid_and_equal_histograms_change_nothing(size: tuple[int, int]) -> None:
    one, picture = model(), drawn(*size)
    change = one.grid(picture, [(drawn(9, 12, 1) ** 3, None)])
    assert change.grid.shape == (1, 12, 8, -(-size[0] // 16) * 2, -(-size[1] // 16) * 2)
    assert change(picture).shape == picture.shape and (change(picture) - picture).abs().mean() > 0.01
    same = one.grid(picture, [(picture, None)])
    assert not same.grid.any()
    assert (same(picture) - picture).abs().max() < 1e-4  # to CIELAB and back
    mirrored = one.grid(picture, [(picture.flip(2), None)])  # the same histogram, but for the order of its sums
    assert (mirrored(picture) - picture).abs().max() < 1e-2


def test_strips_make_what_the_whole_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    picture = drawn(50, 37)
    grid = ColorGrid(torch.randn(1, 12, 8, 3, 4, generator=torch.Generator().manual_seed(0)))
    whole = grid(picture)
    monkeypatch.setattr(grids, "STRIP_PX", 37 * 7)
    assert torch.allclose(grid(picture), whole, atol=1e-4)


def test_a_grid_of_one_map_is_that_map_and_none_goes_beyond_its_bounds() -> None:
    colors = scaled(srgb_to_lab(drawn(6, 5))[None])
    grid = torch.zeros(1, 12, 8, 2, 2)
    grid[:, 1], grid[:, 9] = 0.01, -0.02  # lightness + 0.01 a - 0.02; so small that bounds bend nothing
    made = changed(colors, grid)
    wanted = colors.clone()
    wanted[:, 0] += 0.01 * colors[:, 1] - 0.02
    # entry 3 c + r stands for what channel c adds to channel r
    assert not torch.allclose(made, colors, atol=1e-3)
    assert torch.allclose(made[:, 1], colors[:, 1] + 0.01 * colors[:, 0], atol=1e-4)
    assert torch.allclose(made[:, 0], colors[:, 0] - 0.02, atol=1e-4)
    far = changed(colors, torch.full_like(grid, 1e6))
    most = grids.MOST_GAIN * colors.abs().sum(1, keepdim=True) + grids.MOST_SHIFT
    assert bool(((far - colors).abs() <= most + 1e-4).all())


def test_colors_come_back_from_their_scale() -> None:
    lab = srgb_to_lab(drawn(4, 5))[None]
    assert torch.allclose(unscaled(scaled(lab)), lab, atol=1e-4)


def test_a_mask_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(UserError, match="a mask leaves no visible pixel"):
        small_picture(drawn(20, 30), torch.zeros(20, 30))
    half = torch.zeros(20, 30)
    half[:, :15] = 1
    picture = drawn(20, 30)
    assert torch.allclose(
        small_picture(picture, half).histogram, small_picture(picture[:, :, :15]).histogram, atol=1e-6
    )


def test_changes_are_one_function_of_a_color() -> None:
    picture = drawn(8, 9)
    for change in (
        lambda pictures: change_tones(pictures, torch.Generator().manual_seed(3)),
        lambda pictures: change_towards(pictures, drawn(5, 5, 7) ** 2, 0.8),
    ):
        whole, part = change([picture, picture[:, 2:5, 3:7]])
        assert torch.allclose(whole[:, 2:5, 3:7], part, atol=1e-5)
        assert (whole - picture).abs().mean() > 0.02 and whole.min() >= 0 and whole.max() <= 1
    assert torch.allclose(change_towards([picture], drawn(5, 5, 7), 0.0)[0], picture, atol=1e-3)


def test_pairs_of_one_photo_are_changed_alike_and_drawn_again_the_same() -> None:
    photos = [(255 * drawn(40 + n, 50, n) ** (1 + n)).byte() for n in range(3)]
    pairs = AnalogyPairs(photos, 32, 0.5, seed=1)
    places = torch.tensor([0, 1, 2, 0])
    first, again, other = pairs.batch(places, 5), pairs.batch(places, 5), pairs.batch(places, 6)
    for one, two in zip(first[:3], again[:3], strict=True):
        assert one.shape == (4, 3, 32, 32) and torch.equal(one, two)
    assert not torch.equal(first.source, other.source)
    assert first.like == 2 and torch.equal(first.target[2:], first.source[2:])
    assert (first.target[:2] - first.source[:2]).abs().mean() > 0.01


def test_losses_are_nothing_for_the_same_and_grow_with_what_differs() -> None:
    colors = scaled(srgb_to_lab(drawn(40, 40))[None])
    shuffled = colors.flatten(2)[:, :, torch.randperm(1600)].view_as(colors)
    draw = torch.Generator()
    near = color_loss(colors, shuffled, draw.manual_seed(0))
    far = color_loss(colors, shuffled + 0.3, draw.manual_seed(0))
    assert near < 0.05 < 0.1 < far
    assert structure_loss(colors, colors).abs() < 1e-5
    assert 0 < structure_loss(colors * 0.9, colors) < 0.3 < structure_loss(shuffled, colors)


def test_too_few_photos_are_refused(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(UserError, match="no folder of photos is given"):
        read_photo_set([], 64)
    with pytest.raises(UserError, match="no pictures in it"):
        read_photo_set([tmp_path / "photos"], 64)
