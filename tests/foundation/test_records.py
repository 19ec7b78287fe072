"""The same command finds its work done, whoever wrote what lies where the record should."""

import json
import threading
from pathlib import Path
from typing import Any, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limner.foundation.errors import UserError
from limner.foundation.files.records import (
    Account,
    NotARecordError,
    changes,
    make_once,
    read_record,
    record_of,
    write_record,
)

REQUEST = {"picture": "abc", "strength": 0.5, "bands": (3, 2, 1)}


class Frames(TypedDict):
    frames: int


class Told(TypedDict):
    numbers: Frames


def maker(text: str, calls: list[str]) -> Any:
    def make(path: Path) -> Account:
        calls.append(text)
        path.write_text(text)
        return Account({"frames": len(text)}, notes=("a note",))

    return make


def test_the_same_request_finds_its_result_and_another_is_refused_by_what_differs(tmp_path: Path) -> None:
    path, calls = tmp_path / "out/a.txt", []
    first = make_once(path, REQUEST, maker("one", calls), kind=Told)
    again = make_once(path, REQUEST, maker("two", calls), kind=Told)
    assert (first.skipped, again.skipped, calls, path.read_text()) == (False, True, ["one"], "one")
    assert (first.numbers, again.numbers, first.notes) == ({"frames": 3}, {"frames": 3}, ("a note",))
    with pytest.raises(UserError, match=r"from something else \(another picture, strength 0.5, now 1\)"):
        make_once(path, {**REQUEST, "picture": "abd", "strength": 1}, maker("two", calls), kind=Told)
    made = make_once(path, {**REQUEST, "strength": 1}, maker("three", calls), kind=Told, overwrite=True)
    assert (made.numbers, path.read_text()) == ({"frames": 5}, "three")
    path.unlink()
    assert not make_once(path, {**REQUEST, "strength": 1}, maker("three", calls), kind=Told).skipped


DAMAGES: list[tuple[str, Any]] = [
    ("not valid JSON", "no JSON"),
    ("holds no named values", []),
    ("says nothing of format", {}),
    ("of an earlier limner", {"limner": "0.1.0", "request": {}, "numbers": {"frames": 3}}),
    ("says nothing of request", {"format": 2, "limner": "1", "numbers": {"frames": 3}}),
    ("request is []; needed: named values", {"format": 2, "limner": "1", "request": [], "numbers": {"frames": 3}}),
    ("says nothing of numbers", {"format": 2, "limner": "1", "request": {}}),
    ("says nothing of numbers.frames", {"format": 2, "limner": "1", "request": {}, "numbers": {}}),
    ("numbers.frames is '3'; needed", {"format": 2, "limner": "1", "request": {}, "numbers": {"frames": "3"}}),
    ("format 9, this limner reads 2", {"format": 9, "limner": "1", "request": {}, "numbers": {"frames": 3}}),
]


@pytest.mark.parametrize(("reason", "held"), DAMAGES)
def test_a_file_that_is_no_record_is_refused_in_one_line_and_never_replaced_unasked(
    tmp_path: Path, reason: str, held: Any
) -> None:
    path, calls = tmp_path / "a.txt", []
    path.write_text("somebody's")
    record_of(path).write_text(held if isinstance(held, str) else json.dumps(held))
    with pytest.raises(NotARecordError) as refused:
        make_once(path, REQUEST, maker("one", calls), kind=Told)
    assert reason in str(refused.value) and str(refused.value).startswith(str(record_of(path)))
    assert "choose another --out or add --overwrite" in str(refused.value) and "\n" not in str(refused.value)
    assert (path.read_text(), calls) == ("somebody's", [])
    make_once(path, REQUEST, maker("one", calls), kind=Told, overwrite=True)
    assert make_once(path, REQUEST, maker("two", calls), kind=Told).skipped


def test_no_record_or_a_deeply_nested_or_unreadable_one(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    assert read_record(path, Told) is None
    path.write_text("[" * 200_000)
    with pytest.raises(NotARecordError, match="nested more than"):
        read_record(path, Told)
    path.write_bytes(b'{"format": \xff}')
    with pytest.raises(NotARecordError, match="not valid JSON"):
        read_record(path, Told)
    path.unlink()
    path.mkdir()
    with pytest.raises(NotARecordError, match="cannot be read"):
        read_record(path, Told)


@given(st.binary(max_size=80), st.sampled_from(["format", "request", "numbers"]))
def test_whatever_stands_in_a_record_it_is_read_or_refused(content: bytes, name: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.json"
        write_record(path, REQUEST, {"numbers": {"frames": 1}})
        kept = json.loads(path.read_text())
        kept[name] = content.decode("latin-1")
        for text in (content, json.dumps(kept).encode()):
            path.write_bytes(text)
            with pytest.raises(NotARecordError):
                read_record(path, Told)


def test_killed_between_record_and_result_no_old_result_stands_beside_a_new_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class KilledError(BaseException):
        pass

    def kill(*_: object) -> None:
        raise KilledError

    path, calls = tmp_path / "a.txt", []
    make_once(path, REQUEST, maker("one", calls), kind=Told)
    other = {**REQUEST, "strength": 1}
    with monkeypatch.context() as patch, pytest.raises(KilledError):
        patch.setattr("limner.foundation.files.records.write_record", lambda *told: (write_record(*told), kill()))
        make_once(path, other, maker("two", calls), kind=Told, overwrite=True)
    assert not make_once(path, other, maker("two", calls), kind=Told).skipped
    assert path.read_text() == "two"


def test_two_at_once_make_a_result_once(tmp_path: Path) -> None:
    path, calls, skipped = tmp_path / "a.txt", [], []
    threads = [
        threading.Thread(
            target=lambda: skipped.append(make_once(path, REQUEST, maker("one", calls), kind=Told).skipped)
        )
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (calls, sorted(skipped)) == (["one"], [False, True, True, True])
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.txt", "a.txt.json"]


def test_what_differs_is_said_once_in_words() -> None:
    assert changes({"tile_px": 256, "scene": "a"}, {"tile_px": 512, "scene": "b"}) == (
        "tile_px 256, now 512, another scene file"
    )
    assert changes({}, {"bands": None}) == "bands None, now None"
    assert changes({"gone": 1}, {}) == "options that this limner does not have"


@pytest.mark.parametrize("folder", [False, True])
def test_a_result_that_somebody_changed_is_not_what_was_made_before(folder: bool, tmp_path: Path) -> None:
    path, calls = tmp_path / "made", []

    def make(out: Path) -> Account:
        if folder:
            out.mkdir()
        return maker("one", calls)(out / "a.txt" if folder else out)

    make_once(path, REQUEST, make)
    inside = path / "a.txt" if folder else path
    if folder:
        (path / ".thumbnails").write_text("a file manager's")
    assert make_once(path, REQUEST, make).skipped
    inside.write_text("two")  # of the same size
    with pytest.raises(UserError, match=r"was changed since limner made it; .*--overwrite"):
        make_once(path, REQUEST, make)
    assert inside.read_text() == "two"
    assert not make_once(path, REQUEST, make, overwrite=True).skipped
    assert (inside.read_text(), calls) == ("one", ["one", "one"])


def test_a_record_that_does_not_say_what_its_result_holds_is_enough(tmp_path: Path) -> None:
    path, calls = tmp_path / "a.txt", []
    make_once(path, REQUEST, maker("one", calls))
    write_record(record_of(path), REQUEST, {"numbers": {}})  # as limner wrote them before
    path.write_text("two")
    assert make_once(path, REQUEST, maker("one", calls)).skipped
