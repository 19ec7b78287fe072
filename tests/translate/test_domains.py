"""Learning without pairs: domains found and held out, CycleGAN's step to its letter, scores, alarms, and the verbs."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn

import limner as api
from export_formats import FORMATS
from limner.cli import main
from limner.fidelity.features import FeatureExtractor
from limner.foundation.errors import UserError
from limner.learning.alarms import ringing
from limner.learning.loop.fabric import make_fabric
from limner.learning.loop.stream import Stream
from limner.learning.loop.task import Stage, StageContext, number_stages
from limner.learning.loop.training import seed_torch
from limner.learning.runs.export.files import READERS
from limner.learning.runs.export.formats import SUFFIXES
from limner.learning.train import resolve
from limner.translate.data.domains import find_domains, hold_out_domains, read_domains
from limner.translate.measures.domain_measure import Edit, edges_kept, map_to_domain, measure_domains, recolored
from limner.translate.measures.domain_result import COLORS, UNTOUCHED, DomainScores
from limner.translate.training.domains.alarms import ALARMS, domain_alarms, told_apart, worst
from limner.translate.training.domains.cycle import Both, CycleTask
from limner.translate.translating.domains import DomainTranslator
from quick_features import mean_colors

CommandLine = Callable[..., tuple[int, str, str]]
SMALL = (
    "--data.size-px 32 --data.jitter-px none --data.crop-px 32 --generator.blocks 1 --generator.width 8 "
    "--discriminator.layers 1 --discriminator.width 8 --batch 4 --loop.precision fp32 --data.held-out 3 "
)


def smooth(seed: int, side: int = 32) -> np.ndarray:
    coarse = np.random.default_rng([3, seed]).integers(60, 200, (4, 4, 3), dtype=np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC))


def draw_domains(folder: Path, count: int = 14) -> Path:
    """``warm`` and ``cold``: smooth pictures, none in both; warm ones have no blue, cold ones no red."""
    for number in range(2 * count):
        name, channel = (("warm", 2), ("cold", 0))[number % 2]
        picture = smooth(number).copy()
        picture[..., channel] //= 4
        (folder / name).mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / name / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def domains(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return draw_domains(tmp_path_factory.mktemp("domains") / "both")


@pytest.fixture(scope="module")
def run(domains: Path) -> Path:
    """A run of two steps."""
    out = domains.parent / "run"
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as left:
        patch.setattr(FeatureExtractor, "of", staticmethod(mean_colors))
        few = "--epochs 1 --steps-per-epoch 2"
        main(["train", "translate/cyclegan", "--data", str(domains), "--out", str(out), *f"{SMALL} {few}".split()])
    assert left.value.code == 0
    return out


@pytest.mark.parametrize("format", FORMATS)
def test_a_run_is_exported_for_each_of_its_domains(run: Path, here: Path, format: str) -> None:
    with pytest.raises(UserError, match="say which by --to: cold, warm"):
        api.export(run, format)
    picture = torch.rand(1, 3, 44, 51)
    for name in ("cold", "warm"):
        done = api.export(run, format, to=name, out=here / f"{name}{SUFFIXES[format]}")
        assert done.line.count("at most ") == 3
        answer, _ = READERS[format](done.path)
        found = torch.as_tensor(answer([255 * picture]))[0] / 255
        translator = api.load(run)
        assert isinstance(translator, DomainTranslator)
        expected = translator.translate(picture[0], name)
        inner = (slice(None), slice(8, 32), slice(8, 32))  # at the border limner reflects
        assert (found - expected)[inner].abs().max() < 0.05
    assert not (here / "run.pt").exists()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FeatureExtractor, "of", staticmethod(mean_colors))


def begun(domains: Path, recipe: str = "cyclegan", settings: str = "") -> tuple[CycleTask, Stage]:
    task = CycleTask(resolve(f"translate/{recipe}", data=[domains], overrides=f"{SMALL} {settings}".split()))
    stage = number_stages(task.stages())[0]
    task.begin(stage, StageContext(make_fabric(task.recipe.loop), domains))
    return task, stage


def learn(task: CycleTask, stage: Stage, count: int) -> dict[str, Tensor]:
    values: dict[str, Tensor] = {}
    with Stream(lambda number: task.batch(stage, number)) as batches:
        for index in range(count):
            seed_torch(task.seed, "step", stage.index, index)
            values = task.step(batches, index)
    return values


# --- data ------------------------------------------------------------------------------------------------------------


def test_domains_are_folders_with_pictures_or_folders_in_one(domains: Path) -> None:
    assert {name: len(files) for name, files in find_domains([domains]).items()} == {"cold": 14, "warm": 14}
    both = find_domains([domains / "warm", domains / "cold"])
    assert list(both) == ["warm", "cold"]  # in the order that they were given
    assert list(find_domains([domains], ["warm", "cold"])) == ["warm", "cold"]
    for paths, wanted, says in (
        ([], (), "no data is given"),
        ([domains / "warm"], (), r"1 domain \(warm\)"),
        ([domains], ("warm", "colt"), "no domain 'colt' in the data; did you mean 'cold'"),
    ):
        with pytest.raises(UserError, match=says):
            find_domains(paths, wanted)


def test_each_domain_holds_out_its_share_and_batches_depend_on_their_number_alone(domains: Path) -> None:
    found = read_domains(find_domains([domains]))
    learned, held = hold_out_domains(found, 3, 0)
    assert [len(found.of(number, held)) for number in (0, 1)] == [3, 3]
    assert sorted([*learned.tolist(), *held.tolist()]) == list(range(28))
    task, stage = begun(domains)
    third = task.batch(stage, 3)
    task.batch(stage, 1)
    again = task.batch(stage, 3)
    assert torch.equal(third.first, again.first) and torch.equal(third.second, again.second)
    assert third.first.shape == (4, 3, 32, 32) and not torch.equal(task.batch(stage, 4).first, third.first)
    # Cold pictures have little red, warm ones little blue: each stays on its side.
    assert (
        float((third.first[:, 0] - third.first[:, 2]).mean())
        < 0
        < float((third.second[:, 0] - third.second[:, 2]).mean())
    )


# --- learning --------------------------------------------------------------------------------------------------------


def test_cyclegan_weighs_its_losses_as_printed(domains: Path) -> None:
    task, _ = begun(domains, settings="--pool 0")
    assert (task.recipe.cycle, task.recipe.identity, task.recipe.adversarial) == (10, 5, 2)
    logits = torch.full((2, 1, 3, 3), 0.25)
    assert float(task.loss.generator(logits)) == pytest.approx(0.75**2)  # E[(D(G(x)) - 1)^2]
    assert float(task.loss.discriminator(logits, logits)) == pytest.approx((0.75**2 + 0.25**2) / 2)  # halved
    moved = {name: {id(each) for group in optimizer.param_groups for each in group["params"]} for name, optimizer in
             task.optimizers.items()}  # fmt: skip
    for kind, names in (("generator", ("into_first", "into_second")),
                        ("discriminator", ("discriminator_first", "discriminator_second"))):  # fmt: skip
        assert moved[kind] == {id(each) for name in names for each in task.networks[name].parameters()}


def test_generators_that_change_nothing_pay_for_neither_cycle_nor_identity(domains: Path) -> None:
    task, stage = begun(domains)
    for name in ("into_first", "into_second"):
        task.call[name] = nn.Identity()
    from limner.adversarial.update import Update

    real = task.batch(stage, 0)
    update = Update(0, real, Both(first=real.second, second=real.first))
    assert float(task.cycle(update)) == float(task.identity(update)) == 0
    task.call["into_first"] = lambda image: -image
    assert float(task.identity(update)) == pytest.approx(5 * 2 * float(real.first.abs().mean()), rel=1e-5)


def test_the_pool_is_in_the_state_and_keeps_both_domains_pictures(domains: Path) -> None:
    task, stage = begun(domains, settings="--pool 6")
    learn(task, stage, 3)
    first, second = task.state["pool"]
    assert first.shape == second.shape == (6, 3, 32, 32) and not torch.equal(first, second)
    without, stage = begun(domains, settings="--pool 0")
    learn(without, stage, 1)
    assert without.state == {}


def test_colors_of_the_other_domain_are_learned(domains: Path, quick: None) -> None:
    settings = (
        "--generator-optimizer.learning-rate 4e-3 --discriminator-optimizer.learning-rate 2e-3 "
        "--identity 0 --cycle 2 --schedule constant"
    )
    task, stage = begun(domains, settings=settings)
    before = distance_of_colors(task)
    learn(task, stage, 60)
    assert distance_of_colors(task) < 0.6 * before


def distance_of_colors(task: CycleTask) -> float:
    """How far the mean colors of made pictures are from those of the domain."""
    found = []
    for edit in task.edits():
        made, true = (
            torch.stack([each.mean((1, 2)) for each in pictures]).mean(0) for pictures in (edit.made, edit.true)
        )
        found.append(float((made - true).abs().mean()))
    return sum(found)


# --- scores and alarms -----------------------------------------------------------------------------------------------


def test_scores_stand_beside_untouched_pictures_and_colors_alone(quick: None) -> None:
    pictures = [torch.from_numpy(smooth(number).copy()).permute(2, 0, 1).float() / 255 for number in range(24)]
    red = [torch.stack([each[0], each[1] / 3, each[2] / 3]) for each in pictures[12:]]
    colors = map_to_domain(pictures[:12], red)
    edit = Edit("red", pictures[:12], red, red, pictures[:12])
    scores = measure_domains([edit], lambda name: colors, on="held out")
    assert set(scores.rows) == {"translated", UNTOUCHED, COLORS}
    kids = {name: row.scores["kid"] for name, row in scores.rows.items()}
    assert kids["translated"] < kids[COLORS] < kids[UNTOUCHED]
    assert scores.best_bar == (COLORS, kids[COLORS]) and "without learning" in scores.line()
    assert scores.rows["translated"].scores["restored"] == 100 and "restored" not in scores.rows[UNTOUCHED].scores
    judged = measure_domains(
        [edit, Edit("plain", red, pictures[:12], pictures[12:], red)], lambda name: colors, on="held out",
        learned=([*red, *pictures[12:]], torch.arange(24) // 12),
    )  # fmt: skip
    assert judged.rows["translated"].scores["accuracy"] > 90 > 40 > judged.rows[UNTOUCHED].scores["accuracy"]
    assert "of the domains' own pictures it takes 100.0 %" in judged.notes[0]
    low, high = scores.rows[UNTOUCHED].interval or (0, 0)
    assert low < kids[UNTOUCHED] < high
    assert DomainScores.from_json(json.loads(json.dumps(scores.to_json()))) == scores
    with pytest.raises(UserError, match="scores need 2 of both"):
        measure_domains([Edit("red", pictures[:1], red[:1], red)], None, on="held out")


def test_a_map_of_colors_brings_means_and_spreads_to_the_domains() -> None:
    ones = [torch.rand(3, 20, 20, generator=torch.Generator().manual_seed(n)) * 0.3 + 0.3 for n in range(3)]
    others = [torch.rand(3, 20, 20, generator=torch.Generator().manual_seed(9 + n)) * 0.5 + 0.2 for n in range(3)]
    made = torch.cat([recolored(each, map_to_domain(ones, others)).flatten(1) for each in ones], 1)
    wanted = torch.cat([each.flatten(1) for each in others], 1)
    torch.testing.assert_close(made.mean(1), wanted.mean(1), atol=3e-3, rtol=0)
    torch.testing.assert_close(made.std(1), wanted.std(1), atol=3e-3, rtol=0)


def test_edges_are_kept_by_what_darkens_and_lost_by_what_moves() -> None:
    picture = torch.from_numpy(smooth(1, 48).copy()).permute(2, 0, 1).float() / 255
    assert edges_kept(picture / 2 + 0.1, picture) == pytest.approx(1, abs=1e-6)
    assert abs(edges_kept(picture.roll(20, 2).flip(1), picture)) < 0.7
    assert edges_kept(torch.full_like(picture, 0.5), picture) == 0


def test_alarms_of_domains_ring_for_their_symptoms_alone() -> None:
    given = [torch.from_numpy(smooth(n, 64).copy()).permute(2, 0, 1).float() / 255 for n in range(6)]
    learned = [torch.from_numpy(smooth(100 + n, 64).copy()).permute(2, 0, 1).float() / 255 for n in range(6)]
    good = [(each * torch.tensor([1.0, 0.6, 0.5]).view(3, 1, 1)).clamp(0, 1) for each in given]
    assert ringing(ALARMS, domain_alarms(given, good, learned)) == {}
    board = torch.arange(64) % 2 * 0.2
    for made, name in (
        ([each + board for each in good], "alarm/checkerboard"),
        ([1 - each for each in good], "alarm/inversion"),
        (given, "alarm/nothing"),
        ([good[0]] * 6, "alarm/constant"),
        (learned, "alarm/copies"),
    ):
        assert name in ringing(ALARMS, domain_alarms(given, made, learned)), name
    assert told_apart(torch.tensor([0.9, 0.7]), torch.tensor([0.1, 0.6]), 0.5) == pytest.approx(0.75)
    assert worst([{"alarm/nothing": 9.0, "alarm/copies": 0.0}, {"alarm/nothing": 3.0, "alarm/copies": 0.4}]) == {
        "alarm/nothing": 3.0, "alarm/copies": 0.4,
    }  # fmt: skip


# --- the verbs -------------------------------------------------------------------------------------------------------


def test_a_photo_of_any_size_goes_to_a_domain_and_the_report_stands(run: Path, here: Path, limner: CommandLine) -> None:
    Image.fromarray(smooth(50, 61)[:43]).save("photo.png")
    code, out, error = limner("translate", run, "photo.png", "--to", "warm")
    assert (code, out) == (0, "translated/photo.png\n"), error
    warm = np.asarray(Image.open("translated/photo.png"))
    assert warm.shape == (43, 61, 3)
    code, _, error = limner("translate", run, "photo.png", "--to", "cold")
    assert code == 2 and "to warm, now cold" in error
    assert limner("translate", run, "photo.png", "--to", "cold", "--out", "cold.png")[0] == 0
    assert (warm != np.asarray(Image.open("cold.png"))).any()
    page = (run / "report.html").read_text()
    for words in ("Given and made", "Nearest neighbors", "colors alone (mkl)", "mean KID", "--to warm"):
        assert words in page
    assert (run / "pictures/given-and-made.png").exists() and "without pairs" in (run / "card.md").read_text()
    made = api.load(run)
    assert made.translate(torch.rand(3, 20, 24), to="cold").shape == (3, 20, 24)
    assert "cold, warm" in repr(made) and "limner translate" in made._repr_html_() and "KID" in made.score


def test_domains_are_evaluated_compared_and_checked(
    run: Path, domains: Path, here: Path, limner: CommandLine, quick: None
) -> None:
    before = json.loads((run / "evaluation.json").read_text())
    code, out, error = limner("evaluate", run, "--out", "a.json")
    assert code == 0 and "| untouched |" in out, error
    after = json.loads(Path("a.json").read_text())
    assert after["counts"] == before["counts"]
    for way, row in before["rows"].items():
        assert after["rows"][way]["scores"] == pytest.approx(row["scores"], rel=1e-3, abs=1e-6)
    code, out, _ = limner("evaluate", run, "--data", domains, "--out", "b.json")
    assert code == 0 and "14 to cold (14)" in out
    code, out, error = limner("compare", run, f"again={run}")
    assert code == 0 and out.count("untouched") == 1 and "mean KID" in out, error
    assert "kid_low" in (limner("compare", run, "--out", "t.csv"), Path("t.csv").read_text())[1]
    code, out, _ = limner("check", domains, "--room", "translate", "--domains", "--json")
    told = json.loads(out)
    assert code == 0 and told["counts"] == {"cold": 14, "warm": 14} and told["usable"]
    assert "translate/cyclegan-light" in told["next_command"]
    code, out, _ = limner("check", domains / "warm", "--room", "translate", "--domains")
    assert code != 0 and "1 domain (warm)" in out


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("translate RUN photo.png", "say which by --to: cold, warm"),
        ("translate RUN photo.png --to hot", "--to hot: no domain of the run"),
        ("translate RUN photo.png --to warm --mask photo.png", "leave --mask out"),
        ("translate RUN gone.png --to warm", "gone.png: no such file"),
        ("evaluate RUN --channel y", "no true picture is known"),
        ("evaluate RUN --data one", "no pictures in it|no domain"),
        ("check DATA --room translate --domains --source warm", "leave --source, --target and --joined out"),
        ("train translate/cyclegan-light --data one --out new", "no pictures in it|1 domain"),
        ("train translate/cyclegan-light --data DATA --out new --data.domains [warm]", "1 domain"),
        ("train translate/cyclegan-light --data DATA --out new --data.domains [warm,warm]", "names one twice"),
        ("train translate/cyclegan-light --data DATA --out new --data.held-out 1", "scores need 2"),
        ("train translate/cyclegan-light --data DATA --out new --data.held-out 2 --batch 40", "give --batch"),
        ("train translate/cyclegan-light --data DATA --out new --data.held-out 2 --data.crop-px 30", "multiples of 4"),
        (
            "train translate/cyclegan-light --data DATA --out new --data.held-out 2 --data.crop-px 100",
            "data.crop_px is 100",
        ),
        ("train translate/cyclegan-light --data DATA --out new --data.held-out 2 --discriminator.layers 6", "needs"),
        ("train translate/cyclegan-light --data DATA --out new --data.held-out 2 --adversarial 0", "adversarial is 0"),
        ("train translate/cyclegan-light --data DATA --out new --loop.accumulate 2", "loop.accumulate is 2"),
        ("train translate/cyclegan-light --data DATA --out new --data.held-out 2.5", "a whole number"),
    ],
)  # fmt: skip
def test_mistakes_with_domains_are_one_line(
    command: str, says: str, run: Path, domains: Path, here: Path, limner: CommandLine
) -> None:
    import re

    Image.fromarray(smooth(1)).save("photo.png")
    Path("one").mkdir()
    words = command.replace("RUN", str(run)).replace("DATA", str(domains)).replace("THREE", "three").split()
    code, _, error = limner(*words)
    assert code == 2 and re.search(says, error) and len(error.strip().splitlines()) <= 2, error
    assert not Path("new").exists()


def test_a_run_of_pairs_has_no_domains(translators: Path, run: Path, here: Path, limner: CommandLine) -> None:
    Image.fromarray(smooth(1)).save("photo.png")
    code, _, error = limner("translate", translators / "paint", "photo.png", "--to", "warm")
    assert code == 2 and "leave --to out" in error
    code, _, error = limner("compare", translators / "paint", run)
    assert code == 2 and "compare runs of one kind" in error


def test_two_domains_are_asked_for_and_others_are_told(domains: Path, here: Path, limner: CommandLine) -> None:
    for name in ("a", "b", "c"):
        draw = draw_domains(here / "three" / "drawn", 4)
        (draw / "warm").rename(here / "three" / name)
        for path in (draw / "cold").iterdir():
            path.unlink()
        (draw / "cold").rmdir()
        draw.rmdir()
    code, _, error = limner(
        "train", "translate/cyclegan-light", "--data", "three", "--out", "new", "--data.held-out", "0"
    )
    assert code == 2 and "3 domains: a, b, c" in error and "--data.domains" in error
    code, out, _ = limner("check", "three", "--room", "translate", "--domains")
    assert "--data.domains '[a, b]'" in out and "8" not in out.split("\n")[0]


def test_rasters_keep_their_place_and_clips_go_frame_by_frame(run: Path, here: Path, limner: CommandLine) -> None:
    import rasterio

    place = rasterio.Affine(0.5, 0, 5e5, 0, -0.5, 4e6)
    with rasterio.open(
        "scene.tif", "w", driver="GTiff", height=50, width=70, count=3, dtype="uint16", crs="EPSG:32633",
        transform=place, photometric="rgb",
    ) as file:  # fmt: skip
        file.write(
            np.stack(
                [np.asarray(Image.fromarray(smooth(3, 70)[:50])).astype(np.uint16)[..., c] * 257 for c in range(3)]
            )
        )
    code, _, error = limner("translate", run, "scene.tif", "--to", "cold", "--tile-px", "32", "--out", "cold.tif")
    assert code == 0, error
    with rasterio.open("cold.tif") as made:
        assert (made.height, made.width, made.dtypes[0], made.crs.to_epsg()) == (50, 70, "uint16", 32633)
        assert made.transform == place and len(np.unique(made.read())) > 256
    Path("frames").mkdir()
    for number in range(3):
        Image.fromarray(smooth(number)).save(f"frames/{number}.png")
    code, _, error = limner("translate", run, "frames", "--clip", "--to", "warm", "--out", "warm.mp4")
    assert code == 0 and Path("warm.mp4").stat().st_size > 0, error


def test_domains_of_many_bands_and_sixteen_bits_are_learned_from(here: Path, limner: CommandLine, quick: None) -> None:
    import rasterio

    for name, low in (("dry", 100), ("wet", 30000)):
        Path(name).mkdir()
        for number in range(6):
            values = low + np.random.default_rng([number, low]).integers(0, 2**14, (4, 32, 32), dtype=np.uint16)
            with rasterio.open(
                f"{name}/{number}.tif", "w", driver="GTiff", height=32, width=32, count=4, dtype="uint16"
            ) as file:
                file.write(values)
    few = f"{SMALL} --data.held-out 2 --epochs 1 --steps-per-epoch 1 --batch 2 --data.colors bands --data.size-px none"
    code, _, error = limner(
        "train", "translate/cyclegan", "--data", "dry", "--data", "wet", "--out", "run", *few.split()
    )
    assert code == 0, error
    code, _, error = limner("translate", "run", "dry/0.tif", "--to", "wet", "--out", "made.tif")
    assert code == 0, error
    with rasterio.open("made.tif") as made:
        assert (made.count, made.dtypes[0], made.height) == (4, "uint16", 32)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"domains": ["cold"]}, "domains"),
        ({"domains": "cold"}, "domains"),
        ({"domains": ["a", "b", "c"]}, "3 domains; needed: 2"),
        ({"channels": 4}, "does not fit model.json"),
        ({"channels": 0}, "channels"),
        ({"generator": {"name": "stargan"}}, "generator is a stargan, which limner does not have"),
        ({"generator": {"name": "resnet", "width": 1 << 30}}, "needed: at most"),
    ],
)
def test_damaged_runs_of_domains_are_one_line(
    change: dict[str, object], says: str, run: Path, here: Path, limner: CommandLine
) -> None:
    import shutil

    shutil.copytree(run, "damaged")
    path = Path("damaged/model.json")
    told = json.loads(path.read_text())
    facts = told if "domains" in told else told["facts"]
    facts.update(change)
    path.write_text(json.dumps(told))
    Image.fromarray(smooth(1)).save("photo.png")
    code, _, error = limner("translate", "damaged", "photo.png", "--to", "cold")
    assert code == 2 and says in error and len(error.splitlines()) == 1, error
