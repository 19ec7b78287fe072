"""Losses, augmentation and the task: equations, what stays still, what a step learns."""

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning_fabric import Fabric
from PIL import Image

from drawn_pictures import draw_shape
from limner.classify.data.preprocessing import Preprocessing
from limner.classify.predicting.predictor import load_classifier
from limner.classify.training.augment import AugmentSettings, augmented, color_axes_of
from limner.classify.training.losses import LOSSES, class_weights
from limner.classify.training.task import ClassifyTask
from limner.foundation.errors import UserError
from limner.learning.library import load_recipe
from limner.learning.loop.task import StageContext
from limner.learning.runs.run import Run
from limner.nn.layers.whitening import Whitening

# --- losses ----------------------------------------------------------------------------------------------------------


def test_the_loss_of_1998_is_its_equation_9() -> None:
    distances = torch.tensor([[3.0, 1.0, 7.0], [0.5, 4.0, 2.0]], dtype=torch.float64)
    labels = torch.tensor([1, 2])
    found = LOSSES["maximum-a-posteriori"](rubbish=0.1)(-distances, labels)
    for row, label, value in zip(distances.tolist(), labels.tolist(), found.tolist(), strict=True):
        assert value == pytest.approx(row[label] + math.log(math.exp(-0.1) + sum(math.exp(-each) for each in row)))
    assert LOSSES["squared-distance"]()(-distances, labels).tolist() == [1.0, 2.0]


def test_cross_entropy_spreads_a_share_of_the_truth() -> None:
    logits, labels = torch.tensor([[2.0, 0.0, -1.0]]), torch.tensor([0])
    logs = logits.log_softmax(1)[0]
    expected = -(0.7 * logs[0] + 0.3 * logs.mean())
    assert LOSSES["cross-entropy"](smoothing=0.3)(logits, labels).item() == pytest.approx(expected.item())
    with pytest.raises(UserError, match="needed: a share from 0 to below 1"):
        LOSSES["cross-entropy"](smoothing=1.0)


def test_balanced_classes_count_alike_in_all() -> None:
    counts = torch.tensor([10, 30, 60])
    weights = class_weights(counts)
    assert torch.allclose(weights * counts, (weights * counts).mean().expand(3))
    assert (weights * counts).sum() == pytest.approx(100)


# --- augmentation ----------------------------------------------------------------------------------------------------


def draws(number: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(number)


PICTURES = torch.randint(0, 256, (64, 3, 12, 12), generator=draws(5), dtype=torch.uint8)


def test_without_changes_pictures_are_themselves() -> None:
    assert torch.equal(augmented(PICTURES, AugmentSettings(), 12, draws()), PICTURES.float() / 255)


def test_crops_lie_on_whole_pixels_anywhere_in_the_picture() -> None:
    places = set()
    for crop, picture in zip(augmented(PICTURES, AugmentSettings(), 9, draws()), PICTURES, strict=True):
        found = [
            (top, left)
            for top in range(4)
            for left in range(4)
            if torch.allclose(crop, picture[:, top : top + 9, left : left + 9] / 255, atol=1e-4)
        ]
        assert len(found) == 1
        places.add(found[0])
    assert len(places) >= 14 and {row for row, _ in places} == {column for _, column in places} == set(range(4))


def test_half_are_mirrored() -> None:
    changed = augmented(PICTURES, AugmentSettings(flip=True), 12, draws())
    image01 = PICTURES / 255
    same = torch.tensor([torch.allclose(a, b, atol=1e-4) for a, b in zip(changed, image01, strict=True)])
    mirrored = torch.tensor([torch.allclose(a, b.flip(2), atol=1e-4) for a, b in zip(changed, image01, strict=True)])
    assert (same ^ mirrored).all()
    assert 20 <= int(mirrored.sum()) <= 44


def test_pictures_are_turned_by_the_angle_that_is_drawn() -> None:
    """A bright spot right of the middle goes around it."""
    spot = torch.zeros(200, 1, 41, 41, dtype=torch.uint8)
    spot[:, :, 19:22, 34:37] = 255
    turned = augmented(spot, AugmentSettings(rotate_deg=60), 41, draws())[:, 0]
    rows, columns = (torch.arange(41.0) - 20).view(-1, 1), torch.arange(41.0) - 20
    total = turned.sum(dim=(1, 2))
    y, x = (turned * rows).sum(dim=(1, 2)) / total, (turned * columns).sum(dim=(1, 2)) / total
    assert torch.allclose((x**2 + y**2).sqrt(), torch.full((200,), 15.0), atol=0.3)
    angles = torch.atan2(y, x).rad2deg()
    assert angles.min() < -55 and angles.max() > 55 and angles.abs().max() < 61


def test_areas_show_a_share_of_the_picture() -> None:
    ramp = torch.arange(100, dtype=torch.float32).expand(200, 1, 100, 100).to(torch.uint8)
    settings = AugmentSettings(area=(0.25, 0.49))
    seen = augmented(ramp, settings, 50, draws())
    edges = (seen[..., -1] - seen[..., 0]).amax(dim=(1, 2)) * 255 / 49 * 50 / 100
    assert edges.min() >= 0.5 - 0.02 and edges.max() <= 0.7 + 0.02
    assert edges.max() - edges.min() > 0.15


def test_changes_follow_their_generator_only() -> None:
    settings = AugmentSettings(flip=True, area=(0.3, 1.0), aspect=1.3, shift=0.1, rotate_deg=20, jitter=0.3, pca=0.1)
    axes = color_axes_of(PICTURES)
    one, same, other = (augmented(PICTURES, settings, 10, draws(seed), axes) for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert one.shape == (64, 3, 10, 10) and one.isfinite().all()


def test_colors_change_along_the_axes_in_which_they_vary() -> None:
    gray = torch.randint(0, 256, (8, 1, 6, 6), generator=draws(1), dtype=torch.uint8).expand(-1, 3, -1, -1)
    changed = augmented(gray, AugmentSettings(pca=0.5), 6, draws(), color_axes_of(gray))
    shift = (changed - gray / 255).mean(dim=(2, 3))
    assert shift.abs().max() > 0.01
    assert torch.allclose(shift[:, :1].expand(-1, 3), shift, atol=1e-5)  # gray pictures stay gray
    assert torch.allclose((color_axes_of(PICTURES) ** 2).sum(), (PICTURES / 255).var(dim=(0, 2, 3)).sum(), rtol=1e-3)


def test_areas_that_are_none_are_told() -> None:
    with pytest.raises(UserError, match=r"augment.area is 0.5, 0.2; needed: two shares above 0"):
        AugmentSettings(area=(0.5, 0.2))


# --- the task --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shapes")
    for number in range(40):
        kind = ("box", "disk")[number % 4 == 0]
        (folder / kind).mkdir(exist_ok=True)
        Image.fromarray(draw_shape(kind, number)).save(folder / kind / f"{number}.png")
    return folder


def task_on(shapes: Path, tmp_path: Path, *settings: str) -> tuple[ClassifyTask, Iterator[Any]]:
    words = f"--data.size-px 32 --data.colors rgb --batch 8 --loop.precision fp32 {' '.join(settings)}".split()
    recipe = load_recipe("classify/lenet-digits", words)
    task = ClassifyTask(dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, paths=(shapes,))))
    stage = task.stages()[0]
    task.begin(stage, StageContext(Fabric(accelerator="cpu", devices=1), tmp_path))
    return task, iter(task.batch(stage, number) for number in range(100))


def test_a_step_in_parts_is_the_step_of_the_whole_batch(shapes: Path, tmp_path: Path) -> None:
    weights = []
    for parts in (1, 4):
        settings = ["--batch", str(8 // parts), "--loop.accumulate", str(parts), "--balance", "--optimizer.name", "sgd"]
        task, batches = task_on(shapes, tmp_path, *settings)
        values = [task.step(batches, index) for index in range(2)]
        weights.append((task.weights(), [float(value["loss"]) for value in values]))
    (one, losses), (other, in_parts) = weights
    assert losses == pytest.approx(in_parts, rel=1e-4)
    assert all(torch.allclose(one[name], other[name], atol=1e-5) for name in one)


def test_only_the_last_layer_moves_while_it_alone_learns(shapes: Path, tmp_path: Path) -> None:
    task, batches = task_on(shapes, tmp_path, "--head-epochs", "1")
    assert [stage.name for stage in task.stages()] == ["head", "train"]
    before = task.weights()
    task.step(batches, 0)
    moved = {name for name, value in task.weights().items() if not torch.equal(value, before[name])}
    assert moved == {"network.classes.weight", "network.classes.bias"}
    task.begin(task.stages()[1], StageContext(Fabric(accelerator="cpu", devices=1), tmp_path))
    task.step(batches, 0)
    assert {name for name, value in task.weights().items() if not torch.equal(value, before[name])} == set(before)


def test_the_body_learns_at_its_factor(shapes: Path, tmp_path: Path) -> None:
    task, _ = task_on(shapes, tmp_path, "--body-factor", "0.1")
    body, head = task.optimizers["network"].param_groups
    assert body["lr"] == pytest.approx(0.1 * head["lr"])
    still, batches = task_on(shapes, tmp_path, "--body-factor", "0")
    before = still.weights()
    still.step(batches, 0)
    after = still.weights()
    assert {name for name in before if not torch.equal(before[name], after[name])} == {
        "network.classes.weight", "network.classes.bias"
    }  # fmt: skip


def test_four_pictures_are_learned_by_heart(shapes: Path, tmp_path: Path) -> None:
    task, _ = task_on(shapes, tmp_path)
    four = task.batch(task.stages()[0], 0)
    four = (four[0][:4], four[1][:4])
    for index in range(60):
        values = task.step(iter([four]), index)
    assert float(values["accuracy"]) == 1.0
    assert float(values["loss"]) < 0.1


def test_batches_are_pure_functions_of_their_number(shapes: Path, tmp_path: Path) -> None:
    settings = ["--augment.flip", "--augment.area", "0.5,1.0"]
    task, _ = task_on(shapes, tmp_path, *settings)
    again, _ = task_on(shapes, tmp_path, *settings)
    stage = task.stages()[0]
    for number in (7, 0, 7):
        (image, labels), (image2, labels2) = task.batch(stage, number), again.batch(stage, number)
        assert torch.equal(image, image2) and torch.equal(labels, labels2)


def test_channels_are_standardized_over_what_is_learned_from(shapes: Path, tmp_path: Path) -> None:
    task, _ = task_on(shapes, tmp_path)
    image = task.current_predictor().prepare(task.examples.read(task.sides.training))
    assert torch.allclose(image.mean(dim=(0, 2, 3)), torch.zeros(3), atol=1e-4)
    assert torch.allclose(image.std(dim=(0, 2, 3)), torch.ones(3), atol=1e-3)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ("--batch 64", r"batch is 64, and there are 32 pictures to learn from \(8 are held out\); give --batch 32"),
        ("--normalize network", "normalize is network, and lenet expects nothing of its own"),
        ("--data.size-px 16", "LeNet needs pictures of 28 px or more and got 16"),
        ("--network.name resnet --network.depth 19", "resnet has no depth 19"),
        (
            "--loop.accumulate 5",
            r"batch is 8 times loop.accumulate 5, and there are 32 .*; give --batch 6 or less",
        ),
        ("--data.crop-px 40", "data.crop_px is 40, and pictures are of 32 px"),
    ],
)
def test_a_training_that_cannot_be_is_told(shapes: Path, tmp_path: Path, settings: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        task_on(shapes, tmp_path, settings)


# --- how pictures are prepared ---------------------------------------------------------------------------------------


def test_contrast_is_taken_out_before_channels_are_standardized(shapes: Path, tmp_path: Path) -> None:
    """Against plain numpy in double precision, and the same to what is learned from and what is classified."""
    for contrast in ("global", "local"):
        task, _ = task_on(shapes, tmp_path, "--contrast", contrast)
        assert task.facts()["contrast"] == contrast
        chosen = task.sides.training[task.order.indices(0)]
        image = task.batch(task.stages()[-1], 0)[0]
        pictures = task.examples.read(chosen)
        torch.testing.assert_close(task.current_predictor().prepare(pictures), image, atol=1e-5, rtol=1e-4)
        everything = task.current_predictor().prepare(task.examples.read(task.sides.training)).double()
        torch.testing.assert_close(everything.mean((0, 2, 3)), torch.zeros(3).double(), atol=1e-3, rtol=0)
        torch.testing.assert_close(everything.std((0, 2, 3)), torch.ones(3).double(), atol=1e-3, rtol=0)
        if contrast == "global":
            exact = pictures.double() / 255
            exact = exact - exact.mean((1, 2, 3), keepdim=True)
            exact = exact / exact.square().mean((1, 2, 3), keepdim=True).sqrt()
            mean, std = (torch.tensor(each).view(3, 1, 1).double() for each in (
                task.preprocessing.mean, task.preprocessing.std
            ))  # fmt: skip
            torch.testing.assert_close(image.double(), (exact - mean) / std, atol=1e-4, rtol=1e-4)


def test_ranges_are_those_that_are_asked_for(shapes: Path, tmp_path: Path) -> None:
    pictures = torch.tensor([0, 255], dtype=torch.uint8).repeat(3 * 16 * 32).view(1, 3, 32, 32)
    for name, ends in (("unit", (0, 1)), ("signed", (-1, 1))):
        task, _ = task_on(shapes, tmp_path, "--normalize", name)
        found = task.current_predictor().prepare(pictures)
        assert (float(found.min()), float(found.max())) == ends


def test_whitened_pictures_have_no_correlation_and_a_run_whitens_alike(shapes: Path, tmp_path: Path) -> None:
    task, _ = task_on(shapes, tmp_path, "--whiten", "0.1", "--data.colors", "gray")
    pictures = task.examples.read(task.sides.training)
    plain = dataclasses.replace(task.preprocessing, whitening=None)(pictures.float() / 255).flatten(1).double()
    covariance = torch.cov(plain.T)
    values, vectors = torch.linalg.eigh(covariance)
    matrix = vectors / (values.clamp(min=0) + 0.1).sqrt() @ vectors.T
    expected = ((plain - plain.mean(0)) @ matrix).view(-1, 1, 32, 32).float()
    found = task.current_predictor().prepare(pictures)
    torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)
    assert {"whitening.mean", "whitening.matrix", "network.classes.weight"} <= set(task.weights())
    run = Run(tmp_path / "run")
    run.folder.mkdir()
    run.save_model(task.weights(), task.facts())
    torch.testing.assert_close(load_classifier(run, "cpu").prepare(pictures), found)
    with pytest.raises(UserError, match="whiten is for small pictures: these are of 12,288 numbers"):
        task_on(shapes, tmp_path, "--whiten", "0.1", "--data.size-px", "64")


def test_preparing_has_a_gradient() -> None:
    whitening = Whitening.fit(torch.rand(20, 32, generator=draws(1), dtype=torch.float64), 0.1)
    for contrast in ("none", "global", "local"):
        prepare = Preprocessing((0.4, 0.5), (0.2, 0.3), contrast, whitening)
        image = torch.rand(1, 2, 4, 4, generator=draws(2), dtype=torch.float64, requires_grad=True)
        assert torch.autograd.gradcheck(prepare, image)
