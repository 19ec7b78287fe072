"""JSON and YAML of strangers: read within limits, and held against what is needed."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from limner.foundation.errors import UserError
from limner.foundation.files.documents import DEEPEST, as_record, read_json
from limner.foundation.files.schema import bounds
from limner.foundation.files.yaml_nodes import compose, plain_value, read_yaml


class Pair(NamedTuple):
    first: int
    second: float = 0.5


@dataclass(frozen=True)
class Inner:
    name: str = field(metadata=bounds(minimum=1, maximum=5))
    kind: Literal["a", "b"] = "a"


@dataclass(frozen=True)
class Record:
    number: float = field(metadata=bounds(minimum=0, maximum=1))
    count: int = field(default=0, metadata=bounds(minimum=-3))
    flag: bool = False
    size: tuple[int, int] = (1, 1)
    inner: tuple[Inner, ...] = field(default=(), metadata=bounds(maximum=2))
    named: Mapping[str, int] = field(default_factory=dict)
    maybe: Inner | None = None
    place: Path | None = None
    pair: Pair | None = None
    anything: Any = None

    def __post_init__(self) -> None:
        if self.count == 13:
            raise ValueError("13 is no count")


def read(**value: Any) -> Record:
    return as_record(value, Record, "a.json", "write it anew")


def test_values_come_as_their_kinds() -> None:
    found = read(
        number=1, count=-3, flag=True, size=[2, 3], inner=[{"name": "x", "new": 7}], named={"a": 1},
        maybe={"name": "y"}, place="b/c", pair={"first": 3}, anything=[None], unknown=3,
    )  # fmt: skip
    assert (found.number, type(found.number)) == (1.0, float)
    assert found.inner == (Inner("x"),) and found.maybe == Inner("y") and found.place == Path("b/c")
    assert (found.size, found.named, found.pair, found.anything) == ((2, 3), {"a": 1}, Pair(3), [None])
    assert read(number=0.5, maybe=None, place=None).maybe is None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "says nothing of number"),
        ({"number": "0.5"}, "number is '0.5'; needed: a number"),
        ({"number": float("nan")}, "number is nan; needed: a number"),
        ({"number": float("inf")}, "number is inf; needed: a number"),
        ({"number": 10**400}, "needed: a number"),
        ({"number": True}, "number is True; needed: a number"),
        ({"number": 1.5}, "number is 1.5; needed: 0 to 1"),
        ({"number": 1, "count": 1.0}, "count is 1.0; needed: a whole number"),
        ({"number": 1, "count": 2**70}, "needed: a whole number"),
        ({"number": 1, "count": -4}, "count is -4; needed: at least -3"),
        ({"number": 1, "count": 13}, "13 is no count"),
        ({"number": 1, "flag": 1}, "flag is 1; needed: true or false"),
        ({"number": 1, "size": [1]}, "size is [1]; needed: 2 values"),
        ({"number": 1, "size": "12"}, "size is '12'; needed: a list"),
        ({"number": 1, "inner": [{"name": ""}]}, "inner[0].name is ''; needed: 1 to 5 entries"),
        ({"number": 1, "inner": [{"name": "x"}] * 3}, "needed: at most 2 entries"),
        ({"number": 1, "inner": [{"name": "x", "kind": "c"}]}, "inner[0].kind is 'c'; needed: one of a, b"),
        ({"number": 1, "inner": [{"name": "x", "kind": []}]}, "inner[0].kind is []; needed: one of a, b"),
        ({"number": 1, "named": {"a": "b"}}, "named.a is 'b'; needed: a whole number"),
        ({"number": 1, "named": []}, "named is []; needed: named values"),
        ({"number": 1, "maybe": 3}, "maybe is 3; needed: named values"),
        ({"number": 1, "pair": {"first": None}}, "pair.first is None; needed: a whole number"),
        ({"number": 1, "place": 3}, "place is 3; needed: a text"),
        ({"number": 1, "count": "x" * 500 + "\n"}, "...; needed: a whole number"),
    ],
)
def test_another_value_is_named_with_what_is_needed(value: dict, message: str) -> None:
    with pytest.raises(UserError) as told:
        read(**value)
    assert message in str(told.value) and "\n" not in str(told.value) and len(str(told.value)) < 250
    assert str(told.value).startswith("a.json: ") and str(told.value).endswith("; write it anew")


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(
    plain | st.fixed_dictionaries({"number": plain}, optional=dict.fromkeys(("count", "size", "inner", "maybe"), plain))
)
@settings(max_examples=300, deadline=None)
def test_whatever_stands_there_is_a_record_or_a_line(value: Any) -> None:
    try:
        found = as_record(value, Record, "a.json", "write it anew")
    except UserError as error:
        assert len(str(error).splitlines()) == 1
    else:
        assert 0 <= found.number <= 1 and isinstance(found.count, int)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "not valid JSON"),
        (b"", "not valid JSON"),
        (b"\xff\xfe{}", "not UTF-8, so not valid JSON"),
        (b"[" * 100_000, "nested more than"),
        (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), "nested more than"),
        (b'{"a":' * 100 + b"1" + b"}" * 100, "nested more than"),
        (b"1" * 10_000, "not valid JSON"),
    ],
)
def test_what_is_no_json_or_too_deep_is_one_line(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_json(path, "write it anew")


def test_what_is_deep_enough_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("[" * DEEPEST + "]" * DEEPEST)
    assert isinstance(read_json(path, ""), list)
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps({"number": 1}).encode())  # with the mark that some editors write
    assert as_record(read_json(path, ""), Record, "a.json", "") == Record(1.0)


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LAUGHS, "more than 100000 values"),
        ("a: &a {b: *a}", "without end"),
        ("a: &a [[*a]]", "without end"),
        ("&a {*a : 1}", "without end"),
        ("[" * 5000, "nested more than"),
        ("- " * 5000 + "x", "nested more than"),
        ("a: &a0 [x]\n" + "".join(f"b{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 100)), "nested more than"),
        ("x: *nobody", "not YAML"),
        ('"\\ud800"\n: [', "not YAML"),
        ("a: b: c", "not YAML"),
        ("x" * (1 << 21), "letters of YAML"),
    ],
)
def test_yaml_without_end_ends_at_once(text: str, message: str, tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(UserError, match=message):
        compose(text, "a.yaml")
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match=message):
        read_yaml(path)
    assert time.monotonic() - began < 20


def test_aliases_that_end_are_what_they_stand_for() -> None:
    node = compose("a: &a [1, 2]\nb: [*a, *a]\nc: {<<: {d: 3}}", "a.yaml")
    assert plain_value(node, "a.yaml") == {"a": [1, 2], "b": [[1, 2], [1, 2]], "c": {"d": 3}}
    assert compose("", "a.yaml") is None and plain_value(None, "a.yaml") is None


@pytest.mark.parametrize(
    "text", ["a: !!python/object:os.system x", "? [1]\n: 2", "!!int x", "!!timestamp 2001-99-99", "!!binary 3"]
)
def test_values_that_yaml_cannot_make_are_one_line(text: str) -> None:
    with pytest.raises(UserError, match="not YAML"):
        plain_value(compose(text, "a.yaml"), "a.yaml")


@given(st.text(alphabet="ab:-[]{}&*!|>'\"#%@,? \n0.\t\\", max_size=60))
@settings(max_examples=500, deadline=None)
def test_any_text_is_yaml_or_a_line(text: str) -> None:
    try:
        plain_value(compose(text, "a.yaml"), "a.yaml")
    except UserError as error:
        assert len(str(error).splitlines()) == 1
