"""Mistakes with pictures and recipes that generate: one line each, exit code 2, and nothing made or left behind."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from drawn_pictures import draw_box, save_boxes
from limner.cli import main
from limner.fidelity.features import FeatureExtractor
from limner.learning.runs.run import Run
from mistakes import Case, check_mistake
from quick_features import mean_colors

TINY = (
    "train generate/tiny --data boxes --generator.width 2 --discriminator.width 2 --batch 4 --kimg 0.016 "
    "--data.held-out 12 --scores.samples 16 --scores.every-kimg 1 --loop.precision fp32"
)
CommandLine = Callable[..., tuple[int, str, str]]


def boxes(count: int) -> Callable[[Path], object]:
    return lambda here: save_boxes(here / "boxes", count)


def boxes_and(change: Callable[[Path], object], count: int = 40) -> Callable[[Path], object]:
    return lambda here: change(save_boxes(here / "boxes", count))


def flat_pictures(here: Path) -> None:
    (here / "boxes").mkdir()
    for number in range(20):
        Image.new("RGB", (32, 32), (number, 0, 0)).save(here / "boxes" / f"{number}.png")


def classes(here: Path) -> None:
    save_boxes(here / "boxes/van", 20)
    save_boxes(here / "boxes/bus", 20, first=50)


def broken(folder: Path) -> None:
    for number in (3, 7):
        (folder / f"{number:04d}.png").write_bytes((folder / f"{number:04d}.png").read_bytes()[:100])


CASES = (
    Case("no data", "train generate/tiny", r"no folder of pictures is given; needed: .*--data FOLDER"),
    Case("no such folder", "train generate/tiny --data none", r"none: no such file or folder"),
    Case("an empty folder", TINY, r"boxes: no pictures in it", lambda here: (here / "boxes").mkdir()),
    Case("three pictures", TINY, r"boxes: only 3 pictures|boxes: 3 pictures; needed: 16 or more", boxes(3)),
    Case("corrupt files", TINY, r"0003\.png.*\(and 1 more of 40 files cannot be read\)", boxes_and(broken)),
    Case("pictures of one color each", TINY, r"all 20 pictures are of one color each", flat_pictures),
    Case("the batch larger than the data", f"{TINY} --batch 64",
         r"batch is 64, but there are 28 pictures to learn from \(12 are held out\); give --batch 28 or less",
         boxes(40)),
    Case("more held out than half", f"{TINY} --data.held-out 30",
         r"data.held_out is 30, of 40 pictures; needed: at most half", boxes(40)),
    Case("too few held out", f"{TINY} --data.held-out 4",
         r"data.held_out keeps 4 of 40 pictures, and scores need 10; give --data.held-out 10 or more, or 0", boxes(40)),
    Case("part of a picture held out", f"{TINY} --data.held-out 1.5",
         r"data.held_out is 1.5; needed: a share below 1, or a whole number", boxes(40)),
    Case("an odd size", f"{TINY} --data.size-px 48", r"data.size_px is 48; it must be one of 32, 64, 128, 256",
         boxes(40)),
    Case("a loss by a wrong name", f"{TINY} --loss hing", r"unknown loss 'hing'; did you mean 'hinge'\?", boxes(40)),
    Case("a network by a wrong name", f"{TINY} --generator.name dcgann",
         r"unknown generator 'dcgann'; did you mean 'dcgan'\?", boxes(40)),
    Case("an option of another network", f"{TINY} --generator.batch-norm false",
         r"unknown option 'batch_norm' of generator light", boxes(40)),
    Case("attention where no maps are so large", f"{TINY} --generator.attention 64",
         r"attention is 64, but no maps are 64 px wide; choose 0 \(none\), 4, 8, 16", boxes(40)),
    Case("an option of another room", f"{TINY} --labels roofs.gpkg",
         r"--labels is not for this recipe; rooms that have it: segment", boxes(40)),
    Case("classes without folders", f"{TINY} --data.classes folders", r"lies in no class's folder \(40 of 40 do\)",
         boxes(40)),
    Case("spectral norm where there is no attention", f"{TINY} --spectral-norm attention",
         r"spectral_norm is attention, but neither network has any", boxes(40)),
    Case("ADA for a critic", f"{TINY} --augment ada --loss wasserstein",
         r"augment ada follows how often logits of real pictures are above 0", boxes(40)),
    Case("ADA that cannot adapt", f"{TINY} --augment.name ada --augment.target 2", r"augment ada got target 2",
         boxes(40)),
    Case("an average of no half-life", f"{TINY} --average.images 0", r"average half-life got images 0", boxes(40)),
    Case("more samples than it is sensible to score", f"{TINY} --scores.samples 3",
         r"scores.samples is 3; it must be at least 16", boxes(40)),
)  # fmt: skip


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FeatureExtractor, "of", staticmethod(mean_colors))


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_a_mistake_is_one_line_and_leaves_nothing(case: Case, here: Path, limner: CommandLine) -> None:
    check_mistake(case, here, limner)


def test_pictures_of_all_sizes_and_modes_are_learned_from_together(here: Path, limner: CommandLine) -> None:
    folder = save_boxes(here / "boxes", 30)
    Image.fromarray(draw_box(50, 90)).convert("L").save(folder / "gray.png")
    Image.fromarray(draw_box(51, 17)).convert("RGBA").save(folder / "alpha.png")
    Image.fromarray(draw_box(52, 64)[:40]).save(folder / "wide.jpg")
    Image.fromarray(draw_box(53, 48)).convert("P").save(folder / "palette.png")
    Image.fromarray(np.full((20, 33), 40_000, np.uint16)).save(folder / "deep.tif")
    (folder / "notes.txt").write_text("not a picture")
    code, out, error = limner(*TINY.split(), "--out", "run", "--data.held-out", "10")
    assert (code, out) == (0, "run\n"), error
    assert "35 pictures of 32 x 32 px" in error


def test_nothing_held_out_scores_against_what_was_learned_and_says_so(here: Path, limner: CommandLine) -> None:
    save_boxes(here / "boxes", 20)
    assert limner(*TINY.split(), "--out", "run", "--data.held-out", "0")[:2] == (0, "run\n")
    row = Run(here / "run").metrics()[-1]
    assert "training/kid" in row
    assert "validation/kid" not in row
    assert "alarm/overfitting" not in row
    assert "as none are held out" in (here / "run/report.html").read_text()


def test_a_wrong_class_is_answered_with_the_nearest_one(here: Path, limner: CommandLine) -> None:
    classes(here)
    assert limner(*TINY.split(), "--out", "run", "--data.classes", "folders")[:2] == (0, "run\n")
    code, out, error = limner("generate", "run", "--classes", "vam")
    assert (code, out) == (2, "")
    assert "no class 'vam'; did you mean 'van'?" in error
    assert not (here / "generated").exists()
    assert limner("generate", "run", "-n", "2", "--classes", "van")[0] == 0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 40 ``boxes`` and the ``run`` that learned from them."""
    folder = tmp_path_factory.mktemp("made")
    save_boxes(folder / "boxes", 40)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(FeatureExtractor, "of", staticmethod(mean_colors))
        with pytest.raises(SystemExit) as left:
            main([*TINY.split(), "--out", "run"])
    assert left.value.code == 0
    return folder


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (
            "evaluate run --normalize scene",
            r"--normalize is no option of limner evaluate in the room generate; rooms that have it: segment",
        ),
        ("evaluate run --labels roofs.gpkg", r"--labels is no option of limner evaluate in the room generate"),
        ("evaluate run --data boxes --data boxes", r"--data names 2 folders; scores are against one"),
        ("evaluate run --samples 4", r"4 generated pictures; needed: 10 or more"),
        (
            "compare run --gains",
            r"--gains is no option of limner compare in the room generate; rooms that have it: segment",
        ),
        ("compare run --class car", r"--class is no option of limner compare in the room generate"),
        ("compare run boxes --columns f1", r"no column 'f1'; choose of kid, fid"),
        ("segment run boxes/0000.png", r"run: a run of the room generate; needed: one of the room segment"),
        ("refine run boxes/0000.png --labels a.gpkg", r"run: a run of the room generate"),
    ],
)
def test_options_of_maps_do_not_fit_runs_that_generate(
    command: str, says: str, made: Path, limner: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made)  # a mistake leaves it as it is, which is tested
    check_mistake(Case(command, command, says), made, limner)


def test_losses_that_are_no_numbers_end_in_one_line_and_a_run_that_makes_pictures(
    here: Path, limner: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_boxes(here / "boxes", 40)
    torch.manual_seed(0)
    command = [
        *TINY.split(),
        "--out",
        "run",
        "--loop.log-every",
        "1",
        "--discriminator-optimizer.learning-rate",
        "1e30",
    ]
    code, out, error = limner(*command, "--spectral-norm", "none")
    assert (code, out) == (2, "")
    assert "is not a number" in error or "is nan" in error or "is inf" in error
    last = error.splitlines()[-1]
    assert last.startswith("limner: ")
    assert last.endswith("the run holds the model of step 0")
    assert limner("generate", "run", "-n", "2")[0] == 0
