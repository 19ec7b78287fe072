"""What may be selected of a color transfer, and which method grants it."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from limner.foundation.errors import UserError
from limner.recolor.methods.methods import METHODS
from limner.recolor.recoloring.options import PLAIN, Match, RecolorOptions, parse_match


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("10,20=300,40", (10, 20, 300, 40, 0)),
        (" 10 , 20 = 300 , 40 ", (10, 20, 300, 40, 0)),
        ("0,0=0,0@1", (0, 0, 0, 0, 0)),
        ("1,2=3,4@12", (1, 2, 3, 4, 11)),
    ],
)
def test_a_match_is_two_points_and_a_reference(text: str, match: tuple[int, ...]) -> None:
    assert parse_match(text) == Match(match)


@pytest.mark.parametrize(
    "text", ["", "1,2", "1,2=3", "1,2=3,4@", "1,2=3,4@0", "-1,2=3,4", "1.5,2=3,4", "1,2=3,4=5,6", "a"]
)
def test_another_form_of_match_gives_one_line(text: str) -> None:
    with pytest.raises(UserError, match=r"^--match got '.*'; needed: row,column=row,column, a point of the picture"):
        parse_match(text)


@pytest.mark.parametrize(
    ("name", "least", "most", "bad"),
    [
        ("strength", 0, 1, (-0.01, 1.01)),
        ("temperature", 1e-6, 1e6, (0, -1, math.inf)),
        ("perplexity", 1, 1e6, (0.99, math.inf)),
        ("palette", 0, 1, (-0.01, 1.01)),
        ("diffusion", 0, 1e6, (-0.01, math.inf)),
        ("global_share", 0, 1, (-0.01, 1.01)),
        ("soft_range", 0, 0.5, (-0.01, 0.51)),
        ("superpixels", 1, 10**6, (0, -5)),
        ("smoothness", 0, 1e6, (-0.01, math.inf)),
    ],
)
def test_numbers_have_limits_and_are_none_of_nan(name: str, least: float, most: float, bad: tuple[float, ...]) -> None:
    for value in (least, most):
        assert getattr(RecolorOptions(**{name: value}), name) == value
    for value in (*bad, math.nan):
        with pytest.raises(UserError, match=rf"^--{name.replace('_', '-')} is {value:g}; needed: "):
            RecolorOptions(**{name: value})


def test_a_temperature_and_a_perplexity_are_one_wish_too_many() -> None:
    with pytest.raises(UserError, match="give one of them"):
        RecolorOptions(temperature=0.02, perplexity=5)


def test_only_what_was_wished_is_handed_to_the_method() -> None:
    assert PLAIN.of_method("superpixel") == {}
    selected = RecolorOptions(
        features="vgg19", layers=("relu1_2",), palette=0.0, superpixels=9, smoothness=0.0, temperature=0.02
    )
    assert selected.of_method("superpixel") == {
        "features": "vgg19", "layers": ("relu1_2",), "palette": 0.0, "count": 9, "smoothness": 0.0, "temperature": 0.02,
    }  # fmt: skip
    assert RecolorOptions(superpixels=9, smoothness=2).of_method("sct") == {"count": 9, "smoothness": 2}
    assert RecolorOptions(smoothness=2).of_method("idt-regrain") == {"smoothness": 2}
    assert RecolorOptions(match=(parse_match("1,1=2,2"),), strength=0.5).of_method("superpixel") == {}  # told apart


@pytest.mark.parametrize("method", [method for method in METHODS if method != "superpixel"])
def test_what_only_matching_knows_is_refused_elsewhere(method: str) -> None:
    given = {"features": "vgg19", "layers": ("a",), "centering": "channel", "palette": 0.0, "diffusion": 0.0}
    for name, value in {**given, "fusion": "colors"}.items():
        with pytest.raises(UserError, match=f"^--{name} is of the method superpixel, not of {method}"):
            RecolorOptions(**{name: value}).of_method(method)
    if method not in ("sct", "idt-regrain"):
        with pytest.raises(UserError, match=f"^--smoothness is of methods that regrain, which {method} does not"):
            RecolorOptions(smoothness=0.0).of_method(method)
    if method != "sct":
        with pytest.raises(UserError, match=f"^--superpixels is .*, not of {method}"):
            RecolorOptions(superpixels=9).of_method(method)


def test_all_wishes_come_back_from_json_as_they_went() -> None:
    selected = RecolorOptions(
        mask=Path("m.png"), like_mask=(Path("n.png"),), match=(parse_match("1,1=2,2"),), layers=("stem",)
    )
    record = selected.to_json()
    assert json.loads(json.dumps(record)) == record
    assert set(record) == set(vars(selected)) and record != PLAIN.to_json()


def test_wishes_import_no_torch() -> None:
    code = "import sys, limner.recolor.recoloring.options; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
