"""The attention is eq. 1-2 of the paper, its temperature the one that was asked for, and pins are obeyed."""

import pytest
import torch
from torch import Tensor

from limner.foundation.errors import UserError
from limner.recolor.matching.attention import (
    CENTERINGS,
    Matching,
    Pin,
    attend,
    centered,
    row_perplexity,
    temperature_for,
)
from limner.recolor.superpixels.pooling import Regions


def features(count: int, channels: int = 9, seed: int = 0) -> Tensor:
    """(count, channels) float32, some channels louder than others and none about 0."""
    values = torch.randn(count, channels, generator=torch.Generator().manual_seed(seed))
    return 3 + values * torch.linspace(0.2, 4, channels)


def regions(count: int, seed: int = 0) -> Regions:
    """Superpixels of ten pixels anywhere, of any color."""
    mean = torch.rand(count, 5, generator=torch.Generator().manual_seed(seed))
    return Regions(torch.full((count,), 10), mean, torch.zeros(count, 5, 5))


def matching(target: Tensor, references: Tensor, temperature: float = 0.1, pins: tuple[Pin, ...] = ()) -> Matching:
    labels = torch.zeros(1, 1, dtype=torch.int32)
    own, other = regions(len(target), 1), regions(len(references), 2)
    return Matching(target, references, temperature, labels, [labels], own, other, pins)


def by_definition(target: Tensor, reference: Tensor, centering: str, temperature: float) -> Tensor:
    """Eq. 1-2, entry by entry in float64."""
    sides = []
    for side in (target.double(), reference.double()):
        means = side.mean(1, keepdim=True) if centering == "descriptor" else side.mean(0)
        scale = (side - means).square().mean(0).sqrt() if centering == "standard" else torch.ones(1)
        sides.append((side - means) / scale)
    similarity = torch.tensor([[float(a @ b / (a.norm() * b.norm())) for b in sides[1]] for a in sides[0]]).double()
    weights = torch.exp(similarity / temperature)
    return weights / weights.sum(1, keepdim=True)


@pytest.mark.parametrize("centering", CENTERINGS)
def test_the_attention_is_the_softmax_of_centered_cosines(centering: str) -> None:
    target, reference = features(23), features(17, seed=1)
    for temperature in (0.02, 0.5):
        expected = by_definition(target, reference, centering, temperature)
        found = matching(centered(target, centering), centered(reference, centering), temperature)
        assert (found.attention().double() - expected).abs().max() < 2e-5 / temperature
        colors = attend(found).colors.double()
        assert (colors - expected @ found.reference_regions.colors.double()).abs().max() < 2e-5 / temperature


def test_rows_sum_to_one_and_blocks_of_rows_are_the_whole() -> None:
    found = matching(centered(features(300), "standard"), centered(features(40, seed=1), "standard"), 0.01)
    whole = found.attention()
    assert (whole.sum(1) - 1).abs().max() < 1e-5
    for rows in (1, 7, 128, 1000):
        assert (torch.cat([weights for _, weights in found.blocks(rows)]) - whole).abs().max() < 1e-5
    assert torch.equal(attend(found).best, whole.argmax(1))
    assert (found.attention(torch.tensor([5, 200])) - whole[[5, 200]]).abs().max() < 1e-5


@pytest.mark.parametrize("centering", CENTERINGS)
@pytest.mark.parametrize("perplexity", [1.5, 5.0, 30.0])
def test_a_temperature_hits_the_perplexity_that_was_asked_for(centering: str, perplexity: float) -> None:
    sides = centered(features(200), centering), centered(features(150, seed=1), centering)
    temperature = temperature_for(*sides, perplexity)
    weights = matching(*sides, temperature).attention()
    entropy = -(weights.double() * weights.double().clamp_min(1e-300).log()).sum(1)
    assert float(entropy.exp().median()) == pytest.approx(perplexity, rel=1e-2)
    assert attend(matching(*sides, temperature)).numbers["perplexity"] == pytest.approx(perplexity, rel=1e-2)


def test_a_perplexity_out_of_reach_takes_the_end_and_one_below_1_is_refused() -> None:
    sides = centered(features(20), "channel"), centered(features(6, seed=1), "channel")
    assert temperature_for(*sides, 7.0) == pytest.approx(10, rel=1e-3)
    with pytest.raises(UserError, match=r"perplexity is 0\.5"):
        temperature_for(*sides, 0.5)
    with pytest.raises(UserError, match="centering is 'rows'"):
        centered(features(3), "rows")


def test_the_perplexity_of_a_row_is_how_many_it_looks_at() -> None:
    even = torch.zeros(2, 8)
    even[0, :4], even[1, 3] = 0.25, 1.0
    assert row_perplexity(even).tolist() == pytest.approx([4.0, 1.0])


def test_the_order_of_superpixels_changes_nothing() -> None:
    target, reference = features(60), features(45, seed=1)
    generator = torch.Generator().manual_seed(4)
    rows, columns = torch.randperm(60, generator=generator), torch.randperm(45, generator=generator)
    whole = matching(centered(target, "standard"), centered(reference, "standard")).attention()
    moved = matching(centered(target[rows], "standard"), centered(reference[columns], "standard")).attention()
    assert (moved - whole[rows][:, columns]).abs().max() < 1e-5


def test_a_pinned_superpixel_takes_the_colors_it_is_pinned_to_and_those_unlike_it_keep_theirs() -> None:
    sides = centered(features(80), "standard"), centered(features(50, seed=1), "standard")
    free, pinned = matching(*sides), matching(*sides, pins=(Pin(target=3, reference=7),))
    wanted = pinned.reference_regions.colors[7]
    assert (attend(pinned).colors[3] - wanted).abs().max() < 0.12  # a mean over colors within a deviation of 0.08
    assert (attend(free).colors[3] - wanted).abs().max() > 0.12
    assert (pinned.attention().sum(1) - 1).abs().max() < 1e-5
    apart = (pinned.target_regions.colors - pinned.target_regions.colors[3]).norm(dim=1) > 0.5
    assert (attend(pinned).colors - attend(free).colors)[apart].abs().max() < 1e-5


@pytest.mark.parametrize("centering", CENTERINGS)
@pytest.mark.parametrize("counts", [(1, 1), (1, 5), (5, 1)])
def test_one_superpixel_on_either_side_is_enough(centering: str, counts: tuple[int, int]) -> None:
    sides = [centered(features(count, seed=count), centering) for count in counts]
    found = matching(sides[0], sides[1], temperature_for(*sides, 5.0))
    assert found.attention().shape == counts
    assert attend(found).colors.isfinite().all()


def test_features_that_are_all_alike_look_at_everything_alike() -> None:
    flat = centered(torch.full((4, 9), 2.5), "standard")
    assert (matching(flat, flat).attention() - 0.25).abs().max() < 1e-6
