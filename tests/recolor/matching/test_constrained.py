"""Matching with a cap on uses: the optimum by trying everything, and the cap."""

from itertools import product

import pytest
import torch

from limner.foundation.errors import UserError
from limner.recolor.matching.constrained import match_constrained

CASES = [(5, 3, 2), (4, 4, 1), (6, 2, 3), (3, 5, 3), (1, 1, 1)]


def descriptors(count: int, seed: int) -> torch.Tensor:
    return torch.rand(count, 6, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("targets", "references", "most_uses"), CASES)
def test_no_allowed_matching_has_a_smaller_sum_of_squared_distances(targets, references, most_uses, seed):
    target, reference = descriptors(targets, seed), descriptors(references, seed + 100)
    distances = ((target[:, None] - reference[None]) ** 2).sum(dim=2)
    sums = [
        sum(float(distances[row, column]) for row, column in enumerate(matching))
        for matching in product(range(references), repeat=targets)
        if max(matching.count(column) for column in matching) <= most_uses
    ]
    found = match_constrained(target, reference, most_uses)
    assert found.dtype == torch.int64 and found.bincount().max() <= most_uses
    assert float(distances[torch.arange(targets), found].sum()) == pytest.approx(min(sums), abs=1e-5)


def test_no_reference_superpixel_is_used_more_often_than_allowed_though_all_want_the_same():
    reference = descriptors(40, 0)
    target = reference[:1].expand(100, -1)
    assert match_constrained(target, reference).bincount(minlength=40).max() == 3


def test_without_competition_each_takes_the_nearest():
    reference = descriptors(30, 0)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(0))
    assert torch.equal(match_constrained(reference[order] + 1e-3, reference, 1), order)


def test_too_few_reference_superpixels_are_shared_evenly():
    assert match_constrained(descriptors(20, 0), descriptors(3, 1), 3).bincount(minlength=3).max() == 7
    assert match_constrained(descriptors(20, 0), descriptors(1, 1), 3).tolist() == [0] * 20


def test_no_use_at_all_is_refused():
    with pytest.raises(UserError, match="at least 1"):
        match_constrained(descriptors(3, 0), descriptors(3, 1), 0)
