"""Names in tables are names, in Markdown, CSV and LaTeX: they open no link, compute nothing, and leave no comment."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.reporting.tables import (
    csv_cell,
    csv_table,
    from_csv_cell,
    markdown,
    markdown_row,
    markdown_table,
    tex,
    tex_comments,
    tex_table,
)


@given(st.lists(st.text(max_size=30), min_size=1, max_size=5))
def test_a_row_of_markdown_is_one_line_of_its_cells(cells: list[str]) -> None:
    row = markdown_row(cells)
    assert len(row.splitlines()) == 1
    bars = [place for place, letter in enumerate(row) if letter == "|" and row[place - 1 : place] != "\\"]
    assert len(bars) == len(cells) + 1
    assert "<" not in row.replace("\\<", "") and "](" not in row


@given(st.text(max_size=40))
def test_a_comment_of_latex_is_never_left(note: str) -> None:
    assert all(line.startswith("% ") and len(line.splitlines()) == 1 for line in tex_comments([note]))


@given(st.text(max_size=40))
def test_text_in_latex_has_no_commands_of_its_own(text: str) -> None:
    escaped = tex(text)
    assert len(escaped.splitlines()) <= 1
    for word in (r"\textbackslash{}", r"\textasciitilde{}", r"\textasciicircum{}"):
        escaped = escaped.replace(word, "")
    for letter in "&%$#_{}":
        escaped = escaped.replace(f"\\{letter}", "")
    assert not set(escaped) & set("&%$#_{}\\~^")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "'=1", "''-x", "=cmd|' /C calc'!A0"])
def test_spreadsheets_compute_no_name(text: str) -> None:
    cell = csv_cell(text)
    assert cell[0] == "'" and from_csv_cell(cell) == text


@given(st.text(max_size=30))
def test_every_name_comes_back_from_csv(text: str) -> None:
    file = io.StringIO(newline="")
    csv.writer(file).writerow([csv_cell(text), "x"])
    file.seek(0)
    (row,) = csv.reader(file)
    assert (from_csv_cell(row[0]), row[1]) == (text, "x")


def test_plain_names_stay_plain() -> None:
    assert markdown_row(["kampala_1", "FID[inception]", "**67.72**"]) == "| kampala_1 | FID[inception] | **67.72** |"
    assert markdown("50 % of a*b") == "50 % of a*b"
    assert csv_cell("kampala-1") == "kampala-1"


HOSTILE = "=1+1\n</table> a_b"


def test_whole_tables_keep_their_form_whatever_a_run_is_called() -> None:
    rows = [[HOSTILE, "1.00"], ["b", "2.00"]]
    lines = markdown_table(["run", "F1"], rows, ["first\nsecond", "<b>"]).splitlines()
    assert len(lines) == 2 + len(rows) + 1 + 2
    assert lines[1] == "| --- | ---: |" and lines[-2:] == ["first second", "\\<b>"]
    header, first, second = csv.reader(io.StringIO(csv_table(["run", "F1"], [[HOSTILE, 1.5], ["b", None]])))
    assert (header, first, second) == (["run", "F1"], [f"'{HOSTILE}", "1.5"], ["b", ""])


def test_a_table_of_latex_has_a_rule_above_each_group() -> None:
    text = tex_table([" & F1", tex("a_b") + " & F1"], [[["a", "1"]], [["b", "2"], ["c", "3"]]], ["note\n\\end"])
    assert text.splitlines() == [
        "% note", "% \\end", r"\begin{tabular}{lr}", r"\toprule", r" & F1 \\", r"a\_b & F1 \\", r"\midrule",
        r"a & 1 \\",
        r"\midrule", r"b & 2 \\", r"c & 3 \\", r"\bottomrule", r"\end{tabular}",
    ]  # fmt: skip
