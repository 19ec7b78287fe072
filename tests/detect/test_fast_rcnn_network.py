"""Fast R-CNN as a detector of this room: what the task asks of it, and what it refuses."""

import pytest
import torch

from limner.detect.networks import NETWORKS
from limner.detect.networks.rcnn import Lesson
from limner.foundation.errors import UserError

QUICK = {
    "fast-rcnn": {"maps": 8, "hidden": 8, "pretrained": False, "search_px": 80, "search": "single", "regions": 8},
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


@pytest.mark.parametrize(
    ("name", "options", "line"),
    [
        ("fast-rcnn", {"pooling": "crop"}, "pooling is 'crop'"),
        ("fast-rcnn", {"search": "quik"}, "search is 'quik'"),
        ("fast-rcnn", {"regions": 0}, "regions is 0; needed: 1 or more"),
        ("fast-rcnn", {"channels": 1}, "channels is 1; give 3"),
    ],
)
def test_options_that_cannot_be_are_told(name: str, options: dict, line: str) -> None:
    with pytest.raises(UserError, match=line):
        NETWORKS[name](classes=1, **options)
