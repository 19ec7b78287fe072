"""Superpixels: whole, connected, the same everywhere, near their pixels' color, and true to SLIC's equations."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage import color, data, segmentation

from limner.foundation.errors import UserError
from limner.recolor.superpixels.pieces import join_pieces
from limner.recolor.superpixels.segmentation import neighbors, superpixels
from limner.recolor.superpixels.slic import assign, move, to_lab

SIZES = [(1, 1), (1, 2), (1, 40), (40, 1), (2, 3), (33, 47), (64, 20)]
COUNTS = [None, 1, 7, 10**6]


@pytest.fixture(scope="module")
def coffee() -> torch.Tensor:
    return torch.from_numpy(data.coffee()[::2, ::2].copy()).permute(2, 0, 1).float() / 255


def noise(height: int, width: int) -> torch.Tensor:
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(0))


def assert_whole(labels: torch.Tensor, shape: tuple[int, int]) -> None:
    assert labels.dtype == torch.int32 and labels.shape == shape
    names, first = np.unique(labels.numpy(), return_index=True)
    assert (names == np.arange(len(names))).all(), "a gap in the labels"
    assert (np.diff(first) > 0).all(), "not in reading order"
    for name, box in enumerate(ndimage.find_objects(labels.numpy() + 1)):
        assert ndimage.label(labels.numpy()[box] == name)[1] == 1, f"superpixel {name} is in pieces"


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("size", SIZES)
def test_every_superpixel_of_any_picture_is_one_connected_region_without_gaps_in_the_labels(size, count):
    assert_whole(superpixels(noise(*size), count), size)


def test_every_superpixel_of_a_photograph_is_one_connected_region(coffee):
    labels = superpixels(coffee)
    assert_whole(labels, coffee.shape[1:])
    wanted = 3 * (coffee.shape[1] * coffee.shape[2]) ** 0.5
    assert 0.9 * wanted < labels.max() + 1 < 1.2 * wanted


def test_a_constant_picture_is_cut_into_the_grid():
    labels = superpixels(torch.full((3, 30, 60), 0.3), 18)
    assert torch.equal(labels.long(), torch.arange(30)[:, None] // 10 * 6 + torch.arange(60)[None] // 10)


def test_one_superpixel_is_the_whole_picture():
    assert superpixels(torch.full((3, 9, 14), 0.5), 1).max() == 0


def test_as_many_superpixels_as_pixels_are_the_pixels():
    assert torch.equal(superpixels(noise(5, 8), 1000).flatten(), torch.arange(40, dtype=torch.int32))


@pytest.mark.parametrize("scale", [-1e30, -3.0, 1.5, 1e4, 1e30])
def test_values_far_outside_the_encoding_still_give_whole_superpixels(scale):
    assert_whole(superpixels(noise(31, 23) * scale), (31, 23))


def test_pixels_that_are_not_numbers_do_not_spoil_the_others():
    picture = noise(31, 23)
    picture[1, 5:9, 4] = float("nan")
    picture[0, 20, 11] = float("inf")
    assert_whole(superpixels(picture), (31, 23))


def test_colors_brighter_than_white_are_told_apart():
    picture = torch.full((3, 20, 40), 3.0)
    picture[:, :, 13:] = 5.0
    labels = superpixels(picture, 8)
    assert not set(labels[:, :13].unique().tolist()) & set(labels[:, 13:].unique().tolist())


def test_the_edge_between_two_colors_is_never_crossed():
    disk = (torch.arange(90)[:, None] - 45) ** 2 + (torch.arange(120)[None] - 60) ** 2 < 900
    labels = superpixels(torch.where(disk, torch.tensor(0.8), torch.tensor(0.2)).expand(3, -1, -1), 60)
    assert not set(labels[disk].tolist()) & set(labels[~disk].tolist())


def test_threads_do_not_change_the_labels(coffee):
    threads = torch.get_num_threads()
    answers = []
    try:
        for number in (1, 2, 5):
            torch.set_num_threads(number)
            answers.append(superpixels(coffee, 300))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(answers[0], answers[1]) and torch.equal(answers[0], answers[2])


def test_more_compactness_gives_shorter_borders(coffee):
    borders = [len(border_pixels(superpixels(coffee, 300, compactness))) for compactness in (3.0, 10.0, 60.0)]
    assert borders[0] > 1.1 * borders[1] > 1.2 * borders[2]


def border_pixels(labels: torch.Tensor) -> torch.Tensor:
    return torch.cat([(labels[1:] != labels[:-1]).nonzero(), (labels[:, 1:] != labels[:, :-1]).nonzero()])


def test_colors_vary_within_a_superpixel_no_more_than_in_those_of_scikit_image(coffee):
    lab = color.rgb2lab(coffee.permute(1, 2, 0).numpy())
    ours = superpixels(coffee, 600)
    theirs = segmentation.slic(coffee.permute(1, 2, 0).numpy(), 850, compactness=10, start_label=0)
    assert theirs.max() >= 0.98 * ours.max(), "it gives fewer than asked for"
    assert spread(lab, ours.numpy()) < 1.05 * spread(lab, theirs)


def spread(lab: np.ndarray, labels: np.ndarray) -> float:
    """Root mean squared distance of pixels from the mean color of their superpixel."""
    counts = np.bincount(labels.ravel())
    means = np.stack([np.bincount(labels.ravel(), band.ravel()) / counts for band in np.moveaxis(lab, 2, 0)], axis=1)
    return float(np.sqrt(((lab - means[labels]) ** 2).sum(axis=2).mean()))


def test_lab_is_that_of_scikit_image():
    grid = np.linspace(0, 1, 21)
    rgb = np.stack(np.meshgrid(grid, grid, grid)).reshape(3, -1)
    lab = np.empty(rgb.shape, np.float32)
    to_lab(rgb.astype(np.float32), lab, 0, rgb.shape[1])
    assert np.abs(lab - color.rgb2lab(rgb.T).T).max() < 5e-4  # float32


def test_assigning_and_moving_follow_the_equations_of_slic():
    generator = np.random.default_rng(0)
    height, width, reach, weight = 33, 47, 9.3, 1.7
    lab = (generator.random((3, height, width)) * 40).astype(np.float32)
    places = generator.random((25, 2)) * (height - 1, width - 1)
    centers = np.concatenate([places, generator.random((25, 3)) * 40], axis=1).astype(np.float32)
    rows, columns = np.mgrid[:height, :width]
    expected = np.full((height, width), 99)
    nearest = np.full((height, width), np.inf)
    for number, (row, column, *own) in enumerate(centers.astype(np.float64)):
        distance = ((lab - np.reshape(own, (3, 1, 1))) ** 2).sum(axis=0)
        distance += weight * ((rows - row) ** 2 + (columns - column) ** 2)
        distance[(abs(rows - row) > reach) | (abs(columns - column) > reach)] = np.inf
        expected[distance < nearest] = number
        nearest = np.minimum(nearest, distance)
    labels = np.full((height, width), 99, np.int32)
    assign(lab, centers, reach, weight, labels, 0, 20)
    assign(lab, centers, reach, weight, labels, 20, height)
    assert (labels == expected).all()

    moved = centers.copy()
    move(lab, labels, reach, moved, 0, len(centers))
    for number in range(len(centers)):
        own = labels == number
        values = [rows[own], columns[own], *(band[own] for band in lab)]
        mean = np.mean(values, axis=1) if own.any() else centers[number]
        assert np.allclose(moved[number], mean, atol=1e-4)


def test_small_pieces_join_the_neighbor_of_the_nearest_color_and_large_ones_part():
    labels = np.zeros((6, 12), np.int32)
    labels[:, 4:8] = 1
    labels[:, 8:] = 0  # the same label, but apart
    labels[2, 4] = 2  # between two regions, of the color of the first
    values = np.where(labels == 1, 50.0, 10.0)
    colors = np.broadcast_to(values, (3, 6, 12)).astype(np.float32)
    expected = np.repeat([0, 1, 2], 4)[None].repeat(6, axis=0)
    expected[2, 4] = 0
    assert (join_pieces(labels, colors, 4) == expected).all()


def test_a_small_piece_between_two_large_ones_of_its_color_does_not_bind_them():
    labels = np.repeat([0, 1, 2], [4, 1, 4])[None].repeat(5, axis=0).astype(np.int32)
    joined = join_pieces(labels, np.ones((3, 5, 9), np.float32), 8)
    assert sorted(np.bincount(joined.ravel())) == [20, 25]


def test_pieces_all_too_small_join_until_none_is():
    labels = np.arange(35 * 21, dtype=np.int32).reshape(35, 21)
    colors = np.random.default_rng(1).random((3, 35, 21)).astype(np.float32)
    joined = join_pieces(labels, colors, 9)
    assert_whole(torch.from_numpy(joined), (35, 21))
    assert np.bincount(joined.ravel()).min() >= 9
    assert joined.max() + 1 > 8


def test_neighbors_are_the_pairs_that_share_an_edge():
    labels = torch.tensor([[0, 0, 1], [0, 2, 1], [3, 2, 2]], dtype=torch.int32)
    assert neighbors(labels).tolist() == [[0, 1], [0, 2], [0, 3], [1, 2], [2, 3]]
    assert neighbors(torch.zeros(4, 5, dtype=torch.int32)).shape == (0, 2)


def test_impossible_wishes_are_answered_in_one_line():
    for wish in ({"count": 0}, {"compactness": 0.0}, {"compactness": float("nan")}, {"iterations": 0}):
        with pytest.raises(UserError, match=r"is usual|leave the count out") as error:
            superpixels(noise(5, 5), **wish)
        assert "\n" not in str(error.value)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_labels_come_back_on_the_device_of_the_picture():
    picture = noise(33, 47)
    labels = superpixels(picture.cuda())
    assert labels.is_cuda and neighbors(labels).is_cuda
    assert torch.equal(labels.cpu(), superpixels(picture))
