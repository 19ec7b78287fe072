"""Pools of earlier fakes against the loop of the CycleGAN paper, and as what a checkpoint keeps."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from limner.adversarial.pool import FakePool


def draws(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def plain_exchange(kept: list[float], size: int, fakes: list[float], generator: torch.Generator) -> list[float]:
    """One picture after the other, as the paper's appendix tells it; changes ``kept``."""
    shown = []
    for fake in fakes:
        if len(kept) < size:
            kept.append(fake)
            shown.append(fake)
        elif float(torch.rand((), generator=generator)) < 0.5:
            place = int(torch.randint(size, (), generator=generator))
            shown.append(kept[place])
            kept[place] = fake
        else:
            shown.append(fake)
    return shown


@pytest.mark.parametrize(("size", "batch"), [(50, 1), (5, 3), (4, 7), (1, 2)])
def test_fakes_are_exchanged_as_one_after_the_other(size: int, batch: int) -> None:
    pool, earlier, kept = FakePool(size), None, []
    for number in range(60):
        fake = torch.arange(number * batch, (number + 1) * batch, dtype=torch.float32)
        shown, earlier = pool.exchange(earlier, fake, draws(number))
        assert shown.tolist() == plain_exchange(kept, size, fake.tolist(), draws(number))
        assert earlier.tolist() == kept
        assert len(earlier) <= size
    assert any(value < 59 * batch for value in kept)  # some are older than the last batch


def test_half_of_the_fakes_are_exchanged_once_the_pool_is_full() -> None:
    pool, earlier, old = FakePool(10), torch.arange(10.0), 0
    for number in range(400):
        fake = torch.tensor([100.0 + number])
        shown, earlier = pool.exchange(earlier, fake, draws(number))
        old += int(shown[0] != fake[0])
    assert abs(old - 200) < 50  # five standard deviations


class Drawn(NamedTuple):
    clip: Tensor
    label: Tensor | None


@pytest.mark.parametrize("labeled", [True, False])
def test_parts_of_a_sample_stay_together_whatever_their_shapes(labeled: bool) -> None:
    pool, earlier = FakePool(3), None
    for number in range(20):
        label = torch.tensor([2 * number, 2 * number + 1])
        fake = Drawn(
            label.float()[:, None, None].expand(2, 3, 4) * torch.ones(2, 3, 4, requires_grad=True),
            label if labeled else None,
        )
        shown, earlier = pool.exchange(earlier, fake, draws(number))
        assert isinstance(shown, Drawn)
        for clip, marks in (shown, earlier):
            assert not clip.requires_grad
            assert (marks is not None) == labeled
            if labeled:
                assert torch.equal(clip[:, 0, 0], marks.float())
    assert type(earlier) is tuple  # as a checkpoint takes it
    assert len(earlier[0]) == 3


def test_a_pool_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="needed: at least 1"):
        FakePool(0)
