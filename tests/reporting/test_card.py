"""The card by which runs show themselves in a notebook."""

import base64
import os
import re
from pathlib import Path

import numpy as np
import pytest

from limner.reporting.card import card, newest_picture
from limner.reporting.pictures import write_picture
from limner.reporting.report import Report
from limner.reporting.tables import Share, told, told_all


def test_a_card_escapes_what_it_shows_and_leaves_out_what_is_empty() -> None:
    html = card("Run <x>", {"classes": "a & b", "score": "", "bands": 3})
    assert html == (
        "<div><b>Run &lt;x&gt;</b><table><tr><td>classes</td><td>a &amp; b</td></tr>"
        "<tr><td>bands</td><td>3</td></tr></table></div>"
    )


def test_a_card_holds_its_picture_and_does_without_one_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "train-0001.png"
    write_picture(path, np.zeros((4, 4, 3), np.uint8))
    (kept,) = re.findall(r'src="data:image/png;base64,([^"]+)"', card("Run", {}, path))
    assert base64.b64decode(kept) == path.read_bytes()
    for preview in (tmp_path / "gone.jpg", tmp_path / "notes.txt", None):
        assert "<img" not in card("Run", {}, preview)


def test_the_newest_picture_is_that_of_the_last_evaluation(tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    assert newest_picture(tmp_path) is None
    folder.mkdir()
    for age, name in enumerate(("all-0002.jpg", "all-0010.jpg", "decoder-0001.jpg", "worst.jpg", "all-x.jpg")):
        (folder / name).touch()
        os.utime(folder / name, (1000 - age, 1000 - age))
    assert newest_picture(tmp_path) == folder / "all-0002.jpg"


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("validation/f1", 0.85314, "F1 85.3 %"), ("train/loss", 0.412345, "loss 0.4123"),
        ("validation/ap50", 0.8246, "AP50 82.5 %"), ("validation/ap", 0.3137, "AP 31.4 %"),
        ("precision", 1.0, "precision 100.0 %"),
        ("train/discriminator_loss", 12.0, "discriminator loss 12"), ("validation/kid", 0.00012, "KID 0.00012"),
    ],
)  # fmt: skip
def test_numbers_are_told_in_words_and_shares_in_percent(name: str, value: float, expected: str) -> None:
    assert told(name, value) == expected


def test_numbers_are_told_by_where_they_were_measured() -> None:
    values = {"train/loss": 1.0, "validation/f1": 0.5, "alarm/copies": 3.0, "error": 2.0, "validation/iou": 0.25}
    assert told_all(values) == "train loss 1; validation F1 50.0 %, IoU 25.0 %; error 2"
    assert told_all({}) == ""


def test_shares_stand_in_percent_in_a_report() -> None:
    html = Report("r").table(("area", "F1", "loss"), [["a", Share(0.8531), 0.25]]).to_html()
    assert "85.31 %" in html and "0.250" in html
