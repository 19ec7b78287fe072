"""DTN: its losses and its two stages to the letter, a source with classes and a target, and its runs."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

import limner as api
from limner.cli import main
from limner.fidelity.features import FeatureExtractor
from limner.foundation.errors import UserError
from limner.learning.loop.fabric import make_fabric
from limner.learning.loop.stream import Stream
from limner.learning.loop.task import Stage, StageContext, number_stages
from limner.learning.loop.training import seed_torch
from limner.learning.train import resolve
from limner.translate.data.domains import LEAST_PICTURES
from limner.translate.data.labeled import read_labeled
from limner.translate.measures.class_judge import share_with_interval
from limner.translate.measures.transfer_measure import OTSU, black_and_white, measure_transfer, transfer_edit
from limner.translate.training.domains import transfer_losses as losses
from limner.translate.training.domains.transfer import TransferTask
from quick_features import mean_colors

CommandLine = Callable[..., tuple[int, str, str]]
SMALL = (
    "--data.size-px 16 --data.jitter-px none --data.crop-px none --extractor.width 8 --extractor.features 8 "
    "--generator.width 8 --discriminator.width 8 --batch 8 --loop.precision fp32 --data.held-out 10 "
)
CLASSES = ("lying", "standing")


def bar(number: int, name: str) -> np.ndarray:
    """(16, 16) bool: a bar, lying or standing, somewhere near the middle."""
    at, length = 4 + number % 5, 7 + number // 5
    shape = np.zeros((16, 16), bool)
    shape[at : at + 3, 2 : 2 + length] = True
    return shape if name == "lying" else shape.T


def draw_bars(folder: Path, count: int = 60) -> Path:
    """``colored``, bars of one color on another, and ``plain``, white ones on black; both by their classes."""
    for number in range(count):
        name = CLASSES[number % 2]
        draws = np.random.default_rng([7, number])
        ground, ink = draws.permutation([draws.integers(0, 100, 3), draws.integers(150, 256, 3)])
        shape = bar(number // 2, name)[..., None]
        picture = np.where(shape, ink, ground) + draws.integers(-9, 10, (16, 16, 3))
        for domain, pixels in (("colored", picture.clip(0, 255)), ("plain", 255 * shape.repeat(3, 2))):
            place = folder / domain / name / f"{number:02d}.png"
            place.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.astype(np.uint8)).save(place)
    return folder


@pytest.fixture(scope="module")
def bars(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_bars(tmp_path_factory.mktemp("bars") / "both")


@pytest.fixture(scope="module")
def run(bars: Path) -> Path:
    """A run of two steps in each stage."""
    out = bars.parent / "run"
    few = f"{SMALL} --extractor-epochs 1 --epochs 1 --steps-per-epoch 2".split()
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as left:
        patch.setattr(FeatureExtractor, "of", staticmethod(mean_colors))
        main(["train", "translate/dtn", *data_of(bars), "--out", str(out), *few])
    assert left.value.code == 0
    return out


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FeatureExtractor, "of", staticmethod(mean_colors))


def data_of(bars: Path) -> list[str]:
    return ["--data", str(bars / "colored"), "--data", str(bars / "plain")]


def begun(bars: Path, number: int, settings: str = "") -> tuple[TransferTask, Stage]:
    """A task at the beginning of its stage ``number``."""
    overrides = f"{SMALL} {settings}".split()
    task = TransferTask(resolve("translate/dtn", data=[bars / "colored", bars / "plain"], overrides=overrides))
    stage = number_stages(task.stages())[number]
    task.begin(stage, StageContext(make_fabric(task.recipe.loop), bars))
    return task, stage


def learn(task: TransferTask, stage: Stage, count: int) -> dict[str, Tensor]:
    values: dict[str, Tensor] = {}
    with Stream(lambda number: task.batch(stage, number)) as batches:
        for index in range(count):
            seed_torch(task.seed, "step", stage.index, index)
            values = task.step(batches, index)
    return values


# --- losses ----------------------------------------------------------------------------------------------------------


def test_the_discriminator_tells_three_kinds_as_printed() -> None:
    of_source, of_target, true = torch.randn(3, 5, 3, generator=torch.Generator().manual_seed(0))
    shares = [each.softmax(1) for each in (of_source, of_target, true)]
    wanted = sum(-each[:, kind].log().mean() for kind, each in enumerate(shares))  # eq. 3: D1, D2, D3
    torch.testing.assert_close(losses.discriminator_loss(of_source, of_target, true), wanted)
    wanted = sum(-each[:, 2].log().mean() for each in shares[:2])  # eq. 4: both shall be taken for true
    torch.testing.assert_close(losses.generator_loss(of_source, of_target), wanted)
    odds = (shares[0][:, 2] / (1 - shares[0][:, 2])).log()
    torch.testing.assert_close(losses.true_against_made(of_source), odds)


def test_one_output_tells_true_from_made() -> None:
    made, other, true = torch.randn(3, 5, 1, generator=torch.Generator().manual_seed(0))
    wanted = -(1 - made.sigmoid()).log().mean() - (1 - other.sigmoid()).log().mean() - true.sigmoid().log().mean()
    torch.testing.assert_close(losses.discriminator_loss(made, other, true), wanted)
    wanted = -made.sigmoid().log().mean() - other.sigmoid().log().mean()
    torch.testing.assert_close(losses.generator_loss(made, other), wanted)
    assert torch.equal(losses.true_against_made(made), made[:, 0])


def test_what_changes_nothing_pays_for_neither_constancy_nor_identity(bars: Path) -> None:
    task, stage = begun(bars, 1)
    assert (task.recipe.constancy, task.recipe.identity, task.recipe.total_variation) == (15, 15, 0)
    shown = task.batch(stage, 0)
    task.networks["extractor"].eval()
    code = task.call["extractor"](shown.source)
    terms = task.terms(shown, code, shown.source, shown.target)
    assert {name: float(term.detach()) for name, term in terms.items()} == {"constancy": 0, "identity": 0}
    terms = task.terms(shown, code - 0.1, shown.source, shown.target + 0.2)
    assert float(terms["constancy"].detach()) == pytest.approx(15 * 0.01, rel=1e-4)
    assert float(terms["identity"]) == pytest.approx(15 * 0.04, rel=1e-4)


def test_total_variation_is_the_length_of_the_gradient_over_all_pixels(bars: Path) -> None:
    picture = torch.zeros(2, 1, 6, 6)
    assert float(losses.total_variation(picture)) == pytest.approx(0, abs=1e-2)
    picture[..., 3:] = 2.0
    assert float(losses.total_variation(picture)) == pytest.approx(5 * 2, rel=1e-3)  # an edge of 5 px, 2 high
    picture = (3 * torch.arange(6.0)[:, None] + 4 * torch.arange(6.0)).expand(1, 1, 6, 6)
    assert float(losses.total_variation(picture)) == pytest.approx(25 * 5)  # 3 down, 4 across: 5 at each of 25
    task, stage = begun(bars, 1, "--total-variation 0.05")
    shown = task.batch(stage, 0)
    assert "total_variation" in task.terms(shown, task.call["extractor"](shown.source), shown.source, shown.target)


# --- the two stages --------------------------------------------------------------------------------------------------


def state(task: TransferTask) -> dict[str, dict[str, Tensor]]:
    return {name: {key: each.clone() for key, each in net.state_dict().items()} for name, net in task.networks.items()}


def moved(task: TransferTask, before: dict[str, dict[str, Tensor]]) -> set[str]:
    """The networks of which a weight or a statistic changed."""
    now = state(task)
    return {name for name, old in before.items() if any(not torch.equal(old[key], now[name][key]) for key in old)}


def test_f_learns_first_and_is_frozen_then(bars: Path) -> None:
    task, stage = begun(bars, 0)
    assert [each.name for each in task.stages()] == ["extractor", "train"]
    before = state(task)
    assert set(learn(task, stage, 2)) == {"class_loss"}
    assert moved(task, before) == {"extractor", "head"}
    task, stage = begun(bars, 1)
    before = state(task)
    assert set(learn(task, stage, 2)) == {"discriminator_loss", "generator_loss", "constancy", "identity"}
    assert moved(task, before) == {"generator", "discriminator"}  # f's statistics stay, too


def test_f_learns_the_classes_of_the_source(bars: Path) -> None:
    task, stage = begun(bars, 0, "--extractor-optimizer.learning-rate 1e-2 --data.held-out 0")
    learn(task, stage, 60)
    assert task.evaluate() == {"training/accuracy": 1.0}
    assert task.told(task.evaluate()) == "training accuracy 100.0 %"


def test_g_learns_to_draw_the_targets(bars: Path) -> None:
    rates = "--generator-optimizer.learning-rate 3e-3 --discriminator-optimizer.learning-rate 1e-3"
    task, stage = begun(bars, 1, rates)
    before = task.edits()[0]
    first = learn(task, stage, 1)
    last = learn(task, stage, 100)
    after = task.edits()[0]
    assert float(last["identity"]) < 0.6 * float(first["identity"])  # what is a target comes back
    darkness = [float(torch.stack(list(edit.made)).median()) for edit in (before, after)]
    assert darkness[1] < 0.3 < darkness[0]  # and what is none becomes black where no bar is


# --- data and scores -------------------------------------------------------------------------------------------------


def test_a_source_with_classes_and_a_target_are_found(bars: Path, tmp_path: Path) -> None:
    two = read_labeled([bars / "colored", bars / "plain"])
    assert two.domains.domains == ("colored", "plain") and two.classes == CLASSES
    assert two.labels.tolist() == [0] * 30 + [1] * 30 + [0] * 30 + [1] * 30
    one = read_labeled([bars])
    assert torch.equal(one.labels, two.labels) and one.fingerprint == two.fingerprint
    assert read_labeled([bars], ["plain", "colored"]).domains.domains == ("plain", "colored")
    flat = tmp_path / "flat"
    flat.mkdir()
    for path in (bars / "plain").rglob("*.png"):
        shutil.copy(path, flat)
    without = read_labeled([bars / "colored", flat])
    assert without.labels[60:].unique().tolist() == [-1]
    shutil.copytree(bars / "colored", tmp_path / "other")
    (tmp_path / "other/lying/00.png").rename(tmp_path / "other/standing/00.png")
    assert read_labeled([tmp_path / "other", flat]).fingerprint != without.fingerprint  # another class, same pictures


def test_scores_tell_the_classes_of_targets_that_have_some(bars: Path, tmp_path: Path, quick: None) -> None:
    data = read_labeled([bars])
    every, plain = torch.arange(120), iter([data.domains.picture(60 + place) for place in range(60)])
    edit = transfer_edit(data, every, lambda picture: next(plain))
    scores = measure_transfer(edit, data, every, on="held out")
    assert list(scores.rows) == ["translated", "untouched", "colors alone (mkl)", OTSU]
    assert scores.main == "classes" and scores.rows["translated"].scores["classes"] == 100
    assert scores.rows["translated"].interval == (100, 100)
    assert "is right of 100.0 %" in scores.notes[-1] and scores.line().startswith("classes right, % 100.0; without")
    bars_of = [row.scores["classes"] for name, row in scores.rows.items() if name != "translated"]
    assert scores.beats_bars == (max(bars_of) < 100)
    assert type(scores).from_json(json.loads(json.dumps(scores.to_json()))) == scores
    for path in (bars / "plain").rglob("*.png"):
        shutil.copy(path, tmp_path)
    without = read_labeled([bars / "colored", tmp_path])
    edit = transfer_edit(without, every, lambda picture: picture)
    scores = measure_transfer(edit, without, every, on="held out")
    assert scores.main == "kid" and "classes" not in scores.columns and OTSU in scores.rows


def test_a_share_has_an_interval_over_pictures() -> None:
    share, (low, high) = share_with_interval(np.arange(100) % 4 > 0)
    assert share == 75 and low == pytest.approx(75 - 8.5, abs=1.5) and high == pytest.approx(75 + 8.5, abs=1.5)


def test_otsu_takes_the_side_that_looks_like_the_target() -> None:
    shape = torch.from_numpy(bar(0, "lying")).float()[None]
    dark_on_light = (0.8 - 0.5 * shape).expand(3, -1, -1)
    for picture in (dark_on_light, 1 - dark_on_light):
        assert torch.equal(black_and_white(picture, shape), shape.expand(3, -1, -1))
        assert torch.equal(black_and_white(picture, 1 - shape), 1 - shape.expand(3, -1, -1))


# --- runs ------------------------------------------------------------------------------------------------------------


def test_a_run_translates_pictures_of_any_size_and_says_so(run: Path, here: Path, limner: CommandLine) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 61, 3), dtype=np.uint8)).save("photo.png")
    code, out, error = limner("translate", run, "photo.png")
    assert (code, out) == (0, "translated/photo.png\n") and "the network knows 16 x 16 px" in error, error
    assert np.asarray(Image.open("translated/photo.png")).shape == (40, 61, 3)
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save("own.png")
    code, _, error = limner("translate", run, "own.png", "--to", "plain", "--out", "made.png")
    assert code == 0 and "the network knows" not in error
    code, _, error = limner("translate", run, "own.png", "--to", "colored")
    assert code == 2 and "--to colored: no domain of the run" in error
    made = api.load(run)
    assert made.domains == ("plain",) and made.translate(torch.rand(3, 20, 24)).shape == (3, 20, 24)


def test_a_run_that_brings_pictures_to_one_size_is_not_exported(run: Path, here: Path, limner: CommandLine) -> None:
    code, out, error = limner("export", run, "--format", "torch")
    assert (code, out) == (2, "")
    assert "brings pictures to one size and back: such runs cannot be exported yet" in error
    assert not list(here.iterdir())


def test_a_run_is_evaluated_and_compared(run: Path, bars: Path, here: Path, limner: CommandLine, quick: None) -> None:
    code, out, error = limner("evaluate", run, "--out", "a.json")
    assert code == 0 and OTSU in out and "classes right" in out, error
    told = json.loads((run / "evaluation.json").read_text())
    for way, row in json.loads(Path("a.json").read_text())["rows"].items():
        assert told["rows"][way]["scores"] == pytest.approx(row["scores"], rel=1e-3, abs=1e-3)
    code, out, error = limner("evaluate", run, "--data", bars / "colored", "--data", bars / "plain", "--out", "b.json")
    assert code == 0 and "60 to plain (60)" in out, error
    code, out, error = limner("compare", run, f"again={run}", "--out", "t.csv")
    assert code == 0 and "classes_low" in Path("t.csv").read_text(), error
    shutil.copytree(bars / "colored" / "lying", here / "flat")
    code, _, error = limner("evaluate", run, "--data", bars / "plain", "--data", here / "flat", "--out", "c.json")
    assert code == 0, error
    shutil.copytree(run, "without")
    shutil.copy("c.json", "without/evaluation.json")
    code, _, error = limner("compare", run, "without")
    assert code == 2 and "only one was scored on targets with classes" in error


@pytest.mark.parametrize(
    ("data", "more", "says"),
    [
        (["plain/lying", "plain"], "", "one lies in the other"),
        (["colored", "colored"], "", "source and target are one folder"),
        (["plain/lying", "colored"], "", "lies in no class's folder; the source lying, which comes first"),
        (["one", "plain"], "", "the source has one class, lying"),
        (["colored", "empty"], "", "no pictures in it"),
        (["colored", "few"], "", f"the domain few has 3 pictures; needed: {LEAST_PICTURES}"),
        (["colored", "plain", "few"], "", "3 domains (colored, plain, few); needed: two"),
        (["colored"], "", "domains (lying, standing)|lies in no class's folder"),
        (["colored", "plain"], "--data.domains [colored,plan]", "no domain 'plan' in the data; did you mean 'plain'"),
        (["colored", "plain"], "--data.size-px 20", "a multiple of 8"),
        (["colored", "plain"], "--batch 80", "batch is 80"),
        (["colored", "plain"], "--extractor-epochs 0", "at least 1"),
        (["colored", "plain"], "--discriminator.kinds 2", "kinds"),
        (["colored", "plain"], "--loop.accumulate 2", "loop.accumulate is 2"),
    ],
)
def test_mistakes_with_a_source_and_a_target_are_one_line(
    data: list[str], more: str, says: str, bars: Path, here: Path, limner: CommandLine
) -> None:
    shutil.copytree(bars, here, dirs_exist_ok=True)
    shutil.copytree("colored/lying", "one/lying")
    for name, count in (("empty", 0), ("few", 3)):
        Path(name).mkdir()
        for path in sorted(Path("plain/lying").iterdir())[:count]:
            shutil.copy(path, name)
    given = [word for name in data for word in ("--data", name)]
    code, _, error = limner("train", "translate/dtn", *given, "--out", "new", *f"{SMALL} {more}".split())
    *before, line = error.splitlines()
    assert code == 2 and any(each in line for each in says.split("|")), error
    assert not [each for each in before if not each.startswith("held out: ")] and not Path("new").exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"domains": ["a", "b", "c"]}, "domains"),
        ({"extractor": {"name": "dtm"}}, "extractor is a dtm, which limner does not have"),
        ({"size_px": 24}, "does not fit model.json"),
        ({"channels": 4}, "does not fit model.json"),
    ],
)
def test_damaged_runs_are_one_line(
    change: dict[str, object], says: str, run: Path, here: Path, limner: CommandLine
) -> None:
    shutil.copytree(run, "damaged")
    facts = json.loads(Path("damaged/model.json").read_text())
    Path("damaged/model.json").write_text(json.dumps({**facts, **change}))
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save("photo.png")
    code, _, error = limner("translate", "damaged", "photo.png")
    assert code == 2 and says in error and error.count("\n") == 1, error


def test_other_classes_than_the_run_learned_are_refused(run: Path, bars: Path, here: Path, limner: CommandLine) -> None:
    shutil.copytree(bars / "colored", "colored")
    Path("colored/lying").rename("colored/flat")
    code, _, error = limner("evaluate", run, "--data", "colored", "--data", bars / "plain")
    assert code == 2 and "the source's classes are flat, standing; the run learned lying, standing" in error


def test_no_data_is_told() -> None:
    with pytest.raises(UserError, match="--data SOURCE --data TARGET"):
        read_labeled([])
