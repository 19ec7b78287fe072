"""How the segment room learns: it overfits, repeats itself bit for bit, and hands out the network it trained."""

import dataclasses
import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from rasterio import Affine
from torch import Tensor, nn

from drawn import TinyNetwork, draw_picture, recipe_for, same, save, save_area
from limner.foundation.errors import UserError
from limner.learning.loop.fabric import make_fabric
from limner.learning.loop.task import StageContext
from limner.learning.loop.training import learn
from limner.learning.runs.folder import start_run
from limner.learning.runs.run import Run
from limner.learning.train import train_recipe
from limner.scenes.statistics import Statistics
from limner.segment.measures.tally import Tally
from limner.segment.networks import NETWORKS
from limner.segment.predicting.predictor import load_predictor
from limner.segment.training.recipe import SegmentRecipe, StageSettings
from limner.segment.training.task import SegmentTask

WHOLE = ("--data.validation-share", "0")
RESIDUAL = ("--network.name", "residual-unet", "--network.depth", "18")
LITE = ("--network.name", "lite-unet", "--network.pretrained", "false", "--network.width", "8")


@pytest.fixture(autouse=True)
def tiny_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(NETWORKS, "tiny", TinyNetwork)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def town(tmp_path: Path) -> Path:
    """Four chips of 96 px: brick roofs on grass."""
    return save_area(tmp_path / "town", [draw_picture(seed=seed) for seed in range(4)])


def learned(recipe: SegmentRecipe, folder: Path) -> tuple[SegmentTask, Run]:
    """The task after its training, and the run it left."""
    task, run = SegmentTask(recipe), Run(folder)
    start_run(run, "", "")
    learn(task, run, recipe.loop, make_fabric(recipe.loop))
    return task, run


def f1_on_everything(task: SegmentTask) -> float | None:
    return sum(task.labelled_tallies().values(), Tally.zero(2)).counts.f1()


@pytest.mark.parametrize(
    "settings", [("--epochs", "6"), (*RESIDUAL, "--epochs", "4", "--batch", "2"), (*LITE, "--epochs", "12")]
)
def test_it_overfits_four_chips_in_seconds(town: Path, tmp_path: Path, settings: tuple[str, ...]) -> None:
    slow_saving = ("--loop.checkpoint-minutes", "10")
    recipe = recipe_for(tmp_path, [town], *settings, *WHOLE, *slow_saving, "--optimizer.learning-rate", "0.005")
    task = SegmentTask(recipe)
    before = f1_on_everything(task)
    learn(task, Run(tmp_path / "run"), recipe.loop, make_fabric(recipe.loop))
    after = f1_on_everything(task)
    assert after is not None
    assert after > 0.95 > (before or 0)


@pytest.mark.parametrize("network", [("--network.name", "tiny"), LITE, RESIDUAL])
def test_a_stage_of_the_decoder_leaves_every_number_of_the_encoder_as_it_was(
    town: Path, tmp_path: Path, network: tuple[str, ...]
) -> None:
    recipe = recipe_for(tmp_path, [town], *network, *WHOLE, "--loop.checkpoint-minutes", "10")
    decoder, everything = StageSettings("decoder", 1, "decoder"), StageSettings("all", 1)
    for stages, encoder_moves in (((decoder,), False), ((decoder, everything), True)):
        task = SegmentTask(dataclasses.replace(recipe, stages=stages, steps_per_epoch=2))
        before = {name: value.clone() for name, value in task.networks["network"].state_dict().items()}
        learn(task, Run(tmp_path / f"{len(stages)}"), recipe.loop, make_fabric(recipe.loop))
        for name, value in task.networks["network"].state_dict().items():  # parameters, and statistics of batch norm
            moved = not torch.equal(value, before[name])
            assert moved == (encoder_moves or not name.startswith("encoder.")), name


def test_stages_of_one_name_are_refused_before_anything_is_written(town: Path, tmp_path: Path) -> None:
    stages = "[{name: all, epochs: 1, train: decoder}, {name: all, epochs: 2}]"
    recipe = recipe_for(tmp_path, [town], "--stages", stages)
    with pytest.raises(UserError, match=r"^two stages are named 'all'; give each a name of its own$"):
        train_recipe(recipe, "twice", out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_stages_factor_multiplies_the_learning_rate(town: Path, tmp_path: Path) -> None:
    recipe = recipe_for(tmp_path, [town], "--schedule.name", "constant", "--optimizer.name", "sgd")
    stages = (StageSettings("slow", 1, learning_rate_factor=0.0), StageSettings("half", 1, learning_rate_factor=0.5))
    task = SegmentTask(dataclasses.replace(recipe, stages=stages))
    before = {name: value.clone() for name, value in task.networks["network"].named_parameters()}
    context = StageContext(make_fabric(recipe.loop), tmp_path)
    for stage, factor in zip(task.stages(), (0.0, 0.5), strict=True):
        task.begin(stage, context)
        for index in range(2):
            task.step(iter([task.batch(stage, index)]), index)
        assert task.optimizers["network"].param_groups[0]["lr"] == pytest.approx(0.005 * factor)
        after = dict(task.networks["network"].named_parameters())
        assert all(torch.equal(value, after[name]) for name, value in before.items()) == (factor == 0)


def test_the_same_recipe_and_seed_give_the_same_weights_and_another_seed_others(town: Path, tmp_path: Path) -> None:
    weights = []
    for number, seed in enumerate(("0", "0", "1")):
        torch.manual_seed(number)  # what others drew before must not matter
        options = (*LITE, "--seed", seed, "--data.jitter", "0.2", "--data.scale-range", "[0.8, 1.25]")
        task, run = learned(recipe_for(tmp_path, [town], *options, "--epochs", "1"), tmp_path / f"run-{number}")
        weights.append(run.weights())
        assert same(weights[-1], task.weights())
    assert same(weights[0], weights[1])
    assert not same(weights[0], weights[2])


def test_the_best_epoch_on_validation_ground_is_kept_by_f1_or_by_loss(town: Path, tmp_path: Path) -> None:
    for keep_by, choose in (("f1", max), ("loss", min)):
        recipe = recipe_for(
            tmp_path, [town], "--keep-by", keep_by, "--epochs", "5", "--optimizer.learning-rate", "0.03"
        )
        task, run = learned(recipe, tmp_path / keep_by)
        name = f"validation/{keep_by}"
        scores = [float(row[name]) for row in run.metrics() if row[name]]
        assert len(scores) == 5
        assert task.evaluate()[name] == pytest.approx(choose(scores), abs=1e-6)


def test_without_validation_ground_patience_never_ends_a_training(town: Path, tmp_path: Path) -> None:
    recipe = recipe_for(tmp_path, [town], *WHOLE, "--loop.patience", "1", "--epochs", "4", "--steps-per-epoch", "1")
    _, run = learned(recipe, tmp_path / "run")
    assert run.status["steps"] == 4


# --- starting from another run ---


@pytest.fixture
def parent(town: Path, tmp_path: Path) -> Run:
    recipe = recipe_for(tmp_path / "parent", [town], *WHOLE)
    return train_recipe(recipe, "parent", out=tmp_path / "parent" / "run").run


def test_a_training_starts_from_the_initial_runs_weights(town: Path, tmp_path: Path, parent: Run) -> None:
    task = SegmentTask(recipe_for(tmp_path, [town], "--initial", str(parent.folder), "--seed", "5"))
    assert same(task.weights(), parent.weights())
    assert not same(SegmentTask(recipe_for(tmp_path, [town], "--seed", "5")).weights(), parent.weights())


def test_the_ground_of_its_pictures_is_kept_with_that_of_the_run_that_it_begins_with(
    town: Path, tmp_path: Path, parent: Run
) -> None:
    picture = draw_picture(seed=9)
    place = {"crs": "EPSG:32636", "transform": Affine(0.5, 0, 500_000, 0, -0.5, 4_000_000)}
    save(tmp_path / "port" / "images" / "0.tif", picture.values, **place)
    save(tmp_path / "port" / "masks" / "0.tif", picture.mask, **place)
    assert parent.facts["ground"] == {}  # the town lies nowhere
    facts = parent.facts | {"ground": {"quay": [[[1.0, 1.0], [1.0, 2.0], [2.0, 2.0], [1.0, 1.0]]]}}
    (parent.folder / "model.json").write_text(json.dumps(facts))
    areas = [tmp_path / "port", town]
    begun = SegmentTask(recipe_for(tmp_path, areas, "--initial", str(parent.folder), *WHOLE)).facts()["ground"]
    assert list(begun) == ["quay", "port"] and [len(ring) for ring in begun["port"]] == [5]
    assert list(SegmentTask(recipe_for(tmp_path, areas, *WHOLE)).facts()["ground"]) == ["port"]
    refined = recipe_for(tmp_path, areas[:1], "--initial", str(parent.folder), "--keep-if-better", "true", *WHOLE)
    assert list(SegmentTask(refined).facts()["ground"]) == ["quay"]


def test_a_training_is_another_where_the_run_that_it_begins_with_has_changed(
    town: Path, tmp_path: Path, parent: Run
) -> None:
    copy = Run(tmp_path / "copy")
    shutil.copytree(parent.folder, copy.folder)

    def found() -> str:
        return SegmentTask(recipe_for(tmp_path, [town], "--initial", str(copy.folder))).fingerprint

    before = found()
    assert found() == before
    weights = {name: value + 1 for name, value in copy.weights().items()}
    copy.save_model(
        weights, {key: value for key, value in copy.facts.items() if key not in ("format_version", "limner")}
    )
    assert found() != before


def test_an_initial_run_of_other_bands_is_refused(tmp_path: Path, parent: Run) -> None:
    picture = draw_picture(ground=(60, 110, 70, 90), roof=(190, 90, 70, 30))
    area = save_area(tmp_path / "four-bands", [picture, picture])
    with pytest.raises(UserError, match="was trained on 3 bands; this data has 4"):
        SegmentTask(recipe_for(tmp_path, [area], "--initial", str(parent.folder)))


@pytest.mark.parametrize("classes", ["[background, road]", "[ground, roof, road]"])
def test_an_initial_run_of_other_classes_is_refused(town: Path, tmp_path: Path, parent: Run, classes: str) -> None:
    with pytest.raises(UserError, match=r"labels know the classes .*road; needed are background, building"):
        SegmentTask(
            recipe_for(
                tmp_path, [town], "--initial", str(parent.folder), "--data.classes", classes, "--data.target", "none"
            )
        )


@pytest.mark.parametrize("network", [("--network.width", "9"), LITE])
def test_an_initial_run_of_another_network_is_refused(
    town: Path, tmp_path: Path, parent: Run, network: tuple[str, ...]
) -> None:
    with pytest.raises(UserError, match="holds a tiny; the recipe's network is another"):
        SegmentTask(recipe_for(tmp_path, [town], "--initial", str(parent.folder), *network))


# --- normalization ---


def moments(*pictures: np.ndarray) -> Statistics:
    values = np.concatenate([picture.reshape(len(picture), -1) for picture in pictures], axis=1).astype(np.float64)
    return Statistics(tuple(values.mean(1).tolist()), tuple(values.std(1).tolist()))


def close(first: Statistics, second: Statistics) -> None:
    np.testing.assert_allclose(first.mean, second.mean, rtol=1e-9)
    np.testing.assert_allclose(first.std, second.std, rtol=1e-9)


@pytest.mark.parametrize("normalize", ["run", "area", "initial"])
def test_crops_are_standardized_by_all_areas_by_their_own_or_as_the_initial_run_did(
    tmp_path: Path, parent: Run, normalize: str
) -> None:
    places = {
        "desert": [draw_picture(seed=seed, ground=(200, 180, 140), roof=(90, 60, 60)) for seed in (1, 2)],
        "forest": [draw_picture(seed=3, ground=(20, 60, 30), roof=(120, 120, 130))],
    }
    areas = [save_area(tmp_path / name, pictures) for name, pictures in places.items()]
    initial = ("--initial", str(parent.folder)) if normalize == "initial" else ()
    task = SegmentTask(recipe_for(tmp_path, areas, "--normalize", normalize, *initial, *WHOLE))
    own = {name: moments(*(picture.values for picture in pictures)) for name, pictures in places.items()}
    together = moments(*(picture.values for pictures in places.values() for picture in pictures))
    stored = Statistics.from_json(task.facts()["statistics"])
    close(stored, Statistics.from_json(parent.facts["statistics"]) if normalize == "initial" else together)
    seen = set()
    for number in range(3):
        image, mask = task.batch(task.stages()[0], number)
        crops = task.source.batch(0, number, 4)
        assert torch.equal(mask, crops.mask)
        for place, chip in enumerate(crops.chip.tolist()):
            area = task.data.chips[chip].area
            used = own[area] if normalize == "area" else stored
            expected = (crops.image[place].numpy() - np.reshape(used.mean, (3, 1, 1))) / np.reshape(used.std, (3, 1, 1))
            valid = crops.valid[place].numpy()
            np.testing.assert_allclose(image[place].numpy()[:, valid], expected[:, valid], atol=1e-4)
            assert image[place].numpy()[:, ~valid].max(initial=0) == 0
            seen.add(area)
    assert seen == set(places)


def test_statistics_know_nothing_of_validation_ground(tmp_path: Path) -> None:
    plain = draw_picture(256, 256, seed=1)
    area = save_area(tmp_path / "town", [plain])
    first = SegmentTask(recipe_for(tmp_path, [area]))
    (blocks,) = first.split.validation
    assert blocks
    for block in blocks:
        plain.values[(slice(None), *block.slices)] = 255 - plain.values[(slice(None), *block.slices)]
    save(area / "images" / "0.tif", plain.values)
    assert SegmentTask(recipe_for(tmp_path, [area])).statistics == first.statistics


# --- the threshold ---


def brute_force_threshold(truth: np.ndarray, probability: np.ndarray) -> float:
    """Of 256 thresholds the one of the best F1; of those within 0.001 of it the one nearest to one half."""
    scores = []
    for step in range(256):
        called = probability >= step / 256
        right = np.count_nonzero(called & (truth == 1))
        scores.append(2 * right / (np.count_nonzero(called) + np.count_nonzero(truth == 1)))
    good = [step for step in range(256) if scores[step] >= max(scores) - 0.001]
    return min(good, key=lambda step: abs(step - 128)) / 256


@given(seed=st.integers(0, 2**32 - 1), overlap=st.floats(0, 1), share=st.floats(0.02, 0.98))
def test_the_best_threshold_is_the_one_of_256_tried_one_by_one(seed: int, overlap: float, share: float) -> None:
    generator = np.random.default_rng(seed)
    truth = (generator.random(400) < share).astype(int)
    truth[0] = 1
    probability = (generator.random(400) * (1 - overlap) + overlap * truth * generator.random(400)).clip(0, 1)
    histogram = np.zeros((2, 256), np.int64)
    for number, value in zip(truth, probability, strict=True):
        histogram[number, min(255, int(value * 256))] += 1
    assert Tally(Tally.zero(2).counts, 0.0, histogram).best_threshold() == brute_force_threshold(truth, probability)


def test_without_any_building_the_threshold_stays_at_one_half() -> None:
    histogram = np.zeros((2, 256), np.int64)
    histogram[0, 10:90] = 5
    assert Tally(Tally.zero(2).counts, 0.0, histogram).best_threshold() == 0.5


@pytest.mark.parametrize("share", ["0.2", "0"])
def test_a_calibrated_threshold_has_the_best_f1_on_held_out_else_on_all_ground(tmp_path: Path, share: str) -> None:
    hard = [draw_picture(seed=seed, ground=(100, 100, 100), roof=(108, 104, 96), noise=12) for seed in range(5)]
    area = save_area(tmp_path / "hard", hard)
    options = ("--data.validation-share", share, "--epochs", "3", "--threshold", "calibrated")
    task, run = learned(recipe_for(tmp_path, [area], *options), tmp_path / "run")
    truth, probability = [], []
    predictor = load_predictor(run, precision="fp32")
    for chip, window in task.source.validation_blocks() if share != "0" else task.source.pictures():
        picture = np.pad(hard[chip].values, ((0, 0), (8, 8), (8, 8)))[None]
        valid = np.pad(np.ones((96, 96), bool), 8)[None]
        whole = predictor.probabilities(picture, valid)[0, 1, 8:-8, 8:-8]
        truth.append(hard[chip].mask[window.slices].ravel())
        probability.append(whole[window.slices].ravel())
    expected = brute_force_threshold(np.concatenate(truth), np.concatenate(probability))
    assert run.facts["threshold"] == pytest.approx(expected, abs=1 / 256)  # a pixel may round over a step's edge
    assert run.facts["threshold"] != 0.5
    assert predictor.threshold == run.facts["threshold"]


# --- what it hands out ---


@pytest.mark.parametrize(
    ("network", "precision"), [((), "fp32"), ((), "bf16"), (LITE, "fp32"), (LITE, "bf16"), (RESIDUAL, "fp32")]
)
def test_the_run_predicts_what_the_live_network_predicts(
    town: Path, tmp_path: Path, network: tuple[str, ...], precision: str
) -> None:
    options = (*network, "--loop.precision", precision, "--epochs", "1", "--steps-per-epoch", "2")
    task, run = learned(recipe_for(tmp_path, [town], *options), tmp_path / "run")
    live, loaded = task.current_predictor(), load_predictor(run, precision=precision)
    picture = draw_picture(70, 90, seed=9)
    valid = np.ones((1, 70, 90), bool)
    valid[:, :10] = False
    shown = live.probabilities(picture.values[None], valid)
    np.testing.assert_array_equal(loaded.probabilities(picture.values[None], valid), shown)
    other = load_predictor(run, precision="fp32" if precision == "bf16" else "bf16")
    difference = np.abs(other.probabilities(picture.values[None], valid) - shown).max()
    assert difference > 0
    assert loaded.class_names == live.class_names == ("background", "building")
    assert loaded.statistics == live.statistics
    assert (loaded.threshold, loaded.ground_m) == (live.threshold, live.ground_m)


def test_more_than_two_classes_are_learned_and_mapped(tmp_path: Path) -> None:
    pictures = [draw_picture(seed=seed) for seed in range(4)]
    for values, mask in pictures:
        values[2, :, 48:], mask[:, 48:] = 230, 2
    area = save_area(tmp_path / "coast", pictures)
    options = (
        "--data.classes",
        "[land, building, water]",
        "--data.target",
        "none",
        *WHOLE,
        "--epochs",
        "6",
        "--threshold",
        "calibrated",
    )
    task, run = learned(recipe_for(tmp_path, [area], *options), tmp_path / "run")
    predictor = load_predictor(run, precision="fp32")
    values, mask = pictures[0]
    classes = predictor.classes_of(predictor.probabilities(values[None], np.ones((1, 96, 96), bool)))[0]
    assert (classes == mask).mean() > 0.95
    assert set(np.unique(classes)) == {0, 1, 2}
    assert (run.facts["threshold"], task.facts()["class_names"]) == (0.5, ["land", "building", "water"])


class Plain(nn.Module):
    """A network that knows nothing of limner: no stride, no encoder."""

    def __init__(self, channels: int, classes: int, kernel: int = 3) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(channels, 6, kernel, padding=kernel // 2), nn.ReLU(), nn.Conv2d(6, classes, 1)
        )

    def forward(self, image: Tensor) -> Tensor:
        return self.layers(image)


def test_any_module_of_the_users_can_take_a_networks_place(
    town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(NETWORKS, "plain", Plain)
    options = ("--network.name", "plain", "--network.kernel", "5", *WHOLE, "--epochs", "6")
    done = train_recipe(recipe_for(tmp_path, [town], *options), "plain", out=tmp_path / "run")
    assert (done.run.folder / "report.html").exists()
    predictor = load_predictor(done.run)
    mask = predictor.predict(town / "images" / "0.tif")
    assert (mask == draw_picture(seed=0).mask).mean() > 0.95


def test_a_network_without_an_encoder_cannot_have_a_stage_for_its_decoder(
    town: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(NETWORKS, "plain", Plain)
    recipe = recipe_for(tmp_path, [town], "--network.name", "plain")
    recipe = dataclasses.replace(recipe, stages=(StageSettings("decoder", 1, "decoder"),))
    with pytest.raises(UserError, match="Plain has no 'encoder' to keep still; a stage needs 'train: all'"):
        learn(SegmentTask(recipe), Run(tmp_path / "run"), recipe.loop, make_fabric(recipe.loop))


def test_a_summary_counts_areas_tiles_steps_and_parameters(town: Path, tmp_path: Path) -> None:
    task = SegmentTask(recipe_for(tmp_path, [town], *WHOLE, "--epochs", "3"))
    parameters = sum(value.numel() for value in TinyNetwork().parameters())
    assert task.summary().startswith("1 area, 16 training tiles, 12 steps of 4 crops, tiny of")
    assert f"{parameters / 1e6:.2f} M" in task.summary()


@pytest.mark.parametrize("held_out", [(), WHOLE])
def test_what_it_looks_like_now_is_a_picture_with_or_without_validation_ground(
    town: Path, tmp_path: Path, held_out: tuple[str, ...]
) -> None:
    shown = SegmentTask(recipe_for(tmp_path, [town], *held_out)).picture()
    assert shown is not None
    assert shown.dtype == np.uint8
    assert shown.shape[2] == 3
