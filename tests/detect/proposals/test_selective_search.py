"""Selective search: every part against brute force over pixels, and boxes that are the same each time."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from skimage.color import rgb2hsv, rgb2lab

from limner.detect.boxes.ceilings import proposal_recall
from limner.detect.boxes.objects import Objects
from limner.detect.proposals.color_channels import color_channels
from limner.detect.proposals.grouping import Similarity, alike, group_regions
from limner.detect.proposals.region_features import Regions, describe_regions, feature_bins
from limner.detect.proposals.segmentation import join_pixels, pixel_edges
from limner.detect.proposals.selective_search import MODES, SearchSettings, ordered_boxes, selective_search

TERMS = [
    Similarity(), Similarity(color=False), Similarity(texture=False), Similarity(size=False), Similarity(fill=False),
    Similarity(False, True, False, False), Similarity(True, False, False, False),
]  # fmt: skip
BOXES = ((20, 30, 120, 90), (150, 20, 230, 180), (40, 110, 100, 190))


def drawn_channels(seed: int, height: int = 17, width: int = 22, channels: int = 3) -> np.ndarray:
    """Noise over a few patches of color, 0 to 255."""
    generator = np.random.default_rng(seed)
    patches = generator.uniform(20, 235, (channels, 3, 4)).repeat(6, 1)[:, :height].repeat(6, 2)[:, :, :width]
    return np.clip(patches + generator.normal(0, 9, patches.shape), 0, 255).astype(np.float32)


def drawn_picture() -> torch.Tensor:
    """Rectangles of three colors on a ground, with a little noise, where `BOXES` are."""
    generator = torch.Generator().manual_seed(0)
    image = torch.full((3, 200, 250), 0.8)
    for (x0, y0, x1, y1), color in zip(BOXES, ((0.9, 0.1, 0.1), (0.1, 0.6, 0.2), (0.2, 0.2, 0.9)), strict=True):
        image[:, y0:y1, x0:x1] = torch.tensor(color)[:, None, None]
    return (image + 0.02 * torch.randn(image.shape, generator=generator)).clamp(0, 1)


# --- colors ----------------------------------------------------------------------------------------------------------


def test_color_channels_are_those_of_scikit_image_on_the_scale_of_eight_bits() -> None:
    image = torch.rand(3, 9, 11, generator=torch.Generator().manual_seed(0))
    image[:, 0, :4] = torch.tensor([0.0, 0.3, 1.0, 0.5])  # grays have no hue
    rows = image.permute(1, 2, 0).double().numpy()
    hsv = rgb2hsv(rows) * 255
    lab = rgb2lab(rows) * (2.55, 1, 1) + (0, 128, 128)
    assert np.allclose(color_channels(image, "hsv").permute(1, 2, 0), hsv, atol=1e-3)
    assert np.allclose(color_channels(image, "hue")[0], hsv[..., 0], atol=1e-3)
    assert np.allclose(color_channels(image, "lab").permute(1, 2, 0), lab, atol=0.02)
    red, green, gray = color_channels(image, "rgi").numpy() / 255
    assert np.allclose(red[1:] + green[1:] + (image[2] / image.sum(0)).numpy()[1:], 1, atol=1e-5)
    assert np.allclose(gray, rows @ (0.2989, 0.587, 0.114), atol=1e-5)
    with pytest.raises(ValueError, match="xyz"):
        color_channels(image, "xyz")


# --- segmentation ----------------------------------------------------------------------------------------------------


def edges_by_loop(channels: np.ndarray) -> list[tuple[float, int, int]]:
    _, height, width = channels.shape
    edges = []
    for y in range(height):
        for x in range(width):
            for v, u in ((y, x + 1), (y + 1, x), (y + 1, x + 1), (y + 1, x - 1)):
                if v < height and 0 <= u < width:
                    weight = np.linalg.norm(channels[:, y, x] - channels[:, v, u])
                    edges.append((float(np.float32(weight)), y * width + x, v * width + u))
    return sorted(edges, key=lambda edge: edge[0])


def segments_by_loop(channels: np.ndarray, scale: float, smallest: int) -> np.ndarray:
    """The paper's algorithm on sets, its inner difference kept for each."""
    _, height, width = channels.shape
    segment_of = {pixel: pixel for pixel in range(height * width)}
    members = {pixel: {pixel} for pixel in segment_of}
    inner = dict.fromkeys(segment_of, 0.0)

    def join(a: int, b: int, weight: float) -> None:
        for pixel in members[b]:
            segment_of[pixel] = a
        members[a] |= members.pop(b)
        inner[a] = weight

    edges = edges_by_loop(channels)
    for weight, p, q in edges:
        a, b = segment_of[p], segment_of[q]
        if a != b and weight <= min(inner[a] + scale / len(members[a]), inner[b] + scale / len(members[b])):
            join(a, b, weight)
    for weight, p, q in edges:
        a, b = segment_of[p], segment_of[q]
        if a != b and min(len(members[a]), len(members[b])) < smallest:
            join(a, b, weight)
    return np.array([segment_of[pixel] for pixel in range(height * width)]).reshape(height, width)


@pytest.mark.parametrize(("scale", "smallest"), [(5, 1), (60, 4), (300, 20)])
def test_segments_are_those_of_the_papers_algorithm(scale: float, smallest: int) -> None:
    channels = np.round(drawn_channels(1))  # whole numbers: distances of equal colors are equal
    labels = join_pixels(pixel_edges(channels, sigma_px=0), scale, smallest)
    expected = segments_by_loop(channels, scale, smallest)
    _, first, numbers = np.unique(expected, return_index=True, return_inverse=True)
    assert len(first) > 1
    assert np.array_equal(labels.ravel(), first.argsort().argsort()[numbers.ravel()])
    assert np.bincount(labels.ravel()).min() >= smallest


def test_segments_follow_plain_halves_and_a_plain_picture_is_one() -> None:
    halves = np.zeros((3, 8, 10), np.float32)
    halves[:, :, 4:] = 200
    labels = join_pixels(pixel_edges(halves, sigma_px=0), 50, 5)
    assert np.array_equal(labels, np.repeat([[0] * 4 + [1] * 6], 8, 0))
    assert not join_pixels(pixel_edges(halves * 0), 50, 5).any()
    assert join_pixels(pixel_edges(halves[:, :1, :1]), 50, 5).shape == (1, 1)
    assert join_pixels(pixel_edges(halves[:, :, :1]), 50, 5).shape == (8, 1)


def test_edges_come_in_order_and_equal_ones_as_they_stand() -> None:
    edges = pixel_edges(np.round(drawn_channels(2) / 40), sigma_px=0)
    assert list(zip(edges.weights.tolist(), edges.first.tolist(), edges.second.tolist(), strict=True)) == [
        (pytest.approx(weight), p, q) for weight, p, q in edges_by_loop(np.round(drawn_channels(2) / 40))
    ]


# --- regions ---------------------------------------------------------------------------------------------------------


def drawn_regions(seed: int, scale: int = 60) -> tuple[np.ndarray, np.ndarray, Regions]:
    channels = drawn_channels(seed)
    bins, colors = feature_bins(channels)
    labels = join_pixels(pixel_edges(channels, 0), scale, 6)
    return labels, bins, describe_regions(labels, bins, colors)


def test_bins_of_colors_and_slopes() -> None:
    channels = drawn_channels(3)
    bins, colors = feature_bins(channels)
    assert bins.shape == (3 + 3 * 8, 17, 22)
    assert np.array_equal(bins[:3], (channels * 25 / 256).astype(int))
    assert colors == 3
    ramp = np.repeat(np.arange(40, dtype=np.float32)[None, None], 30, 1)  # brighter to the right, 1 a pixel
    textures = feature_bins(ramp)[0][1:, 10:20, 10:30]
    assert (textures[0] == 9).all()  # to the right: the steepest there is
    assert (textures[1] == 7).all()
    assert (textures[7] == 7).all()  # of 10 bins, cos 45 degrees
    assert not textures[2:7].any()


def histogram_of(pixels: np.ndarray, bins: np.ndarray, colors: int) -> np.ndarray:
    """(colors + textures) of a set of pixels, counted anew; each part adds up to 1."""
    color = np.concatenate([np.bincount(each[pixels], minlength=25) for each in bins[:colors]])
    texture = np.concatenate([np.bincount(each[pixels], minlength=10) for each in bins[colors:]])
    return np.concatenate((color / color.sum(), texture / texture.sum()))


def test_regions_are_described_as_their_pixels_are() -> None:
    labels, bins, regions = drawn_regions(4)
    assert len(regions.sizes) > 5
    for label in range(len(regions.sizes)):
        rows, columns = np.nonzero(labels == label)
        assert regions.sizes[label] == len(rows)
        assert regions.boxes[label].tolist() == [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
        assert np.allclose(regions.histograms[label], histogram_of(labels == label, bins, 3), atol=1e-6)
    touching = set()
    for one, other in ((labels[:, 1:], labels[:, :-1]), (labels[1:], labels[:-1])):
        touching |= {(min(a, b), max(a, b)) for a, b in zip(one.ravel(), other.ravel(), strict=True) if a != b}
    assert [tuple(pair) for pair in regions.pairs.tolist()] == sorted(touching)


# --- similarities and grouping ---------------------------------------------------------------------------------------


def similarity_by_pixels(a: np.ndarray, b: np.ndarray, bins: np.ndarray, terms: Similarity) -> float:
    """Of two masks, as the paper writes it."""
    one, two = histogram_of(a, bins, 3), histogram_of(b, bins, 3)
    rows, columns = np.nonzero(a | b)
    around = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
    parts = (
        np.minimum(one, two)[:75].sum(),
        np.minimum(one, two)[75:].sum(),
        1 - (a.sum() + b.sum()) / a.size,
        1 - (around - a.sum() - b.sum()) / a.size,
    )
    return float(sum(part for part, wanted in zip(parts, terms, strict=True) if wanted))


@pytest.mark.parametrize(
    "terms", [*TERMS, Similarity(False, False, True, False), Similarity(False, False, False, True)]
)
def test_similarities_are_those_of_the_pixels(terms: Similarity) -> None:
    labels, bins, regions = drawn_regions(5)
    for a, b in regions.pairs.tolist():
        computed = alike(regions.histograms, regions.colors, regions.sizes, regions.boxes, regions.pixels, a, b, *terms)
        assert computed == pytest.approx(similarity_by_pixels(labels == a, labels == b, bins, terms), abs=1e-5)


def grouped_by_loop(labels: np.ndarray, bins: np.ndarray, terms: Similarity) -> Iterator[list[int]]:
    """The boxes of merged regions, everything computed anew from their pixels for each merge."""
    masks = {int(label): labels == label for label in np.unique(labels)}

    def touch(a: np.ndarray, b: np.ndarray) -> bool:
        beside = (a[:, 1:] & b[:, :-1]).any() or (a[:, :-1] & b[:, 1:]).any()
        return bool(beside or (a[1:] & b[:-1]).any() or (a[:-1] & b[1:]).any())

    while len(masks) > 1:
        pairs = [(a, b) for a in masks for b in masks if a < b and touch(masks[a], masks[b])]
        best = max(pairs, key=lambda pair: similarity_by_pixels(masks[pair[0]], masks[pair[1]], bins, terms))
        joined = masks.pop(best[0]) | masks.pop(best[1])
        masks[max(masks, default=0) + labels.size] = joined
        rows, columns = np.nonzero(joined)
        yield [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]


@pytest.mark.parametrize("seed", [6, 7])
@pytest.mark.parametrize("terms", TERMS)
def test_grouping_merges_what_brute_force_merges(terms: Similarity, seed: int) -> None:
    labels, bins, regions = drawn_regions(seed)
    boxes = group_regions(regions, terms)
    count = len(regions.sizes)
    assert np.array_equal(boxes[:count], regions.boxes)
    assert boxes[count:].tolist() == list(grouped_by_loop(labels, bins, terms))
    assert boxes[-1].tolist() == [0, 0, 22, 17]
    assert len(boxes) == 2 * count - 1


def test_grouping_leaves_what_it_was_given_and_takes_one_region() -> None:
    _, bins, regions = drawn_regions(8)
    before = regions.histograms.copy(), regions.sizes.copy(), regions.boxes.copy()
    first = group_regions(regions, Similarity())
    assert np.array_equal(first, group_regions(regions, Similarity()))
    for kept, now in zip(before, (regions.histograms, regions.sizes, regions.boxes), strict=True):
        assert np.array_equal(kept, now)
    alone = describe_regions(np.zeros((17, 22), np.int32), bins, 3)
    assert group_regions(alone, Similarity()).tolist() == [[0, 0, 22, 17]]


# --- the whole search ------------------------------------------------------------------------------------------------


def test_fast_and_quality_have_the_hierarchies_of_the_paper() -> None:
    counts = {name: len(one.spaces) * len(one.scales) * len(one.similarities) for name, one in MODES.items()}
    assert counts == {"single": 1, "fast": 8, "quality": 80}
    assert MODES["fast"].spaces == ("hsv", "lab")
    assert MODES["fast"].scales == (50, 100)


def test_drawn_objects_are_found_and_boxes_are_whole() -> None:
    boxes = selective_search(drawn_picture())
    truths = Objects(torch.tensor(BOXES, dtype=torch.float32), torch.zeros(3, dtype=torch.int64))
    assert proposal_recall([boxes], [truths]).recall(0.8) == 1
    assert boxes.dtype == torch.float32
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] <= torch.tensor([250.0, 200])).all()
    assert (boxes[:, 2:] - boxes[:, :2] >= 10).all()  # 20 at twice the size
    assert len(boxes.unique(dim=0)) == len(boxes)
    assert [0, 0, 250, 200] in boxes.tolist()


def test_the_same_search_gives_the_same_boxes_and_another_seed_the_same_ones_in_another_order() -> None:
    image = drawn_picture()
    boxes = selective_search(image)
    assert torch.equal(boxes, selective_search(image.clone()))
    other = selective_search(image, SearchSettings(seed=1))
    assert not torch.equal(boxes, other)
    assert sorted(boxes.tolist()) == sorted(other.tolist())
    assert torch.equal(selective_search(image, SearchSettings(most=7)), boxes[:7])


def test_modes_add_boxes() -> None:
    image = drawn_picture()[:, ::2, ::2]
    counts = [len(selective_search(image, SearchSettings(mode, width_px=125, smallest_px=4))) for mode in MODES]
    assert counts == sorted(counts)
    assert counts[0] < counts[1] < counts[2]


def test_order_is_the_level_times_a_draw_and_each_box_comes_once() -> None:
    hierarchy = np.array([[0, 0, 9, 9], [0, 0, 30, 30], [5, 5, 60, 60], [0, 0, 90, 90]])
    draws = np.random.default_rng(3)
    places = np.concatenate([[4, 3, 2, 1] * draws.random(4), [4, 3, 2, 1] * draws.random(4)])
    expected = list(dict.fromkeys(tuple(hierarchy[place % 4]) for place in places.argsort() if place % 4))
    assert [tuple(box) for box in ordered_boxes([hierarchy, hierarchy], 20, 3)] == expected


@pytest.mark.parametrize("size", [(1, 1), (3, 400), (90, 2), (33, 47)])
def test_odd_pictures_are_searched(size: tuple[int, int]) -> None:
    image = torch.rand(3, *size, generator=torch.Generator().manual_seed(0))
    boxes = selective_search(image, SearchSettings(width_px=60, smallest_px=1))
    assert [0, 0, size[1], size[0]] in boxes.tolist()
    assert boxes.isfinite().all()


def test_what_is_no_picture_or_no_mode_is_told() -> None:
    with pytest.raises(ValueError, match=r"\(1, 5, 5\); needed: \(3, height, width\)"):
        selective_search(torch.zeros(1, 5, 5))
    with pytest.raises(ValueError, match="single, fast, quality"):
        selective_search(torch.zeros(3, 5, 5), SearchSettings("quick"))
