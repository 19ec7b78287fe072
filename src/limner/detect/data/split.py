"""Which pictures are learned from and which are held out; what shows one scene stays on one side."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from limner.datasets.pictures.duplicates import ALIKE as ALIKE_COSINE
from limner.datasets.pictures.duplicates import Thumbnails, find_groups, likeness
from limner.detect.data.found import ObjectSet
from limner.detect.data.options import ALIKE, ALONE, FOLDER
from limner.detect.data.pictures import SizedPictures
from limner.foundation.draws import Draws
from limner.foundation.errors import UserError

THUMBNAIL_PX = 64
MOST_COMPARED = 20_000
"""Pictures up to which all pairs are compared."""
WAYS = f"needed: {ALIKE}, {ALONE}, {FOLDER}, or a regular expression on the pictures' names"


class Sides(NamedTuple):
    """Numbers of pictures, in rising order. how: in words."""

    training: tuple[int, ...]
    held_out: tuple[int, ...]
    how: str


def thumbnails_of(pictures: SizedPictures) -> Tensor:
    """(N, 3, S, S) uint8: small squares, to see which pictures are alike."""
    small = []
    for number in range(len(pictures)):
        picture = pictures.read(number)[None].float()
        small.append(functional.interpolate(picture, (THUMBNAIL_PX, THUMBNAIL_PX), mode="area").round().byte())
    return torch.cat(small)


def check_group(group: str) -> None:
    """Raise `UserError` for a ``group`` that is no way to keep pictures together."""
    try:
        re.compile(group)
    except re.error as error:
        raise UserError(f"data.group is '{group}', no regular expression ({error}); {WAYS}") from None


def groups_of(found: ObjectSet, group: str, thumbnails: Tensor | None) -> np.ndarray:
    """(N,) int64: pictures of one number stay together. thumbnails: for `ALIKE`, see `thumbnails_of`.

    Raises `UserError` for a ``group`` that is none, or finds nothing in a picture's name.
    """
    if group == ALONE or (group == ALIKE and (thumbnails is None or len(found) > MOST_COMPARED)):
        return np.arange(len(found))
    if group == ALIKE:
        assert thumbnails is not None
        return find_groups(thumbnails).numpy()
    if group == FOLDER:
        return np.unique([str(each.path.parent) for each in found.pictures], return_inverse=True)[1]
    check_group(group)
    keys = []
    for each in found.pictures:
        match = re.search(group, each.name)
        if match is None:
            raise UserError(f"data.group: '{group}' finds nothing in the name {each.name}; {WAYS}")
        keys.append(match[1] if match.re.groups and match[1] is not None else match[0])
    return np.unique(keys, return_inverse=True)[1]


def split_objects(pictures: SizedPictures, group: str, held_out: float, seed: int) -> Sides:
    """The two sides, the same whenever the seed is: as the data says itself, else whole groups in a drawn order until
    the share is reached, the last one where that comes nearer to it.

    Raises `UserError` where nothing is left to learn from, or a class is not, and as `groups_of`.
    """
    found = pictures.found
    said = found.held_out
    if said is not None:
        sides = _sides(said, "as the data says")
    elif held_out == 0:
        return _sides(np.zeros(len(found), bool), "nothing")
    else:
        thumbnails = thumbnails_of(pictures) if group == ALIKE and len(found) <= MOST_COMPARED else None
        sides = _drawn(groups_of(found, group, thumbnails), group, held_out, seed)
    counts = found.counts(sides.training)
    if not counts.all():
        name = found.class_names[int((counts == 0).argmax())]
        raise UserError(
            f"no object of the class '{name}' is left to learn from ({sides.how}); give another seed (--seed), fewer "
            "to hold out (--data.held-out), or name the classes to find (--objects)"
        )
    return sides


def _drawn(groups: np.ndarray, group: str, held_out: float, seed: int) -> Sides:
    numbers, sizes = np.unique(groups, return_counts=True)
    if len(numbers) < 2:
        raise UserError(
            f"all {len(groups)} pictures belong together (data.group {group}): none can be held out; give another "
            "--group, or --data.held-out 0"
        )
    order = torch.randperm(len(numbers), generator=Draws(seed, torch.device("cpu")).of("held out")).numpy()
    wanted, taken = held_out * len(groups), 0
    chosen: list[int] = []
    for place in order[:-1]:
        if taken + sizes[place] / 2 <= wanted or not chosen:
            chosen.append(int(numbers[place]))
            taken += int(sizes[place])
        if taken >= wanted:
            break
    by = {ALIKE: "near-duplicates together", ALONE: "picture by picture", FOLDER: "by folders"}.get(group, "by groups")
    return _sides(np.isin(groups, chosen), f"{taken / len(groups):.0%} of the pictures, drawn {by}")


def _sides(held: np.ndarray, how: str) -> Sides:
    numbers = np.arange(len(held))
    return Sides(tuple(numbers[~held].tolist()), tuple(numbers[held].tolist()), how)


def crossing_duplicates(thumbnails: Tensor, sides: Sides) -> list[tuple[int, int]]:
    """(held out, learned from) pairs of near-duplicates: they make scores better than they are.

    thumbnails: (N, 3, S, S) uint8.
    """
    if not sides.held_out or not sides.training or len(thumbnails) > MOST_COMPARED:
        return []
    vectors = Thumbnails.of_set(thumbnails)(thumbnails)
    best = likeness(vectors[list(sides.held_out)], vectors[list(sides.training)]).max(dim=1)
    return [
        (number, sides.training[place])
        for number, value, place in zip(sides.held_out, best.values.tolist(), best.indices.tolist(), strict=True)
        if value >= ALIKE_COSINE
    ]
