"""Boxes: overlaps, codes and anchors against loops and printed numbers; the known traps of such data."""

import pytest
import torch
from torch import Tensor

from limner.detect.boxes.anchors import anchor_grid, base_anchors
from limner.detect.boxes.box_code import FAST_WEIGHTS, decode_boxes, encode_boxes, smooth_l1
from limner.detect.boxes.objects import Objects, check_objects, no_objects
from limner.detect.boxes.overlap import box_areas, clip_boxes, inside_share, iou_matrix, suppress
from limner.foundation.errors import UserError

PRINTED = """
 -83  -39  100   56
-175  -87  192  104
-359 -183  376  200
 -55  -55   72   72
-119 -119  136  136
-247 -247  264  264
 -35  -79   52   96
 -79 -167   96  184
-167 -343  184  360
"""
"""generate_anchors.py of Faster R-CNN's release: pixels from 1, the last one included."""


def drawn_boxes(count: int, seed: int, size: int = 12) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    corners = torch.randint(0, size, (count, 4), generator=generator)
    low, high = torch.minimum(corners[:, :2], corners[:, 2:]), torch.maximum(corners[:, :2], corners[:, 2:])
    return torch.cat((low, high + 1), 1).float()


def pixels(box: Tensor) -> set[tuple[int, int]]:
    x0, y0, x1, y1 = (int(each) for each in box)
    return {(x, y) for x in range(x0, x1) for y in range(y0, y1)}


def test_overlaps_are_those_of_sets_of_pixels() -> None:
    boxes, others = drawn_boxes(9, 0), drawn_boxes(7, 1)
    ious, shares = iou_matrix(boxes, others), inside_share(boxes, others)
    for i, box in enumerate(boxes):
        for j, other in enumerate(others):
            one, two = pixels(box), pixels(other)
            assert ious[i, j].item() == pytest.approx(len(one & two) / len(one | two))
            assert shares[i, j].item() == pytest.approx(len(one & two) / len(one))


def test_boxes_without_area_overlap_nothing() -> None:
    empty = torch.tensor([[3.0, 3, 3, 3], [5, 5, 4, 9]])
    assert not iou_matrix(empty[:1], empty[:1]).any()
    assert not inside_share(empty, drawn_boxes(4, 0)).any()
    assert box_areas(empty).tolist() == [0, 0]
    assert iou_matrix(torch.zeros(0, 4), empty).shape == (0, 2)


def test_clipped_boxes_lie_in_the_picture() -> None:
    clipped = clip_boxes(torch.tensor([[-3.0, 2, 50, 60]]), (20, 30))
    assert clipped.tolist() == [[0, 2, 30, 20]]


def kept_by_loop(boxes: Tensor, scores: Tensor, labels: Tensor, iou: float) -> list[int]:
    kept: list[int] = []
    for place in scores.argsort(descending=True).tolist():
        rivals = [each for each in kept if labels[each] == labels[place]]
        if all(iou_matrix(boxes[[place]], boxes[[each]]).item() <= iou for each in rivals):
            kept.append(place)
    return kept


@pytest.mark.parametrize("iou", [0.3, 0.7])
def test_suppression_is_greedy_class_by_class(iou: float) -> None:
    boxes = drawn_boxes(60, 2)
    generator = torch.Generator().manual_seed(3)
    scores, labels = torch.rand(60, generator=generator), torch.randint(0, 3, (60,), generator=generator)
    expected = kept_by_loop(boxes, scores, labels, iou)
    assert suppress(boxes, scores, labels, iou).tolist() == expected
    assert suppress(boxes, scores, labels, iou, most=5).tolist() == expected[:5]
    assert suppress(boxes, scores, None, iou).tolist() == kept_by_loop(boxes, scores, labels * 0, iou)


def test_the_code_is_that_of_the_paper_and_decoding_undoes_it() -> None:
    truths, proposals = drawn_boxes(20, 4).double(), drawn_boxes(20, 5).double()
    codes = encode_boxes(truths, proposals)
    for truth, proposal, code in zip(truths.tolist(), proposals.tolist(), codes.tolist(), strict=True):
        w, h = proposal[2] - proposal[0], proposal[3] - proposal[1]
        gw, gh = truth[2] - truth[0], truth[3] - truth[1]
        x, y = (
            ((truth[0] + truth[2]) - (proposal[0] + proposal[2])) / 2,
            ((truth[1] + truth[3]) - (proposal[1] + proposal[3])) / 2,
        )
        expected = [x / w, y / h, torch.tensor(gw / w).log().item(), torch.tensor(gh / h).log().item()]
        assert code == pytest.approx(expected, abs=1e-6)
    weighted = encode_boxes(truths, proposals, FAST_WEIGHTS)
    assert torch.allclose(weighted, codes * torch.tensor([10.0, 10, 5, 5], dtype=torch.float64))
    assert torch.allclose(decode_boxes(weighted, proposals, FAST_WEIGHTS), truths)
    several = torch.stack((codes, codes * 0), 1)
    assert torch.allclose(decode_boxes(several, proposals), torch.stack((truths, proposals), 1))


def test_the_code_is_torchvisions() -> None:
    from torchvision.models.detection._utils import BoxCoder

    truths, proposals = drawn_boxes(20, 6), drawn_boxes(20, 7)
    assert torch.allclose(
        encode_boxes(truths, proposals, FAST_WEIGHTS),
        BoxCoder(FAST_WEIGHTS).encode_single(truths, proposals),
        atol=1e-5,
    )


def test_wild_codes_stay_finite_and_boxes_without_area_have_none() -> None:
    box = torch.tensor([[0.0, 0, 10, 10]])
    assert decode_boxes(torch.tensor([[0.0, 0, 1e4, 1e4]]), box).isfinite().all()
    with pytest.raises(ValueError, match="without area"):
        encode_boxes(torch.tensor([[5.0, 5, 5, 9]]), box)


@pytest.mark.parametrize("beta", [1.0, 1 / 9])
def test_smooth_l1_is_torchs(beta: float) -> None:
    numbers = torch.linspace(-3, 3, 61, dtype=torch.float64)
    expected = torch.nn.functional.smooth_l1_loss(numbers, numbers * 0, beta=beta, reduction="none")
    assert torch.allclose(smooth_l1(numbers, beta), expected)


def test_the_nine_anchors_are_the_printed_ones() -> None:
    printed = torch.tensor([[float(number) for number in line.split()] for line in PRINTED.split("\n") if line])
    assert torch.equal(base_anchors(), printed - torch.tensor([1.0, 1, 0, 0]))


def test_anchors_stand_at_every_place() -> None:
    base = base_anchors()
    grid = anchor_grid(base, (3, 5), 16).view(3, 5, 9, 4)
    for row in range(3):
        for column in range(5):
            moved = base + torch.tensor([16.0 * column, 16 * row, 16 * column, 16 * row])
            assert torch.equal(grid[row, column], moved)


def test_good_objects_and_pictures_without_objects_pass() -> None:
    check_objects(Objects(drawn_boxes(5, 8), torch.tensor([0, 1, 0, 1, 1])), 2, (13, 13), "a.jpg")
    check_objects(no_objects(), 1, (13, 13), "b.jpg")


@pytest.mark.parametrize(
    ("box", "label", "line"),
    [
        ((1, 1, 5, 5), 2, r"a\.jpg: the label 2 of 2 classes; needed: 0 to 1, without a number for the background"),
        ((1, 1, 5, 5), -1, "the label -1"),
        ((1, 4, 5, 4), 0, r"the box \(1, 4, 5, 4\) has no area"),
        ((5, 1, 1, 5), 0, "has no area"),
        ((float("nan"), 1, 5, 5), 0, "is no place"),
        ((1, 1, 50, 5), 0, "leaves its picture of 20 x 10 px"),
        ((-1, 1, 5, 5), 0, "leaves its picture"),
    ],
)
def test_traps_have_their_line(box: tuple[float, ...], label: int, line: str) -> None:
    with pytest.raises(UserError, match=line):
        check_objects(Objects(torch.tensor([[1.0, 1, 2, 2], box]), torch.tensor([0, label])), 2, (10, 20), "a.jpg")


def test_boxes_and_labels_are_as_many() -> None:
    with pytest.raises(UserError, match="for 2 labels"):
        check_objects(Objects(torch.zeros(3, 4), torch.tensor([0, 1])), 2, (10, 20), "a.jpg")
