"""The room classify on the command line and from Python: check, train, classify, evaluate, compare; mistakes."""

import csv
import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import limner as api
from drawn_pictures import draw_shape
from limner.classify.predicting.classify import Classified
from limner.classify.predicting.predictor import Answer
from limner.cli import main
from mistakes import Case, check_mistake, everything_below

CommandLine = Callable[..., tuple[int, str, str]]
TRAIN = [
    "train", "classify/lenet-digits", "--data", "shapes", "--data.size-px", "32", "--data.colors", "rgb",
    "--batch", "16", "--epochs", "12", "--loop.precision", "fp32",
]  # fmt: skip


def draw_shapes(folder: Path, count: int = 60, first: int = 0) -> Path:
    for number in range(first, first + count):
        kind = ("box", "stripes")[number % 2]
        (folder / kind).mkdir(parents=True, exist_ok=True)
        Image.fromarray(draw_shape(kind, number)).save(folder / kind / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``shapes``, and the ``run`` that learned them."""
    here = tmp_path_factory.mktemp("classify")
    draw_shapes(here / "shapes")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as left:
        patch.chdir(here)
        main([*TRAIN, "--out", "run"])
    assert left.value.code == 0
    return here


@pytest.fixture
def trained(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, in which commands run; the run knows the first one's pictures."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("checkpoint"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_check_tells_classes_sizes_and_the_next_command(here: Path, limner: CommandLine) -> None:
    draw_shapes(here / "shapes")
    code, out, _ = limner("check", "shapes", "--room", "classify", "--out", "sheet.png")
    assert code == 0
    assert "60 pictures, read as a folder for each class; 2 classes.\nClasses: box 30, stripes 30.\n" in out
    assert out.endswith("Contact sheet: sheet.png\n\nNext: limner train classify/tune --data shapes\n")
    assert Image.open(here / "sheet.png").width > 100
    code, out, _ = limner("check", "digits", "--room", "classify", "--json", "--out", "sheet.png")
    found = json.loads(out)
    assert (found["pictures"], found["usable"], found["next_command"]) == (
        1797,
        True,
        "limner train classify/lenet-digits",
    )


def test_check_finds_broken_files_leaks_and_pictures_of_two_labels(here: Path, limner: CommandLine) -> None:
    draw_shapes(here / "data/train", 24)
    draw_shapes(here / "data/test", 8, first=100)
    Image.open(here / "data/train/box/2.png").resize((70, 70)).save(here / "data/test/box/again.jpg")
    shutil.copy(here / "data/train/box/4.png", here / "data/train/stripes/odd.png")
    code, out, _ = limner("check", "data", "--room", "classify", "--json", "--out", "sheet.png")
    found = json.loads(out)
    assert (code, found["held_out"]) == (0, 9)
    assert found["leaks"] == ["test/box/again.jpg is held out and is nearly train/box/2.png, learned from"]
    assert any("odd.png" in line and "one label is wrong" in line for line in found["warnings"])
    (here / "data/train/box/2.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    code, out, _ = limner("check", "data", "--room", "classify", "--out", "sheet.png")
    assert code == 1 and "Problems\n\n- data/train/box/2.png: " in out
    assert limner("check", "gone", "--room", "classify")[0] == 1


def test_a_training_tells_shapes_apart_and_leaves_a_report_of_its_mistakes(made: Path) -> None:
    found = json.loads((made / "run/evaluation.json").read_text())
    assert found["accuracy"] >= 0.75 > found["trivial"]["accuracy"]
    assert {path.name for path in (made / "run/pictures").glob("*.png")} >= {"confusion.png", "calibration.png"}
    report = (made / "run/report.html").read_text()
    assert "Worst mistakes" in report and "limner classify " in report
    card = (made / "run/card.md").read_text()
    assert "Tells classes of pictures apart (rgb, 32 px): a lenet of " in card and "Classes: box, stripes." in card


def commonest(told: str) -> str:
    """How often each class is told first, the commonest first; of equal ones that which came first."""
    counts = Counter(line.split("  ")[1].split()[0] for line in told.splitlines())
    return ", ".join(f"{name} {count}" for name, count in counts.most_common())


def test_classify_answers_each_picture_once_with_all_its_classes(trained: Path, limner: CommandLine) -> None:
    draw_shapes(trained / "new", 10, first=500)
    code, out, error = limner("classify", "run", "new/box", "new/stripes/501.png", "new", "--top", "2")
    assert (code, error) == (0, f"10 pictures: {commonest(out)}\n")
    rows = [
        re.fullmatch(r"(\S+)  (box|stripes) ([\d.]+) %, (box|stripes) ([\d.]+) %", line) for line in out.splitlines()
    ]
    assert len(rows) == 10 and all(rows)
    right = [row[1].split("/")[1] == row[2] for row in rows if row]
    assert sum(right) >= 7
    assert all(float(row[3]) >= float(row[5]) for row in rows if row)


def test_names_in_the_table_of_classes_compute_nothing() -> None:
    answer = Answer(("=1+1", "disk"), (0.75, 0.25), np.zeros((8, 8), np.float32), None, np.zeros((8, 8, 3), np.uint8))
    _, row = csv.reader(Classified(((Path("@a.png"), answer),), 1).to_csv().splitlines())
    assert row[:3] == ["'@a.png", "'=1+1", "0.750000"]


def test_classify_writes_evidence_tables_and_json_and_the_same_again(trained: Path, limner: CommandLine) -> None:
    draw_shapes(trained / "new", 4, first=500)
    code, out, _ = limner("classify", "run", "new", "--out", "seen", "--json")
    found = json.loads(out)
    assert code == 0 and found["folder"] == "seen"
    assert {path.name for path in (trained / "seen").iterdir()} == {
        "500.png", "501.png", "502.png", "503.png", "classes.csv", "classes.json"
    }  # fmt: skip
    rows = list(csv.DictReader((trained / "seen/classes.csv").open()))
    for row, each in zip(rows, found["pictures"], strict=True):
        assert (row["path"], row["class"]) == (each["path"], each["class"])
        assert float(row["probability"]) == each["probability"] == each["classes"][0]["probability"]
        assert each["box"] is None or row["x1"] == str(each["box"][2])
    assert json.loads((trained / "seen/classes.json").read_text()) == found
    assert limner("classify", "run", "new", "--out", "seen", "--json")[1] == out
    (trained / "seen/mine.txt").touch()
    before = everything_below(trained)
    code, _, error = limner("classify", "run", "new", "--out", "seen")
    assert (code, error) == (
        2, "limner: --out seen: holds other files; choose another folder or add --overwrite\n"
    )  # fmt: skip
    assert everything_below(trained) == before
    assert limner("classify", "run", "new", "--out", "seen", "--overwrite")[0] == 0


def test_occlusion_is_another_evidence_of_the_same_answer(trained: Path, limner: CommandLine) -> None:
    draw_shapes(trained / "new", 2, first=500)
    answers = [json.loads(limner("classify", "run", "new", "--json", "--evidence", kind)[1])["pictures"] for kind in
               ("activation", "occlusion")]  # fmt: skip
    assert [each["classes"] for each in answers[0]] == [each["classes"] for each in answers[1]]


def test_load_predicts_files_and_arrays_alike(trained: Path) -> None:
    model = api.load("run", room="classify")
    path = trained / "shapes/stripes/1.png"
    one, other = model.predict(path), model.predict(np.asarray(Image.open(path)))
    assert one.names == other.names and one.probabilities == other.probabilities
    assert "box, stripes" in model._repr_html_() and "accuracy" in model._repr_html_()


def test_evaluate_scores_what_was_held_out_and_other_pictures_of_the_same_classes(
    trained: Path, limner: CommandLine
) -> None:
    kept = json.loads((trained / "run/evaluation.json").read_text())
    code, out, _ = limner("evaluate", "run", "--json", "--mistakes", "wrong")
    found = json.loads(out)
    assert code == 0 and found["confusion"] == kept["confusion"] and found["duplicates"] == []
    rows = list(csv.DictReader((trained / "wrong/mistakes.csv").open()))
    wrong = sum(sum(row) for row in found["confusion"]) - sum(found["confusion"][n][n] for n in range(2))
    assert len(rows) == wrong
    assert (trained / "wrong/mistakes.png").exists() == (wrong > 0)
    draw_shapes(trained / "new/box", 0)
    draw_shapes(trained / "new", 30, first=900)
    shutil.rmtree(trained / "new/box")
    (trained / "new/zebra").mkdir()
    shutil.copy(trained / "new/stripes/901.png", trained / "new/zebra/1.png")
    code, _, error = limner("evaluate", "run", "--data", "new", "--out", "e.json")
    assert (code, error) == (2, "limner: new: has a class 'zebra', and the run knows box, stripes\n")
    (trained / "new/zebra").rename(trained / "new/box")
    code, out, _ = limner("evaluate", "run", "--data", "new", "--out", "e.json")
    assert code == 0 and out.startswith("Careful: only 16 pictures: the accuracy may lie anywhere")
    assert json.loads((trained / "e.json").read_text())["on"] == "new"


def test_evaluate_measures_robustness_and_suspects_where_asked(trained: Path, limner: CommandLine) -> None:
    code, out, _ = limner("evaluate", "run", "--robustness", "--suspects", "odd")
    assert code == 0 and "| shift by | 0 % | 2.5 % | 5 % | 10 % | 20 % |" in out and "labels are suspect" in out
    found = json.loads((trained / "run/evaluation.json").read_text())
    assert found["robustness"]["contrast"][0] == [1.0, found["accuracy"]]
    assert len((trained / "odd/suspects.csv").read_text().splitlines()) == 1 + len(found["suspects"])


def test_compare_puts_runs_side_by_side_above_the_trivial_answer(trained: Path, limner: CommandLine) -> None:
    limner("evaluate", "run", "--out", "again.json")
    code, out, _ = limner("compare", "run", "other=again.json", "--out", "t.tex", "--columns", "accuracy,loss")
    assert code == 0
    assert re.search(r"^\| run \| \*\*[\d.]+\*\* \| \*\*[\d.]+\*\* \|", out, re.MULTILINE)
    assert "| always 'box' |" in out or "| always 'stripes' |" in out
    assert "\\toprule" in (trained / "t.tex").read_text()
    found = json.loads(limner("compare", "run", "other=again.json", "--json")[1])
    ours, theirs = (found["runs"][name] for name in ("run", "other"))
    assert ours == pytest.approx(theirs, abs=1e-4)  # the same network, asked in batches of its training and by itself
    draw_shapes(trained / "new", 30, first=900)
    limner("evaluate", "run", "--data", "new", "--out", "new.json")
    assert limner("compare", "run", "new.json")[1].startswith("Careful: not all were scored on the same pictures")


MISTAKES = (
    Case("no picture", "classify run gone.png", "gone.png: no such file or folder"),
    Case("no run", "classify nothing shapes", "no run 'nothing'"),
    Case("not a picture", "classify run text.png", "text.png: not a picture", lambda here: (here / "text.png").touch()),
    Case("an empty folder", "classify run empty", "empty: no pictures in it", lambda here: (here / "empty").mkdir()),
    Case("another room", "classify buildings shapes", "a run of the room segment; needed: one of the room classify"),
    Case("no evidence", "classify run shapes --evidence guess", "--evidence"),
    Case("none of the classes", "classify run shapes --top 0", "--top is 0; needed: 1 or more"),
    Case("a file in the way", "classify run shapes --out t", "--out t: is a file", lambda here: (here / "t").touch()),
    Case("a column", "compare run --columns accuarcy", "no column 'accuarcy'; did you mean 'accuracy'?"),
    Case("no data", "train classify/lenet-digits --data gone", "gone: no such file or folder"),
    Case(
        "one class", "train classify/lenet-digits --data shapes/box", "lies in no class's folder",
    ),
    Case("an unknown set", "train classify/tune --data shapes --data.torchvision MNITS", "did you mean 'MNIST'?"),
    Case("weights", "train classify/tune --network.name resnet --network.pretrained --network.depth 34 --data shapes",
         "resnet34 needs resnet34-b627a593.pth|resnet has no"),
)  # fmt: skip


@pytest.mark.parametrize("case", MISTAKES, ids=lambda case: case.name)
def test_a_mistake_is_one_line_and_leaves_nothing(
    case: Case, trained: Path, limner: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(trained / "torch"))
    check_mistake(case, trained, limner)


def test_a_picture_that_cannot_be_read_stops_none_of_the_others(trained: Path, limner: CommandLine) -> None:
    folder = trained / "mixed"
    folder.mkdir()
    for number, name in enumerate(("a.png", "c.png", "d.png")):
        Image.fromarray(draw_shape("box", 500 + number)).save(folder / name)
    (folder / "b.png").write_bytes(b"no picture")
    code, out, err = limner("classify", "run", "mixed", "--out", "seen")
    assert code == 1
    assert [line.split()[0] for line in out.splitlines()] == ["mixed/a.png", "mixed/c.png", "mixed/d.png"]
    assert "mixed/b.png: " in err and "1 of 4" in err
    rows = list(csv.DictReader((trained / "seen/classes.csv").open(encoding="utf-8")))
    assert [row["path"] for row in rows] == ["mixed/a.png", "mixed/c.png", "mixed/d.png"]
    assert (trained / "seen/a.png").exists() and not (trained / "seen/b.png").exists()
    code, out, err = limner("classify", "run", "mixed/b.png")
    assert (code, out) == (2, "") and "mixed/b.png: " in err
    for name in ("a.png", "c.png", "d.png"):
        (folder / name).write_bytes(b"no picture either")
    code, out, err = limner("classify", "run", "mixed", "--out", "none")
    assert (code, out) == (1, "") and not (trained / "none").exists()
