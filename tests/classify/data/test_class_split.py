"""What is held out: a share of each class, whole groups, no picture twice; the same whenever it is asked."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from drawn_pictures import draw_shape
from limner.classify.data.examples import Examples, load_examples
from limner.classify.data.found import Found, open_arrays
from limner.classify.data.sources import find_pictures
from limner.classify.data.split import SplitRule, crossing_duplicates, split_examples, split_found
from limner.foundation.errors import UserError


def found_with(labels: list[int], **more: object) -> Found:
    pictures = np.random.default_rng(3).integers(0, 256, (len(labels), 16, 16), dtype=np.uint8)
    names = tuple(map(str, range(len(labels))))
    classes = tuple(map(str, range(max(labels) + 1)))
    return dataclasses.replace(Found("drawn", names, np.array(labels), classes, open_arrays(pictures), "x"), **more)


def test_a_share_of_each_class_is_held_out_and_another_seed_draws_others() -> None:
    found = found_with([0] * 40 + [1] * 20)
    sides = split_found(found, SplitRule(), 0)
    assert sorted([*sides.training.tolist(), *sides.held_out.tolist()]) == list(range(60))
    assert np.bincount(found.labels[sides.held_out]).tolist() == [8, 4]
    assert torch.equal(split_found(found, SplitRule(), 0).held_out, sides.held_out)
    assert not torch.equal(split_found(found, SplitRule(), 1).held_out, sides.held_out)


@pytest.mark.parametrize("split", ["auto", "order"])
def test_folds_hold_out_each_picture_once(split: str) -> None:
    found = found_with([0, 1, 2] * 21)
    held = [split_found(found, SplitRule(split, folds=5, fold=fold), 4).held_out for fold in range(5)]  # type: ignore[arg-type]
    assert sorted(torch.cat(held).tolist()) == list(range(63))
    if split == "order":
        assert all((fold.diff() == 1).all() for fold in held)


def test_in_order_the_last_are_held_out() -> None:
    assert split_found(found_with([0, 1] * 10), SplitRule("order", 0.2), 0).held_out.tolist() == [16, 17, 18, 19]


def test_groups_stay_on_one_side() -> None:
    groups = np.arange(90) // 6
    found = found_with([0] * 30 + [1] * 60, groups=groups)
    sides = split_found(found, SplitRule(), 7)
    assert not set(groups[sides.training]) & set(groups[sides.held_out])
    assert 12 <= len(sides.held_out) <= 24


def test_what_the_data_says_itself_is_held_out_unless_pictures_are_to_be_drawn() -> None:
    held = np.arange(20) >= 17
    found = found_with([0, 1] * 10, held_out=held)
    assert split_found(found, SplitRule(), 0).held_out.tolist() == [17, 18, 19]
    assert len(split_found(found, SplitRule("pictures"), 0).held_out) == 4
    assert len(split_found(found, SplitRule(folds=2), 0).held_out) == 10


@pytest.fixture
def twins(tmp_path: Path) -> Examples:
    """Twenty shapes; of two there is a JPEG of poorer quality under another name."""
    for number in range(20):
        kind = ("box", "disk")[number % 2]
        (tmp_path / kind).mkdir(exist_ok=True)
        picture = Image.fromarray(draw_shape(kind, number))
        picture.save(tmp_path / kind / f"{number:02d}.png")
        if number in (3, 8):
            picture.resize((60, 60)).save(tmp_path / kind / f"{number:02d}-again.jpg", quality=70)
    return load_examples(find_pictures([tmp_path]), size_px=32, colors="rgb")


def test_the_same_picture_saved_again_is_never_on_the_other_side(twins: Examples) -> None:
    names = twins.found.names
    for seed in range(12):
        sides = split_examples(twins, SplitRule(held_out=0.3), seed)
        held = {names[number].split("/")[1][:2] for number in sides.held_out.tolist()}
        learned = {names[number].split("/")[1][:2] for number in sides.training.tolist()}
        assert not held & learned
        assert crossing_duplicates(twins, sides) == []


def test_pictures_on_both_sides_of_a_given_split_are_found(twins: Examples) -> None:
    held = np.array(["again" in name for name in twins.found.names])
    given = dataclasses.replace(twins, found=dataclasses.replace(twins.found, held_out=held))
    pairs = crossing_duplicates(given, split_examples(given, SplitRule(), 0))
    assert [(given.found.names[one], given.found.names[other]) for one, other in pairs] == [
        ("box/08-again.jpg", "box/08.png"), ("disk/03-again.jpg", "disk/03.png")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (SplitRule(folds=3, fold=3), "data.fold is 3 of 3; needed: 0 to 2"),
        (SplitRule("order", 0.5), "no picture of the class '1' is left to learn from"),
    ],
)
def test_a_split_that_cannot_be_is_told(rule: SplitRule, says: str) -> None:
    with pytest.raises(UserError, match=says):
        split_found(found_with([0] * 10 + [1] * 10), rule, 0)
