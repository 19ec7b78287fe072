"""Which pictures are learned from and which are held out; pictures that are the same stay on one side."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from torch import Tensor

from limner.classify.data.examples import Examples
from limner.classify.data.found import Found
from limner.datasets.pictures.duplicates import Thumbnails, find_groups, likeness
from limner.foundation.draws import Draws
from limner.foundation.errors import UserError

SAME = 0.99
"""Cosine of two thumbnails (`limner.datasets.pictures.duplicates`) from which two pictures are taken for one that was
saved twice, resized, or made brighter. Lower, different digits of one kind count: of scikit-learn's 1,797, six at 0.98
and none at 0.99; of 5,000 of MNIST, 73 and 2.
"""
MOST_COMPARED = 20_000
"""Pictures up to which all pairs are compared."""
Split = Literal["auto", "pictures", "order"]


class Sides(NamedTuple):
    """(n,) int64 each, in rising order. how: in words, such as "a fifth of the pictures, drawn"."""

    training: Tensor
    held_out: Tensor
    how: str


@dataclass(frozen=True)
class SplitRule:
    """How pictures are parted: the recipe's ``data`` says it.

    split: ``auto``, as the data says itself, else by groups that it names, else picture by picture; ``pictures``, drawn
    by the seed whatever the data says; ``order``, the last ones. held_out: a share. folds, fold: hold out the
    ``fold``th (from 0) of ``folds`` equal parts instead.
    """

    split: Split = "auto"
    held_out: float = 0.2
    folds: int | None = None
    fold: int = 0


def split_examples(examples: Examples, rule: SplitRule, seed: int) -> Sides:
    """The two sides of pictures in memory or streamed: the same whenever the seed is.

    Raises `UserError` as `split_found` does.
    """
    found = examples.found
    same = None
    if examples.pictures is not None and len(found) <= MOST_COMPARED and _draws(found, rule):
        same = find_groups(examples.pictures, SAME).numpy()
    return split_found(found, rule, seed, same)


def _draws(found: Found, rule: SplitRule) -> bool:
    """Whether pictures are drawn one by one, and not as the data or their order says."""
    return rule.split == "pictures" or (rule.split == "auto" and (rule.folds is not None or found.held_out is None))


def split_found(found: Found, rule: SplitRule, seed: int, same: np.ndarray | None = None) -> Sides:
    """The two sides. same: (N,) int64, pictures of one number are near-duplicates.

    Raises `UserError` where a class has no picture to learn from, and for a fold that is none.
    """
    _check(rule)
    count = len(found)
    first, last = (0.0, rule.held_out) if rule.folds is None else (rule.fold / rule.folds, (rule.fold + 1) / rule.folds)
    part = f"fold {rule.fold} of {rule.folds}" if rule.folds else f"{rule.held_out:.0%}"
    if not _draws(found, rule) and rule.split == "auto" and found.held_out is not None:
        held, how = found.held_out, "as the data says"
    elif rule.split == "order":
        places = (np.arange(count) + 0.5) / count
        # Without folds the last ones are held out.
        held = places >= 1 - rule.held_out if rule.folds is None else (places >= first) & (places < last)
        how = f"{part}, in the order of the data"
    else:
        places = _places(found.labels, _together(found.groups, same, count), seed)
        held = (places >= first) & (places < last)
        how = f"{part}, drawn" + (" group by group" if found.groups is not None else "")
    learned = found.counts() - np.bincount(found.labels[held], minlength=len(found.class_names))
    if (learned == 0).any():
        name = found.class_names[int(learned.argmin())]
        raise UserError(
            f"no picture of the class '{name}' is left to learn from ({how}); give fewer to hold out (data.held_out), "
            "another split (data.split), or more pictures"
        )
    numbers = torch.arange(count)
    chosen = torch.from_numpy(held)
    return Sides(numbers[~chosen], numbers[chosen], how)


def _check(rule: SplitRule) -> None:
    if rule.folds is not None and not 0 <= rule.fold < rule.folds:
        raise UserError(f"data.fold is {rule.fold} of {rule.folds}; needed: 0 to {rule.folds - 1}")


def _together(groups: np.ndarray | None, same: np.ndarray | None, count: int) -> np.ndarray:
    """(N,) int64: numbers that pictures share which must stay together; by the data's groups where it has them."""
    if groups is not None:
        return groups
    return np.arange(count) if same is None else same


def _places(labels: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """(N,) float in [0, 1): where each picture stands in its class's order, which the seed draws; groups stand as one.

    A group belongs to the class of its first picture, and stands where its middle would.
    """
    generator = Draws(seed, torch.device("cpu")).of("held out")
    number, first = np.unique(groups, return_index=True, return_inverse=False)
    order = torch.randperm(len(number), generator=generator).numpy()
    sizes = np.bincount(np.searchsorted(number, groups), minlength=len(number))
    places = np.zeros(len(number))
    for label in np.unique(labels):
        mine = order[labels[first[order]] == label]
        if len(mine):
            ends = np.cumsum(sizes[mine])
            places[mine] = (ends - sizes[mine] / 2) / ends[-1]
    return places[np.searchsorted(number, groups)]


def crossing_duplicates(examples: Examples, sides: Sides) -> list[tuple[int, int]]:
    """(held out, learned from) pairs of near-duplicates, for data that comes with a split. Empty where the pictures are
    streamed or too many to compare."""
    if examples.pictures is None or len(examples) > MOST_COMPARED or not len(sides.held_out):
        return []
    thumbnails = Thumbnails.of_set(examples.pictures)(examples.pictures)
    learned = thumbnails[sides.training]
    pairs = []
    for numbers in sides.held_out.split(1024):
        best = likeness(thumbnails[numbers], learned).max(1)
        for number, value, place in zip(numbers.tolist(), best.values.tolist(), best.indices.tolist(), strict=True):
            if value >= SAME:
                pairs.append((number, int(sides.training[place])))
    return pairs
