"""How the task learns: which pictures a batch holds, what is measured, what rings, and what the run says of itself."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import limner as api
from drawn_pictures import save_boxes
from limner.fidelity.features import FeatureExtractor
from limner.foundation.draws import Draws
from limner.generate.training.alarms import ALARMS, diversity, overfitting
from limner.generate.training.picture_pool import PicturePool
from limner.generate.training.task import GenerateTask
from limner.learning.alarms import ringing
from limner.learning.library import load_recipe
from limner.learning.loop.fabric import make_fabric
from limner.learning.loop.stream import Stream
from limner.learning.loop.task import StageContext
from limner.learning.train import resolve
from quick_features import mean_colors

CPU = torch.device("cpu")
QUICK = (
    "--generator.width", "4", "--discriminator.width", "4", "--batch", "8", "--data.held-out", "12", "--scores.samples",
    "24",
    "--loop.precision", "fp32", "--data.size-px", "32",
)  # fmt: skip
CommandLine = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("task") / "boxes"
    save_boxes(folder / "low", 20)
    return save_boxes(folder / "high", 20, first=100).parent


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(FeatureExtractor, "of", staticmethod(mean_colors))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def make_task(boxes: Path, *settings: str, begin: bool = True) -> GenerateTask:
    task = GenerateTask(resolve("generate/dcgan", data=[boxes], overrides=[*QUICK, *settings]))
    if begin:
        task.begin(task.stages()[0], StageContext(make_fabric(task.recipe.loop), boxes))
    return task


def steps(task: GenerateTask, count: int) -> dict[str, torch.Tensor]:
    (stage,) = task.stages()
    with Stream(lambda number: task.batch(stage, number)) as batches:
        for index in range(count):
            values = task.step(batches, index)
    return values


# --- the pictures ----------------------------------------------------------------------------------------------------


def test_a_sample_holds_the_pictures_asked_for_in_minus_one_to_one() -> None:
    pictures = torch.randint(256, (9, 3, 6, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    pictures[4], pictures[5] = 0, 255
    sample = PicturePool(pictures, torch.arange(9) % 3, flip=False, device=CPU).sample(
        torch.tensor([4, 5, 2]), torch.Generator()
    )
    assert (sample.image.dtype, sample.image.shape) == (torch.float32, (3, 3, 6, 5))
    assert sample.image.is_contiguous(memory_format=torch.channels_last)
    assert torch.all(sample.image[0] == -1)
    assert torch.all(sample.image[1] == 1)
    torch.testing.assert_close(sample.image[2], pictures[2].float() / 127.5 - 1)
    assert sample.label is not None
    assert sample.label.tolist() == [1, 2, 2]


def test_half_of_the_pictures_are_mirrored_and_none_is_changed_otherwise() -> None:
    pictures = torch.randint(256, (1, 1, 4, 7), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    pool = PicturePool(pictures, None, flip=True, device=CPU)
    image = pool.sample(torch.zeros(2000, dtype=torch.int64), Draws(0, CPU).of("flip", 0)).image
    plain = pictures.float() / 127.5 - 1
    same = torch.isclose(image, plain).all(dim=(1, 2, 3))
    assert torch.equal(same, ~torch.isclose(image, plain.flip(3)).all(dim=(1, 2, 3)))
    assert abs(int(same.sum()) - 1000) < 120  # five standard deviations


# --- the stage -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "stretches", "least_images"),
    [
        (("--epochs", "3"), 1, 3 * 28),
        (("--kimg", "1", "--scores.every-kimg", "0.25"), 4, 1000),
        (("--kimg", "1", "--scores.every-kimg", "0.25", "--discriminator-steps", "5"), 4, 1000),
        (("--kimg", "1", "--scores.every-kimg", "0.001"), 125, 1000),
    ],
)
def test_a_stage_shows_so_many_pictures_and_ends_with_an_evaluation(
    boxes: Path, settings: tuple[str, ...], stretches: int, least_images: int
) -> None:
    task = make_task(boxes, *settings, begin=False)
    (stage,) = task.stages()
    assert stage.unit == "evaluation"
    assert stage.epochs == stretches
    shown = stage.total_steps * task.recipe.images_per_step
    assert least_images - task.recipe.images_per_step < shown < least_images + stretches * task.recipe.images_per_step


def test_the_same_seed_begins_with_the_same_weights_whatever_else_is_switched_on(boxes: Path) -> None:
    torch.manual_seed(5)
    plain = make_task(boxes, begin=False).weights()
    torch.manual_seed(6)
    augmented = make_task(boxes, "--augment", "ada", "--average.name", "half-life", begin=False).weights()
    assert all(torch.equal(value, augmented[name]) for name, value in plain.items())
    other = make_task(boxes, "--seed", "1", begin=False).weights()
    name = "generator.picture.weight"
    assert not torch.equal(plain[name], other[name])
    assert torch.equal(augmented[name], augmented["average.picture.weight"])


def test_training_draws_nothing_from_global_state(boxes: Path) -> None:
    task = make_task(boxes, "--augment", "ada", "--penalties.consistency", "1", "--average.name", "half-life")
    torch.manual_seed(0)
    before = torch.get_rng_state()
    steps(task, 3)
    task.evaluate()
    assert torch.equal(torch.get_rng_state(), before)


def test_ada_turns_its_strength_up_where_the_discriminator_is_sure(boxes: Path) -> None:
    task = make_task(boxes, "--augment.name", "ada", "--augment.kimg", "0.1", "--augment.target", "-0.99")
    values = steps(task, 8)
    # Each 4 steps of 8 pictures, p rises by 32 / 100.
    assert float(task.state["strength"]) == pytest.approx(0.64, abs=1e-6)
    assert float(values["augment_strength"]) == float(task.state["strength"])


def test_the_average_makes_the_pictures_and_lags_behind_the_generator(boxes: Path) -> None:
    task = make_task(boxes, "--average.name", "fixed", "--average.decay", "0.5")
    assert task.maker is task.networks["average"]
    before = task.networks["average"].picture.weight.clone()  # type: ignore[union-attr, operator]
    steps(task, 1)
    now = task.networks["generator"].picture.weight  # type: ignore[union-attr]
    torch.testing.assert_close(task.networks["average"].picture.weight, (before + now.detach()) / 2)  # type: ignore[union-attr, operator]


@pytest.mark.parametrize(
    ("where", "normalized"),
    [("none", (False, False)), ("discriminator", (False, True)), ("both", (True, True)), ("attention", (False, False))],
)
def test_spectral_norm_goes_where_it_is_asked(boxes: Path, where: str, normalized: tuple[bool, bool]) -> None:
    networks = make_task(
        boxes, "--spectral-norm", where, "--generator.attention", "16", "--discriminator.attention", "16", begin=False
    ).networks

    def is_normalized(layer: nn.Module) -> bool:
        return nn.utils.parametrize.is_parametrized(layer, "weight")

    last = networks["generator"].picture, networks["discriminator"].verdict
    assert tuple(map(is_normalized, last)) == normalized  # type: ignore[arg-type]
    attention = [network.attend.layer.query for network in networks.values()]  # type: ignore[union-attr]
    assert [is_normalized(layer) for layer in attention] == [where in ("both", "attention"), where != "none"]


# --- what is measured ------------------------------------------------------------------------------------------------


def test_what_a_training_measures_is_what_evaluate_finds_later(boxes: Path, here: Path, limner: CommandLine) -> None:
    command = ["train", "generate/dcgan", "--data", boxes, "--out", "run", *QUICK, "--kimg", "0.032"]
    assert limner(*command)[0] == 0
    last = api.open_run("run").metrics()[-1]
    scored = api.evaluate("run", out=here / "again.json")
    for name in ("kid", "fid", "precision", "recall"):
        assert float(last[f"validation/{name}"]) == pytest.approx(scored[name], rel=1e-5, abs=1e-7)
    assert scored.protocol.fake_count == 24
    assert scored.protocol.real_count == 12
    code, out, error = limner("evaluate", "run", "--data", boxes, "--samples", "16", "--out", "other.json")
    assert (code, error) == (0, "")
    assert "16 generated against 40 real pictures" in out
    code, out, error = limner("compare", "run", "twice=run")
    assert (code, error) == (0, "")
    assert "| twice |" in out


def test_pictures_of_classes_are_learned_and_made_by_their_names(boxes: Path, here: Path) -> None:
    settings = [*QUICK, "--data.classes", "folders", "--kimg", "0.016", "--discriminator.batch-norm", "true"]
    run = api.train("generate/conditional", data=[boxes], overrides=settings, out="run").run
    assert run.facts["class_names"] == ["high", "low"]
    assert sum(run.facts["class_counts"]) == 28
    generator = api.load("run")
    assert generator.generate(4, classes=["low"]).shape == (4, 3, 32, 32)
    assert not torch.equal(generator.generate(2, classes=["low"]), generator.generate(2, classes=["high"]))


@pytest.mark.parametrize(("colors", "channels"), [("gray", 1), ("rgba", 4)])
def test_pictures_of_other_channels_are_learned_and_shown(boxes: Path, colors: str, channels: int) -> None:
    task = make_task(boxes, "--data.colors", colors, "--augment", "diffaugment")
    steps(task, 2)
    assert task.make(3).shape == (3, channels, 32, 32)
    assert task.picture().shape[2] == 3
    assert np.isfinite(list(task.evaluate().values())).all()


def test_the_picture_shows_the_same_latents_at_every_evaluation(boxes: Path) -> None:
    task = make_task(boxes)
    first = task.picture()
    assert np.array_equal(first, task.picture())
    steps(task, 1)
    assert not np.array_equal(first, task.picture())


def test_evaluating_changes_nothing_that_learns(boxes: Path) -> None:
    watched, left_alone = make_task(boxes), make_task(boxes)
    watched.evaluate()
    watched.picture()
    steps(watched, 2)
    steps(left_alone, 2)
    assert all(torch.equal(value, left_alone.weights()[name]) for name, value in watched.weights().items())


def test_an_average_is_scored_and_kept_with_statistics_of_its_own_pictures(boxes: Path) -> None:
    task = make_task(boxes, "--average.name", "half-life", "--average.images", "100000")
    steps(task, 3)
    statistics = lambda network: [each for name, each in network.named_buffers() if "running_" in name]  # noqa: E731
    learning, average = task.networks["generator"], task.networks["average"]
    assert statistics(average) and all(map(torch.equal, statistics(average), statistics(learning)))
    before = [each.clone() for each in statistics(learning)]
    task.evaluate()
    assert not any(map(torch.equal, statistics(average), statistics(learning)))
    assert all(map(torch.equal, statistics(learning), before))
    kept = [each.clone() for each in statistics(average)]
    task.evaluate()
    assert all(map(torch.equal, statistics(average), kept))


def test_pictures_are_made_and_looked_at_anew_only_where_the_weights_have_moved(boxes: Path) -> None:
    task = make_task(boxes)
    first, weights = task.evaluation_samples(), {name: value.clone() for name, value in task.weights().items()}
    assert task.evaluation_samples() is first
    steps(task, 1)
    moved = task.evaluation_samples()
    assert moved is not first
    assert not torch.equal(moved.pictures, first.pictures)
    task.load_weights(weights)
    assert torch.equal(task.evaluation_samples().pictures, first.pictures)


# --- alarms ----------------------------------------------------------------------------------------------------------


def test_diversity_is_one_for_as_many_pictures_of_the_same_source_and_falls_when_they_become_a_few() -> None:
    generator = torch.Generator().manual_seed(0)
    real, same = torch.randn(2, 400, 8, generator=generator)
    assert diversity(real, same) == pytest.approx(1, abs=0.05)
    assert diversity(real, same[:1].expand(400, -1)) == 0
    few = same[:5].repeat(80, 1) + 0.05 * torch.randn(400, 8, generator=generator)
    assert diversity(real, few) < 0.1
    assert diversity(real, 2 * same) == pytest.approx(2, abs=0.1)


def test_diversity_equals_a_slow_reference() -> None:
    generator = torch.Generator().manual_seed(1)
    real, fake = torch.randn(7, 3, generator=generator), torch.randn(9, 3, generator=generator)

    def median(points: torch.Tensor) -> float:
        nearest = [
            min(float((a - b).double().norm()) for j, b in enumerate(points) if j != i) for i, a in enumerate(points)
        ]
        return sorted(nearest)[(len(nearest) - 1) // 2]

    assert diversity(real, fake) == pytest.approx(median(fake[:7]) / median(real), rel=1e-5)


def test_overfitting_runs_from_none_to_all_of_the_way() -> None:
    learned, made = torch.tensor([2.0, 4.0]), torch.tensor([-1.0, -1.0])
    assert overfitting(learned, torch.tensor([3.0]), made) == 0
    assert overfitting(learned, torch.tensor([-1.0]), made) == 1
    assert overfitting(learned, torch.tensor([1.0]), made) == pytest.approx(0.5)
    assert overfitting(made, learned, made) == 0


def test_an_alarm_rings_beyond_its_limit_and_says_its_number() -> None:
    for alarm in ALARMS:
        beyond = alarm.limit + (0.01 if alarm.above else -0.01)
        assert not ringing(ALARMS, {alarm.name: alarm.limit})
        told = ringing(ALARMS, {alarm.name: beyond})
        assert list(told) == [alarm.name]
        assert "{" not in told[alarm.name]
    assert ringing(ALARMS, {"validation/kid": 5.0}) == {}


def test_an_alarm_is_told_when_it_begins_to_ring_and_not_again(
    boxes: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    task = make_task(boxes)
    found: dict[str, Any] = {"alarm/diversity": 0.1}
    monkeypatch.setattr(GenerateTask, "alarms", lambda *_: found)
    for value, lines in ((0.1, 1), (0.2, 0), (0.9, 0), (0.1, 1)):
        found["alarm/diversity"] = value
        task.evaluate()
        assert capsys.readouterr().err.count("collapse: ") == lines


def test_the_signs_of_a_critic_mean_nothing_and_ring_nothing(boxes: Path) -> None:
    assert "alarm/sign" not in make_task(boxes, "--loss", "wasserstein").evaluate()
    assert "alarm/sign" in make_task(boxes).evaluate()


def test_the_run_names_terms_alarms_and_protocol(boxes: Path, here: Path, limner: CommandLine) -> None:
    (boxes / "LICENSE").write_text("CC0")
    assert limner("train", "generate/dcgan", "--data", boxes, "--out", "run", *QUICK, "--kimg", "0.016")[0] == 0
    card = (here / "run/card.md").read_text()
    assert "terms: LICENSE in boxes/" in card
    assert "28 pictures; 12 more were held out. Seed 0, 2 steps of" in card
    report = (here / "run/report.html").read_text()
    for words in ("Nearest neighbors", "Alarms", "KID[efficientnet-lite0]", "24 generated against 12 real pictures"):
        assert words in report
    assert load_recipe("run/recipe.yaml").data.paths == (boxes,)
