"""Fast R-CNN and R-CNN as detectors of this room: what the task asks of them, and what they refuse."""

from pathlib import Path

import numpy as np
import pytest
import torch

from limner.detect.boxes.coco_scores import coco_scores
from limner.detect.boxes.objects import Detections, Objects
from limner.detect.networks import NETWORKS
from limner.detect.networks.rcnn import Lesson
from limner.detect.networks.rcnn_by_fit import DescribedPictures
from limner.detect.regions.linear_svm import RegionFeatures
from limner.foundation.errors import UserError

QUICK = {
    "fast-rcnn": {"maps": 8, "hidden": 8, "pretrained": False, "search_px": 80, "search": "single", "regions": 8},
    "perceptual": {"maps": 8, "hidden": 8, "pretrained": False, "search_px": 80, "search": "single", "regions": 8},
}


@pytest.mark.parametrize("name", QUICK)
def test_a_lesson_gives_losses_that_all_weights_learn_from_and_pictures_give_what_is_found(name: str) -> None:
    torch.manual_seed(0)
    network = NETWORKS[name](classes=2, **QUICK[name]).train()
    images = [torch.rand(3, 64, 80), torch.rand(3, 70, 60)]
    one = {"boxes": torch.tensor([[20.0, 10, 50, 40]]), "labels": torch.tensor([1])}
    none = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.int64)}
    torch.manual_seed(1)
    losses = network(Lesson(images, [one, none]))
    assert all(value.isfinite() for value in losses.values())
    torch.stack(list(losses.values())).sum().backward()
    assert [key for key, value in network.named_parameters() if value.grad is None] == []
    torch.manual_seed(1)
    again = NETWORKS[name](classes=2, **QUICK[name]).train()
    again.load_state_dict(network.state_dict())
    torch.manual_seed(1)
    with torch.no_grad():
        assert float(again(Lesson(images, [none, none]))[next(iter(losses))]) >= 0
    found = network.eval()(images)
    assert len(found) == 2
    for each, image in zip(found, images, strict=True):
        assert each.boxes.shape == (len(each.scores), 4)
        assert each.masks is None
        assert ((each.labels >= 0) & (each.labels < 2)).all()
        assert (each.boxes <= torch.tensor([image.shape[2], image.shape[1]] * 2) + 1e-3).all()
        assert (each.boxes >= 0).all()


def test_the_draws_of_a_step_follow_torchs_own_seed() -> None:
    network = NETWORKS["fast-rcnn"](classes=2, **QUICK["fast-rcnn"]).train()
    one = {"boxes": torch.tensor([[20.0, 10, 50, 40]]), "labels": torch.tensor([1])}
    lesson = Lesson([torch.rand(3, 64, 80)], [one])
    values = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        values.append(float(network(lesson)["boxes"].detach() + network(lesson)["classes"].detach()))
    assert values[0] == values[1] != values[2]


def test_the_generator_learns_to_pass_for_large_and_the_discriminator_to_tell() -> None:
    """A step down the gradient: the discriminator's loss falls by its own weights, and rises by the generator's."""
    torch.manual_seed(0)
    network = NETWORKS["perceptual"](classes=1, adversarial=1.0, **QUICK["perceptual"])
    torch.nn.init.normal_(network.generator.leave.weight, std=0.1)
    pooled, fine = torch.randn(12, 8, 7, 7), torch.randn(12, network.features.fine_channels, 7, 7)
    small, objects = torch.arange(12) < 6, torch.ones(12, dtype=torch.bool)
    pooled[~small] += 1
    pooled.requires_grad_(True)

    def moved(part: torch.nn.Module) -> float:
        network.zero_grad()
        before = network._game(pooled, fine, small, objects)
        before.backward()
        kept = {name: value.detach().clone() for name, value in part.named_parameters()}
        with torch.no_grad():
            for value in part.parameters():
                value -= 1e-3 * value.grad
            after = float(network._game(pooled, fine, small, objects))
            for name, value in part.named_parameters():
                value.copy_(kept[name])
        return after - float(before)

    assert moved(network.discriminator.adversarial) < 0 < moved(network.generator)
    assert pooled.grad is None or not pooled.grad.any()
    only_large = torch.zeros(12, dtype=torch.bool)
    assert torch.equal(network._resembling(pooled, fine, only_large), pooled)
    made = network._resembling(pooled, fine, small)
    assert torch.equal(made[~small], pooled[~small]) and not torch.equal(made[small], pooled[small])


def test_rcnn_learns_drawn_objects_at_once_and_the_same_each_time(tmp_path: Path) -> None:
    """Red squares and blue disks among green squares, none of them where another picture has its own."""
    rng = np.random.default_rng(0)
    pictures = [_drawn(rng) for _ in range(14)]
    options = {"crop_px": 64, "context_px": 4, "search_px": 96, "regions": 60, "proposals": 120}
    network = NETWORKS["rcnn"](classes=2, **options)

    def described(number: int) -> RegionFeatures:
        image, objects = pictures[number]
        generator = torch.Generator().manual_seed(number)
        return network.described(image, objects, generator, tmp_path / f"{number}.pt")

    network.fit(DescribedPictures(8, described))
    learned = {name: value.clone() for name, value in network.state_dict().items()}
    network.fit(DescribedPictures(8, described))  # from the files
    assert all(torch.equal(value, learned[name]) for name, value in network.state_dict().items())
    found = network([image for image, _ in pictures[8:]])
    assert all(((each.scores >= 0) & (each.scores <= 1)).all() for each in found)
    detections = [Detections(each.boxes, each.labels, each.scores) for each in found]
    scores = coco_scores(detections, [objects for _, objects in pictures[8:]], 2)
    assert scores.ap50 > 0.6, scores.ap50
    with pytest.raises(TypeError, match="by fit"):
        network(Lesson([pictures[0][0]], []))


def _drawn(rng: np.random.Generator) -> tuple[torch.Tensor, Objects]:
    image = torch.from_numpy(rng.uniform(0.3, 0.4, (3, 96, 120)).astype(np.float32))
    rows, columns = torch.meshgrid(torch.arange(96), torch.arange(120), indexing="ij")
    boxes = []
    for place, color in enumerate(((0.9, 0.15, 0.1), (0.1, 0.15, 0.9), (0.1, 0.8, 0.2))):
        side = int(rng.integers(22, 36))
        x, y = int(rng.integers(40 * place, 40 * place + 40 - side + 1)), int(rng.integers(0, 96 - side))
        inside = (columns >= x) & (columns < x + side) & (rows >= y) & (rows < y + side)
        if place == 1:
            middle = (x + side / 2, y + side / 2)
            inside &= (columns + 0.5 - middle[0]) ** 2 + (rows + 0.5 - middle[1]) ** 2 < (side / 2) ** 2
        image[:, inside] = torch.tensor(color)[:, None]
        boxes.append([x, y, x + side, y + side])
    return image, Objects(torch.tensor(boxes[:2]).float(), torch.tensor([0, 1]))


@pytest.mark.parametrize(
    ("name", "options", "line"),
    [
        ("perceptual", {"blocks": 0}, "blocks is 0; needed: 1 or more"),
        ("perceptual", {"adversarial": -1.0}, "adversarial is -1; needed: 0 or more"),
        ("rcnn", {"crop_px": 16}, "crop_px is 16 and context_px 8"),
        ("rcnn", {"regions": 0}, "regions is 0; needed: 1 or more"),
        ("rcnn", {"search": "quik"}, "search is 'quik'"),
        ("rcnn", {"proposals": 0}, "proposals is 0; needed: 1 or more"),
        ("fast-rcnn", {"pooling": "crop"}, "pooling is 'crop'"),
        ("fast-rcnn", {"search": "quik"}, "search is 'quik'"),
        ("fast-rcnn", {"regions": 0}, "regions is 0; needed: 1 or more"),
        ("fast-rcnn", {"channels": 1}, "channels is 1; give 3"),
    ],
)
def test_options_that_cannot_be_are_told(name: str, options: dict, line: str) -> None:
    with pytest.raises(UserError, match=line):
        NETWORKS[name](classes=1, **options)
