"""Detectors learn from pictures of any size, find nothing where nothing is, and answer in each picture's pixels."""

import pytest
import torch
from torch import Tensor, nn

from limner.detect.boxes.average_precision import average_precisions
from limner.detect.boxes.jitter import JitterSettings, jittered
from limner.detect.boxes.objects import Objects, no_objects
from limner.detect.regions.fast_detector import FastRcnn, fitted
from limner.detect.regions.lite_features import LiteFeatures
from limner.detect.regions.rcnn_detector import Rcnn
from limner.detect.yolo.detector import YoloDetector
from limner.detect.yolo.layout import GridLayout
from limner.detect.yolo.networks import SmallYolo

SIZES = ((70, 90), (90, 60), (64, 64), (80, 100))


def drawn() -> tuple[list[Tensor], list[Objects]]:
    """A picture of a red or a blue rectangle on a speckled ground, and one of the ground alone."""
    generator = torch.Generator().manual_seed(0)
    images, truths = [], []
    for number, (height, width) in enumerate(SIZES):
        image = 0.5 + 0.1 * torch.randn(3, height, width, generator=generator)
        x, y, w, h = 8 + 4 * number, 10 + 3 * number, 30, 26
        image[:, y : y + h, x : x + w] = torch.tensor([0.9, 0.1, 0.1] if number % 2 else [0.1, 0.1, 0.9])[:, None, None]
        images.append(image.clamp(0, 1))
        truths.append(Objects(torch.tensor([[x, y, x + w, y + h]], dtype=torch.float32), torch.tensor([number % 2])))
    return [*images, (0.5 + 0.1 * torch.randn(3, 70, 70, generator=generator)).clamp(0, 1)], [*truths, no_objects()]


def proposals_of(truths: list[Objects], images: list[Tensor]) -> list[Tensor]:
    """A grid of boxes and, where there is an object, some around it."""
    generator = torch.Generator().manual_seed(1)
    found = []
    for image, objects in zip(images, truths, strict=True):
        height, width = image.shape[1:]
        grid = [
            [x, y, x + s, y + s] for s in (20, 40) for x in range(0, width - s, 20) for y in range(0, height - s, 20)
        ]
        near = objects.boxes.repeat(8, 1) + 4 * torch.randn(8 * len(objects.boxes), 4, generator=generator)
        found.append(torch.cat((torch.tensor(grid, dtype=torch.float32), near)))
    return found


class Oracle(nn.Module):
    """A YOLO that answers what it was made with."""

    def __init__(self, layout: GridLayout, answer: Tensor, size_px: int) -> None:
        super().__init__()
        self.layout, self.size_px = layout, size_px
        self.answer = nn.Parameter(answer)

    def forward(self, image01: Tensor) -> Tensor:
        assert image01.shape == (len(self.answer), 3, self.size_px, self.size_px)
        return self.answer


def test_what_a_yolo_says_of_squares_stands_in_the_pixels_of_each_picture() -> None:
    images, truths = drawn()
    layout = GridLayout(grid=4, boxes=1, classes=2)
    targets = layout.targets(truths, [(image.shape[1], image.shape[2]) for image in images])
    sure = targets.objects[..., None].float()
    classes = nn.functional.one_hot(targets.labels, 2) * sure
    detector = YoloDetector(Oracle(layout, torch.cat((targets.boxes, sure, classes), -1), 96))
    assert detector.losses(images, truths).total.item() == pytest.approx(0, abs=1e-6)
    for found, there in zip(detector.detect(images), truths, strict=True):
        assert found.labels.tolist() == there.labels.tolist()
        assert torch.allclose(found.boxes, there.boxes, atol=0.01)


@pytest.mark.parametrize("seed", range(3))
def test_a_small_yolo_learns_from_pictures_of_different_sizes(seed: int) -> None:
    torch.manual_seed(seed)
    images, truths = drawn()
    detector = YoloDetector(SmallYolo(classes=2, size_px=64, maps=32))
    optimizer = torch.optim.Adam(detector.parameters(), 1e-3)
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        loss = detector.losses(images, truths).total
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_fast_rcnn_learns_pictures_of_different_sizes_by_heart() -> None:
    torch.manual_seed(0)
    images, truths = drawn()
    proposals = proposals_of(truths, images)
    detector = FastRcnn(classes=2, short_px=64, long_px=128, maps=32, hidden=64)
    optimizer = torch.optim.Adam(detector.parameters(), 1e-3)
    for step in range(20):
        optimizer.zero_grad()
        detector.losses(images, truths, proposals, torch.Generator().manual_seed(step)).total.backward()
        optimizer.step()
    found = detector.eval().detect(images, proposals, threshold=0.5)
    assert average_precisions(found, truths, 2).tolist() == [1, 1]
    assert len(found[-1].boxes) == 0
    assert len(detector.detect(images[:1], [torch.zeros(0, 4)])[0].boxes) == 0


def test_rcnn_is_fitted_and_finds_its_objects() -> None:
    images, truths = drawn()
    proposals = proposals_of(truths, images)
    detector = Rcnn(classes=3, crop_px=64, context_px=4)
    detector.fit(list(detector.described(images, truths, proposals)))
    found = detector.detect(images, proposals, threshold=-0.5)
    assert average_precisions(found, truths, 3).tolist()[:2] == [1, 1]
    assert 2 not in torch.cat([each.labels for each in found]).tolist()  # a class that nothing showed
    again = Rcnn(classes=3, crop_px=64, context_px=4)
    again.load_state_dict(detector.state_dict())
    for one, two in zip(found, again.train().detect(images, proposals, threshold=-0.5), strict=True):
        assert torch.equal(one.boxes, two.boxes)
        assert torch.equal(one.scores, two.scores)
    assert len(detector.detect(images[:1], [torch.zeros(0, 4)])[0].boxes) == 0


def test_features_keep_imagenets_statistics_while_all_weights_learn() -> None:
    torch.manual_seed(0)
    features = LiteFeatures(maps=16).train()
    before = {name: value.clone() for name, value in features.named_buffers()}
    found = features(torch.rand(1, 3, 64, 96))
    assert found.shape == (1, 16, 8, 12)
    found.square().sum().backward()
    assert all(torch.equal(before[name], value) for name, value in features.named_buffers())
    assert all(value.grad is not None for value in features.parameters())


def test_pictures_are_fitted_and_filled_up() -> None:
    image, factors = fitted(torch.ones(3, 50, 100), 64, 256)
    assert image.shape == (3, 64, 128)
    assert factors.tolist() == pytest.approx([1.28] * 4)
    image, factors = fitted(torch.ones(3, 30, 100), 64, 100)
    assert image.shape == (3, 32, 128)
    assert image[:, :30, :100].min() == pytest.approx(1)
    assert (image[:, 30:] == 0.5).all()
    assert factors.tolist() == [1] * 4


@pytest.mark.parametrize("seed", range(6))
def test_boxes_follow_what_is_done_to_a_picture(seed: int) -> None:
    image = torch.full((3, 80, 120), 0.3)
    image[:, 20:60, 40:90] = torch.tensor([0.9, 0.2, 0.2])[:, None, None]
    objects = Objects(torch.tensor([[40.0, 20, 90, 60]]), torch.tensor([1]))
    settings = JitterSettings(light=1.2, color=1.2)
    changed, moved = jittered(image, objects, torch.Generator().manual_seed(seed), settings)
    rows, columns = torch.nonzero(changed[0] - changed[1] > 0.3, as_tuple=True)
    edges = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    assert moved.boxes[0].tolist() == pytest.approx([float(edge) for edge in edges], abs=2)
    assert moved.labels.tolist() == [1]
    assert moved.counted.tolist() == [True]
    assert changed.shape == image.shape
    assert not torch.equal(changed, image)
    again, _ = jittered(image, objects, torch.Generator().manual_seed(seed), settings)
    assert torch.equal(changed, again)


def test_objects_that_leave_the_picture_are_ignored_or_gone() -> None:
    objects = Objects(torch.tensor([[0.0, 0, 6, 80], [0, 0, 120, 80]]), torch.tensor([0, 1]))
    seen = [jittered(torch.rand(3, 80, 120), objects, torch.Generator().manual_seed(seed))[1] for seed in range(40)]
    assert {len(each.boxes) for each in seen} == {1, 2}
    assert any(not each.counted.all() for each in seen)
    assert all(each.counted[-1] for each in seen)
    assert all((each.boxes[:, 2:] > each.boxes[:, :2]).all() for each in seen)


def test_nothing_is_changed_where_nothing_shall_be() -> None:
    image, objects = torch.rand(3, 20, 30), Objects(torch.tensor([[1.0, 2, 9, 9]]), torch.tensor([0]))
    changed, same = jittered(image, objects, torch.Generator().manual_seed(0), JitterSettings(0, False, 1, 1))
    assert torch.allclose(changed, image, atol=1e-6)
    assert torch.equal(same.boxes, objects.boxes)
