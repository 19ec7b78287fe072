"""YOLO v1: counts, targets and loss against a loop in float64, decoding, and the known traps."""

import math

import pytest
import torch
from torch import Tensor, nn

from limner.detect.boxes.average_precision import average_precisions
from limner.detect.boxes.ceilings import grid_ceiling
from limner.detect.boxes.objects import Detections, Objects, no_objects
from limner.detect.yolo.decoding import decode_answer
from limner.detect.yolo.layout import GridLayout, GridTargets
from limner.detect.yolo.loss import yolo_loss
from limner.detect.yolo.networks import YOLOS, DarknetYoloV1, SmallYolo, TinyYoloV1, YoloV1
from limner.nn.parameters import count_parameters

LAYOUT = GridLayout(grid=3, boxes=2, classes=4)


def drawn_objects(seed: int, count: int = 5, size: tuple[int, int] = (60, 90)) -> Objects:
    generator = torch.Generator().manual_seed(seed)
    height, width = size
    low = torch.rand(count, 2, generator=generator) * torch.tensor([width - 30.0, height - 30.0])
    sides = 5 + 25 * torch.rand(count, 2, generator=generator)
    return Objects(torch.cat((low, low + sides), 1), torch.randint(0, 4, (count,), generator=generator))


# --- networks --------------------------------------------------------------------------------------------------------


def test_counts_are_those_of_the_paper_and_of_darknet() -> None:
    with torch.device("meta"):
        paper, later, tiny = YoloV1(), DarknetYoloV1(), TinyYoloV1()
    assert count_parameters(paper) == 271_703_550
    assert count_parameters(paper.trunk) == 60_155_968
    assert count_parameters(later) == 197_301_875
    assert count_parameters(later.head[0]) == 115_618_048
    assert count_parameters(tiny) == 27_095_374
    assert sum(isinstance(layer, nn.Conv2d) for layer in paper.trunk) == 24
    assert sum(isinstance(layer, nn.Conv2d) for layer in tiny.trunk) == 8
    assert paper.layout.grid**2 * paper.layout.channels == 1470
    assert later.layout.grid**2 * later.layout.channels == 1715


@pytest.mark.parametrize("name", YOLOS)
def test_a_network_answers_for_every_cell_and_all_of_it_learns(name: str) -> None:
    torch.manual_seed(0)
    options = {"maps": 16, "pretrained": False} if name == "yolo-small" else {"width": 1 / 16}
    network = YOLOS[name](classes=4, size_px=128, **options)
    layout = network.layout
    answer = network(torch.rand(2, 3, 128, 128))
    assert answer.shape == (2, layout.grid, layout.grid, layout.channels)
    assert layout.grid == (8 if name == "yolo-small" else 2)
    yolo_loss(answer, layout.targets([drawn_objects(0), no_objects()], [(60, 90)] * 2), layout).total.backward()
    dead = [key for key, value in network.named_parameters() if value.grad is None or not value.grad.any()]
    assert not dead


@pytest.mark.parametrize(
    ("name", "size"), [("yolo-v1", 450), ("yolo-v1-darknet", 32), ("yolo-tiny", 0), ("yolo-small", 225)]
)
def test_sizes_that_do_not_fit_are_told(name: str, size: int) -> None:
    with pytest.raises(ValueError, match=f"of {size} px .* a multiple of"):
        YOLOS[name](size_px=size)


def test_the_small_one_begins_with_imagenets_weights() -> None:
    network = SmallYolo(classes=1, size_px=64)
    assert not torch.equal(
        network.encoder.conv_stem.weight, SmallYolo(1, size_px=64, pretrained=False).encoder.conv_stem.weight
    )
    assert torch.equal(network.encoder.conv_stem.weight, SmallYolo(classes=1, size_px=64).encoder.conv_stem.weight)


# --- targets ---------------------------------------------------------------------------------------------------------


def targets_by_loop(truths: list[Objects], sizes: list[tuple[int, int]], layout: GridLayout) -> list[dict]:
    """Of each picture, (row, column) -> (label, x, y, w, h), written object by object."""
    found = []
    for objects, (height, width) in zip(truths, sizes, strict=True):
        cells: dict[tuple[int, int], tuple] = {}
        for (x0, y0, x1, y1), label in zip(objects.boxes.tolist(), objects.labels.tolist(), strict=True):
            x, y, w, h = (x0 + x1) / 2 / width, (y0 + y1) / 2 / height, (x1 - x0) / width, (y1 - y0) / height
            row, column = min(int(y * layout.grid), layout.grid - 1), min(int(x * layout.grid), layout.grid - 1)
            if (row, column) in cells and cells[row, column][3] * cells[row, column][4] >= w * h:
                continue
            cells[row, column] = (label, x * layout.grid - column, y * layout.grid - row, w, h)
        found.append(cells)
    return found


@pytest.mark.parametrize("seed", range(3))
def test_targets_are_those_of_a_loop(seed: int) -> None:
    truths, sizes = (
        [drawn_objects(seed, 7), no_objects(), drawn_objects(seed + 10, 2, (90, 60))],
        [(60, 90), (9, 9), (90, 60)],
    )
    targets = LAYOUT.targets(truths, sizes)
    for number, cells in enumerate(targets_by_loop(truths, sizes, LAYOUT)):
        assert {(row, column) for row, column in targets.objects[number].nonzero().tolist()} == set(cells)
        for (row, column), (label, x, y, w, h) in cells.items():
            assert targets.labels[number, row, column] == label
            expected = (x, y, math.sqrt(w), math.sqrt(h))
            assert targets.boxes[number, row, column].tolist() == pytest.approx(expected, abs=1e-5)
        assert targets.lost[number] == len(truths[number].boxes) - len(cells)
    kept = grid_ceiling(truths, sizes, LAYOUT.grid, boxes=1).kept
    assert int(kept.sum()) == int(targets.objects.sum())


def test_of_two_objects_in_a_cell_the_larger_stays() -> None:
    large, small = [40.0, 40, 48, 50], [42.0, 42, 46, 46]
    for boxes, labels in (([large, small], [3, 1]), ([small, large], [1, 3])):
        targets = LAYOUT.targets([Objects(torch.tensor(boxes), torch.tensor(labels))], [(90, 90)])
        assert targets.labels[0, 1, 1] == 3
        assert targets.lost.tolist() == [1]


def test_ignored_objects_are_left_out_and_a_center_on_the_last_edge_has_a_cell() -> None:
    boxes = torch.tensor([[0.0, 0, 9, 9], [80, 80, 100, 100]])
    targets = LAYOUT.targets([Objects(boxes, torch.tensor([0, 1]), torch.tensor([True, False]))], [(90, 90)])
    assert targets.objects[0].nonzero().tolist() == [[2, 2]]
    assert targets.boxes[0, 2, 2, :2].tolist() == [1, 1]


def test_traps_are_told() -> None:
    box = torch.tensor([[0.0, 0, 9, 9]])
    for label in (4, -1):
        with pytest.raises(ValueError, match="of 4 classes; needed: 0 to 3"):
            LAYOUT.targets([Objects(box, torch.tensor([label]))], [(90, 90)])
    with pytest.raises(ValueError, match="without area"):
        LAYOUT.targets([Objects(torch.tensor([[5.0, 5, 5, 9]]), torch.tensor([0]))], [(90, 90)])


# --- loss ------------------------------------------------------------------------------------------------------------


def iou(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Of boxes as centers and sides."""
    w = min(a[0] + a[2] / 2, b[0] + b[2] / 2) - max(a[0] - a[2] / 2, b[0] - b[2] / 2)
    h = min(a[1] + a[3] / 2, b[1] + b[3] / 2) - max(a[1] - a[3] / 2, b[1] - b[3] / 2)
    both = max(0.0, w) * max(0.0, h)
    return both / (a[2] * a[3] + b[2] * b[3] - both)


def loss_by_loop(
    answer: Tensor, truths: list[Objects], sizes: list[tuple[int, int]], layout: GridLayout
) -> list[float]:
    """Place, object, background and classes, summed cell by cell and box by box."""
    place = sure = background = classes = 0.0
    for said, cells in zip(answer.tolist(), targets_by_loop(truths, sizes, layout), strict=True):
        for row in range(layout.grid):
            for column in range(layout.grid):
                numbers = said[row][column]
                boxes = [numbers[5 * box : 5 * box + 5] for box in range(layout.boxes)]
                responsible = None
                if (row, column) in cells:
                    label, x, y, w, h = cells[row, column]
                    truth = ((column + x) / layout.grid, (row + y) / layout.grid, w, h)
                    placed = [
                        ((column + b[0]) / layout.grid, (row + b[1]) / layout.grid, b[2] ** 2, b[3] ** 2) for b in boxes
                    ]
                    ious = [iou(each, truth) for each in placed]
                    apart = [sum((p - q) ** 2 for p, q in zip(each, truth, strict=True)) for each in placed]
                    responsible = ious.index(max(ious)) if max(ious) > 0 else apart.index(min(apart))
                    b = boxes[responsible]
                    place += 5 * ((b[0] - x) ** 2 + (b[1] - y) ** 2 + (b[2] - w**0.5) ** 2 + (b[3] - h**0.5) ** 2)
                    sure += (b[4] - ious[responsible]) ** 2
                    for number, said_class in enumerate(numbers[5 * layout.boxes :]):
                        classes += (said_class - (number == label)) ** 2
                background += sum(0.5 * b[4] ** 2 for number, b in enumerate(boxes) if number != responsible)
    return [value / len(answer) for value in (place, sure, background, classes)]


@pytest.mark.parametrize("spread", [0.3, 3.0])  # boxes that overlap, and boxes of which most do not
@pytest.mark.parametrize("seed", range(3))
def test_the_loss_is_that_of_a_loop(seed: int, spread: float) -> None:
    truths, sizes = [drawn_objects(seed, 6), no_objects(), drawn_objects(seed + 10, 3)], [(60, 90)] * 3
    generator = torch.Generator().manual_seed(seed)
    answer = torch.randn(3, 3, 3, LAYOUT.channels, generator=generator, dtype=torch.float64) * spread + 0.4
    targets = LAYOUT.targets(truths, sizes)
    exact = GridTargets(targets.objects, targets.boxes.double(), targets.labels, targets.lost)
    loss = yolo_loss(answer, exact, LAYOUT)
    expected = loss_by_loop(answer, truths, sizes, LAYOUT)
    assert [each.item() for each in loss] == pytest.approx(expected, rel=1e-4)
    assert loss.total.item() == pytest.approx(sum(expected), rel=1e-4)


def perfect(targets: GridTargets, layout: GridLayout) -> Tensor:
    """The answer that is right about everything."""
    answer = torch.zeros(*targets.objects.shape, layout.channels)
    answer[..., :4] = targets.boxes
    answer[..., 4] = targets.objects.float()
    answer[..., 5 * layout.boxes :] = nn.functional.one_hot(targets.labels, layout.classes) * targets.objects[..., None]
    return answer


def test_the_right_answer_has_no_loss_and_no_slope_through_its_own_overlap() -> None:
    targets = LAYOUT.targets([drawn_objects(1)], [(60, 90)])
    answer = perfect(targets, LAYOUT).requires_grad_()
    loss = yolo_loss(answer, targets, LAYOUT)
    assert loss.total.item() == pytest.approx(0, abs=1e-9)
    moved = (answer.detach() + 0.05).requires_grad_()
    yolo_loss(moved, targets, LAYOUT).object.backward()
    assert moved.grad is not None
    assert moved.grad[..., 4].any()
    assert not moved.grad[..., :4].any()


def test_a_picture_without_objects_teaches_that_nothing_is_there() -> None:
    answer = torch.rand(1, 3, 3, LAYOUT.channels, requires_grad=True)
    loss = yolo_loss(answer, LAYOUT.targets([no_objects()], [(60, 90)]), LAYOUT)
    assert [loss.place.item(), loss.object.item(), loss.classes.item()] == [0, 0, 0]
    assert loss.background.item() == pytest.approx(0.5 * answer.detach()[..., [4, 9]].square().sum().item())
    loss.total.backward()
    assert answer.grad is not None
    assert answer.grad.isfinite().all()


def test_slopes_are_those_of_differences() -> None:
    targets = LAYOUT.targets([drawn_objects(2)], [(60, 90)])
    answer = torch.randn(1, 3, 3, LAYOUT.channels, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def constant_overlap(numbers: Tensor) -> Tensor:
        loss = yolo_loss(numbers, targets, LAYOUT)
        return loss.place + loss.background + loss.classes  # the fourth term's target moves with the boxes

    assert torch.autograd.gradcheck(constant_overlap, answer.requires_grad_())


# --- decoding --------------------------------------------------------------------------------------------------------


def test_what_was_written_is_read_again() -> None:
    sizes = [(60, 90), (90, 60), (20, 20)]
    truths = [drawn_objects(3, 4, sizes[0]), drawn_objects(4, 4, sizes[1]), no_objects()]
    targets = LAYOUT.targets(truths, sizes)
    found = decode_answer(perfect(targets, LAYOUT), LAYOUT, sizes, iou=1.0)
    assert [len(each.boxes) for each in found] == targets.objects.flatten(1).sum(1).tolist()
    for each, there in zip(found, truths, strict=True):
        for box, label in zip(each.boxes, each.labels, strict=True):
            near = (there.boxes - box).abs().amax(1)
            assert near.min() < 1e-3
            assert there.labels[near.argmin()] == label
    assert len(found[2].boxes) == 0
    assert isinstance(found[2], Detections)


def test_scores_are_confidence_times_class_and_weak_overlapping_or_empty_ones_are_left_out() -> None:
    layout = GridLayout(grid=1, boxes=3, classes=2)
    answer = torch.zeros(1, 1, 1, layout.channels)
    answer[0, 0, 0, :5] = torch.tensor([0.5, 0.5, 0.6, 0.6, 0.9])
    answer[0, 0, 0, 5:10] = torch.tensor([0.5, 0.5, 0.61, 0.6, 0.7])  # nearly the same place
    answer[0, 0, 0, 10:15] = torch.tensor([0.5, 0.5, 0.0, 0.6, 1.0])  # no width
    answer[0, 0, 0, 15:] = torch.tensor([0.8, 0.1])
    (found,) = decode_answer(answer, layout, [(100, 200)])
    assert found.labels.tolist() == [0, 1]
    assert found.scores.tolist() == pytest.approx([0.72, 0.09])
    assert found.boxes[0].tolist() == pytest.approx([64, 32, 136, 68])
    assert len(decode_answer(answer, layout, [(100, 200)], threshold=0.1)[0].scores) == 1
    assert len(decode_answer(answer, layout, [(100, 200)], most=1)[0].scores) == 1
    assert len(decode_answer(answer - 2, layout, [(100, 200)], threshold=0)[0].scores) == 0  # negative confidences


def test_a_small_network_learns_drawn_objects_by_heart() -> None:
    torch.manual_seed(0)
    pictures = torch.full((4, 3, 64, 64), 0.5)
    truths = []
    for number, (x, y, w, h) in enumerate([(4, 8, 20, 30), (30, 6, 26, 20), (12, 34, 36, 24), (40, 40, 18, 18)]):
        pictures[number, number % 2, y : y + h, x : x + w] = 1.0
        truths.append(Objects(torch.tensor([[x, y, x + w, y + h]], dtype=torch.float32), torch.tensor([number % 2])))
    network = TinyYoloV1(classes=2, size_px=64, width=1 / 8)
    targets = network.layout.targets(truths, [(64, 64)] * 4)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    for _ in range(60):
        optimizer.zero_grad()
        loss = yolo_loss(network(pictures), targets, network.layout).total
        loss.backward()
        optimizer.step()
    found = decode_answer(network(pictures), network.layout, [(64, 64)] * 4)
    assert average_precisions(found, truths, 2).tolist() == [1, 1]
