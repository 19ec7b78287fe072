"""What was read from a file is checked before anything is done with it, and the first wrong place is named."""

import json
from dataclasses import dataclass, field
from typing import Any, NotRequired, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.foundation.files.schema import WrongValue, conform


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
    assert conform({"name": "b", "size": None}, Row) == Row("b")
    rows = [{"name": "b", "sizes": 1}]
    assert conform(rows, list[Row]) == [Row("b")]
    assert conform([{"name": "b"}, 2], list[Row | int]) == [Row("b"), 2]
    assert conform({"a": (1, 2)}, dict[str, tuple[int, float]]) == {"a": (1, 2.0)}


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        ([], Whole, "holds no named values"),
        ({**RIGHT, "name": 3}, Whole, "name is 3; needed: a text"),
        ({"name": "a", "parts": []}, Whole, "says nothing of counts"),
        ({**RIGHT, "counts": {"roof": True}}, Whole, "counts.roof is True; needed: a whole number"),
        ({**RIGHT, "counts": {"roof": 2.5}}, Whole, "counts.roof is 2.5; needed: a whole number"),
        ({**RIGHT, "parts": {}}, Whole, "parts is {}; needed: a list"),
        ({**RIGHT, "parts": [{"share": 1}, {}]}, Whole, r"says nothing of parts\[1\].share"),
        ({**RIGHT, "parts": [{"share": float("nan")}]}, Whole, r"parts\[0\].share is nan; needed: a number"),
        ({**RIGHT, "parts": [{"share": float("inf")}]}, Whole, "is inf; needed: a number"),
        ({**RIGHT, "parts": [{"share": 1, "note": [1]}]}, Whole, r"parts\[0\].note is \[1\]; needed: a text"),
        ({"size": 1}, Row, "says nothing of name"),
        ({"name": "a", "sizes": 1}, Row, "sizes is a name that nothing has"),
        ({"name": "a", "tags": ["b", None]}, Row, r"tags\[1\] is None; needed: a text"),
    ],
)
def test_the_first_wrong_value_is_named(value: Any, kind: Any, message: str) -> None:
    with pytest.raises(WrongValue, match=message):
        conform(value, kind, exact=True)


def test_the_nearest_of_several_kinds_is_told_of() -> None:
    with pytest.raises(WrongValue, match=r"a\.share is 'x'; needed: a number"):
        conform({"share": "x"}, str | Inner, "a")  # type: ignore[arg-type]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)


@given(JSON, st.sampled_from([Whole, Row, list[int], dict[str, list[str | None]]]))
def test_whatever_json_holds_it_conforms_or_is_told_of(value: Any, kind: Any) -> None:
    try:
        found = conform(value, kind, exact=True)
        assert value.items() <= vars(found).items() if kind is Row else found is value
    except WrongValue as error:
        told = ("; needed: ", "says nothing of ", "holds no named values", " is a name that nothing has")
        assert any(words in str(error) for words in told)


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
