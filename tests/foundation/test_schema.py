"""What was read from a file is checked before anything is done with it, and the first wrong place is named."""

import json
from dataclasses import dataclass, field
from typing import Any, NotRequired, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.foundation.schema import WrongValue, conform


class Inner(TypedDict):
    share: float
    note: NotRequired[str | None]


class Whole(TypedDict):
    name: str
    counts: dict[str, int]
    parts: list[Inner]


@dataclass
class Row:
    name: str
    size: int | None = None
    tags: list[str] = field(default_factory=list)


RIGHT: dict[str, Any] = {"name": "a", "counts": {"roof": 3}, "parts": [{"share": 1}, {"share": 0.5, "note": None}]}


def test_right_values_are_given_back() -> None:
    assert conform(RIGHT, Whole) is RIGHT
    assert conform({**RIGHT, "newer": [1]}, Whole)["name"] == "a"
    assert conform([1, 2.5], list[float]) == [1, 2.5]
    assert conform({"name": "b", "size": None}, Row)


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        ([], Whole, "the whole is a list; needed: named values"),
        ({**RIGHT, "name": 3}, Whole, "name is a whole number; needed: a text"),
        ({"name": "a", "parts": []}, Whole, "counts is missing"),
        ({**RIGHT, "counts": {"roof": True}}, Whole, "counts.roof is true or false; needed: a whole number"),
        ({**RIGHT, "counts": {"roof": 2.5}}, Whole, "counts.roof is a number; needed: a whole number"),
        ({**RIGHT, "parts": {}}, Whole, "parts is named values; needed: a list"),
        ({**RIGHT, "parts": [{"share": 1}, {}]}, Whole, r"parts\[1\].share is missing"),
        ({**RIGHT, "parts": [{"share": float("nan")}]}, Whole, r"parts\[0\].share is nan; needed: a number"),
        ({**RIGHT, "parts": [{"share": float("inf")}]}, Whole, "is inf; needed: a number"),
        ({**RIGHT, "parts": [{"share": 1, "note": [1]}]}, Whole, r"parts\[0\].note is a list; needed: a text"),
        ({"size": 1}, Row, "name is missing"),
        ({"name": "a", "sizes": 1}, Row, "sizes is a name that nothing has"),
        ({"name": "a", "tags": ["b", None]}, Row, r"tags\[1\] is null; needed: a text"),
    ],
)
def test_the_first_wrong_value_is_named(value: Any, kind: Any, message: str) -> None:
    with pytest.raises(WrongValue, match=message):
        conform(value, kind)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)


@given(JSON, st.sampled_from([Whole, Row, list[int], dict[str, list[str | None]]]))
def test_whatever_json_holds_it_conforms_or_is_told_of(value: Any, kind: Any) -> None:
    try:
        assert conform(value, kind) is value
    except WrongValue as error:
        assert "needed" in str(error) or "missing" in str(error) or "nothing has" in str(error)


@given(st.sampled_from(["name", "counts", "parts"]), JSON)
def test_a_value_that_conforms_can_be_used_as_it_says(name: str, value: Any) -> None:
    changed = {**json.loads(json.dumps(RIGHT)), name: value}
    try:
        whole = conform(changed, Whole)
    except WrongValue:
        return
    assert whole["name"] + "" == whole["name"]
    assert sum(whole["counts"].values()) == sum(whole["counts"].values())
    assert all(0 * part["share"] == 0 for part in whole["parts"])
