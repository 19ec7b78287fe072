"""limner check in this room: tables of attributes, and a source with classes beside a target."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mistakes import Case, check_mistake

CommandLine = Callable[..., tuple[int, str, str]]
ATTRIBUTES = "check data --room translate --table attributes.csv"
CLASSES = "check source target --room translate --source-classes"


def drawn(path: Path, seed: int, side: int = 24) -> None:
    """A picture that is like no other of another seed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    Image.fromarray(coarse).resize((side, side), Image.Resampling.NEAREST).save(path)


def with_table(here: Path, head: str = "file,hat,smiling", count: int = 12, name: str = "attributes.csv") -> list[str]:
    """Pictures 0.png to count - 1, and the lines of their table: every second has a hat, the first third smiles."""
    for number in range(count):
        drawn(here / "data" / f"{number}.png", number)
    lines = [head, *(f"{number}.png,{number % 2},{int(number < count // 3)}" for number in range(count))]
    (here / "data" / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    return lines


def rewritten(here: Path, lines: list[str]) -> None:
    (here / "data" / "attributes.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def told(limner: CommandLine, command: str, code: int = 0) -> dict[str, Any]:
    found, out, error = limner(*command.split(), "--json")
    assert found == code, error
    report: dict[str, Any] = json.loads(out)
    return report


def test_a_table_of_attributes_is_told_with_shares_sizes_and_the_next_command(here: Path, limner: CommandLine) -> None:
    with_table(here)
    drawn(here / "data" / "0.png", 0, 32)
    code, out, error = limner(*ATTRIBUTES.split(), "--out", "sheet.png")
    assert code == 0, error
    assert "12 pictures with 2 attributes. Sizes: 24 x 24 px (11), 32 x 32 px (1)." in out
    lines = [line.split() for line in out.splitlines()]
    assert ["hat", "50.0%", "6", "have", "it"] in lines and ["smiling", "33.3%", "4", "have", "it"] in lines
    assert out.rstrip().endswith("Next: limner train translate/icgan-light --data data")
    assert Image.open("sheet.png").size[1] > 3 * 24  # rows of those that have each attribute, and that lack it
    report = told(limner, ATTRIBUTES)
    assert report["usable"] and report["attributes"] == {"hat": 6, "smiling": 4}
    assert [line for line in report["warnings"] if "are few" not in line] == []


def test_other_names_and_several_folders_are_read(here: Path, limner: CommandLine) -> None:
    with_table(here, name="list.csv")
    (here / "data").rename("one")
    with_table(here, name="list.csv")
    report = told(limner, "check data one --room translate --table list.csv")
    assert report["pictures"] == 24 and report["attributes"] == {"hat": 12, "smiling": 8}
    assert report["next_command"].endswith("--data data --data one --data.table list.csv")
    assert any("12 pictures look like another one" in line for line in report["warnings"])


def test_all_that_is_wrong_with_a_table_is_told_at_once(here: Path, limner: CommandLine) -> None:
    lines = with_table(here)
    lines[3] = "2.png,2,0"
    lines[4] = "3.png,1"
    rewritten(here, [*lines[:12], "7.png,1,1", "gone.png,0,0"])  # 11.png has no row
    (here / "data" / "5.png").write_bytes(b"no picture")
    problems = told(limner, ATTRIBUTES, 1)["problems"]
    for says in (
        "line 4: hat is '2'; needed: 0 or 1", "line 5: 2 cells; the head has 3", "line 13: a second row for 7.png",
        "no picture gone.png in data", "no row that can be read for the picture 11.png",
        "no row that can be read for the picture 2.png", "5.png",
    ):  # fmt: skip
        assert any(says in line for line in problems), (says, problems)
    code, _, error = limner("train", "translate/icgan-light", "--data", "data", "--out", "new")
    assert code == 2 and "line 4" in error  # training stops at the first of these


def test_constant_rare_and_coinciding_attributes_are_told(here: Path, limner: CommandLine) -> None:
    with_table(here, count=120)
    rows = []
    for number in range(120):
        hat, smiling = number % 2, int(number % 3 == 0)
        cap = hat if number != 7 else 1 - hat
        rows.append(f"{number}.png,{hat},{smiling},{1 - smiling},{cap},1,{int(number in (4, 9))},{int(number == 3)}")
    rewritten(here, ["file,hat,smiling,serious,cap,alive,crown,one", *rows])
    report = told(limner, ATTRIBUTES, 1)
    assert report["attributes"]["alive"] == 120 and report["attributes"]["crown"] == 2
    assert len(report["problems"]) == 2
    assert "the attribute alive hardly varies: 120 of 120" in report["problems"][0]
    assert "the attribute one hardly varies: 1 of 120" in report["problems"][1]
    warnings = "\n".join(report["warnings"])
    assert "only 2 of 120 pictures have the attribute crown" in warnings and "attribute one:" not in warnings
    assert "hat and cap are the same in all but 1 of 120 pictures" in warnings
    assert "smiling and serious are opposite in all 120 pictures" in warnings
    assert warnings.count("no network can tell one from the other") == 2
    assert report["next_command"].endswith("--data.attributes '[hat, smiling, serious, cap, crown]'")


def test_the_same_picture_with_other_attributes_and_oblong_ones_are_told(here: Path, limner: CommandLine) -> None:
    with_table(here)
    drawn(here / "data" / "4.png", 1)  # as 1.png, which has a hat; 4.png has none
    Image.new("RGB", (30, 20), (200, 30, 60)).save(here / "data" / "9.png")
    warnings = "\n".join(told(limner, ATTRIBUTES)["warnings"])
    assert "data/4.png is the same picture as data/1.png, and has other attributes" in warnings
    assert "1 pictures look like another one" in warnings and "1 pictures are no squares" in warnings


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda here: None, "data: no such folder"),
        (lambda here: (here / "data").mkdir(), "data: holds no attributes.csv"),
        (lambda here: (with_table(here), rewritten(here, ["file", "0.png"])), "its head is file"),
        (lambda here: with_table(here, count=6), "6 pictures; needed: 8 or more"),
        (
            lambda here: (with_table(here), [each.unlink() for each in (here / "data").glob("*.png")]),
            "data: no pictures in it",
        ),
    ],
)
def test_what_is_no_table_is_a_problem_of_the_report(
    harm: Callable[[Path], object], says: str, here: Path, limner: CommandLine
) -> None:
    harm(here)
    report = told(limner, ATTRIBUTES, 1)
    assert not report["usable"] and any(says in line for line in report["problems"]), report["problems"]


def with_classes(here: Path) -> None:
    """A source of 12 sixes and 60 nines, and a target of 14 of each."""
    for folder, counts in (("source", {"six": 12, "nine": 60}), ("target", {"six": 14, "nine": 14})):
        for kind, count in counts.items():
            for number in range(count):
                drawn(here / folder / kind / f"{number}.png", 1000 * len(kind) + 10_000 * ord(folder[0]) + number)


def test_a_source_with_classes_and_its_target_are_told(here: Path, limner: CommandLine) -> None:
    with_classes(here)
    code, out, error = limner(*CLASSES.split(), "--out", "sheet.png")
    assert code == 0, error
    assert "Source source: 72 pictures of 2 classes: nine 60, six 12." in out
    assert "Target target: 28 pictures, by the source's classes: nine 14, six 14." in out
    assert "28 pictures of target are few" in out and "one class of the source has more than four times" in out
    assert out.rstrip().endswith("Next: limner train translate/dtn-light --data source --data target")
    assert Path("sheet.png").exists()
    report = told(limner, CLASSES)
    assert report["usable"] and report["classes"] == {"nine": 60, "six": 12} and report["sizes"] == [[[24, 24], 100]]


def test_leaks_and_strange_classes_are_told(here: Path, limner: CommandLine) -> None:
    with_classes(here)
    (here / "target" / "six").rename(here / "target" / "sechs")
    for number in range(4):  # of a class few are left
        (here / "source" / "six" / f"{number}.png").unlink()
    (here / "source" / "six" / "5.png").write_bytes((here / "source" / "nine" / "3.png").read_bytes())
    (here / "target" / "nine" / "5.png").write_bytes((here / "source" / "nine" / "3.png").read_bytes())
    report = told(limner, CLASSES)
    warnings = "\n".join(report["warnings"])
    assert report["target_classes"] == {} and report["classes"] == {"nine": 60, "six": 8}
    assert "no classes of the source (sechs)" in warnings
    assert "few pictures of a class of the source: six 8" in warnings
    assert "1 pictures stand in both nine and six" in warnings
    assert "1 pictures stand in both source and target" in warnings
    assert "1 pictures of source look like another one" in warnings


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda here: drawn(here / "source" / "loose.png", 5), "lies in no class's folder"),
        (lambda here: (here / "source" / "six" / "3.png").write_bytes(b"no picture"), "3.png"),
        (lambda here: [each.unlink() for each in (here / "source" / "six").iterdir()], "the source has one class"),
        (
            lambda here: [each.unlink() for each in [*(here / "target").rglob("*.png")][2:]],
            "the domain target has 2 pictures",
        ),
    ],
)
def test_what_stops_a_training_with_classes_is_a_problem(
    harm: Callable[[Path], object], says: str, here: Path, limner: CommandLine
) -> None:
    with_classes(here)
    harm(here)
    report = told(limner, CLASSES, 1)
    assert not report["usable"] and any(says in line for line in report["problems"]), report["problems"]


CASES = (
    Case("two kinds of data", f"{ATTRIBUTES} --domains", "--domains and --table are several kinds of data; give one",
         with_table),
    Case("a table and pairs", f"{ATTRIBUTES} --joined source-left", "--table says that there are no pairs", with_table),
    Case("classes and pairs", f"{CLASSES} --target photo", "--source-classes says that there are no pairs",
         with_classes),
)  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_mistakes_with_the_options_are_one_line(case: Case, here: Path, limner: CommandLine) -> None:
    check_mistake(case, here, limner)
