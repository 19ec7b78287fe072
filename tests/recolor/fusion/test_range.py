"""Colors beyond the range, bent in."""

import pytest
import torch

from limner.recolor.fusion.range import bend_into_range


def ramp(low: float, high: float, count: int = 4001) -> torch.Tensor:
    """(3, 1, count): the first channel from ``low`` to ``high``, the others within 0..1."""
    inside = torch.linspace(0, 1, count)
    return torch.stack([torch.linspace(low, high, count), inside, inside.flip(0)])[:, None]


@pytest.mark.parametrize(("low", "high"), [(-0.3, 0.9), (0.1, 1.4), (-0.2, 1.1), (-3.0, 1.0)])
@pytest.mark.parametrize("knee", [0.1, 0.25])
def test_what_leaves_the_range_comes_in_and_stays_in_order(low: float, high: float, knee: float) -> None:
    before = ramp(low, high)
    after = bend_into_range(before.clone(), knee)
    left_out = 0.002 * (high - low) + 1e-3
    assert after[0].min() >= -left_out and after[0].max() <= 1 + left_out
    assert (after[0, 0].diff() > 0).all()
    assert ((after.clamp(0, 1) <= 0) | (after.clamp(0, 1) >= 1)).float().mean() < 0.01
    between = (before[0] >= knee) & (before[0] <= 1 - knee)
    assert torch.equal(after[0][between], before[0][between])
    assert torch.equal(after[1:], before[1:])


def test_the_curve_is_the_one_that_is_written_down() -> None:
    before, knee = ramp(-0.2, 0.9, 100_001), 0.1
    after = bend_into_range(before.clone(), knee)[0, 0].double()
    values = before[0, 0].double()
    span = knee - float(values[200])  # the least but for 0.002 of them
    apart = (knee - values).clamp(min=0)
    wanted = torch.where(values < knee, knee - apart / (1 + apart * (span - knee) / (knee * span)), values)
    assert (after - wanted).abs().max() < 1e-4
    slope = after.diff() / values.diff()
    assert slope[values[1:] > knee - 0.002].min() > 0.95  # no corner at the knee


def test_a_picture_within_the_range_and_a_knee_of_nothing_change_nothing() -> None:
    inside, outside = ramp(0, 1), ramp(-0.3, 1.3)
    assert torch.equal(bend_into_range(inside.clone(), 0.1), inside)
    assert torch.equal(bend_into_range(outside.clone(), 0.0), outside)


def test_a_few_stray_pixels_move_no_others() -> None:
    picture = ramp(0.01, 0.99, 10_000)
    strayed = picture.clone()
    strayed[0, 0, :5] = -4
    after = bend_into_range(strayed.clone(), 0.1)
    assert torch.equal(after[:, :, 5:], picture[:, :, 5:])
