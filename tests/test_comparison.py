"""The comparison table: the paper's form, both constants, and no comparing of what was not scored alike."""

import csv
import io
import json

import numpy as np
import pytest

from limner.comparison import compare, compare_runs
from limner.errors import UserError
from limner.segment.counts import Counts
from limner.segment.scores import Evaluation, Protocol


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
        (tmp_path / name / "model.json").write_text("{}")
        (tmp_path / name / "evaluation.json").write_text(json.dumps(evaluation(0.8)))
    table = compare_runs(
        [str(tmp_path / "first"), f"ours={tmp_path / 'second'}", f"{tmp_path / 'second/evaluation.json'}"]
    )
    assert [run.name for run in table.runs] == ["first", "ours", "evaluation"]


def test_runs_without_an_evaluation_are_sent_to_evaluate(tmp_path):
    (tmp_path / "model.json").write_text("{}")
    with pytest.raises(UserError, match="no evaluation there; run limner evaluate"):
        compare_runs([str(tmp_path)])
    (tmp_path / "evaluation.json").write_text("{half")
    with pytest.raises(UserError, match="not JSON"):
        compare_runs([str(tmp_path)])
