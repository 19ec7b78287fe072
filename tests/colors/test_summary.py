"""Summaries of colors: exact moments and an even sample, whatever the parts in which the pixels come."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limner.colors.summary import ColorSummary, merged, read_summaries, summarize, write_summaries
from limner.foundation.errors import UserError
from limner.scenes.windows import Pixels


def in_parts(values: np.ndarray, valid: np.ndarray, ends: list[int]) -> list[Pixels]:
    """The picture in bands of rows that end at ``ends``."""
    edges = [0, *sorted(ends), values.shape[1]]
    return [Pixels(values[:, a:b], valid[a:b]) for a, b in itertools.pairwise(edges)]


def numbered(count: int, first: int = 0) -> list[Pixels]:
    """One band of pixels that are their own numbers."""
    values = np.arange(first, first + count, dtype=np.float64)[None, None]
    return [Pixels(values, np.ones((1, count), bool))]


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    bands=st.sampled_from([1, 3, 5]),
    ends=st.lists(st.integers(0, 33), max_size=5),
    offset=st.sampled_from([0.0, 3e4]),
)
def test_any_division_into_parts_gives_the_moments_and_the_sample_of_the_whole(seed, bands, ends, offset):
    generator = np.random.default_rng(seed)
    values = generator.normal(offset, 3.0, (bands, 33, 47)).astype(np.float32)
    valid = generator.random((33, 47)) < 0.7
    found = summarize(in_parts(values, valid, ends), sample_px=100)
    chosen = values[:, valid].astype(np.float64)
    assert found.count == valid.sum()
    np.testing.assert_allclose(found.moments.mean, chosen.mean(1), rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(found.moments.covariance, np.atleast_2d(np.cov(chosen, bias=True)), rtol=1e-7, atol=1e-9)
    whole = summarize(in_parts(values, valid, []), sample_px=100)
    np.testing.assert_array_equal(found.sample, whole.sample)


def test_the_sample_holds_each_pixel_at_most_once_and_all_of_few():
    assert len(np.unique(summarize(numbered(5000), sample_px=512).sample)) == 512
    few = summarize(numbered(40), sample_px=512)
    assert sorted(few.sample[0].tolist()) == list(range(40))


def test_every_pixel_has_the_same_chance_to_be_in_the_sample():
    drawn = [summarize(numbered(64), sample_px=16, seed=seed).sample[0].astype(int) for seed in range(2000)]
    counts = np.bincount(np.concatenate(drawn), minlength=64)
    expected = 2000 * 16 / 64
    chi_squared = ((counts - expected) ** 2 / (expected * (1 - 16 / 64))).sum()
    assert chi_squared < 110  # 63 degrees of freedom: exceeded by chance once in 5000 such tests


def test_the_first_of_a_sample_are_an_even_sample_too():
    firsts = [summarize(numbered(64), sample_px=16, seed=seed).cut(1).sample[0, 0] for seed in range(4000)]
    counts = np.bincount(np.array(firsts, int), minlength=64)
    assert ((counts - 62.5) ** 2 / 62.5).sum() < 110


def test_another_seed_draws_another_sample():
    assert set(summarize(numbered(1000), sample_px=9).sample[0]) != set(
        summarize(numbered(1000), sample_px=9, seed=1).sample[0]
    )


def test_summaries_merge_to_that_of_all_pixels_in_proportion_to_their_pixels():
    first, second = summarize(numbered(9000), sample_px=1000), summarize(numbered(3000, 20_000), sample_px=1000)
    both = merged([first, second], 1000)
    everything = np.concatenate([np.arange(9000), np.arange(20_000, 23_000)])
    assert both.count == 12_000
    assert both.moments.mean[0] == pytest.approx(everything.mean())
    assert both.moments.covariance[0, 0] == pytest.approx(everything.var())
    assert both.sample.shape == (1, 1000)
    assert (both.sample >= 20_000).sum() == 250
    assert (both.cut(100).sample >= 20_000).sum() == pytest.approx(25, abs=1)
    assert len(np.unique(both.sample)) == 1000


def test_merging_one_summary_changes_nothing():
    alone = summarize(numbered(700), sample_px=50)
    np.testing.assert_array_equal(merged([alone], 50).sample, alone.sample)


def test_a_small_sample_of_a_large_area_bounds_the_merged_one():
    large, small = summarize(numbered(9000), sample_px=90), summarize(numbered(1000, 10_000), sample_px=500)
    both = merged([large, small], 500)
    assert ((both.sample < 10_000).sum(), (both.sample >= 10_000).sum()) == (90, 10)


@pytest.mark.parametrize(
    ("values", "stored"),
    [((3, 7, 255), "uint8"), ((3, 7, 300), "uint16"), ((0.5, 7, 255), "float32"), ((-1, 7, 255), "float32")],
)
def test_a_file_gives_back_every_digit(tmp_path, values, stored):
    pixels = Pixels(np.array([values], np.float32)[:, None], np.ones((1, 3), bool))
    summaries = {"town/north.1": summarize([pixels]), "a": summarize(numbered(20))}
    write_summaries(tmp_path / "colors.safetensors", summaries)
    found = read_summaries(tmp_path / "colors.safetensors")
    assert list(found) == ["town/north.1", "a"]
    for name, summary in summaries.items():
        assert found[name].count == summary.count
        np.testing.assert_array_equal(found[name].moments.mean, summary.moments.mean)
        np.testing.assert_array_equal(found[name].moments.scatter, summary.moments.scatter)
        np.testing.assert_array_equal(found[name].sample, summary.sample)
        assert found[name].sample.dtype == np.float32
    kinds = {"uint8": b'"U8"', "uint16": b'"U16"', "float32": b'"F32"'}
    assert kinds[stored] in (tmp_path / "colors.safetensors").read_bytes()


def test_a_file_keeps_the_bands_of_a_large_sample_apart(tmp_path):
    generator = np.random.default_rng(0)
    values = generator.integers(0, 60, (3, 90, 70)) + np.array([0, 80, 160])[:, None, None]
    parts = in_parts(values.astype(np.uint8), generator.random((90, 70)) < 0.9, [20, 50])
    town = summarize(parts, sample_px=500)
    write_summaries(tmp_path / "colors.safetensors", {"town": town})
    np.testing.assert_array_equal(read_summaries(tmp_path / "colors.safetensors")["town"].sample, town.sample)


def test_without_a_valid_pixel_nothing_is_counted():
    nothing = summarize([Pixels(np.zeros((3, 4, 4), np.uint8), np.zeros((4, 4), bool))])
    assert (nothing.count, nothing.sample.size) == (0, 0)


@pytest.mark.parametrize("content", [b"", b"text", None])
def test_what_is_no_file_of_colors_is_told_in_one_line(tmp_path, content):
    path = tmp_path / "colors.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UserError, match=r"colors.safetensors: cannot be read") as caught:
        read_summaries(path)
    assert "\n" not in str(caught.value)


def test_another_safetensors_file_is_refused(tmp_path):
    from safetensors.numpy import save_file

    save_file({"a": np.zeros(3)}, tmp_path / "model.safetensors")
    with pytest.raises(UserError, match="no colors of areas"):
        read_summaries(tmp_path / "model.safetensors")


def test_one_pixel_is_a_summary():
    one = summarize([Pixels(np.full((3, 1, 1), 7, np.uint8), np.ones((1, 1), bool))])
    assert (one.count, one.bands, one.sample.tolist()) == (1, 3, [[7], [7], [7]])
    assert isinstance(one, ColorSummary) and not one.moments.covariance.any()


def test_the_same_colors_are_the_same_bytes_in_every_process(tmp_path):
    colors = {name: summarize(numbered(20)) for name in "gfedcba"}
    write_summaries(tmp_path / "a", colors)
    content = (tmp_path / "a").read_bytes()
    words = ['"format"', *(f'"name {number}"' for number in range(7))]
    places = [content.index(word.encode()) for word in words]
    assert places == sorted(places)  # the library's own order changes from call to call
    assert list(read_summaries(tmp_path / "a")) == list(colors)
