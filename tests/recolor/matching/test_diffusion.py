"""Changes of color diffused over what is alike: against a dense solution, and what it is for."""

import math

import numpy as np
import pytest
import torch

from limner.colors.spaces import srgb_to_lab
from limner.foundation.errors import UserError
from limner.recolor.matching.diffusion import FAR_LINKS, FAR_WEIGHT, LIKE_DELTA_E, LIKE_SPACE, diffuse, like_graph
from limner.recolor.methods.methods import transfer_color
from limner.recolor.methods.superpixel import SuperpixelOptions
from limner.recolor.scoring.faults import blotches, halos
from limner.recolor.superpixels.pooling import measure_regions
from limner.recolor.superpixels.segmentation import superpixels


def halves(height: int = 40, width: int = 60) -> torch.Tensor:
    """A blue half and a brown half, each with a little grain."""
    picture = torch.empty(3, height, width)
    picture[:, :, : width // 2] = torch.tensor([0.3, 0.4, 0.7])[:, None, None]
    picture[:, :, width // 2 :] = torch.tensor([0.5, 0.35, 0.2])[:, None, None]
    return picture + 0.01 * torch.rand(3, height, width, generator=torch.Generator().manual_seed(0))


def cut(picture, count=60):
    labels = superpixels(picture, count)
    return labels, measure_regions(picture, labels)


def test_the_graph_is_what_its_words_say():
    labels, regions = cut(halves(24, 30), 20)
    graph = like_graph(regions, labels).toarray()
    lab = srgb_to_lab(regions.colors.T.contiguous()).T.double() / LIKE_DELTA_E
    count = len(lab)
    wanted = np.zeros((count, count))
    for one in range(count):
        for other in range(one):
            near = [(labels[1:] == a) & (labels[:-1] == b) for a, b in ((one, other), (other, one))]
            beside = [(labels[:, 1:] == a) & (labels[:, :-1] == b) for a, b in ((one, other), (other, one))]
            if any(bool(where.any()) for where in (*near, *beside)):
                weight = math.exp(-float((lab[one] - lab[other]).square().sum()) / 2)
                wanted[one, other] += weight
                wanted[other, one] += weight
    points = torch.cat([lab, regions.positions.double() / LIKE_SPACE], dim=1)
    apart = torch.cdist(points, points)
    for one in range(count):
        for other in apart[one].argsort()[1 : FAR_LINKS + 1].tolist():
            weight = FAR_WEIGHT * math.exp(-(float(apart[one, other]) ** 2) / 2)
            wanted[one, other] += weight
            wanted[other, one] += weight
    assert np.abs(graph - wanted).max() < 1e-5  # distances are found twice, in float32 and in float64
    assert (graph == graph.T).all() and (graph.diagonal() == 0).all()


@pytest.mark.parametrize("strength", [1, 150, 10_000])
def test_changes_are_those_of_a_dense_solution(strength):
    labels, regions = cut(halves())
    graph = like_graph(regions, labels)
    changes = torch.randn(len(regions.count), 3, generator=torch.Generator().manual_seed(1))
    held = torch.zeros(len(changes))
    held[3] = 1
    weights = graph.toarray()
    laplacian = np.diag(weights.sum(1)) - weights
    hold = np.diag(1 + 1e4 * held.double().numpy())
    wanted = np.linalg.solve(hold + strength * laplacian, hold @ changes.double().numpy())
    assert np.abs(diffuse(changes, graph, strength, held).numpy() - wanted).max() < 1e-4


def test_what_is_alike_changes_alike_and_what_is_not_keeps_its_own():
    picture = halves()
    labels, regions = cut(picture)
    left = regions.positions[:, 1] < 0.5
    changes = torch.where(left[:, None], 0.2, -0.3) + 0.1 * torch.randn(
        len(left), 3, generator=torch.Generator().manual_seed(2)
    )
    made = diffuse(changes, like_graph(regions, labels), 300)
    for side in (left, ~left):
        assert made[side].std(0).max() < 0.1 * changes[side].std(0).min()
        torch.testing.assert_close(made[side].mean(0), changes[side].mean(0), atol=0.01, rtol=0)


def test_a_match_by_hand_is_kept_and_spreads():
    labels, regions = cut(halves())
    graph = like_graph(regions, labels)
    held, changes = torch.zeros(len(regions.count)), torch.zeros(len(regions.count), 3)
    held[0], changes[0] = 1, 0.5
    made = diffuse(changes, graph, 150, held)
    assert made[0].min() > 0.49
    assert made.median() < 0.5 and made[1:].max() > 0.1


def test_no_strength_and_no_change_give_back_what_came():
    labels, regions = cut(halves())
    graph = like_graph(regions, labels)
    changes = torch.randn(len(regions.count), 3)
    assert diffuse(changes, graph, 0) is changes
    assert diffuse(torch.zeros_like(changes), graph, 100).abs().max() == 0
    even = torch.full_like(changes, 0.25)
    torch.testing.assert_close(diffuse(even, graph, 100), even)


@pytest.mark.parametrize("size", [(1, 1), (1, 2), (1, 30), (3, 3)])
def test_pictures_of_few_superpixels_have_a_graph_too(size):
    picture = torch.rand(3, *size, generator=torch.Generator().manual_seed(0))
    labels, regions = cut(picture, 5)
    made = diffuse(torch.ones(len(regions.count), 3), like_graph(regions, labels), 100)
    torch.testing.assert_close(made, torch.ones_like(made))


def dusk(height: int = 150, width: int = 220) -> torch.Tensor:
    """An even sky with a bright disk in it, above dark ground with grain."""
    random = torch.Generator().manual_seed(3)
    shade = torch.linspace(0.25, 0.4, height)[:, None].expand(height, width)
    picture = torch.stack([shade * 0.8, shade * 0.9, shade * 1.2]).contiguous()
    picture[:, 110:] = 0.1 + 0.15 * torch.rand(1, height - 110, width, generator=random)
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    picture[:, (rows - 45) ** 2 + (columns - 110) ** 2 < 144] = 0.9
    return (picture + 0.004 * torch.rand(3, height, width, generator=random)).clamp(0, 1)


def test_a_smooth_sky_stays_smooth_and_bright_things_in_it_get_no_glow():
    """What issue and method are about, on a picture drawn for it: by far fewer false transitions than the paper's."""
    random = torch.Generator().manual_seed(4)
    reference = torch.nn.functional.interpolate(torch.rand(1, 3, 8, 12, generator=random), (150, 220), mode="bicubic")
    reference = (reference[0] + 0.05 * torch.rand(3, 150, 220, generator=random)).clamp(0, 1)
    target = dusk()
    of_paper = SuperpixelOptions(
        features="lab-gradient", diffusion=0, contrast=0, global_share=0, soft_range=0, fusion="colors"
    )
    made, plain = (
        transfer_color(target, reference, options).picture
        for options in (SuperpixelOptions(features="lab-gradient"), of_paper)
    )
    assert blotches(target, made) < 0.5 * blotches(target, plain)
    assert halos(target, made) < 0.5 * halos(target, plain)
    assert (made - target).abs().mean() > 0.05


def test_impossible_strengths_are_one_line():
    with pytest.raises(UserError, match="diffusion is -1; needed: 0"):
        SuperpixelOptions(diffusion=-1)
