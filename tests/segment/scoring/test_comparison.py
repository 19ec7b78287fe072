"""The comparison table: the paper's form, both constants, and no comparing of what was not scored alike."""

import csv
import io
import json
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from limner.foundation.errors import UserError
from limner.learning.verbs import compare as compare_runs
from limner.segment.measures.counts import Counts
from limner.segment.measures.objects import Objects, ObjectScores
from limner.segment.measures.scores import Evaluation, Protocol
from limner.segment.scoring.comparison import Comparison, Row, compare


def evaluation(right, areas=("D12", "D19"), pixels="all labelled pixels", objects=400, **protocol):
    """Each area has 1000 pixels, ``objects`` of them buildings; a share ``right`` of both classes is called rightly."""
    there, rest = objects, 1000 - objects
    counts = Counts(
        np.array(
            [[round(rest * right), rest - round(rest * right)], [there - round(there * right), round(there * right)]]
        )
    )
    return Evaluation(dict.fromkeys(areas, counts), Protocol(pixels, **protocol)).to_json()


def table_rows(markdown):
    lines = [line for line in markdown.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[:1] + lines[2:]]


def test_rows_are_runs_and_constants_and_columns_are_areas_and_their_mean():
    rows = table_rows(compare([("plain", evaluation(0.8)), ("better", evaluation(0.9))]).to_markdown())
    assert rows[0] == [
        "run",
        *(f"{place} {score}" for place in ("D12", "D19", "mean") for score in ("F1", "Acc", "IoU")),
    ]
    assert [row[0] for row in rows[1:]] == ["plain", "better", "all background", "all object"]
    assert rows[1][1:4] == ["76.19", "80.00", "61.54"]  # TP 320, FP 120, FN 80
    assert rows[3][1:4] == ["0.00", "60.00", "0.00"]
    assert rows[4][1:4] == ["57.14", "40.00", "40.00"]


def test_the_best_run_of_each_column_is_bold_and_a_constant_never_is():
    rows = table_rows(compare([("bad", evaluation(0.1)), ("worse", evaluation(0.05))]).to_markdown())
    assert all(cell.startswith("**") for cell in rows[1][1:])
    assert not any("*" in cell for row in rows[2:] for cell in row)


def test_runs_that_print_alike_share_the_bold():
    rows = table_rows(compare([("a", evaluation(0.8)), ("b", evaluation(0.8))]).to_markdown())
    assert rows[1][1] == rows[2][1] == "**76.19**"


def test_areas_in_another_order_are_the_same_areas():
    other = evaluation(0.9, areas=("D19", "D12"))
    assert compare([("a", evaluation(0.8)), ("b", other)]).places == ("D12", "D19", "mean")


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (evaluation(0.9, areas=("D12", "D22")), "areas D19, D22 are in one only"),
        (evaluation(0.9, pixels="labelled pixels within area.gpkg"), "protocols say pixels.*within area.gpkg"),
        (evaluation(0.9, ignore=254), "protocols say ignore"),
        (evaluation(0.9, objects=300), "area D12 has 600 . 400 and 700 . 300 pixels of background, object"),
        ({**evaluation(0.9), "classes": ["land", "house"]}, "classes background, object and land, house"),
        ({"format_version": 7}, "b: format version 7"),
    ],
)
def test_what_was_not_scored_alike_is_refused_and_the_difference_named(other, words):
    with pytest.raises(UserError, match=words) as caught:
        compare([("a", evaluation(0.8)), ("b", other)])
    assert "\n" not in str(caught.value)


def test_runs_may_differ_in_threshold_and_normalization_and_the_table_says_so():
    table = compare([("a", evaluation(0.8, threshold=0.3)), ("b", evaluation(0.9, normalization="scene"))])
    assert "Threshold: a 0.3, b likeliest class." in table.to_markdown()
    assert "Normalization: a not stated, b scene." in table.to_markdown()
    assert "Threshold" not in compare([("a", evaluation(0.8, threshold=0.3))]).to_markdown()


def test_csv_has_the_form_of_the_published_table(tmp_path):
    compare([("U-Net, small", evaluation(0.8))]).write(tmp_path / "table.csv")
    rows = list(csv.reader(io.StringIO((tmp_path / "table.csv").read_text())))
    assert rows[0][:4] == ["run", "D12_f1", "D12_acc", "D12_iou"] and rows[0][-3:] == [
        "mean_f1",
        "mean_acc",
        "mean_iou",
    ]
    assert rows[1][:3] == ["U-Net, small", "76.19", "80.00"]
    assert len(rows) == 4


def test_undefined_scores_are_a_dash_in_markdown_and_empty_in_csv():
    table = compare([("a", evaluation(1.0, objects=0))])
    assert table_rows(table.to_markdown())[1][1:3] == ["-", "**100.00**"]
    assert table.to_csv().splitlines()[1].startswith("a,,100.00,")


def test_tex_escapes_names_and_closes_what_it_opens(tmp_path):
    compare([("residual_34 & 5%", evaluation(0.8))]).write(tmp_path / "table.tex")
    text = (tmp_path / "table.tex").read_text()
    assert r"residual\_34 \& 5\% & \textbf{76.19} & \textbf{80.00}" in text
    columns = {line.count(" & ") for line in text.splitlines() if line.endswith(r"\\") and "multicolumn" not in line}
    assert columns == {9}
    assert text.count("{") == text.count("}")


# --- gains: the form of Table III ---

SUPPLEMENT = {  # TP, FP, FN, TN of the authors' error maps (github.com/sinaghassemi/eusipco2018)
    "D12": (1516161, 621307, 883762, 23778946),
    "D19": (497935, 183474, 328316, 7006251),
    "D22": (1549563, 543497, 608235, 55086481),
}


def evaluation_of(cells):
    """An evaluation from (TP, FP, FN, TN) of each area."""
    areas = {area: Counts(np.array([[tn, fp], [fn, tp]])) for area, (tp, fp, fn, tn) in cells.items()}
    return Evaluation(areas, Protocol("all labelled pixels"), ("background", "building")).to_json()


def corrected(cells, found, spared):
    """The same ground with a share of the missed buildings found, and of the false alarms spared."""
    return {
        area: (tp + round(fn * found), fp - round(fp * spared), fn - round(fn * found), tn + round(fp * spared))
        for area, (tp, fp, fn, tn) in cells.items()
    }


def by_hand(cells):
    """F1 and accuracy of each area and their plain means as exact fractions of the counts."""
    scores = [
        (Fraction(2 * tp, 2 * tp + fp + fn), Fraction(tp + tn, tp + fp + fn + tn)) for tp, fp, fn, tn in cells.values()
    ]
    means = [sum(column) / len(scores) for column in zip(*scores, strict=True)]
    return [score for area in (*scores, means) for score in area]


def refined_table(**options):
    """The published maps of Prop-152 as baseline, and two refinings of them, in the paper's columns."""
    runs = {
        "Prop-152": SUPPLEMENT,
        "small": corrected(SUPPLEMENT, 0.1, 0.05),
        "large": corrected(SUPPLEMENT, 0.4, 0.2),
        "worse": corrected(SUPPLEMENT, -0.1, -0.3),
    }
    table = compare([(name, evaluation_of(cells)) for name, cells in runs.items()], columns=("f1", "acc"), **options)
    return runs, table


def test_gains_stand_below_each_run_but_the_first_and_are_exact_differences_to_the_first():
    runs, table = refined_table(gains=True)
    rows = table_rows(table.to_markdown())
    names = ["Prop-152", "small", "gain", "large", "gain", "worse", "gain", "all background", "all building"]
    assert [row[0] for row in rows[1:]] == names
    assert rows[1][1:] == ["66.83", "94.38", "66.05", "93.62", "72.91", "98.01", "68.60", "95.34"]
    first = by_hand(SUPPLEMENT)
    for place, name in ((3, "small"), (5, "large"), (7, "worse")):
        exact = [100 * (ours - base) for ours, base in zip(by_hand(runs[name]), first, strict=True)]
        assert [round(float(cell), 2) for cell in rows[place][1:]] == [round(float(value), 2) for value in exact]
        assert {cell[0] for cell in rows[place][1:]} == {"-" if name == "worse" else "+"}
    assert "gain = what the run above it has more than Prop-152, in percent points." in table.notes


def test_a_gain_is_that_of_the_counts_not_of_the_printed_scores():
    runs = [(name, evaluation_of({"a": (10_000, wrong, 0, 90_000 - wrong)})) for name, wrong in NEARLY_ALIKE.items()]
    rows = table_rows(compare(runs, gains=True).to_markdown())
    assert [row[2] for row in rows[1:4]] == ["**95.00**", "**95.00**", "+0.01"]


NEARLY_ALIKE = {"first": 5_004, "second": 4_996}  # false alarms among 100,000 pixels: accuracy 94.996 and 95.004


TABLE_3 = {  # F1 and accuracy of D12, D19, D22 as printed, and the gains that the paper prints for each area
    "Prop-152": ((67.72, 94.70, 68.01, 93.61, 72.93, 97.91), None),
    "Prop-152 small": ((70.46, 94.77, 71.18, 94.15, 75.80, 98.03), "+2.74 +0.07 +3.17 +0.54 +2.87 +0.12"),
    "Prop-152 large": ((74.70, 95.40, 73.40, 94.16, 77.24, 98.24), "+6.98 +0.70 +5.39 +0.55 +4.31 +0.33"),
    "U-Net(19)": ((58.17, 94.10, 61.37, 92.10, 64.23, 96.85), None),
    "U-Net small": ((67.70, 94.46, 68.97, 93.95, 64.40, 96.87), "+9.53 +0.36 +7.60 +1.85 +0.17 +0.02"),
    "U-Net large": ((73.90, 95.48, 71.78, 94.13, 73.10, 97.91), "+15.73 +1.38 +10.41 +2.03 +8.87 +1.06"),
}  # slips of the print, mended here: Prop-152 small has +3.33 +0.02 at D22, U-Net large has +10.34 at D19


def cells_with(f1, accuracy):
    """(TP, FP, FN, TN) with exactly these scores in percent of two digits, and buildings as many in every run."""
    hundredths, wrong = round(100 * f1), 10_000 - round(100 * accuracy)
    errors = 2 * (10_000 - hundredths)  # F1 = 2 TP / (2 TP + errors)
    return hundredths * wrong, errors * wrong, 0, errors * 10_000 - (hundredths + errors) * wrong


@pytest.mark.parametrize("baseline", ["Prop-152", "U-Net(19)"])
def test_published_scores_give_the_gains_of_table_3(baseline):
    family = baseline.partition("-1")[0].partition("(")[0]
    rows = {}
    for name, (scores, _) in TABLE_3.items():
        if name.startswith(family):
            areas = zip(("D12", "D19", "D22"), scores[::2], scores[1::2], strict=True)
            rows[name] = {
                area: Counts(np.array([[tn, fp], [fn, tp]]))
                for area, f1, accuracy in areas
                for tp, fp, fn, tn in [cells_with(f1, accuracy)]
            }
    protocol = Protocol("all labelled pixels")
    table = Comparison(
        ("D12", "D19", "D22", "mean"),
        tuple(
            Row(name, (*(counts.scores() for counts in areas.values()), Evaluation(areas, protocol).mean()))
            for name, areas in rows.items()
        ),
        (), (), ("f1", "acc"), gains=True,
    )  # fmt: skip
    printed = table_rows(table.to_markdown())[1:]
    assert [row[1:7] for row in printed if row[0] == "gain"] == [
        gains.split() for name, (_, gains) in TABLE_3.items() if name in rows and gains
    ]
    assert printed[0][1] == f"{TABLE_3[baseline][0][0]:.2f}"


def test_a_gain_on_an_undefined_score_is_undefined_and_no_gain_is_plus_nothing():
    nothing = {"a": (0, 0, 0, 100)}
    table = compare([("x", evaluation_of(nothing)), ("y", evaluation_of({"a": (0, 1, 0, 99)}))], gains=True)
    assert table_rows(table.to_markdown())[3][1:4] == ["-", "-1.00", "-"]
    same = compare([("x", evaluation_of(SUPPLEMENT)), ("y", evaluation_of(SUPPLEMENT))], gains=True)
    assert set(table_rows(same.to_markdown())[3][1:]) == {"+0.00"}


def test_a_gain_is_in_every_form_that_is_written(tmp_path):
    _, table = refined_table(gains=True)
    for suffix in ("md", "csv", "tex"):
        table.write(tmp_path / f"t.{suffix}")
    rows = list(csv.reader(io.StringIO((tmp_path / "t.csv").read_text())))
    assert [row[0] for row in rows] == [
        "run", "Prop-152", "small", "gain", "large", "gain", "worse", "gain", "all background", "all building"
    ]  # fmt: skip
    gain = [f"{value:+.2f}" for value in np.array(table.gain(table.runs[1])) * 100]
    assert rows[3] == ["gain", *gain]
    text = (tmp_path / "t.tex").read_text()
    assert " & ".join(rf"\textit{{{cell}}}" for cell in ["gain", *gain]) in text
    assert text.count(r"\midrule") == 5, "below the heads, between the runs, above the constants"
    assert "\n| gain | " + " | ".join(gain) in (tmp_path / "t.md").read_text()


def test_gains_need_two_runs():
    with pytest.raises(UserError, match="gains need something to gain on, but there is only a"):
        compare([("a", evaluation(0.8))], gains=True)


# --- columns and classes ---


def test_columns_are_those_named_in_that_order():
    table = compare([("a", evaluation(0.8))], columns=("recall", "precision", "f1"))
    rows = table_rows(table.to_markdown())
    assert rows[0][1:4] == ["D12 Recall", "D12 Precision", "D12 F1"]
    assert rows[1][1:4] == ["**80.00**", "**72.73**", "**76.19**"]
    assert table.to_csv().startswith("run,D12_recall,D12_precision,D12_f1,D19_recall")
    assert r"\begin{tabular}{lrrrrrrrrr}" in table.to_tex() and r"\multicolumn{3}{c}{D12}" in table.to_tex()


@pytest.mark.parametrize("columns", [["f1", "dice"], [""], []])
def test_an_unknown_column_is_refused_and_the_known_ones_are_named(columns):
    with pytest.raises(UserError, match="choose of f1, acc, iou, precision, recall"):
        compare([("a", evaluation(0.8))], columns=columns)


def three_classes(matrix):
    areas = {"a": Counts(np.array(matrix))}
    return Evaluation(areas, Protocol("all labelled pixels"), ("land", "water", "road")).to_json()


def test_of_many_classes_the_mean_is_compared_or_the_one_that_is_named():
    items = [("x", three_classes([[90, 0, 10], [0, 50, 0], [20, 0, 30]]))]
    mean = compare(items, columns=("iou",))
    assert table_rows(mean.to_markdown())[1][1] == "**75.00**"  # of 90 / 120, 1 and 30 / 60
    assert "mean over 3 classes" in mean.notes[0]
    road = compare(items, columns=("f1", "acc", "iou"), class_name="road")
    assert table_rows(road.to_markdown())[1][1:4] == ["**66.67**", "**85.00**", "**50.00**"]
    assert table_rows(road.to_markdown())[4][0] == "all road"
    assert "of road" in road.notes[0]
    with pytest.raises(UserError, match="no class 'roof'; the evaluations have land, water, road"):
        compare(items, class_name="roof")


def test_a_table_of_another_kind_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"table\.xlsx.*\.md, \.csv, \.tex"):
        compare([("a", evaluation(0.8))]).write(tmp_path / "table.xlsx")
    assert list(tmp_path.iterdir()) == []


def test_nothing_to_compare_is_said():
    with pytest.raises(UserError, match="nothing to compare"):
        compare([])


def test_runs_and_evaluation_files_are_found_and_named(tmp_path):
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.json").write_text('{"task": "segment"}')
        (tmp_path / name / "evaluation.json").write_text(json.dumps(evaluation(0.8)))
    table = compare_runs(
        [str(tmp_path / "first"), f"ours={tmp_path / 'second'}", f"{tmp_path / 'second/evaluation.json'}"]
    )
    assert [run.name for run in table.runs] == ["first", "ours", "evaluation"]


def test_runs_without_an_evaluation_are_sent_to_evaluate(tmp_path):
    (tmp_path / "model.json").write_text('{"task": "segment"}')
    with pytest.raises(UserError, match="no evaluation there; run limner evaluate"):
        compare_runs([str(tmp_path)])
    (tmp_path / "evaluation.json").write_text("{half")
    with pytest.raises(UserError, match="not valid JSON"):
        compare_runs([str(tmp_path)])


def with_objects(found: int, mapped: int = 10) -> dict[str, Any]:
    counts = Counts.of(np.array([0, 1, 1]), np.array([0, 1, 0]), 2)
    objects = Objects({"town": ObjectScores(true=10, mapped=mapped, found=found, area_error=0.2)}, "as said")
    return Evaluation({"town": counts}, Protocol("all labelled pixels"), objects=objects).to_json()


def test_objects_are_compared_where_they_were_counted_in_all() -> None:
    table = compare([("one", with_objects(4)), ("other", with_objects(6))]).to_markdown()
    assert "| run | town F1 | town Acc | town IoU | town Object F1 |" in table
    assert "| **60.00** |" in table and "| 40.00 |" in table and "Objects: as said." in table
    assert compare([("one", with_objects(4))]).to_json()["constants"]["all background"]["town"]["object-f1"] is None
    before = {key: value for key, value in with_objects(4).items() if key != "objects"}
    mixed = compare([("one", before), ("other", with_objects(6))])
    assert "object-f1" not in mixed.columns
    asked = compare([("one", before), ("other", with_objects(6))], columns=["object-f1"])
    assert "| one | - | - |" in asked.to_markdown() and "| other | **60.00** | **60.00** |" in asked.to_markdown()


def test_the_best_error_is_the_one_nearest_to_zero() -> None:
    items = [("few", with_objects(4, 7)), ("many", with_objects(4, 12))]
    table = compare(items, columns=["count-error"]).to_markdown()
    assert "| few | -30.00 |" in table and "| many | **20.00** |" in table


def test_objects_counted_otherwise_are_not_compared() -> None:
    other = with_objects(4)
    other["objects"]["protocol"] = "as nobody said"
    with pytest.raises(UserError, match="objects are 'as said' and 'as nobody said'"):
        compare([("one", with_objects(4)), ("other", other)])
