"""IcGAN: its data, its two stages to their letter, what its scores mean, and its runs."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import limner as api
from limner.adversarial.updater import Updater
from limner.cli import main
from limner.fidelity.features import FeatureExtractor
from limner.foundation.errors import UserError
from limner.learning.loop.fabric import make_fabric
from limner.learning.loop.task import Stage, StageContext, number_stages
from limner.learning.runs.run import Run
from limner.learning.runs.score_rows import MADE, ScoreRows
from limner.learning.train import resolve
from limner.translate.data.attributes import AttributeSet, read_attributes
from limner.translate.measures.attribute_measure import (
    AGAIN,
    ASKED,
    KEPT,
    MEAN,
    NEAREST,
    UNTOUCHED,
    AttributeJudge,
    measure_attributes,
)
from limner.translate.training.attributes.networks import ADVERSARIES, READERS
from limner.translate.training.attributes.task import AttributeTask, Shown
from limner.translate.translating.exported import exportable
from mistakes import Case, check_mistake
from quick_features import mean_colors

CommandLine = Callable[..., tuple[int, str, str]]
SMALL = [
    *["--data.size-px=16", "--generator.width=4", "--discriminator.width=4", "--latent-encoder.width=4"],
    *["--latent-encoder.dense=8", "--attribute-encoder.width=4", "--attribute-encoder.dense=8", "--batch=8"],
    *["--data.held-out=6", "--loop.precision=fp32", "--epochs=1", "--encoder-epochs=1", "--steps-per-epoch=2"],
]


@pytest.fixture(scope="module")
def colored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """48 pictures of 16 px: cells of noise with a red or a blue right half, and with a light or a dark left half."""
    folder = tmp_path_factory.mktemp("colored") / "pictures"
    folder.mkdir()
    rows = ["file,red,light"]
    for number in range(48):
        red, light = number % 2, number // 2 % 2
        cells = np.random.default_rng(number).integers(0, 150, (4, 4, 3), dtype=np.uint8)
        picture = cells.repeat(4, 0).repeat(4, 1)
        picture[:, 8:, 0 if red else 2] += 105
        picture[:, :8] += 105 * light
        Image.fromarray(picture).save(folder / f"{number}.png")
        rows.append(f"{number}.png,{red},{'1' if light else '-1'}")
    (folder / "attributes.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FeatureExtractor, "of", staticmethod(mean_colors))


def begun(colored: Path, stage: int, *settings: str) -> tuple[AttributeTask, Stage]:
    task = AttributeTask(resolve("translate/icgan", data=[colored], overrides=[*SMALL, *settings]))
    chosen = number_stages(task.stages())[stage]
    task.begin(chosen, StageContext(make_fabric(task.recipe.loop), colored))
    return task, chosen


def batches_of(task: AttributeTask, stage: Stage) -> Iterator[Any]:
    return (task.batch(stage, number) for number in range(100))


def test_a_table_is_read_with_zeros_or_minus_ones(colored: Path) -> None:
    data = read_attributes([colored], table="attributes.csv", size_px=16)
    assert data.names == ("red", "light") and len(data) == 48
    numbers = [int(Path(file).stem) for file in data.files]
    assert data.attributes.tolist() == [[2.0 * (n % 2) - 1, 2.0 * (n // 2 % 2) - 1] for n in numbers]
    only = read_attributes([colored], table="attributes.csv", wanted=("light",), size_px=16)
    assert torch.equal(only.attributes, data.attributes[:, 1:])
    assert only.fingerprint != data.fingerprint


def test_wrong_attributes_are_never_right_and_batches_are_functions_of_their_number(colored: Path) -> None:
    task, stage = begun(colored, 0)
    for number in range(8):
        batch = task.batch(stage, number)
        assert batch.image.shape == (8, 3, 16, 16)
        assert bool((batch.wrong != batch.attributes).any(1).all())
        assert set(batch.wrong.flatten().tolist()) == {-1.0, 1.0}
        red = batch.image[:, 0, :, 8:].mean((1, 2)) > batch.image[:, 2, :, 8:].mean((1, 2))
        assert torch.equal(red, batch.attributes[:, 0] > 0)
    assert torch.equal(task.batch(stage, 7).wrong, batch.wrong)


def test_the_recipe_has_the_papers_settings() -> None:
    recipe: Any = resolve("translate/icgan", data=[])
    assert recipe.encoder_optimizer.options == {"learning_rate": 1e-4, "beta1": 0.1}
    assert (recipe.encoder_epochs, recipe.wrong_attributes, recipe.data.size_px) == (15, True, 64)


@pytest.mark.parametrize("wrong", ["true", "false"])
def test_the_discriminator_refuses_drawn_pictures_and_wrong_attributes(
    colored: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    task, stage = begun(colored, 0, "--wrong-attributes", wrong)
    seen: list[Shown] = []
    whole = task.call["discriminator"]
    task.call["discriminator"] = lambda *shown: [seen.append(Shown(*shown)), whole(*shown)][1]
    values = task.step(batches_of(task, stage), 0)
    batch = task.batch(stage, 0)
    assert len(seen) == (4 if wrong == "true" else 3)  # the last is the generator's
    assert torch.equal(seen[0].image, batch.image) and torch.equal(seen[0].attributes, batch.attributes)
    assert torch.equal(seen[1].attributes, batch.attributes) and not torch.equal(seen[1].image, batch.image)
    if wrong == "true":
        assert torch.equal(seen[2].image, batch.image) and torch.equal(seen[2].attributes, batch.wrong)
    assert {"discriminator_loss", "generator_loss"} <= set(values)


@pytest.mark.parametrize(("number", "learning"), [(0, ADVERSARIES), (1, READERS)])
def test_each_stage_moves_its_own_networks_alone(colored: Path, number: int, learning: tuple[str, ...]) -> None:
    """So the encoders leave no gradient in the generator, nor other statistics."""
    task, stage = begun(colored, number)
    before = {
        name: {key: value.clone() for key, value in network.state_dict().items()}
        for name, network in task.networks.items()
    }
    task.step(batches_of(task, stage), 0)
    for name, network in task.networks.items():
        same = all(torch.equal(value, before[name][key]) for key, value in network.state_dict().items())
        assert same != (name in learning), name
        if name not in learning:
            assert all(each.grad is None for each in network.parameters()), name


def test_the_encoders_learn_latents_of_drawn_and_attributes_of_real_pictures(
    colored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, stage = begun(colored, 1)
    batch, given = task.batch(stage, 0), {}

    def reader(name: str) -> Callable[[torch.Tensor], torch.Tensor]:
        def read(image: torch.Tensor) -> torch.Tensor:
            given[name] = image
            return torch.zeros(len(image), 100 if name == "latent_encoder" else 2)

        return read

    for name in READERS:
        task.call[name] = reader(name)
    monkeypatch.setattr(Updater, "step", lambda updater, loss: None)
    latent = torch.full((8, 100), 3.0)
    values = task.teach_readers(batch, latent, 0)
    assert torch.equal(given["attribute_encoder"], batch.image)
    drawn = task.networks["generator"](latent, batch.attributes)
    assert torch.allclose(given["latent_encoder"], drawn, atol=1e-5)
    assert {name: float(value) for name, value in values.items()} == {
        "latent_loss": 9.0, "attribute_loss": 1.0
    }  # fmt: skip


class Painter(torch.nn.Module):
    """Stands for a `Redrawing` that knows what ``colored`` draws. truly: does what is asked for, or nothing."""

    def __init__(self, *, truly: bool) -> None:
        super().__init__()
        self.truly, self.anything = truly, torch.nn.Parameter(torch.zeros(1))

    def attributes(self, image: torch.Tensor) -> torch.Tensor:
        red = image[:, 0, :, 8:].mean((1, 2)) > image[:, 2, :, 8:].mean((1, 2))
        light = image[:, :, :, :8].mean((1, 2, 3)) > 0
        return torch.stack([red, light], dim=1).float() * 2 - 1

    def redraw(self, image: torch.Tensor, attributes: torch.Tensor) -> torch.Tensor:
        if not self.truly:
            return image
        made = torch.full_like(image, -0.4)  # what each is on the mean
        for one, (red, light) in zip(made, attributes, strict=True):
            one[0 if red > 0 else 2, :, 8:] = 0.4
            one[:, :, :8] = 0.4 if light > 0 else -0.4
        return made


def scores_of(data: AttributeSet, *, truly: bool) -> ScoreRows:
    learned, places = torch.arange(36), torch.arange(36, 48)
    painter: Any = Painter(truly=truly)
    return measure_attributes(
        painter, data, places, data.pictures[learned], AttributeJudge(data, learned), on="held out"
    )


def test_scores_tell_changes_from_none(colored: Path) -> None:
    data = read_attributes([colored], table="attributes.csv", size_px=16)
    done, nothing = scores_of(data, truly=True), scores_of(data, truly=False)
    assert (done.rows[MADE][ASKED], done.rows[MADE][KEPT]) == (1.0, 1.0)
    assert done.intervals[ASKED] == (1.0, 1.0)
    assert (nothing.rows[MADE][ASKED], nothing.rows[MADE][KEPT]) == (0.0, 1.0)
    assert (done.rows[UNTOUCHED][ASKED], done.rows[UNTOUCHED][KEPT]) == (0.0, 1.0)
    assert nothing.rows[MADE][AGAIN] == 100.0  # equal pictures
    mean, nearest, drawn = (done.rows[name][AGAIN] for name in (MEAN, NEAREST, MADE))
    assert mean is not None and nearest is not None and drawn is not None
    assert mean < nearest < drawn < 100.0  # the painter draws all but the noise
    assert ScoreRows.from_json(done.to_json()) == done
    assert "red 100 (0), light 100 (0)" in " ".join(done.notes)


@pytest.fixture(scope="module")
def run(colored: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("attributes") / "run"
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as left:
        patch.setattr(FeatureExtractor, "of", staticmethod(mean_colors))
        main(["train", "translate/icgan-light", "--data", str(colored), "--out", str(folder), *SMALL])
    assert left.value.code == 0
    return folder


def test_a_run_draws_photos_of_any_size_again_and_says_so(run: Path, here: Path, limner: CommandLine) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (30, 41, 3), np.uint8)).save("photo.png")
    made = {}
    for name, asked in (("red", "red=1"), ("not", "red=0"), ("both", "red=1,light=0")):
        code, _, error = limner("translate", run, "photo.png", "--attributes", asked, "--out", f"{name}.png")
        assert code == 0, error
        assert error.count("the networks see and draw 16 x 16 px") == 1
        made[name] = np.asarray(Image.open(f"{name}.png"))
        assert made[name].shape == (30, 41, 3)
    assert (made["red"] != made["not"]).any() and (made["red"] != made["both"]).any()
    assert "made before" in limner("translate", run, "photo.png", "--attributes", "red=1", "--out", "red.png")[2]
    editor = api.load(run)
    assert editor.attributes == ("red", "light") and "red, light" in repr(editor)
    picture = torch.rand(3, 20, 24)
    assert torch.equal(editor.translate(picture, {"red": True}), editor.with_changes({"red": True}).translate(picture))


def test_a_run_is_evaluated_and_compared(run: Path, colored: Path, here: Path, limner: CommandLine) -> None:
    assert {"edits.png", "drawn.png"} <= {path.name for path in (run / "pictures").iterdir()}
    for out, more in (("a.json", []), ("b.json", ["--data", colored])):
        code, printed, error = limner("evaluate", run, "--out", out, *more)
        assert code == 0, error
        assert all(words in printed for words in ("changed as asked", "untouched", "mean picture", "nearest learned"))
    assert "6 pictures (held out)" in (here / "a.json").read_text() and "48 pictures" in (here / "b.json").read_text()
    code, printed, _ = limner("compare", "one=a.json", "other=b.json")
    assert code == 0 and "| one |" in printed and "| other |" in printed
    assert "one: Changed as asked" in printed and "other: Changed as asked" in printed
    assert printed.count("The nearest learned picture is") == 1


def test_a_run_cannot_be_exported_yet(run: Path) -> None:
    with pytest.raises(UserError, match="changes what it is told: such runs cannot be exported yet"):
        exportable(Run(run))


def table(head: str, *rows: str, pictures: int = 8) -> Callable[[Path], object]:
    def build(here: Path) -> None:
        (here / "data").mkdir()
        for number in range(pictures):
            Image.fromarray(np.full((16, 16, 3), 20 * number, np.uint8)).save(here / "data" / f"{number}.png")
        if head:
            (here / "data" / "attributes.csv").write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")

    return build


HALVES = [f"{number}.png,{number % 2}" for number in range(8)]
TRAIN = "train translate/icgan-light --data data --out new --batch 2 --data.held-out 0"
CASES = (
    Case("no table", TRAIN, "data: holds no attributes.csv; needed: a head such as file,smiling,hat", table("")),
    Case("another table", f"{TRAIN} --data.table other.csv", "holds no other.csv", table("file,hat", *HALVES)),
    Case("no head", TRAIN, "its head is file;", table("file", "0.png")),
    Case("an unknown attribute", f"{TRAIN} --data.attributes hut", "no attribute 'hut'; did you mean 'hat'",
         table("file,hat", *HALVES)),
    Case("a third value", TRAIN, "line 4: hat is '2'; needed: 0 or 1, or -1 and 1",
         table("file,hat", *HALVES[:2], "2.png,2", *HALVES[3:])),
    Case("a cell too few", TRAIN, "line 2: 1 cells; the head has 2", table("file,hat", "0.png", *HALVES[1:])),
    Case("a picture without a row", TRAIN, "no row for the picture 7.png", table("file,hat", *HALVES[:7])),
    Case("a row without a picture", TRAIN, "no picture 8.png in", table("file,hat", *HALVES, "8.png,1")),
    Case("a row twice", TRAIN, "line 10: a second row for 3.png", table("file,hat", *HALVES, "3.png,1")),
    Case("an attribute that never varies", TRAIN, "the attribute cap hardly varies: 0 of 8 pictures",
         table("file,hat,cap", *(f"{row},0" for row in HALVES))),
    Case("most held out", f"{TRAIN} --data.held-out 5", "data.held_out is 5, of 8 pictures; needed: at most half",
         table("file,hat", *HALVES)),
    Case("few pictures", TRAIN, "7 pictures; needed: 8 or more", table("file,hat", *HALVES[:7], pictures=7)),
    Case("a large batch", f"{TRAIN} --batch 9", "batch is 9, but there are 8", table("file,hat", *HALVES)),
    Case("another size", f"{TRAIN} --data.size-px 48", "48 px; needed: a power of 2", table("file,hat", *HALVES)),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_mistakes_in_the_data_are_one_line(case: Case, here: Path, limner: CommandLine) -> None:
    check_mistake(case, here, limner)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("", "the run changes attributes; say which by --attributes, such as red=1: red, light"),
        ("--attributes green=1", "--attributes green: the run has no such"),
        ("--attributes red=2", "needed: names with 0 or 1, such as smiling=1,hat=0"),
        ("--attributes red", "needed: names with 0 or 1"),
        ("--attributes red=1,red=0", "red is said twice"),
        ("--attributes red=1 --to winter", "has no domains; leave --to out"),
    ],
)
def test_mistakes_with_attributes_are_one_line(
    run: Path, here: Path, limner: CommandLine, options: str, says: str
) -> None:
    Image.new("RGB", (20, 20)).save(here / "photo.png")
    check_mistake(Case("", f"translate {run} photo.png {options}", says), here, limner)


def test_other_runs_have_no_attributes(translators: Path, here: Path, limner: CommandLine) -> None:
    Image.new("RGB", (20, 20)).save(here / "photo.png")
    command = f"translate {translators / 'enlarge'} photo.png --attributes red=1"
    check_mistake(Case("", command, "the run learned no attributes; leave --attributes out"), here, limner)
