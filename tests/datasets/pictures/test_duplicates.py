"""Near-duplicates: what counts as one, that no split parts them, and what lies nearest to a made picture."""

import numpy as np
import pytest
import torch
from torch import Tensor

from drawn_pictures import draw_box
from limner.datasets.pictures import duplicates
from limner.datasets.pictures.duplicates import (
    ALIKE,
    Thumbnails,
    find_groups,
    nearest,
    nearest_distances,
    nearest_pictures,
    split_held_out,
)
from limner.datasets.pictures.read import PictureSet
from limner.foundation.errors import UserError
from limner.generate.training.alarms import nearest_within
from limner.generate.training.memorization import compare_distances, draw_nearest


def boxes(count: int, first: int = 0) -> Tensor:
    """(count, 3, 32, 32) uint8."""
    return torch.stack([torch.from_numpy(draw_box(first + number)).permute(2, 0, 1) for number in range(count)])


def changed(pictures: Tensor) -> Tensor:
    """The same pictures, darker, of less contrast, with noise, and moved by a pixel."""
    noise = torch.randn(pictures.shape, generator=torch.Generator().manual_seed(0))
    return (pictures.roll(1, dims=3) * 0.7 + 20 + 3 * noise).clamp(0, 255).to(torch.uint8)


def set_of(pictures: Tensor, labels: Tensor | None = None) -> PictureSet:
    names = tuple(map(str, range(len(pictures))))
    classes = () if labels is None else tuple(map(str, range(int(labels.max()) + 1)))
    return PictureSet(pictures, labels, classes, names, "", "crop")


def test_changed_copies_are_grouped_and_different_cut_outs_on_one_ground_are_not() -> None:
    pictures = boxes(60)
    groups = find_groups(torch.cat([pictures, changed(pictures[:20])]))
    assert torch.equal(groups[:20], groups[60:])
    assert len(groups.unique()) >= 58  # boxes drawn by chance may look alike, once


@pytest.mark.parametrize("channels", [1, 4])
def test_gray_and_transparent_pictures_are_grouped_too(channels: int) -> None:
    pictures = boxes(30)
    if channels == 1:
        pictures = pictures[:, 1:2]
    else:
        pictures = torch.cat([pictures, torch.full_like(pictures[:, :1], 255)], dim=1)
    groups = find_groups(torch.cat([pictures, pictures[:7]]))
    assert torch.equal(groups[:7], groups[30:])


def test_groups_are_the_same_in_blocks_and_reach_over_what_lies_between(monkeypatch: pytest.MonkeyPatch) -> None:
    start, end = boxes(2).float()
    share = torch.linspace(0, 1, 40)[:, None, None, None]
    between = (start + share * (end - start)).round().to(torch.uint8)  # each like the next, the first unlike the last
    pictures = torch.cat([boxes(50, first=10), between])[torch.randperm(90, generator=torch.Generator().manual_seed(1))]
    whole = find_groups(pictures)
    assert whole.bincount().max() >= 40
    monkeypatch.setattr(duplicates, "TABLE", 7 * 90)
    assert torch.equal(find_groups(pictures), whole)


def test_groups_agree_with_walking_from_picture_to_picture() -> None:
    chance = torch.Generator().manual_seed(3)
    pictures = boxes(40)[torch.randint(0, 40, (90,), generator=chance)]
    pictures = (pictures + 12 * torch.randn(pictures.shape, generator=chance)).clamp(0, 255).to(torch.uint8)
    thumbnails = Thumbnails.of_set(pictures)(pictures).double()
    mirror = Thumbnails.of_set(pictures)(pictures.flip(3)).double()
    alike = ((thumbnails @ thumbnails.T >= ALIKE) | (thumbnails @ mirror.T >= ALIKE)).numpy()
    groups = find_groups(pictures).numpy()
    for start in range(90):
        reached = {start}
        while len(more := reached | set(np.nonzero(alike[sorted(reached)].any(0))[0].tolist())) > len(reached):
            reached = more
        assert set(np.nonzero(groups == groups[start])[0].tolist()) == reached


def test_mirrored_pictures_are_near_duplicates_and_each_others_neighbors() -> None:
    pictures = boxes(40)
    groups = find_groups(torch.cat([pictures, changed(pictures[:10].flip(3))]))
    assert torch.equal(groups[:10], groups[40:])
    found = nearest_pictures(pictures[5:8].flip(3), pictures, 2)
    assert found.indices[:, 0].tolist() == [5, 6, 7]
    assert found.distances[:, 0].max() < 1e-3


def test_flat_pictures_are_near_duplicates_of_each_other() -> None:
    flat = torch.arange(0, 250, 50, dtype=torch.uint8)[:, None, None, None].expand(-1, 3, 32, 32)
    groups = find_groups(torch.cat([boxes(20), flat]))
    assert len(groups[20:].unique()) == 1


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_no_group_is_parted_and_every_picture_is_on_one_side(seed: int) -> None:
    pictures = boxes(120)
    pictures = torch.cat([pictures, changed(pictures[:60]), pictures[:30]])
    training, held_out = split_held_out(set_of(pictures), 0.2, seed)
    assert len(held_out) == 42
    assert torch.equal(torch.cat([training, held_out]).sort().values, torch.arange(210))
    groups = find_groups(pictures)
    assert not set(groups[training].tolist()) & set(groups[held_out].tolist())
    again = split_held_out(set_of(pictures), 0.2, seed)
    assert torch.equal(training, again[0])
    assert torch.equal(held_out, again[1])


def test_another_seed_holds_out_others() -> None:
    held = [split_held_out(set_of(boxes(100)), 20, seed)[1].tolist() for seed in range(3)]
    assert [len(each) for each in held] == [20, 20, 20]
    assert held[0] != held[1] != held[2]


def test_every_class_is_held_out_in_its_share() -> None:
    labels = torch.tensor([0] * 60 + [1] * 30 + [2] * 10)
    _, held_out = split_held_out(set_of(boxes(100), labels), 21, 0)
    assert labels[held_out].bincount().tolist() == [13, 6, 2]


def test_nothing_is_held_out_where_nothing_is_wanted() -> None:
    training, held_out = split_held_out(set_of(boxes(20)), 0, 0)
    assert torch.equal(training, torch.arange(20))
    assert held_out.shape == (0,)


def test_groups_too_large_leave_fewer_held_out_and_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    pictures = torch.cat([boxes(1).expand(60, -1, -1, -1), boxes(4, first=1)])
    _, held_out = split_held_out(set_of(pictures), 10, 0)
    assert held_out.tolist() == [60, 61, 62, 63]
    assert "held out: 4 of 10 pictures" in capsys.readouterr().err


def test_what_cannot_be_held_out_is_told_in_one_line() -> None:
    with pytest.raises(UserError, match=r"data.held_out is 11, of 20 pictures; needed: at most half of them"):
        split_held_out(set_of(boxes(20)), 11, 0)
    pairs = boxes(2).repeat(10, 1, 1, 1)
    with pytest.raises(
        UserError, match=r"2 of 20 pictures, but near-duplicates must stay together and each of the 2 groups"
    ):
        split_held_out(set_of(pairs), 0.1, 0)


def test_nearest_agrees_with_all_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = torch.Generator().manual_seed(0)
    points, others = torch.randn(23, 5, generator=chance) + 30, torch.randn(41, 5, generator=chance) + 30
    monkeypatch.setattr(duplicates, "TABLE", 41 * 4)
    found = nearest(points, others, 3)
    distances = (points[:, None].double() - others.double()).norm(dim=2).sort(dim=1)
    torch.testing.assert_close(found.distances.double(), distances.values[:, :3], atol=1e-5, rtol=0)
    assert torch.equal(found.indices, distances.indices[:, :3])


def test_a_copy_is_found_at_distance_0_however_large_the_numbers_are() -> None:
    points = torch.randn(9, 4, generator=torch.Generator().manual_seed(0)) + 1000
    found = nearest(points, points)
    assert found.distances.max() == 0
    assert torch.equal(found.indices[:, 0], torch.arange(9))


def test_a_learned_picture_is_its_own_neighbor_and_a_changed_copy_nearer_than_others() -> None:
    learned = boxes(50)
    found = nearest_pictures(torch.cat([learned[4:6], changed(learned[7:9])]), learned)
    assert found.indices[:, 0].tolist() == [4, 5, 7, 8]
    assert found.distances[:2].max() < 1e-3
    assert found.distances[2:].max() < duplicates.DUPLICATE_DISTANCE
    assert nearest_distances(boxes(30, first=100), learned).median() > duplicates.DUPLICATE_DISTANCE


def test_copies_and_new_pictures_are_told_apart() -> None:
    learned, unseen = boxes(60), nearest_distances(boxes(40, first=100), boxes(60))
    copied = compare_distances(nearest_distances(changed(learned[:30]), learned), unseen)
    fresh = compare_distances(nearest_distances(boxes(40, first=200), learned), unseen)
    assert copied.ratio < 0.5
    assert (copied.nearer, copied.duplicates) == (1, 1)
    assert 0.8 < fresh.ratio < 1.2
    assert 0.25 < fresh.nearer < 0.75
    assert fresh.duplicates < 0.1
    assert "made pictures lie" in copied.line()


def test_the_sheet_of_neighbors_shows_the_nearest_first() -> None:
    learned = boxes(40)
    made = torch.cat([boxes(5, first=100), learned[3:4]])
    one = draw_nearest(made, learned, 1)
    assert one.shape[2] == 3
    assert one.dtype == np.uint8
    expected = np.repeat(np.repeat(draw_box(3), 4, 0), 4, 1)  # in a cell of 128 px
    tall, wide = one.shape[:2]
    places = [
        (y, x)
        for y in range(tall - 128 + 1)
        for x in range(min(20, wide - 128 + 1))
        if np.array_equal(one[y : y + 128, x : x + 128], expected)
    ]
    assert len(places) == 2  # made, and learned below
    assert draw_nearest(made, learned).shape[1] > 5 * 128


def test_distances_among_made_pictures_agree_with_the_alarms() -> None:
    points = torch.randn(12, 6, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(nearest(points, points, 2).distances[:, 1], nearest_within(points))
