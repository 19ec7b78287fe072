"""Which items a batch holds: every one once in each pass, by the batch's number alone."""

import pytest
import torch

from limner.datasets.order import ShuffledOrder


@pytest.mark.parametrize(("count", "batch"), [(7, 3), (10, 10), (12, 4), (5, 1)])
def test_each_pass_shows_every_item_once_in_an_order_of_its_own(count: int, batch: int) -> None:
    order = ShuffledOrder(count, batch, seed=0)
    shown = torch.cat([order.indices(number) for number in range(4 * count)]).view(-1, count)
    assert all(sorted(each.tolist()) == list(range(count)) for each in shown)
    assert len({tuple(each.tolist()) for each in shown}) > 1
    assert torch.equal(order.indices(3), ShuffledOrder(count, batch, seed=0).indices(3))
    assert not torch.equal(torch.stack([ShuffledOrder(count, batch, seed=1).indices(n) for n in range(9)]).flatten(),
                           torch.stack([order.indices(n) for n in range(9)]).flatten())  # fmt: skip


@pytest.mark.parametrize("batch", [0, 8])
def test_batches_of_none_and_of_more_than_there_are_are_refused(batch: int) -> None:
    with pytest.raises(ValueError, match=r"needed: 1 to 7"):
        ShuffledOrder(7, batch, seed=0)
