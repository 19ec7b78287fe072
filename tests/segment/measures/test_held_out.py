"""What held-out blocks decide: a gain that all blocks share is kept, luck is not."""

import numpy as np
import pytest

from limner.segment.measures.counts import Counts
from limner.segment.measures.held_out import (
    ENOUGH_PX,
    HALF,
    Decision,
    best_step,
    crossed_matrices,
    decide,
    drawn_blocks,
    drawn_doubt,
    f1_of,
    matrices_at,
)
from limner.segment.measures.tally import Tally

BLOCKS = 16
PARTS = [0] * 8 + [1] * 8
LARGE = 10_000
"""Each drawn pixel stands for so many, so that a single place is a large one."""


def histograms(quality: np.ndarray, seed: int = 0) -> np.ndarray:
    """(blocks, 2, 256): probabilities of 200 pixels of each class, apart by ``quality`` (blocks,) deviations."""
    generator = np.random.default_rng(seed)
    found = np.zeros((len(quality), 2, 256), np.int64)
    for block, apart in enumerate(quality):
        for truth in (0, 1):
            logits = generator.normal((truth - 0.5) * apart, 1, 200)
            steps = np.minimum(256 / (1 + np.exp(-logits)), 255).astype(int)
            found[block, truth] = np.bincount(steps, minlength=256)
    return LARGE * found


def at_half(counted: np.ndarray) -> np.ndarray:
    return matrices_at(counted, np.full(len(counted), 128))


def test_counts_at_a_threshold_are_those_of_the_pixels() -> None:
    generator = np.random.default_rng(3)
    steps, truth = generator.integers(0, 256, 500), generator.integers(0, 2, 500)
    histogram = np.zeros((1, 2, 256), np.int64)
    np.add.at(histogram[0], (truth, steps), 1)
    for threshold in (1, 128, 255):
        expected = Counts.of(truth.astype(np.uint8), (steps >= threshold).astype(np.uint8))
        np.testing.assert_array_equal(matrices_at(histogram, np.array([threshold]))[0], expected.matrix)
        assert f1_of(expected.matrix) == pytest.approx(expected.f1())


def test_f1_of_more_classes_is_the_mean_over_those_that_occur() -> None:
    matrix = np.array([[8, 2, 0], [1, 9, 0], [0, 0, 0]])
    assert f1_of(matrix) == pytest.approx((16 / 19 + 18 / 21) / 2)
    assert f1_of(matrix) == pytest.approx(Counts(matrix).scores().f1)


def test_the_best_threshold_is_that_of_the_tally_but_for_ties() -> None:
    counted = histograms(np.full(BLOCKS, 2.0)) + np.roll(histograms(np.full(BLOCKS, 2.0), 1), -60, axis=2)
    tally = Tally(Counts.zero(2), 0.0, counted.sum(0))
    assert best_step(counted) / 256 == pytest.approx(tally.best_threshold(), abs=0.06)


def test_each_part_is_counted_at_the_threshold_of_the_others() -> None:
    low, high = np.zeros((2, 2, 256), np.int64), np.zeros((2, 2, 256), np.int64)
    low[:, 0, 10], low[:, 1, 40] = 100, 100  # parts where a low threshold is best, and a high one
    high[:, 0, 200], high[:, 1, 240] = 100, 100
    matrices = crossed_matrices(np.concatenate([low, high]), np.array([0, 0, 1, 1]))
    assert matrices[0].tolist() == [[100, 0], [100, 0]]  # at the others' high threshold nothing is found
    assert matrices[2].tolist() == [[0, 100], [0, 100]]  # at their low one all is called an object


@pytest.mark.parametrize("seed", range(3))
def test_half_is_kept_where_all_blocks_gain(seed: int) -> None:
    initial = at_half(histograms(np.full(BLOCKS, 1.0), seed))
    mixed = histograms(np.full(BLOCKS, 2.5), seed + 10)
    decision = decide(initial, {HALF: mixed}, PARTS)
    assert decision.mix == HALF
    assert 0 < decision.low < decision.high
    assert decision.reason == ""
    assert decision.after == Counts(crossed_matrices(mixed, np.array(PARTS)).sum(0))
    gain = (decision.after.f1() or 0) - (decision.before.f1() or 0)
    assert decision.low < gain < decision.high
    assert decision.kept == "50% refined, 50% initial weights"


@pytest.mark.parametrize("seed", range(3))
def test_what_is_worse_is_not_kept_and_of_one_place_what_is_better_by_luck_neither(seed: int) -> None:
    initial = at_half(histograms(np.full(BLOCKS, 2.0), seed))
    places = np.repeat(range(4), 4).tolist()
    worse = {HALF: histograms(np.full(BLOCKS, 1.5), seed + 10)}
    for where in (None, places):
        assert decide(initial, worse, PARTS, where).mix is None
    lucky = np.where(np.arange(BLOCKS) % 8 == 0, 6.0, 1.95)  # much better in two blocks, a little worse in all others
    one_sided = {HALF: histograms(lucky, seed + 20)}
    one = decide(initial, one_sided, PARTS)
    assert (one.mix, one.reason) == (None, "no gain is sure")
    assert "kept: the initial run" in one.line
    assert one.low < 0 < (one.after.f1() or 0) - (one.before.f1() or 0)
    assert decide(initial, one_sided, PARTS, places).mix == HALF


@pytest.mark.parametrize(
    ("truth", "reason"),
    [(0, "all of the annotated ground is background"), (1, "all of the annotated ground is objects")],
)
def test_ground_of_one_class_decides_nothing(truth: int, reason: str) -> None:
    counted = histograms(np.full(BLOCKS, 2.0))
    counted[:, 1 - truth] = 0
    decision = decide(at_half(counted), {HALF: counted}, PARTS)
    assert (decision.mix, decision.reason) == (None, reason)


def test_few_blocks_decide_nothing() -> None:
    counted = histograms(np.full(3, 2.0))
    decision = decide(at_half(counted), {HALF: counted}, [0, 1, 1])
    assert decision.mix is None
    assert "3 blocks" in decision.reason
    nothing = decide(np.zeros((0, 2, 2), np.int64), {}, [])
    assert nothing.mix is None
    assert "no held-out ground" in nothing.line


def test_more_classes_are_decided_by_their_mean() -> None:
    initial = np.tile(LARGE * np.array([[80, 10, 10], [10, 80, 10], [10, 10, 80]]), (BLOCKS, 1, 1))
    better = np.tile(LARGE * np.array([[90, 5, 5], [5, 90, 5], [5, 5, 90]]), (BLOCKS, 1, 1))
    decision = decide(initial, {HALF: better}, PARTS)
    assert (decision.mix, decision.threshold) == (HALF, None)
    assert decide(better, {HALF: initial}, PARTS).mix is None


def test_a_decision_is_read_back_as_it_was_written() -> None:
    counted = histograms(np.full(BLOCKS, 2.0))
    decision = decide(at_half(counted), {HALF: histograms(np.full(BLOCKS, 2.5), 3)}, PARTS)
    assert Decision.from_json(decision.to_json()) == decision


def test_a_gain_of_one_place_among_several_is_less_sure_than_of_many_blocks() -> None:
    """Eight blocks of a place that gains much, and eight of one that loses a little."""
    initial = at_half(histograms(np.full(BLOCKS, 1.5)))
    quality = np.r_[np.full(8, 3.5), np.full(8, 1.2)]
    mixed = {HALF: histograms(quality, 7)}
    places = [0] * 8 + [1] * 8
    alike, apart = decide(initial, mixed, PARTS), decide(initial, mixed, PARTS, places)
    assert (alike.places, apart.places) == (1, 2)
    assert alike.mix is not None and alike.low > 0
    assert apart.low <= 0 < apart.high  # nobody knows which place the rest is like
    assert apart.mix == HALF  # together they gain
    assert "kept: 50% refined, 50% initial weights" in apart.line
    assert apart.high - apart.low > 1.5 * (alike.high - alike.low)
    assert apart.cautions == () and "in 2 places" in apart.line


def test_what_gains_nothing_in_several_places_is_not_kept() -> None:
    initial = at_half(histograms(np.full(BLOCKS, 3.0)))
    decision = decide(initial, {HALF: histograms(np.full(BLOCKS, 2.8), 7)}, PARTS, np.repeat(range(4), 4).tolist())
    assert (decision.mix, decision.reason) == (None, "nothing is gained")


def test_one_small_place_must_gain_more_than_places_differ() -> None:
    """The same gain is taken from four places and from one large place, not from a small one or four tiny ones."""
    initial = at_half(histograms(np.full(BLOCKS, 1.0)))
    mixed = {HALF: histograms(np.full(BLOCKS, 1.8), 5)}
    several = decide(initial, mixed, PARTS, np.repeat(range(4), 4).tolist())
    large = decide(initial, mixed, PARTS)
    small = decide(initial // LARGE, {HALF: mixed[HALF] // LARGE}, PARTS)
    assert several.mix is not None and large.mix is not None
    assert (small.mix, small.reason) == (None, "no gain is sure")
    assert small.low < 0 < large.low and small.high - small.low > 0.5
    scattered = decide(initial // LARGE, {HALF: mixed[HALF] // LARGE}, PARTS, np.repeat(range(4), 4).tolist())
    assert scattered.before.pixels < ENOUGH_PX < several.before.pixels
    assert (scattered.mix, scattered.reason) == (None, "no gain is sure")  # of little ground four places say little
    assert scattered.high - scattered.low < 0.7 * (small.high - small.low)
    assert 0.1 < (small.after.f1() or 0) - (small.before.f1() or 0) < 0.25
    assert np.std(drawn_doubt(4 * 256**2)) == pytest.approx(0.1, rel=0.1)


def test_what_one_place_says_is_told_first() -> None:
    initial = at_half(histograms(np.full(BLOCKS, 1.0)))
    decision = decide(initial, {HALF: histograms(np.full(BLOCKS, 3.0), 5)}, PARTS, [0] * BLOCKS)
    (line,) = decision.cautions
    assert line.startswith("the gain was measured on one place alone") and "annotate a second place" in line
    assert "of one place" in decision.line and "the gain is likely between" in decision.line
    assert Decision.from_json(decision.to_json()) == decision
    older = {name: value for name, value in decision.to_json().items() if name != "places"}
    assert Decision.from_json(older).cautions == ()


@pytest.mark.parametrize("sizes", [[16], [8, 8], [1, 5, 10]])
def test_draws_of_places_hold_as_many_places_as_there_are(sizes: list[int]) -> None:
    places = np.repeat(np.arange(len(sizes)), sizes)
    weights = drawn_blocks(places, 4000)
    drawn = np.stack([weights[:, places == place].sum(1) / size for place, size in enumerate(sizes)], 1)
    assert (drawn.sum(1) == len(sizes)).all() and (drawn == drawn.round()).all()
    np.testing.assert_allclose(weights.mean(0), 1, atol=0.1)
